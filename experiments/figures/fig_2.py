"""Figure 2: performance and distributions of Standard, BatchNorm and "Noisy" BatchNorm networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("none", "batchnorm", "noisy-batchnorm")
CAPTION = (
    "Figure 2. Left: training accuracy, training loss and test accuracy of VGG networks, with the same noise on the "
    "standard network as well; every seed thin, their median thick. The loss has the noise of its step, the accuracy "
    "is without noise and with running statistics. Right: distributions of one sampled activation of a layer, seed 0 "
    "(1–99 %, 5–95 %, 25–75 %, median), one scale for a layer."
)


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if the runs are not there. The same noise on the standard network is drawn in as
    well."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in (*NORMS, "noise")}
    views = {norm: panels.first(networks[norm]) for norm in NORMS}
    if any(view is None for view in views.values()):
        return None
    figure, axes = style.canvas(3, 3)
    panels.accuracy(axes[0][0], networks, "train")
    panels.training_loss(axes[1][0], networks)
    panels.accuracy(axes[2][0], networks, "test")
    for row, (norm, view) in enumerate(views.items()):
        assert view is not None
        for column, layer in enumerate(panels.layers_shown(view, 2)):
            panels.distribution(axes[row][1 + column], view, layer, norm)
    for column in (1, 2):
        panels.same_scale(line[column] for line in axes)
    return figure
