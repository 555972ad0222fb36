"""Figure 2: performance and distributions of Standard, BatchNorm and "Noisy" BatchNorm networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("none", "batchnorm", "noisy-batchnorm")


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if the runs are not there. The same noise on the standard network is drawn in as well."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in (*NORMS, "noise")}
    views = {norm: panels.first(networks[norm]) for norm in NORMS}
    if any(view is None for view in views.values()):
        return None
    figure, axes = style.canvas(5, 2)
    panels.accuracy(axes[0][0], networks, "as_trained")
    panels.accuracy(axes[0][1], networks, "test")
    panels.training_loss(axes[1][0], networks)
    panels.accuracy(axes[1][1], networks, "train")
    for line, (norm, view) in zip(axes[2:], views.items(), strict=True):
        assert view is not None
        for panel, layer in zip(line, panels.layers_shown(view, 2), strict=False):
            panels.distribution(panel, view, layer, norm)
    for column in (0, 1):
        panels.same_scale(line[column] for line in axes[2:])
    return figure


PLATES = (
    Plate(
        "fig_2",
        "See whether the noisy network keeps up with BatchNorm, and whether noise stops the standard one.",
        "Figure 2. VGG networks, with the same noise on the standard network as well: accuracy as trained "
        "(statistics of the batch, noise on), test accuracy, training loss, training accuracy at test time "
        "(running statistics, no noise); every seed thin, their median thick. Below: distributions of one "
        "sampled activation of a layer, first seed (1–99 %, 5–95 %, 25–75 %, median), one scale for a layer "
        "(a column).",
        draw,
        (("vgg", (*NORMS, "noise")),),
        whole=True,
    ),
)
