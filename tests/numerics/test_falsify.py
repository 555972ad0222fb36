"""The search convicts what is false, shrinks it, and finds nothing against what is true."""

from __future__ import annotations

from fractions import Fraction

import pytest
import torch
from bnverify.numerics.measure.points import measure
from bnverify.numerics.tester.falsify import (
    Target,
    convicted,
    falsify,
    heights,
    neighbours,
    searchable,
    shrink,
    smallest,
    suspects,
    target_of,
    universal,
)
from bnverify.theory.claim import Instance, Relation, le, lt
from bnverify.theory.registry import registry
from bnverify.theory.settings import Setting

torch.set_num_threads(1)

CLAIMS = registry()
PRINTED = CLAIMS["thm-4.1"].readings[0]
CORRECTED = CLAIMS["thm-4.1"].corrected


def test_the_printed_theorem_is_refuted_at_two_samples() -> None:
    found = falsify(target_of(PRINTED))
    assert found is not None
    assert found.m == 2
    assert measure(found)[:3] == (2, 3, 1)
    assert convicted(target_of(PRINTED), found)


def test_nothing_is_found_against_the_corrected_theorem() -> None:
    assert CORRECTED is not None
    assert falsify(target_of(CORRECTED), trials=200) is None


def test_shrinking_keeps_the_conviction_and_only_gets_smaller() -> None:
    aim = target_of(PRINTED)
    start = Instance(
        y=(3, -1, 2, 7),
        g=(2, -5, 3, "7/2"),
        H=((1, 2, 0, 0), (2, 0, 0, 1), (0, 0, 1, 0), (0, 1, 0, 3)),
        gamma="5/3",
        beta=2,
    )
    start = Instance(**{**start.__dict__, "g": tuple(str(Fraction(x) - Fraction(11, 4)) for x in start.y)})
    assert convicted(aim, start)
    found = shrink(aim, start)
    assert convicted(aim, found)
    assert measure(found) < measure(start)
    closer = [n for n in neighbours(found) if measure(n) < measure(found) and len(set(n.y)) > 1]
    assert not [n for n in suspects(aim, closer) if convicted(aim, n)]


def test_a_strict_inequality_fails_where_its_sides_are_equal() -> None:
    def strict(q: Setting) -> Relation:
        return lt(q.bn_grad_sq, q.gamma**2 / q.sigma**2 * q.grad_sq)

    found = falsify(Target(strict), trials=50)
    assert found is not None
    assert convicted(Target(strict), found)


def test_a_counterexample_outside_the_hypotheses_does_not_count() -> None:
    reading = next(r for r in CLAIMS["thm-4.2.2"].readings if r.slug == "quadratic-form-not-increased")
    outside = next(r for r in CLAIMS["thm-4.2.2"].readings if r.slug == "no-hypothesis").refutation
    assert outside is not None
    assert outside.smallest is not None
    assert convicted(Target(reading.says), outside.smallest)
    assert not convicted(target_of(reading), outside.smallest)


def test_generic_instances_have_every_term_non_zero() -> None:
    aim = target_of(PRINTED, generic=True)
    found = falsify(aim)
    assert found is not None
    assert found.m == 3
    assert not convicted(aim, falsify(target_of(PRINTED)) or Instance(y=(0, 1), g=(0, 1)))


def test_the_enumeration_finds_the_smallest_instance_and_says_what_it_searched() -> None:
    found = smallest(target_of(PRINTED))
    assert found.instance is not None
    assert measure(found.instance)[:3] == (2, 3, 1)
    assert [(m, nonzero) for m, nonzero, _, _ in found.searched] == [(2, 1), (2, 1), (2, 2), (2, 2)]


def test_the_enumeration_finds_nothing_against_a_true_statement() -> None:
    def cauchy_schwarz(q: Setting) -> Relation:
        return le(q.grad_sum**2, q.m * q.grad_sq)

    found = smallest(Target(cauchy_schwarz), sizes=(2,), limit=1, most=30_000)
    assert found.instance is None
    assert found.searched


def test_heights_come_in_order() -> None:
    assert heights(1) == (1, -1)
    assert heights(2) == (1, -1, Fraction(1, 2), 2, -2, Fraction(-1, 2)) or set(heights(2)) == {
        Fraction(x) for x in ("1", "-1", "1/2", "2", "-1/2", "-2")
    }
    assert all(
        max(abs(a.numerator), a.denominator) <= max(abs(b.numerator), b.denominator)
        for a, b in zip(heights(3), heights(3)[1:], strict=False)
    )


def test_what_cannot_be_searched_says_why() -> None:
    def unknown(q: Setting) -> Relation:
        return le(q.dot(q.g, q.op("M", q.g)), 0)

    assert "M" in str(searchable(Target(unknown)))
    with pytest.raises(ValueError, match="it speaks of M"):
        falsify(Target(unknown))
    existential = next(
        r for r in CLAIMS["prose-4.2-reduction-additive"].readings if r.slug == "has-effect-at-sigma"
    )
    assert "there is an instance" in str(universal(existential))


def test_the_search_is_the_same_for_the_same_seed() -> None:
    aim = target_of(CLAIMS["thm-4.2.1"].readings[1])
    assert falsify(aim, seed=3) == falsify(aim, seed=3)
