"""Figure 5: training of VGG and deep linear networks with l_p normalisations."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if no run is there."""
    groups = [("vgg", 0.1), ("dln", 1e-6), ("dln", 1e-7)]
    networks = [(m, lr, {norm: shelf.seeds(m, norm, lr) for norm in NORMS}) for m, lr in groups]
    networks = [group for group in networks if panels.any_seed(group[2].values())]
    if not networks:
        return None
    figure, axes = style.canvas(1, len(networks))
    for (model, lr, of_norm), panel in zip(networks, axes[0], strict=True):
        for norm, seeds in of_norm.items():
            panels.training_loss(panel, seeds, norm)
        panel.set(title=f"{model}, learning rate {lr:g}")
    style.legend(axes[0][0])
    return figure
