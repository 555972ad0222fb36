"""Figure 2: performance and distributions of Standard, BatchNorm and "Noisy" BatchNorm networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("none", "batchnorm", "noisy-batchnorm")


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if the runs are not there. The same noise on the standard network is drawn in as
    well."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in (*NORMS, "noise")}
    views = {norm: panels.first(networks[norm]) for norm in NORMS}
    if any(view is None for view in views.values()):
        return None
    figure, axes = style.canvas(3, 3)
    for norm, seeds in networks.items():
        panels.curves(axes[0][0], seeds, norm, lambda row: 100 * row["accuracy"]["train"])
        panels.training_loss(axes[1][0], seeds, norm)
        panels.curves(axes[2][0], seeds, norm, lambda row: 100 * row["accuracy"]["test"])
    axes[0][0].set(xlabel="step", ylabel="training accuracy (%)")
    axes[2][0].set(xlabel="step", ylabel="test accuracy (%)")
    style.legend(axes[0][0])
    for row, (norm, view) in enumerate(views.items()):
        assert view is not None
        for column, layer in enumerate(panels.layers_shown(view, 2)):
            panels.distribution(axes[row][1 + column], view, layer, norm)
            axes[row][1 + column].set(title=f"layer {layer + 1}, {style.NAMES[norm]}")
    return figure
