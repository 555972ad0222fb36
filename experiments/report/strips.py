"""A size with its interval and its seeds as a small picture in a table, and its course over the training."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bnverify.experiments.report.numbers import number
from markupsafe import Markup

Row = Mapping[str, Any]
WIDTH, HEIGHT, PAD = 190, 20, 6
COURSE = (360, 96)
# Beyond this many natural logarithms a seed is drawn at the edge.
FARTHEST = 30.0


@dataclass(frozen=True)
class Axis:
    """Natural logarithms of the ends."""

    low: float
    high: float

    def at(self, log: float, width: float = WIDTH) -> float:
        """Pixels from the left; what lies beyond an end is drawn at it."""
        share = (min(max(log, self.low), self.high) - self.low) / (self.high - self.low)
        return round(PAD + share * (width - 2 * PAD), 1)


def _known(values: Sequence[object]) -> list[float]:
    logs = [float(value) for value in values if value is not None]  # type: ignore[arg-type]
    return [min(max(log, -FARTHEST), FARTHEST) for log in logs]


def claimed(endpoint: Row, low: float, high: float) -> tuple[float, float]:
    """The log ratios that are as claimed and large enough, between two ends."""
    edge = math.log(endpoint["size"])
    return {
        "below": (low, edge),
        "at-most": (low, edge),
        "above": (edge, high),
        "at-least": (edge, high),
        "within": (-abs(edge), abs(edge)),
    }[endpoint["direction"]]


def axis_of(cells: Sequence[Row], endpoint: Row) -> Axis:
    """An axis for every seed of ``cells``, what is claimed, and 1; an interval may leave it."""
    logs = [0.0, *claimed(endpoint, 0.0, 0.0)]
    for cell in cells:
        logs += _known(list(cell["log_ratios"].values()))
    low, high = min(logs), max(logs)
    room = max(0.08 * (high - low), 0.05)
    return Axis(low - room, high + room)


def strip(cell: Row, endpoint: Row, axis: Axis) -> Markup:
    """Shaded: what is claimed. Line: 95 % interval, with a tick at the estimate. Dots: seeds."""
    middle = HEIGHT / 2
    left, right = (axis.at(log) for log in claimed(endpoint, axis.low, axis.high))
    parts = [
        f'<rect class="claimed" x="{left}" y="1" width="{right - left:.1f}" height="{HEIGHT - 2}"/>',
        f'<line class="one" x1="{axis.at(0)}" x2="{axis.at(0)}" y1="1" y2="{HEIGHT - 1}"/>',
    ]
    if "centre" in cell:
        low, centre, high = (axis.at(float(cell[key])) for key in ("low", "centre", "high"))
        parts.append(f'<line class="interval" x1="{low}" x2="{high}" y1="{middle}" y2="{middle}"/>')
        parts.append(
            f'<line class="interval" x1="{centre}" x2="{centre}" y1="{middle - 5}" y2="{middle + 5}"/>'
        )
    seeds = _known(list(cell["log_ratios"].values()))
    parts += [f'<circle cx="{axis.at(log)}" cy="{middle}" r="2.4"/>' for log in seeds]
    return Markup(
        f'<svg class="strip {cell["word"]}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )


def course(curve: Sequence[Row], endpoint: Row) -> Markup:
    """The ratio over the training with its 95 % band, on a linear time axis; shaded: what is claimed."""
    if not curve:
        return Markup()
    width, height = COURSE
    logs = [0.0, *claimed(endpoint, 0.0, 0.0)]
    logs += _known([point[key] for point in curve for key in ("low", "centre", "high")])
    low, high = min(logs), max(logs)
    room = max(0.08 * (high - low), 0.05)
    axis = Axis(low - room, high + room)

    def y(log: object) -> float:
        return round(height - axis.at(float(log), height), 1)  # type: ignore[arg-type]

    def x(share: float) -> float:
        return round(PAD + share * (width - 2 * PAD), 1)

    top, bottom = (y(log) for log in reversed(claimed(endpoint, axis.low, axis.high)))
    upper = [f"{x(point['at'])},{y(point['high'])}" for point in curve]
    lower = [f"{x(point['at'])},{y(point['low'])}" for point in reversed(curve)]
    line = " ".join(f"{x(point['at'])},{y(point['centre'])}" for point in curve)
    words = [
        (PAD, height + 12, "start", "start of the training"),
        (width - PAD, height + 12, "end", "its end"),
        (width - PAD, 11, "end", number(math.exp(axis.high))),
        (width - PAD, height - 3, "end", number(math.exp(axis.low))),
    ]
    texts = "".join(f'<text x="{at}" y="{up}" text-anchor="{to}">{said}</text>' for at, up, to, said in words)
    return Markup(
        f'<svg class="course" viewBox="0 0 {width} {height + 16}" role="img" aria-label="the ratio over the training">'
        f'<rect class="claimed" x="{PAD}" y="{top}" width="{width - 2 * PAD}" height="{bottom - top:.1f}"/>'
        f'<polygon class="band" points="{" ".join([*upper, *lower])}"/>'
        f'<line class="one" x1="{PAD}" x2="{width - PAD}" y1="{y(0.0)}" y2="{y(0.0)}"/>'
        f'<polyline class="interval" fill="none" points="{line}"/>{texts}</svg>'
    )
