"""Strategies are what their names say: well-conditioned inside, each corner the corner it claims."""

from __future__ import annotations

from fractions import Fraction

import pytest
from bnverify.numerics.check.strategies import CORNERS, corners_of, instances
from bnverify.numerics.measure.drawing import Needs, draw, family_of, needs_of, projected_off, solve
from bnverify.numerics.measure.points import batch_of, measure, number
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact, tidy
from bnverify.theory.registry import registry
from hypothesis import HealthCheck, given, settings

CLAIMS = registry()
RELAXED = settings(suppress_health_check=[HealthCheck.too_slow], max_examples=30)


def needs(identifier: str, slug: str) -> Needs:
    reading = next(r for r in CLAIMS[identifier].readings if r.slug == slug)
    return needs_of(reading.says, reading.hypotheses)


BATCH = needs("thm-4.2.1", "same-point")


def moments(instance: Instance) -> tuple[float, float]:
    y = [Fraction(v) for v in instance.y]
    mean = sum(y) / len(y)
    return float(mean), float(sum((v - mean) ** 2 for v in y) / len(y)) ** 0.5


@RELAXED
@given(instances(BATCH, corner="inside"))
def test_batches_are_never_constant_and_hessians_symmetric(instance: Instance) -> None:
    mean, sigma = moments(instance)
    assert sigma > 0
    assert abs(mean) / sigma < 100
    assert instance.H is not None
    assert tuple(zip(*instance.H, strict=True)) == instance.H


@RELAXED
@given(instances(BATCH, corner="two-samples"))
def test_two_samples_are_two(instance: Instance) -> None:
    assert instance.m == 2


@RELAXED
@given(instances(BATCH, corner="tiny-sigma"))
def test_tiny_sigma_is_tiny_next_to_the_mean(instance: Instance) -> None:
    mean, sigma = moments(instance)
    assert 0 < sigma < 1e-4 * abs(mean)


@RELAXED
@given(instances(BATCH, corner="g-parallel-to-1"))
def test_g_parallel_to_one_has_equal_entries(instance: Instance) -> None:
    assert len(set(instance.g)) == 1
    assert Fraction(instance.g[0]) != 0


@RELAXED
@given(instances(BATCH, corner="g-parallel-to-yhat"))
def test_g_parallel_to_yhat_is(instance: Instance) -> None:
    y, g = [[Fraction(x) for x in row] for row in (instance.y, instance.g)]
    mean = sum(y) / len(y)
    assert sum(g) == 0
    assert all(a == 2 * (b - mean) for a, b in zip(g, y, strict=True))


@RELAXED
@given(instances(BATCH, corner="gamma-negative"))
def test_negative_gamma_is_negative(instance: Instance) -> None:
    assert Fraction(instance.gamma) < 0


@RELAXED
@given(instances(BATCH, eps=True, corner="constant-batch"))
def test_a_constant_batch_has_no_variance_and_eps_keeps_yhat_finite(instance: Instance) -> None:
    assert len(set(instance.y)) == 1
    assert Fraction(instance.eps) > 0
    assert not batch_of([instance]).vec("yhat").value.isnan().any()


def test_a_constant_batch_is_no_instance_without_eps() -> None:
    assert "constant-batch" not in corners_of(BATCH, eps=False)
    with pytest.raises(ValueError, match="has no corner 'constant-batch'"):
        instances(BATCH, eps=False, corner="constant-batch")


@RELAXED
@given(instances(BATCH, corner="huge-scale"))
def test_huge_scales_are_huge(instance: Instance) -> None:
    assert max(abs(number(y)) for y in instance.y) >= 2**29


@RELAXED
@given(instances(needs("obs-4.3.minima", "in-weights-no-bias")))
def test_weights_that_must_be_stationary_are(instance: Instance) -> None:
    room = Exact(instance)
    assert all(tidy(entry) == 0 for entry in room.vec("dW_plain"))


def test_every_corner_is_drawn_by_default() -> None:
    assert set(corners_of(BATCH, eps=True)) == set(CORNERS)


def test_solving_is_exact() -> None:
    A = [[Fraction(2), Fraction(1)], [Fraction(1), Fraction(3)]]
    x = solve(A, [Fraction(1), Fraction(2)])
    assert x == [Fraction(1, 5), Fraction(3, 5)]
    assert solve([[Fraction(1), Fraction(1)], [Fraction(1), Fraction(1)]], [Fraction(1), Fraction(2)]) is None
    off = projected_off(((1, 0), (0, 1), (1, 1)), (Fraction(1), Fraction(2), Fraction(6)))
    assert off is not None
    assert [sum(a * b for a, b in zip(off, column, strict=True)) for column in ((1, 0, 1), (0, 1, 1))] == [
        0,
        0,
    ]


def test_what_cannot_be_drawn_says_why() -> None:
    import random

    from bnverify.theory.claim import le

    strange = needs_of(lambda q: le(q.dot(q.g, q.op("M", q.g)), 0))
    assert family_of(strange)[1] == "it speaks of M"
    with pytest.raises(ValueError, match="it speaks of M"):
        draw(random.Random(0), 3, strange)


def test_instances_are_ordered_by_size_then_non_zeros_then_height() -> None:
    small = Instance(y=(0, 1), g=(0, 1))
    assert measure(small) < measure(Instance(y=(0, 1), g=(1, 1)))
    assert measure(small) < measure(Instance(y=(0, 2), g=(0, 1)))
    assert measure(Instance(y=(0, 9), g=(1, 1))) < measure(Instance(y=(0, 0, 1), g=(0, 0, 1)))
