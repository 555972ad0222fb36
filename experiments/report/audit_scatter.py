"""Actual against bound, row by row of one layer, as inline SVG."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

from bnverify.experiments.report import audit_words as words
from bnverify.numerics.audit.report import StatementRows
from markupsafe import Markup

POINTS = 400
"""Points drawn per scatter; more rows are thinned evenly, and the caption says so."""


def scatter(printed: StatementRows | None, corrected: StatementRows | None) -> dict[str, Any] | None:
    """Actual against bound on logarithmic axes, as inline SVG; None where a layer has neither."""
    if printed is None or corrected is None:
        return None
    pairs = {
        "corrected": [(b, a) for a, b in zip(corrected.lhs, corrected.rhs, strict=True) if _drawable(a, b)],
        "printed": [(b, a) for a, b in zip(printed.lhs, printed.rhs, strict=True) if _drawable(a, b)],
    }
    hidden = len(printed.lhs) - len(pairs["printed"])
    values = [value for points in pairs.values() for pair in points for value in pair]
    if not values:
        return None
    low, high = math.log10(min(values)), math.log10(max(values))
    room = max(0.05 * (high - low), 0.1)
    low, high = low - room, high + room
    step = max(1, -(-len(pairs["corrected"]) // POINTS))
    return {"svg": Markup(_svg(pairs, low, high, step)), "hidden": hidden, "thinned": step if step > 1 else 0}


def _drawable(a: float, b: float) -> bool:
    """On logarithmic axes; a row that does not vary has a bound of inf at eps = 0."""
    return a > 0 and b > 0 and math.isfinite(a) and math.isfinite(b)


SIZE, MARGIN, EDGE = 260.0, 66.0, 24.0
TICKS = 5
"""About so many on either axis."""


def _ticks(low: float, high: float) -> list[float]:
    """Round numbers between two powers of ten, the finest that do not crowd; else every so many decades."""
    decades = range(math.floor(low), math.ceil(high) + 1)
    found: list[float] = []
    for digits in (_TENTHS, _TENTHS[::5], _TENTHS[::10], (1.0, 2.0, 5.0), (1.0,)):
        found = [d * 10.0**k for k in decades for d in digits if low <= math.log10(d) + k <= high]
        gaps = [math.log10(b / a) for a, b in pairwise(found)]
        if min(gaps, default=1.0) >= (high - low) / TICKS / 1.5:
            return found
    return found[:: -(-len(found) // TICKS)]


_TENTHS = tuple(tenth / 10 for tenth in range(10, 100))


def _svg(pairs: dict[str, list[tuple[float, float]]], low: float, high: float, step: int) -> str:
    def at(value: float) -> float:
        return (math.log10(value) - low) / (high - low) * SIZE

    parts = [
        f'<svg viewBox="0 0 {MARGIN + SIZE + EDGE:.0f} {SIZE + 46:.0f}" role="img" '
        'aria-label="actual against bound, logarithmic axes">',
        f'<g transform="translate({MARGIN:.0f} 8)" font-size="11" fill="var(--muted)">',
        f'<path d="M0 0V{SIZE:.0f}H{SIZE:.0f}" fill="none" stroke="var(--grid)"/>',
    ]
    for tick in _ticks(low, high):
        x, label = at(tick), words.number(tick)
        parts.append(f'<path d="M{x:.1f} 0V{SIZE:.0f}M0 {SIZE - x:.1f}H{SIZE:.0f}" stroke="var(--grid)"/>')
        parts.append(f'<text x="{x:.1f}" y="{SIZE + 17:.0f}" text-anchor="middle">{label}</text>')
        parts.append(f'<text x="-5" y="{SIZE - x + 4:.1f}" text-anchor="end">{label}</text>')
    parts.append(f'<path d="M0 {SIZE:.0f}L{SIZE:.0f} 0" stroke="var(--muted)" stroke-dasharray="4 3"/>')
    for name, points in pairs.items():
        parts.append(f'<g fill="var(--{name})" fill-opacity=".7">')
        parts += [
            f'<circle cx="{at(bound):.1f}" cy="{SIZE - at(actual):.1f}" r="2.6"/>'
            for bound, actual in points[::step]
        ]
        parts.append("</g>")
    parts.append(f'<text x="{SIZE / 2:.0f}" y="{SIZE + 32:.0f}" text-anchor="middle">bound</text>')
    parts.append(
        f'<text transform="translate(-54 {SIZE / 2:.0f}) rotate(-90)" text-anchor="middle">actual |dL̂/dy|²</text>'
    )
    parts.append("</g></svg>")
    return "".join(parts)
