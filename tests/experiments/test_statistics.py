"""Intervals and tests against scipy's own, and against what they promise on simulated data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from bnverify.experiments.judge.statistics import compare, geometric_mean, holm
from scipy import stats

VALUES = [-0.9, -1.2, -0.7, -1.1, -1.0]


def test_the_interval_and_the_one_sided_tests_are_scipys() -> None:
    found = compare(VALUES, "below", 0.5)
    expected = stats.ttest_1samp(VALUES, math.log(0.5), alternative="less")
    interval = stats.ttest_1samp(VALUES, 0).confidence_interval(0.95)
    assert found.p == pytest.approx(expected.pvalue)
    assert (math.log(found.low), math.log(found.high)) == pytest.approx((interval.low, interval.high))
    assert found.ratio == pytest.approx(math.exp(np.mean(VALUES)))
    assert compare(VALUES, "above", 0.2).p == pytest.approx(
        stats.ttest_1samp(VALUES, math.log(0.2), alternative="greater").pvalue
    )


def test_equivalence_is_two_one_sided_tests_not_a_missing_difference() -> None:
    near, wide = [0.02, -0.03, 0.01, 0.0, -0.01], [0.9, -1.1, 0.3, -0.4, 0.2]
    edge = math.log(1.25)
    expected = max(
        stats.ttest_1samp(near, edge, alternative="less").pvalue,
        stats.ttest_1samp(near, -edge, alternative="greater").pvalue,
    )
    assert compare(near, "within", 1.25).p == pytest.approx(expected)
    assert compare(wide, "within", 1.25).p > 0.05
    assert not compare(wide, "within", 1.25).fails
    assert compare([v + 2 for v in near], "within", 1.25).fails


def test_a_claim_fails_when_the_interval_lies_outside_it() -> None:
    assert compare(VALUES, "above", 1.0).fails
    assert not compare(VALUES, "below", 1.0).fails
    assert compare(VALUES, "below", 0.1).fails


def test_seeds_that_agree_exactly_decide_exactly() -> None:
    assert compare([0.0, 0.0], "below", 1.25).p == 0
    assert compare([0.0, 0.0], "below", 1.0).p == 1
    assert compare([0.0, 0.0], "above", 1.0).p == 1
    assert compare([0.0, 0.0], "within", 1.1).p == 0


@pytest.mark.parametrize("values", [[], [1.0], [1.0, math.nan], [1.0, math.inf]])
def test_too_few_or_infinite_values_are_an_error(values: list[float]) -> None:
    with pytest.raises(ValueError, match="expected two or more finite ones"):
        compare(values, "below", 1.0)
    with pytest.raises(ValueError, match="usable bound"):
        compare([1.0, 2.0], "within", 1.0)


def test_the_interval_covers_at_five_seeds_where_a_percentile_bootstrap_does_not() -> None:
    rng = np.random.default_rng(0)
    samples = rng.standard_normal((600, 5))
    covered = np.mean([c.low <= 1 <= c.high for c in (compare(list(s), "below", 1.0) for s in samples)])
    resampled = samples[:, rng.integers(0, 5, (400, 5))].mean(axis=2)
    low, high = np.percentile(resampled, [2.5, 97.5], axis=1)
    assert covered == pytest.approx(0.95, abs=0.03)
    assert np.mean((low <= 0) & (high >= 0)) < 0.90


def test_holm_steps_down_and_keeps_the_order() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


def test_geometric_means_skip_what_has_no_logarithm() -> None:
    assert geometric_mean([1.0, 4.0, 0.0, math.nan, math.inf]) == pytest.approx(2)
    assert math.isnan(geometric_mean([0.0]))
