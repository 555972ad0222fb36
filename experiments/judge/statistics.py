"""Intervals and tests on log ratios paired by seed (few seeds, so Student's t; a percentile bootstrap
undercovers)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bnverify.theory.preregistered import Direction
from scipy import stats

Decision = Literal["holds", "fails", "undecided"]
LEVEL = 0.05


@dataclass(frozen=True)
class Comparison:
    """A claim on the ratio of two quantities, tested on one log ratio per seed.

    ``below`` b claims that the mean log ratio is less than log b, ``above`` b that it is more, ``within`` b
    that it lies between -log b and log b (two one-sided tests: equivalence, not the absence of significance).

    Attributes:
        n: seeds. ratio: exp of the mean log ratio. low, high: its 95 % t interval. p: of the one-sided test,
        or the
            larger of the two. fails: whether the interval lies outside what is claimed.
    """

    n: int
    ratio: float
    low: float
    high: float
    p: float
    fails: bool


def compare(log_ratios: Sequence[float], direction: Direction, bound: float) -> Comparison:
    """Test a claim on at least two finite log ratios.

    Raises:
        ValueError: fewer than two values, one that is not finite, or a bound that is not positive
        (``within``: not
            above 1).
    """
    n = len(log_ratios)
    if n < 2 or not all(map(math.isfinite, log_ratios)) or bound <= (1 if direction == "within" else 0):
        raise ValueError(
            f"{n} log ratios with bound {bound}; expected two or more finite ones and a usable bound"
        )
    mean = math.fsum(log_ratios) / n
    error = math.sqrt(math.fsum((r - mean) ** 2 for r in log_ratios) / (n - 1) / n)
    half = float(stats.t.ppf(1 - LEVEL / 2, n - 1)) * error
    edge = math.log(bound)

    def p_below(at: float) -> float:
        if error == 0:
            return 0.0 if mean < at else 1.0
        return float(stats.t.cdf((mean - at) / error, n - 1))

    def p_above(at: float) -> float:
        return 0.0 if error == 0 and mean > at else 1.0 if error == 0 else 1 - p_below(at)

    low, high = mean - half, mean + half
    if direction == "below":
        p, fails = p_below(edge), low > edge
    elif direction == "above":
        p, fails = p_above(edge), high < edge
    else:
        p, fails = max(p_below(edge), p_above(-edge)), low > edge or high < -edge
    return Comparison(n, _exp(mean), _exp(low), _exp(high), p, fails)


def _exp(x: float) -> float:
    return math.exp(x) if x < 700 else math.inf


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: p values comparable with the level of the whole family."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


def geometric_mean(values: Sequence[float]) -> float:
    """exp of the mean log over the values that are positive and finite; nan if there is none."""
    logs = [math.log(v) for v in values if math.isfinite(v) and v > 0]
    return _exp(math.fsum(logs) / len(logs)) if logs else math.nan
