"""Figure 4: loss variation (a), gradient predictiveness (b) and effective beta (c) of VGG networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

LR = 0.1
CAPTION = (
    "Figure 4. VGG at learning rate 0.1, moving along the gradient by [1/2, 4] × the step size: range of the loss (a) "
    "and of ‖g′ − g‖ (b), medians over the seeds of the smallest and the largest value; effective β (c), the largest "
    "‖g′ − g‖ over distance, every seed thin. Both axes are logarithmic."
)


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if the runs are not there."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in ("none", "batchnorm")}
    if not all(networks.values()):
        return None
    figure, axes = style.canvas(1, 3)
    panels.landscape(axes[0], networks, full_batch=False)
    for panel, letter in zip(axes[0], "abc", strict=True):
        panel.set_title(f"({letter})")
    return figure
