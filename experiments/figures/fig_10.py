"""Figure 10: loss variation (a), gradient predictiveness (b) and effective beta (c) of deep linear networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import power
from matplotlib.figure import Figure

RATES = (1e-6, 1e-7)


def draw(shelf: Shelf) -> Figure | None:
    """Three lines for each learning rate, linear time beside logarithmic; None without runs."""
    found = [(lr, {n: shelf.seeds("dln", n, lr) for n in ("none", "batchnorm")}) for lr in RATES]
    found = [(lr, networks) for lr, networks in found if all(networks.values())]
    if not found:
        return None
    figure, axes = style.canvas(3 * len(found), 2)
    for i, (lr, networks) in enumerate(found):
        for line, quantity, letter in zip(axes[3 * i : 3 * i + 3], panels.LANDSCAPE, "abc", strict=True):
            for panel, time in zip(line, ("linear", "log"), strict=True):
                panels.landscape(panel, networks, quantity, time, full_batch=True)
                panel.set_title(f"({letter}) learning rate {power(lr)}")
    return figure


PLATES = (
    Plate(
        "fig_10",
        "See where along the training BatchNorm's band is narrow and the standard network's is not: early, "
        "or all the way.",
        "Figure 10. Deep linear networks, moving along the gradient by [1/100, 30] × the step size, three "
        "lines per learning rate: range of the loss (a) and of ‖g′ − g‖ (b), medians over the seeds of the "
        "smallest and the largest value; effective β (c), every seed thin, with the largest eigenvalue of "
        "the Hessian (dots) and 2 / learning rate. Left: linear time; right: logarithmic. Triangles: single "
        "seeds that leave the axis; crosses: runs that diverged. A band that reaches the top has overflowed.",
        draw,
        (("dln", ("none", "batchnorm")),),
        "synthetic",
    ),
)
