"""Averages over a training: measured steps lie on any grid, every step of training counts alike (or every decade)."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from typing import Literal

Over = Literal["geometric", "median", "arithmetic", "mean"]
Weights = Literal["linear", "log"]
Window = tuple[float, float]
WHOLE: Window = (0.0, 1.0)
# How a training is cut up where parts of it are shown: as shares of its steps.
PHASES: dict[str, Window] = {"early": (0.0, 0.1), "middle": (0.1, 0.5), "late": (0.5, 1.0), "all": WHOLE}


def geometric_mean(values: Sequence[float]) -> float:
    """exp of the mean log over the values that are positive and finite; nan if there is none."""
    logs = [math.log(v) for v in values if math.isfinite(v) and v > 0]
    return math.exp(min(700.0, math.fsum(logs) / len(logs))) if logs else math.nan


def mean(values: Sequence[float]) -> float:
    """Arithmetic mean without nan; nan if nothing is left."""
    known = [v for v in values if not math.isnan(v)]
    return math.fsum(known) / len(known) if known else math.nan


def shares(steps: Sequence[int], total: int, window: Window, weights: Weights = "linear") -> list[float]:
    """What each measured step stands for in the window: the length of training that is nearest to it.

    Args:
        steps: measured, ascending, from 0. total: steps of the training. window: shares of it; one of no length is
        its start: the first measured step alone. weights: "log" measures lengths in log(step + 1).

    Returns:
        A length for every step, 0 outside the window; they do not add up to anything in particular.
    """
    if not steps:
        return []
    if window[0] == window[1]:
        return [1.0] + [0.0] * (len(steps) - 1)
    scale = math.log1p if weights == "log" else float
    at = [scale(step) for step in steps]
    edges = [scale(0), *((a + b) / 2 for a, b in itertools.pairwise(at)), scale(total)]
    low, high = (scale(share * total) for share in window)
    return [max(0.0, min(b, high) - max(a, low)) for a, b in itertools.pairwise(edges)]


@functools.lru_cache(maxsize=256)
def support(steps: tuple[int, ...], total: int, window: Window, weights: Weights) -> tuple[int, list[float]]:
    """`shares` without the zeros before and after them, and the place of the first; many seeds ask for the same."""
    lengths = shares(steps, total, window, weights)
    inside = [i for i, length in enumerate(lengths) if length > 0]
    return (inside[0], lengths[inside[0] : inside[-1] + 1]) if inside else (0, [])


def average(values: Sequence[float], lengths: Sequence[float], over: Over) -> float:
    """The average of the values, each with the weight of its length; nan values are left out, nan if all are.

    "geometric" is exp of the mean log, +inf where a value with weight is +inf, else 0 where one is 0;
    "median" the smallest value that half of the weight does not exceed; "arithmetic" and "mean" the mean.
    """
    pairs = [(v, w) for v, w in zip(values, lengths, strict=True) if w > 0 and not math.isnan(v)]
    if not pairs:
        return math.nan
    whole = math.fsum(w for _, w in pairs)
    if over == "median":
        so_far = 0.0
        for value, weight in sorted(pairs):
            so_far += weight
            if so_far >= whole / 2:
                return value
    if over == "geometric":
        logs = [(math.log(v) if v > 0 else -math.inf, w) for v, w in pairs]
        if any(log == math.inf for log, _ in logs):
            return math.inf
        level = sum(log * w for log, w in logs) / whole
        return math.exp(level) if level < 700 else math.inf
    return sum(v * w for v, w in pairs) / whole
