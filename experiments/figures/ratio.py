"""The ratio of the two networks along the training: where BatchNorm is smoother, where not, and how surely."""

from __future__ import annotations

import math

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import View, at_step
from bnverify.experiments.report.labels import MODELS, power
from bnverify.experiments.run.record import Row
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy import stats

GROUPS = (("dln", 1e-6), ("dln", 1e-7), ("vgg", 0.1))
QUANTITIES = {"loss_range": "range of the loss", "max_change": "gradient change", "beta_max": "effective β"}
LEVEL = 0.95
EDGE = 1e6
"""Ratios beyond it, up to those of diverged runs, are drawn at the edge."""


def ratios(plain: panels.Seeds, normed: panels.Seeds, quantity: str) -> dict[int, list[float]]:
    """Step -> ratio of BatchNorm to standard of every seed that has one there; inf and 0 where one overflowed or has
    diverged, left out where both have."""
    found: dict[int, list[float]] = {}
    for seed in sorted(plain.keys() & normed.keys()):
        views = normed[seed], plain[seed]
        for step in sorted({row["step"] for view in views for row in view.rows if "ray" in row}):
            one, other = (_value(view, step, quantity) for view in views)
            if not (math.isnan(one) or math.isnan(other) or one == other == math.inf) and other > 0:
                found.setdefault(step + 1, []).append(one / other)
    return found


def _value(view: View, step: int, quantity: str) -> float:
    if view.lost_at is not None and step >= view.lost_at:
        return math.inf
    return next(
        (_finite(row, quantity) for row in view.rows if row["step"] == step and "ray" in row), math.nan
    )


def _finite(row: Row, quantity: str) -> float:
    value = at_step(quantity, row)
    return math.inf if math.isnan(value) else value


def band(values: list[float]) -> tuple[float, float, float]:
    """Median, and the interval of order statistics that holds it with at least 95 %; the whole range under
    six seeds."""
    ordered, n = sorted(values), len(values)
    # The widest pair of ranks that leaves at most 2.5 % outside on either side.
    rank = max(0, int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5)) - 1)
    middle = ordered[n // 2] if n % 2 else _middle(ordered[n // 2 - 1], ordered[n // 2])
    return middle, ordered[rank], ordered[n - 1 - rank]


def _middle(low: float, high: float) -> float:
    return math.sqrt(low * high) if low > 0 and math.isfinite(high) else low


def draw(shelf: Shelf) -> Figure | None:
    """A line of panels for each model and learning rate, a panel for each quantity; None without runs."""
    found = [(m, lr, shelf.seeds(m, "none", lr), shelf.seeds(m, "batchnorm", lr)) for m, lr in GROUPS]
    found = [group for group in found if group[2] and group[3]]
    if not found:
        return None
    figure, axes = style.canvas(len(found) * len(QUANTITIES), 2)
    lines = [(group, quantity) for group in found for quantity in QUANTITIES]
    for line, ((model, lr, plain, normed), quantity) in zip(axes, lines, strict=True):
        at = ratios(plain, normed, quantity)
        for panel, time in zip(line, ("linear", "log"), strict=True):
            _curve(panel, at)
            panel.set(title=f"{MODELS[model]}, learning rate {power(lr)}", ylabel=QUANTITIES[quantity])
            style.clock(panel, time)
            style.tick(panel, "y")
            panels.diverged(panel, {"none": plain, "batchnorm": normed})
    return figure


def _curve(axes: Axes, at: dict[int, list[float]]) -> None:
    steps = sorted(at)
    if not steps:
        return
    columns = [
        [min(max(v, 1 / EDGE), EDGE) for v in column]
        for column in zip(*(band(at[s]) for s in steps), strict=True)
    ]
    colour = style.COLOURS["batchnorm"]
    axes.fill_between(steps, columns[1], columns[2], color=colour, alpha=0.25, linewidth=0)
    axes.plot(
        steps, columns[0], color=colour, linewidth=1, label="BatchNorm / standard, median and 95 % interval"
    )
    axes.axhline(1, color=style.MUTED, linewidth=0.8, label="no difference")


PLATES = (
    Plate(
        "ratio",
        "See where the curve lies below 1 with its whole band: there BatchNorm is smoother. Where the band "
        "holds 1 the seeds do not tell the two apart.",
        "The ratio of BatchNorm to the standard network along the training, of the range of the loss, of "
        "‖g′ − g‖ and of effective β along the gradient: median over the seeds and the interval that holds "
        "it with 95 % (order statistics; the whole range under six seeds). Left: linear time; right: "
        "logarithmic. A run that diverged counts as infinite from there on; crosses: where.",
        draw,
        (("vgg", ("none", "batchnorm")), ("dln", ("none", "batchnorm"))),
        "both",
    ),
)
