"""Student's t and Holm's step-down in closed form: what the numbers of a stored comparison are recomputed with.

A comparison is made on one log ratio per seed. It is written rounded, so a recomputed number is an interval: every
log ratio is known to half a unit of its last place.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

LEVEL = 0.05
ROUNDING = 5e-5
"""Half a unit of the fourth decimal, the last one of a stored log ratio."""
DIGITS = 6e-4
"""Relative rounding of a number stored with four significant digits, with a margin of a fifth."""


def t_cdf(t: float, df: int) -> float:
    """P(T <= t) for Student's t with ``df`` = 1, 2, ... degrees of freedom: a finite sum in theta = atan(t / sqrt(df)).

    Raises:
        ValueError: ``df`` < 1.
    """
    if df < 1:
        raise ValueError(f"{df} degrees of freedom; expected at least 1")
    theta = math.atan2(t, math.sqrt(df))
    sine, cosine = math.sin(theta), math.cos(theta)
    term, total = (cosine, 0.0) if df % 2 else (1.0, 0.0)
    for k in range(2 if df % 2 else 1, df, 2):
        total += term
        term *= cosine**2 * k / (k + 1)
    inside = 2 / math.pi * (theta + sine * total) if df % 2 else sine * total
    return (1 + inside) / 2


def t_quantile(df: int) -> float:
    """The t with P(|T| <= t) = 95 %, by bisection."""
    low, high = 0.0, 64.0
    while high - low > 1e-12 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if t_cdf(middle, df) < 1 - LEVEL / 2 else (low, middle)
    return (low + high) / 2


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm's step-down adjustment: p values comparable with the level of the whole family."""
    order = sorted(range(len(p_values)), key=p_values.__getitem__)
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, i in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[i]))
        adjusted[i] = running
    return adjusted


@dataclass(frozen=True)
class Comparison:
    """A claim on a ratio tested on one log ratio per seed, as a summary stores it.

    n: seeds. ratio, low, high: exp of the mean log ratio and of its 95 % t interval, infinity where it overflows.
    p: of the one-sided test, or the larger of the two. fails: whether the interval lies outside what is claimed.
    """

    n: int
    ratio: float
    low: float
    high: float
    p: float
    fails: bool


def contradiction(stored: Comparison, log_ratios: Sequence[float], direction: str, bound: float) -> str:
    """In which respect a stored comparison is not that of its log ratios, beyond rounding; empty if in none.

    Args:
        direction: "below" or "above" the bound, or "within" it and its inverse.
    """
    n = len(log_ratios)
    if stored.n != n or n < 2:
        return f"n = {stored.n} for {n} seeds"
    mean = math.fsum(log_ratios) / n
    error = math.sqrt(math.fsum((r - mean) ** 2 for r in log_ratios) / (n - 1) / n)
    # Of n numbers, each off by at most ROUNDING, the standard error of the mean is off by no more than this.
    loose = ROUNDING / math.sqrt(n - 1)
    quantile = t_quantile(n - 1)
    middle = ROUNDING + DIGITS
    end = middle + quantile * loose
    half = quantile * error
    for name, value, log, slack in (
        ("ratio", stored.ratio, mean, middle),
        ("low", stored.low, mean - half, end),
        ("high", stored.high, mean + half, end),
    ):
        if not (log > 700 and value == math.inf) and not _near(value, log, slack):
            return f"{name} = {value:g} where the seeds give {math.exp(min(log, 700)):.4g}"
    edge = math.log(bound)
    ends = mean - half, mean + half
    outside = {
        "below": ends[0] - edge,
        "above": edge - ends[1],
        "within": max(ends[0] - edge, -edge - ends[1]),
    }[direction]
    if abs(outside) > end and stored.fails != (outside > 0):
        return f"fails = {stored.fails} where the interval lies {'outside' if outside > 0 else 'not outside'}"
    # How far the mean lies on the claimed side, in standard errors.
    inside = {"below": edge - mean, "above": mean - edge, "within": min(edge - mean, mean + edge)}[direction]
    worst = _tail(inside - ROUNDING, error, loose, n - 1, largest=True)
    best = _tail(inside + ROUNDING, error, loose, n - 1, largest=False)
    if not best * (1 - DIGITS) - 1e-12 <= stored.p <= worst * (1 + DIGITS) + 1e-12:
        return f"p = {stored.p:g} where the seeds give {best:.4g} to {worst:.4g}"
    return ""


def _near(value: float, log: float, slack: float) -> bool:
    # exp underflows to 0 far below every ratio that is stored with four digits.
    return abs(math.log(value) - log) <= slack if value > 0 else log < -700


def _tail(distance: float, error: float, loose: float, df: int, largest: bool) -> float:
    """The largest or smallest P(T >= distance / e) over standard errors e within ``loose`` of ``error``."""
    far = (distance > 0) == largest
    e = error + loose if far else max(error - loose, 0.0)
    if e == 0:
        return 0.0 if distance > 0 else 1.0
    return t_cdf(-distance / e, df)
