"""Statistics of two networks of one seed together: speed, equal distance, equal loss."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from bnverify.experiments.measure.averages import WHOLE, Over, Weights, Window, average, shares
from bnverify.experiments.measure.views import View, change_at, number, series

SMOOTHED = 0.01  # Share of the training over which a loss is averaged before it is compared with a level.
LEVELS = 20  # Losses at which two networks are compared at matched loss.


def _smooth(losses: Sequence[float], width: int) -> list[float]:
    """Mean of the last ``width`` losses at every step from the first whole window on; a lost run is +inf."""
    found, total = [], math.fsum(losses[:width])
    for step in range(width, len(losses) + 1):
        found.append(total / width)
        if step < len(losses):
            total += losses[step] - losses[step - width]
    return found


def _losses(view: View) -> list[float]:
    return [math.inf if loss is None else loss for loss in view.losses]


def steps_to_loss(of: View, against: View) -> float:
    """Steps until ``of`` has the loss that ``against`` ends with, over those that ``against`` took for it.

    Losses are running means over `SMOOTHED` of the training; the level is the lowest that ``against`` reaches, so
    that it reaches it. +inf where ``of`` never does; 0 where ``against`` diverged before it reached anything.
    """
    width = max(1, round(SMOOTHED * against.recipe.steps))
    mine, theirs = (_smooth(_losses(view), width) for view in (of, against))
    finite = [loss for loss in theirs if math.isfinite(loss)]
    if against.status == "diverged" or not finite:
        return 0.0 if of.status != "diverged" else 1.0
    level = min(finite)
    reached = next((step for step, loss in enumerate(mine) if loss <= level), None)
    return math.inf if reached is None else (reached + width) / (theirs.index(level) + width)


def change_at_common_distance(
    of: View, against: View, window: Window = WHOLE, over: Over = "geometric", weights: Weights = "linear"
) -> float:
    """Ratio of |g_t - g| between two networks, at the largest distance that both probed at a step."""
    pairs = {row["step"]: row for row in against.rows if "ray" in row}
    steps, ratios = [], []
    for row in of.rows:
        if "ray" not in row or row["step"] not in pairs:
            continue
        rays = row["ray"], pairs[row["step"]]["ray"]
        reach = [
            [t * number(ray["direction_norm"]) for t in (ray["lengths"][0], ray["lengths"][-1])]
            for ray in rays
        ]
        low, high = max(r[0] for r in reach), min(r[1] for r in reach)
        if 0 < low <= high:
            # Just inside, so that rounding does not put the point past the last probe.
            one, other = (change_at(ray, high * (1 - 1e-12)) for ray in rays)
            steps.append(row["step"])
            ratios.append(one / other if other > 0 else math.nan)
    return average(ratios, shares(steps, of.recipe.steps, window, weights), over)


def at_matched_loss(name: str, of: View, against: View) -> float:
    """Geometric mean of the ratio of a statistic at equal training loss, over the losses that both networks had when
    they were measured, evenly in the logarithm; nan where their losses do not overlap."""
    curves = []
    for view in (of, against):
        steps, values = series(name, view)
        losses = dict(zip((row["step"] for row in view.rows), _ray_losses(view), strict=True))
        points = sorted(
            (math.log(losses[step]), math.log(value))
            for step, value in zip(steps, values, strict=True)
            if losses.get(step, 0) > 0 and 0 < value < math.inf
        )
        curves.append(points)
    if min(map(len, curves)) < 2:
        return math.nan
    low, high = max(c[0][0] for c in curves), min(c[-1][0] for c in curves)
    if not low < high:
        return math.nan
    at = [low + (high - low) * i / (LEVELS - 1) for i in range(LEVELS)]
    logs = [_interpolated(curves[0], x) - _interpolated(curves[1], x) for x in at]
    return math.exp(max(-700.0, min(700.0, math.fsum(logs) / LEVELS)))


def _ray_losses(view: View) -> list[float]:
    found = [number(row["ray"]["loss"]) if "ray" in row else math.nan for row in view.rows]
    return [loss if math.isfinite(loss) else 0.0 for loss in found]


def _interpolated(points: Sequence[tuple[float, float]], x: float) -> float:
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 <= x <= x1:
            return y0 if x1 == x0 else y0 + (y1 - y0) * (x - x0) / (x1 - x0)
    return points[-1][1]


PAIRS = {"steps_to_loss": steps_to_loss, "change_at_common_distance": change_at_common_distance}
"""By name; a statistic of two networks is their ratio already."""
