"""A ratio with its interval and its seeds as a small picture in a table: one logarithmic axis for a whole claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from bnverify.experiments.run.record import Row
from markupsafe import Markup

WIDTH, HEIGHT, PAD = 190, 20, 6


@dataclass(frozen=True)
class Axis:
    """Natural logarithms of the ends."""

    low: float
    high: float

    def at(self, log: float) -> float:
        """Pixels from the left; what lies beyond an end is drawn at it."""
        share = (min(max(log, self.low), self.high) - self.low) / (self.high - self.low)
        return round(PAD + share * (WIDTH - 2 * PAD), 1)


def axis_of(cells: Sequence[Row], paper: float | None = None) -> Axis:
    """An axis for every seed, every mean and bound of ``cells``, and for 1; an interval may leave it."""
    logs = [0.0] + ([math.log(paper)] if paper else [])
    for cell in cells:
        logs += [log for log in cell["log_ratios"].values() if log is not None]
        logs += [math.log(cell["bound"])] + ([-math.log(cell["bound"])] if cell["claim"] == "within" else [])
    low, high = min(logs), max(logs)
    room = max(0.08 * (high - low), 0.05)
    return Axis(low - room, high + room)


def strip(cell: Row, axis: Axis, paper: float | None = None) -> Markup:
    """Shaded: what is claimed. Line: 95 % interval, with a tick at the mean. Dots: seeds. Rhombus: the paper's."""
    edge = math.log(cell["bound"])
    start, end = {
        "below": (axis.low, edge),
        "above": (edge, axis.high),
        "within": (-edge, edge),
    }[cell["claim"]]
    middle = HEIGHT / 2
    left, right = axis.at(start), axis.at(end)
    parts = [
        f'<rect class="claimed" x="{left}" y="1" width="{right - left:.1f}" height="{HEIGHT - 2}"/>',
        f'<line class="one" x1="{axis.at(0)}" x2="{axis.at(0)}" y1="1" y2="{HEIGHT - 1}"/>',
    ]
    comparison = cell["comparison"]
    if comparison is not None:
        low, mean, high = (_log(comparison[key]) for key in ("low", "ratio", "high"))
        parts.append(
            f'<line class="interval" x1="{axis.at(low)}" x2="{axis.at(high)}" y1="{middle}" y2="{middle}"/>'
        )
        parts.append(
            f'<line class="interval" x1="{axis.at(mean)}" x2="{axis.at(mean)}" y1="{middle - 5}" y2="{middle + 5}"/>'
        )
    if paper:
        x = axis.at(math.log(paper))
        parts.append(f'<path class="paper" d="M{x} {middle - 5}l4 5-4 5-4-5z"/>')
    parts += [
        f'<circle cx="{axis.at(log)}" cy="{middle}" r="2.4"/>'
        for log in cell["log_ratios"].values()
        if log is not None
    ]
    return Markup(
        f'<svg class="strip {cell["decision"]}" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'aria-hidden="true">{"".join(parts)}</svg>'
    )


def _log(value: float | None) -> float:
    return math.inf if value is None or math.isinf(value) else math.log(value) if value > 0 else -math.inf
