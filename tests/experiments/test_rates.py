"""A learning rate is usable, or diverges, or neither."""

from __future__ import annotations

import math

import pytest
from bnverify.experiments.measure.rates import diverges, largest_usable, smallest_diverging, usable
from bnverify.experiments.measure.views import View
from bnverify.experiments.run.recipes import VggRecipe


def view(*losses: float | None, status: str = "finished") -> View:
    """One network of 100 steps whose loss is the first value, and the last from the second step on."""
    path = [losses[0], *[losses[-1]] * 99]
    return View(VggRecipe(steps=100), 0, status, path, [], {})


@pytest.mark.parametrize(
    ("final", "can_be_used", "is_lost"), [(1.49, True, False), (1.6, False, False), (2.0, False, True)]
)
def test_three_quarters_of_the_first_loss_divide_the_usable_rates(
    final: float, can_be_used: bool, is_lost: bool
) -> None:
    found = view(2.0, final)
    assert (usable(found), diverges(found)) == (can_be_used, is_lost)


def test_a_loss_that_is_not_finite_diverges_whatever_came_before() -> None:
    assert diverges(view(2.0, 0.1, status="diverged"))
    assert not usable(view(2.0, 0.1, status="diverged"))
    assert diverges(view(None))
    assert not usable(view(None))


def test_the_ends_of_the_range_are_found_and_missing_ones_are_beyond_it() -> None:
    good, bad, slow = view(2.0, 0.5), view(2.0, 3.0), view(2.0, 1.9)
    assert largest_usable({0.1: good, 0.3: good, 1.0: slow, 3.0: bad}) == 0.3
    assert smallest_diverging({0.1: bad, 0.3: good, 1.0: slow, 3.0: bad}) == 0.1
    assert largest_usable({0.1: slow}) == 0
    assert smallest_diverging({0.1: slow}) == math.inf
