"""Every step of a training counts alike, however the measuring grid lies."""

from __future__ import annotations

import math

import pytest
from bnverify.experiments.measure.averages import average, shares


def test_a_step_stands_for_what_is_nearest_to_it() -> None:
    assert shares([0, 10, 90], 100, (0.0, 1.0)) == [5, 45, 50]
    assert shares([0, 10, 90], 100, (0.0, 0.1)) == [5, 5, 0]
    assert shares([0, 10, 90], 100, (0.5, 1.0)) == [0, 0, 50]
    assert shares([0, 10, 90], 100, (0.0, 0.0)) == [1, 0, 0]
    assert shares([], 100, (0.0, 1.0)) == []


def test_a_log_grid_and_an_even_one_say_the_same_of_a_smooth_curve() -> None:
    def curve(step: int) -> float:
        return math.exp(-step / 300)

    even = list(range(0, 1000, 10))
    dense = sorted({round(1000 ** (i / 60)) - 1 for i in range(61)})
    found = [
        average([curve(s) for s in steps], shares(steps, 1000, (0.0, 1.0)), "geometric")
        for steps in (even, dense)
    ]
    assert found[0] == pytest.approx(math.exp(-500 / 300), rel=0.02)
    assert found[0] == pytest.approx(found[1], rel=0.05)


def test_decades_count_alike_with_log_weights() -> None:
    steps = [0, 9, 99, 999]
    lengths = shares(steps, 1000, (0.0, 1.0), "log")
    assert lengths[1] == pytest.approx(lengths[2])
    assert lengths[0] == pytest.approx(lengths[1] / 2)


def test_averages_are_those_of_a_loop_and_infinities_stay() -> None:
    values, lengths = [1.0, 4.0, 16.0], [1.0, 1.0, 2.0]
    assert average(values, lengths, "geometric") == pytest.approx(
        math.exp((math.log(4) + 2 * math.log(16)) / 4)
    )
    assert average(values, lengths, "mean") == pytest.approx((1 + 4 + 32) / 4)
    assert average(values, lengths, "median") == 4.0
    assert average([1.0, math.inf], [3.0, 1.0], "geometric") == math.inf
    assert average([1.0, math.inf], [3.0, 1.0], "median") == 1.0
    assert average([1.0, 0.0], [1.0, 1.0], "geometric") == 0.0
    assert average([2.0, math.nan], [1.0, 1.0], "geometric") == pytest.approx(2.0)
    assert math.isnan(average([math.nan], [1.0], "mean"))
