"""Figure 4: loss variation (a), gradient predictiveness (b) and effective beta (c) of VGG networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from matplotlib.figure import Figure

LR = 0.1


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if the runs are not there."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in ("none", "batchnorm")}
    if not all(networks.values()):
        return None
    figure, axes = style.canvas(1, 3)
    panels.landscape(axes[0], networks, full_batch=False)
    style.legend(axes[0][0])
    return figure
