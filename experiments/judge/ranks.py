"""Exact tests and intervals on the log ratios of seeds, by ranks and signs alone.

No distribution is assumed (the signed rank test takes it to be symmetric). +inf and -inf are values like others, larger
and smaller than every number: a run that diverged has a rank and is not missing. A test of n seeds cannot go
below 1/2^n however equal they are, which is the floor for seeds without spread.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

LEVEL = 0.05
# A logarithm that stands for an infinite one: beyond every finite one, and two that point opposite ways cancel.
BEYOND = 1e6


@dataclass(frozen=True)
class Estimate:
    """The centre of the log ratios and its 95 % interval; infinite ends where n seeds give none (n below 6)."""

    n: int
    centre: float
    low: float
    high: float


def finite(values: Sequence[float]) -> np.ndarray:
    """``values`` as floats with infinities at +-`BEYOND`; ValueError for nan."""
    found = np.clip(np.asarray(values, dtype=float), -BEYOND, BEYOND)
    if np.isnan(found).any():
        raise ValueError("a log ratio is nan; leave the claim out or say what is missing")
    return found


def infinite(value: float) -> float:
    """Inverse of the clipping of `finite` for an average of such values."""
    return math.copysign(math.inf, value) if abs(value) > BEYOND / 8 else value


@functools.cache
def null(n: int) -> np.ndarray:
    """P(W = w), w = 0 .. n(n + 1)/2, of the signed rank statistic of n values with a random sign each."""
    found = np.ones(1)
    for rank in range(1, n + 1):
        found = np.convolve(found, [0.5, *[0.0] * (rank - 1), 0.5])
    found.setflags(write=False)
    return found


@functools.cache
def upper(n: int) -> np.ndarray:
    """P(W >= w)."""
    return np.minimum(1.0, null(n)[::-1].cumsum()[::-1])


@functools.cache
def outside(n: int, level: float = LEVEL) -> int:
    """How many of the sorted Walsh averages lie outside each end of the interval of 1 - level; 0 if it has no ends."""
    return int(np.searchsorted(null(n).cumsum(), level / 2, side="right"))


def walsh(values: np.ndarray) -> np.ndarray:
    """(x_i + x_j)/2 for i <= j, sorted, of every row: ``(..., n)`` to ``(..., n(n + 1)/2)``."""
    i, j = np.triu_indices(values.shape[-1])
    return np.sort((values[..., i] + values[..., j]) / 2, axis=-1)


def signed_rank(values: Sequence[float]) -> Estimate:
    """Hodges-Lehmann estimate and the interval that inverts the signed rank test."""
    averages = walsh(finite(values))
    k, n = outside(len(values)), len(values)
    low, high = (averages[k - 1], averages[-k]) if k else (-math.inf, math.inf)
    return Estimate(n, *(infinite(float(x)) for x in (np.median(averages), low, high)))


def p_above(values: Sequence[float], edge: float) -> float:
    """One-sided p of the signed rank test that the centre exceeds ``edge``; a value at it counts against."""
    return float(upper(len(values))[int((walsh(finite(values)) > edge).sum())])


def sign(values: Sequence[float]) -> Estimate:
    """Median and the interval that inverts the sign test."""
    x, n = np.sort(finite(values)), len(values)
    k = int(stats.binom.ppf(LEVEL / 2, n, 0.5))
    k -= stats.binom.cdf(k, n, 0.5) > LEVEL / 2
    low, high = (x[k], x[n - 1 - k]) if k >= 0 else (-math.inf, math.inf)
    return Estimate(n, *(infinite(float(v)) for v in (np.median(x), low, high)))


def p_sign_above(values: Sequence[float], edge: float) -> float:
    """One-sided p of the sign test that the median exceeds ``edge``."""
    x = finite(values)
    return float(stats.binomtest(int((x > edge).sum()), len(x), 0.5, alternative="greater").pvalue)


def p_differ(values: Sequence[float]) -> float:
    """Two-sided p of the signed rank test that the centre is not 0; zeros count against both sides."""
    x = finite(values)
    return min(1.0, 2 * min(p_above(list(x), 0.0), p_above(list(-x), 0.0)))


def holm(p_values: Sequence[float], family: int | None = None) -> list[float]:
    """Holm's step-down adjustment: p values comparable with the level of a whole family.

    Args:
        family: how many there are with those that were not tested, which count as 1; as many as given by default.
    """
    size = max(len(p_values), family or 0)
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
        running = max(running, min(1.0, (size - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def share(hits: int, n: int) -> tuple[float, float]:
    """The 95 % interval of Clopper and Pearson for a share."""
    found = stats.binomtest(hits, n).proportion_ci(1 - LEVEL, "exact")
    return float(found.low), float(found.high)
