"""Figures 4 and 10: loss variation (a), gradient predictiveness (b) and effective beta (c) of VGG and of deep linear
networks."""

from __future__ import annotations

import functools

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import power
from matplotlib.figure import Figure

RATES = {"vgg": (0.1,), "dln": (1e-6, 1e-7)}
NORMS = ("none", "batchnorm")


def draw(shelf: Shelf, model: str) -> Figure | None:
    """Three lines for each learning rate, linear time beside logarithmic; None without runs."""
    found = [(lr, {norm: shelf.seeds(model, norm, lr) for norm in NORMS}) for lr in RATES[model]]
    found = [(lr, networks) for lr, networks in found if all(networks.values())]
    if not found:
        return None
    figure, axes = style.canvas(3 * len(found), 2)
    for i, (lr, networks) in enumerate(found):
        name = f" learning rate {power(lr)}" if len(RATES[model]) > 1 else ""
        for line, quantity, letter in zip(axes[3 * i : 3 * i + 3], panels.LANDSCAPE, "abc", strict=True):
            for panel, time in zip(line, ("linear", "log"), strict=True):
                panels.landscape(panel, networks, quantity, time, full_batch=model == "dln")
                panel.set_title(f"({letter}){name}")
    return figure


PLATES = (
    Plate(
        "fig_4",
        "See whether BatchNorm's band and curve lie below the standard network's, and in which part of the training.",
        "Figure 4. VGG at learning rate 0.1, moving along the gradient by [1/2, 4] × the step size: range of the loss "
        "(a) and of ‖g′ − g‖ (b), medians over the seeds of the smallest and the largest value; effective β (c), the "
        "largest ‖g′ − g‖ over distance, every seed thin. Left: linear time, as the paper draws it; right: "
        "logarithmic. Crosses: runs that diverged.",
        functools.partial(draw, model="vgg"),
        (("vgg", NORMS),),
    ),
    Plate(
        "fig_10",
        "See where along the training BatchNorm's band is narrow and the standard network's is not: early, or all the "
        "way.",
        "Figure 10. Deep linear networks, moving along the gradient by [1/100, 30] × the step size, three lines per "
        "learning rate: range of the loss (a) and of ‖g′ − g‖ (b), medians over the seeds of the smallest and the "
        "largest value; effective β (c), every seed thin, with the largest eigenvalue of the Hessian (dots) and 2 / "
        "learning rate. Left: linear time; right: logarithmic. Triangles: single seeds that leave the axis; crosses: "
        "runs that diverged. A band that reaches the top has overflowed.",
        functools.partial(draw, model="dln"),
        (("dln", NORMS),),
        "synthetic",
    ),
)
