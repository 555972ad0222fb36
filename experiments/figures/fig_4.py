"""Figure 4: loss variation (a), gradient predictiveness (b) and effective beta (c) of VGG networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

LR = 0.1


def draw(shelf: Shelf) -> Figure | None:
    """A line of panels for each quantity, linear time beside logarithmic; None if the runs are not there."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in ("none", "batchnorm")}
    if not all(networks.values()):
        return None
    figure, axes = style.canvas(3, 2)
    for line, quantity, letter in zip(axes, panels.LANDSCAPE, "abc", strict=True):
        for panel, time in zip(line, ("linear", "log"), strict=True):
            panels.landscape(panel, networks, quantity, time)
            panel.set_title(f"({letter})")
    return figure


PLATES = (
    Plate(
        "fig_4",
        "See whether BatchNorm's band and curve lie below the standard network's, and in which part of the "
        "training.",
        "Figure 4. VGG at learning rate 0.1, moving along the gradient by [1/2, 4] × the step size: range "
        "of the loss (a) and of ‖g′ − g‖ (b), medians over the seeds of the smallest and the largest value; "
        "effective β (c), the largest ‖g′ − g‖ over distance, every seed thin. Left: linear time, as the "
        "paper draws it; right: logarithmic. Crosses: runs that diverged.",
        draw,
        (("vgg", ("none", "batchnorm")),),
    ),
)
