"""Figure 5: training of VGG and deep linear networks with l_p normalisations."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import MODELS, power
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")
CAPTION = (
    "Figure 5. Training of VGG (accuracy and loss) and of the 25-layer deep linear network (loss) with ℓₚ "
    "normalisations; every seed thin, their median thick."
)


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if no run is there."""
    groups = [("vgg", 0.1), ("dln", 1e-6), ("dln", 1e-7)]
    networks = [(m, lr, {norm: shelf.seeds(m, norm, lr) for norm in NORMS}) for m, lr in groups]
    networks = [group for group in networks if panels.any_seed(group[2].values())]
    if not networks:
        return None
    vgg = networks[0][0] == "vgg"
    figure, axes = style.canvas(1, len(networks) + vgg)
    for (model, lr, of_norm), panel in zip(networks, axes[0][vgg:], strict=True):
        panels.training_loss(panel, of_norm, title=f"{MODELS[model]}, learning rate {power(lr)}")
    if vgg:
        panels.accuracy(axes[0][0], networks[0][2], "train", title=axes[0][1].get_title())
    return figure
