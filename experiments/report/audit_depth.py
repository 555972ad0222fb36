"""One picture over depth: the gradient behind and before each layer, its gain, and the share it removes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from statistics import median

from bnverify.experiments.report import audit_words as words
from bnverify.numerics.audit.report import LayerAudit
from markupsafe import Markup

WIDTH, UPPER, LOWER, LEFT, GAP = 640.0, 190.0, 70.0, 80.0, 34.0
SERIES = (
    ("gradient at the output, |dL/dz|", "printed"),
    ("gradient at the input, |dL̂/dy|", "corrected"),
    ("gain γ/s, median over the rows", "third"),
)


def strengths(layer: LayerAudit) -> tuple[float, float, float]:
    """|dL/dz|, |dL^/dy| and the median of |gamma|/s."""
    out, into = layer.total("grad_out_sq"), layer.total("grad_in_sq")
    gain = median(math.sqrt(value) for value in layer.columns["scale_sq"])
    return math.sqrt(max(0.0, out)), math.sqrt(max(0.0, into)), gain


def ratio(layer: LayerAudit) -> float:
    """|dL^/dy| / |dL/dz|: below 1 the layer damps the gradient."""
    out, into, _ = strengths(layer)
    return into / out if out > 0 else math.nan


def picture(layers: Sequence[LayerAudit]) -> Markup | None:
    """The layers of one mode in forward order, on a logarithmic axis; None for fewer than two."""
    if len(layers) < 2:
        return None
    values = [strengths(layer) for layer in layers]
    known = [math.log10(v) for triple in values for v in triple if v > 0 and math.isfinite(v)]
    if not known:
        return None
    low, high = math.floor(min(known) - 0.05), math.ceil(max(known) + 0.05)
    height = UPPER + GAP + LOWER + 36
    parts = [
        f'<svg viewBox="0 0 {LEFT + WIDTH + 12:.0f} {height:.0f}" role="img" aria-label="gradient over depth">',
        f'<g transform="translate({LEFT:.0f} 16)" font-size="11" fill="var(--muted)">',
    ]
    for tick in range(low, high + 1, max(1, (high - low) // 6)):
        at = _up(10.0**tick, low, high)
        parts.append(f'<path d="M0 {at:.1f}H{WIDTH:.0f}" stroke="var(--grid)"/>')
        parts.append(f'<text x="-6" y="{at + 4:.1f}" text-anchor="end">{words.number(10.0**tick)}</text>')
    step = WIDTH / len(layers)
    for series, (name, tone) in enumerate(SERIES):
        points = [
            (step * (place + 0.5), _up(triple[series], low, high))
            for place, triple in enumerate(values)
            if triple[series] > 0 and math.isfinite(triple[series])
        ]
        line = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        dash = ' stroke-dasharray="4 3"' if series == 2 else ""
        parts.append(f'<g fill="var(--{tone})"><title>{escape(name)}</title>')
        if line:
            parts.append(f'<path d="M{line}" fill="none" stroke="var(--{tone})" stroke-width="1.6"{dash}/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.4"/>' for x, y in points]
        parts.append("</g>")
    base = UPPER + GAP + LOWER
    parts.append(
        f'<text x="0" y="{UPPER + GAP - 8:.0f}">share of the squared gradient removed, 0 to 100 %</text>'
    )
    parts.append(f'<path d="M0 {base:.0f}H{WIDTH:.0f}" stroke="var(--muted)"/>')
    for place, layer in enumerate(layers):
        share = layer.shares["term_mean"] + layer.shares["term_yhat"]
        share = min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0
        x, tall = step * (place + 0.5), share * LOWER
        parts.append(
            f'<rect x="{x - 0.3 * step:.1f}" y="{base - tall:.1f}" width="{0.6 * step:.1f}" height="{tall:.1f}" '
            f'fill="var(--third)"><title>{escape(layer.title)}: {words.percent(share)}</title></rect>'
        )
    parts.append(f'<path d="M0 {base - LOWER:.0f}H{WIDTH:.0f}" stroke="var(--grid)"/>')
    parts.append(f'<text x="0" y="{base + 16:.0f}">{escape(middle(layers[0].title))}</text>')
    parts.append(
        f'<text x="{WIDTH:.0f}" y="{base + 16:.0f}" text-anchor="end">{escape(middle(layers[-1].title))}</text>'
    )
    parts.append("</g></svg>")
    return Markup("".join(parts))


def _up(value: float, low: int, high: int) -> float:
    return UPPER * (1 - (math.log10(value) - low) / max(1, high - low))


def profile(values: Sequence[float]) -> Markup:
    """A small profile of a layer's rows: their gradient at the input, largest first, on a linear axis."""
    top = max(values, default=0.0)
    if not top > 0 or not math.isfinite(top):
        return Markup("")
    ordered = sorted(values, reverse=True)
    picked = [ordered[round(place * (len(ordered) - 1) / 39)] for place in range(40)]
    line = "L".join(
        f"{2.5 * place:.1f} {20 - 18 * math.sqrt(value / top):.1f}" for place, value in enumerate(picked)
    )
    return Markup(
        f'<svg class="profile" viewBox="0 0 100 22" width="100" height="22" role="img" aria-label="rows">'
        f'<path d="M0 20L{line}L97.5 20Z" fill="var(--corrected)" fill-opacity=".5"/></svg>'
    )


def middle(name: str, most: int = 28) -> str:
    """A long name shortened in the middle, where it says least."""
    if len(name) <= most:
        return name
    half = (most - 1) // 2
    return f"{name[: most - 1 - half]}…{name[-half:]}"
