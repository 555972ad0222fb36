"""Rank tests and intervals against scipy, against counting, and on diverged runs."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from bnverify.experiments.judge import ranks
from scipy import stats


@pytest.mark.parametrize("n", [3, 6, 11, 24])
@pytest.mark.parametrize("edge", [0.0, 0.4])
def test_p_is_that_of_scipy(n: int, edge: float) -> None:
    x = np.random.default_rng(n).normal(0.3, 1.0, n)
    expected = stats.wilcoxon(x - edge, alternative="greater", method="exact").pvalue
    assert ranks.p_above(list(x), edge) == pytest.approx(expected, rel=1e-9)
    signs = stats.binomtest(int((x > edge).sum()), n, alternative="greater").pvalue
    assert ranks.p_sign_above(list(x), edge) == signs


def test_the_null_distribution_is_that_of_all_signs() -> None:
    counted = np.zeros(22)
    for signs in itertools.product((0, 1), repeat=6):
        counted[sum(rank for rank, sign in enumerate(signs, 1) if sign)] += 1
    assert ranks.null(6) == pytest.approx(counted / 64)


def test_the_interval_holds_what_the_test_does_not_refuse() -> None:
    x = list(np.random.default_rng(5).normal(0.0, 1.0, 12))
    found = ranks.signed_rank(x)
    for edge, inside in ((found.low - 1e-9, False), (found.low + 1e-9, True)):
        assert (ranks.p_above(x, edge) > 0.025) is inside
    for edge, inside in ((found.high + 1e-9, False), (found.high - 1e-9, True)):
        assert (ranks.p_above([-v for v in x], -edge) > 0.025) is inside
    assert found.centre == pytest.approx(np.median([(a + b) / 2 for i, a in enumerate(x) for b in x[i:]]))


@pytest.mark.parametrize("measure", [ranks.signed_rank, ranks.sign])
def test_intervals_cover_the_centre_in_95_of_100_samples(measure) -> None:
    rng = np.random.default_rng(1)
    inside = [(e.low <= 0 <= e.high) for e in (measure(list(rng.normal(0, 1, 10))) for _ in range(1500))]
    assert 0.94 <= np.mean(inside) <= 0.99


def test_five_seeds_have_no_interval_and_six_have() -> None:
    assert ranks.signed_rank([1.0] * 5).high == math.inf
    assert ranks.sign([1.0] * 5).low == -math.inf
    assert (ranks.signed_rank([1.0] * 6).low, ranks.sign([1.0] * 6).low) == (1.0, 1.0)


def test_a_diverged_run_has_a_rank_and_equal_seeds_have_a_floor() -> None:
    values = [1.0, 1.1, 0.9, 1.2, 0.8, 1.05, math.inf]
    assert ranks.p_above(values, 0.0) == 1 / 2**7
    found = ranks.signed_rank(values)
    assert (found.low, found.high) == (0.9, math.inf)
    against = [1.0, 1.1, 0.9, 1.2, 0.8, 1.05, -math.inf]
    assert ranks.p_above(against, 0.0) > 0.05
    assert ranks.p_above([2.0] * 8, 0.0) == 1 / 2**8
    assert ranks.p_above([0.0] * 8, 0.0) == 1
    with pytest.raises(ValueError, match="nan"):
        ranks.signed_rank([1.0, math.nan])


def test_holm_counts_what_was_not_tested() -> None:
    assert ranks.holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert ranks.holm([0.01], family=20) == pytest.approx([0.2])


def test_a_share_has_the_interval_of_clopper_and_pearson() -> None:
    assert ranks.share(24, 24) == (pytest.approx(0.025 ** (1 / 24)), 1.0)
    assert ranks.share(11, 24) == pytest.approx((0.2555, 0.6718), abs=1e-4)
