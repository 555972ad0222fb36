"""Figure 1: training (a) and test (b) performance with and without BatchNorm, distributions of activations
(c)."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from matplotlib.figure import Figure

LR = 0.1


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if the runs are not there."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in ("none", "batchnorm")}
    plain, normed = (panels.first(networks[norm]) for norm in ("none", "batchnorm"))
    if plain is None or normed is None:
        return None
    figure, axes = style.canvas(2, 4)
    for norm, seeds in networks.items():
        panels.curves(axes[0][0], seeds, norm, lambda row: 100 * row["accuracy"]["train"])
        panels.curves(axes[0][1], seeds, norm, lambda row: 100 * row["accuracy"]["test"])
        panels.training_loss(axes[1][0], seeds, norm)
        for rate in (0.01, 0.3, 1.0):
            panels.training_loss(axes[1][1], shelf.seeds("vgg", norm, rate), norm)
    axes[0][0].set(xlabel="step", ylabel="training accuracy (%)", title="(a)")
    axes[0][1].set(xlabel="step", ylabel="test accuracy (%)", title="(b)")
    axes[1][1].set(title="learning rates 0.01, 0.3, 1")
    style.legend(axes[0][0])
    for row, (norm, view) in enumerate((("none", plain), ("batchnorm", normed))):
        for column, layer in enumerate(panels.layers_shown(view, 2)):
            panels.distribution(axes[row][2 + column], view, layer, norm)
            axes[row][2 + column].set(title=f"(c) layer {layer + 1}, {style.NAMES[norm]}")
    return figure
