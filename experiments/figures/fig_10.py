"""Figure 10: loss variation (a), gradient predictiveness (b) and effective beta (c) of deep linear
networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import power
from matplotlib.figure import Figure

CAPTION = (
    "Figure 10. Deep linear networks, moving along the gradient by [1/100, 30] × the step size, one row per learning "
    "rate: range of the loss (a) and of ‖g′ − g‖ (b), medians over the seeds of the smallest and the largest value; "
    "effective β (c), every seed thin, with the largest eigenvalue of the Hessian (dots) and 2 / learning rate. "
    "Triangles: single seeds that leave the axis. A band that reaches the top has overflowed."
)


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per learning rate; None without runs."""
    rows = [(lr, {n: shelf.seeds("dln", n, lr) for n in ("none", "batchnorm")}) for lr in (1e-6, 1e-7)]
    rows = [(lr, row) for lr, row in rows if all(row.values())]
    if not rows:
        return None
    figure, axes = style.canvas(len(rows), 3)
    for (lr, networks), line in zip(rows, axes, strict=True):
        panels.landscape(line, networks, full_batch=True)
        for panel, letter in zip(line, "abc", strict=True):
            panel.set_title(f"({letter}) learning rate {power(lr)}")
    return figure
