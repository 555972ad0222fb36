"""The search convicts what is false, shrinks it, and finds nothing against what is true."""

from __future__ import annotations

import pytest
import torch
from bnverify.numerics.measure.points import measure
from bnverify.numerics.tester.falsify import (
    Target,
    convicted,
    falsify,
    neighbours,
    searchable,
    shrink,
    suspects,
    target_of,
    universal,
)
from bnverify.theory import kernel
from bnverify.theory.claim import Reading
from bnverify.theory.normalisations import BATCH_NORM, IN_WEIGHTS, text_of, two_units
from bnverify.theory.registry import registry

torch.set_num_threads(1)

CLAIMS = registry()
CLAIM = CLAIMS["thm-4.1"]
PRINTED = CLAIM.readings[0]


def reading(identifier: str, slug: str) -> Reading:
    return next(r for r in CLAIMS[identifier].readings if r.slug == slug)


def target(text: str, norm: str = "batch-norm", **more: tuple[str, ...]) -> Target:
    return Target(kernel.Claim(text_of(norm), text, **more))


def test_the_printed_theorem_is_refuted_at_two_samples() -> None:
    found = falsify(target_of(CLAIM, PRINTED))
    assert found is not None
    assert measure(found)[:3] == (2, 3, 1)
    assert convicted(target_of(CLAIM, PRINTED), found)


def test_nothing_is_found_against_the_corrected_theorem() -> None:
    assert CLAIM.corrected is not None
    assert falsify(target_of(CLAIM, CLAIM.corrected), trials=200) is None


def test_shrinking_keeps_the_conviction_and_only_gets_smaller() -> None:
    aim = target_of(CLAIM, PRINTED)
    start = {
        "y": ["3", "-1", "2", "7"],
        "g": ["1/4", "-15/4", "-3/4", "17/4"],
        "H": [["1", "2", "0", "0"], ["2", "0", "0", "1"], ["0", "0", "1", "0"], ["0", "1", "0", "3"]],
        "gamma": "5/3",
        "beta": "2",
    }
    assert convicted(aim, start)
    found = shrink(aim, start)
    assert convicted(aim, found)
    assert measure(found) < measure(start)
    closer = [near for near in neighbours(aim, found) if measure(near) < measure(found)]
    assert not [near for near in suspects(aim, closer) if convicted(aim, near)]


def test_a_strict_inequality_fails_where_its_sides_are_equal() -> None:
    aim = target("v @ v < gamma**2/sigma**2 * (g @ g)")
    found = falsify(aim, trials=50)
    assert found is not None
    assert convicted(aim, found)


def test_a_counterexample_outside_the_hypotheses_does_not_count() -> None:
    inside = target_of(CLAIMS["thm-4.2.2"], reading("thm-4.2.2", "quadratic-form-not-increased"))
    free = target_of(CLAIMS["thm-4.2.2"], reading("thm-4.2.2", "no-hypothesis"))
    found = falsify(free)
    assert found is not None
    assert convicted(free, found)
    assert not convicted(inside, found)


def test_generic_points_have_every_term_non_zero() -> None:
    found = falsify(target_of(CLAIM, PRINTED, generic=True))
    assert found is not None
    assert measure(found)[0] == 3
    smallest = falsify(target_of(CLAIM, PRINTED))
    assert smallest is not None
    assert not convicted(target_of(CLAIM, PRINTED, generic=True), smallest)


@pytest.mark.parametrize(
    ("norm", "text"),
    [
        ("unbiased", "g @ g <= v @ v"),
        (two_units(BATCH_NORM), "g_j @ g_j <= v_j @ v_j"),
        ("l1-norm", "g @ g <= v @ v"),
        (IN_WEIGHTS, "dW @ dW <= v @ v"),
    ],
)
def test_every_normalisation_is_searched(norm: str, text: str) -> None:
    found = falsify(target(text, norm), trials=60)
    assert found is not None
    assert convicted(target(text, norm), found)


def test_what_cannot_be_searched_says_why() -> None:
    unknown = target("d(d(L, y, w), y, w) == w @ B @ w", vectors=("w",))
    assert "does not differentiate" in str(searchable(unknown))
    with pytest.raises(ValueError, match="does not differentiate"):
        falsify(unknown)
    exhibited = reading("prose-4.2-reduction-additive", "has-effect-at-sigma")
    assert "there is an instance" in str(universal(CLAIMS["prose-4.2-reduction-additive"], exhibited))


def test_the_search_is_the_same_for_the_same_seed() -> None:
    aim = target_of(CLAIMS["thm-4.2.1"], CLAIMS["thm-4.2.1"].readings[1])
    assert falsify(aim, seed=3) == falsify(aim, seed=3)
