"""Figure 5: training of VGG and deep linear networks with l_p normalisations."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import MODELS, power
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if no run is there."""
    groups = [("vgg", 0.1), ("dln", 1e-6), ("dln", 1e-7)]
    found = [(m, lr, {norm: shelf.seeds(m, norm, lr) for norm in NORMS}) for m, lr in groups]
    found = [group for group in found if panels.any_seed(group[2].values())]
    if not found:
        return None
    # Compact runs keep no accuracies along the way.
    vgg = found[0][0] == "vgg" and not any(map(panels.is_compact, found[0][2].values()))
    figure, axes = style.grid(len(found) + vgg)
    for (model, lr, networks), panel in zip(found, axes[vgg:], strict=True):
        panels.training_loss(panel, networks, title=f"{MODELS[model]}, learning rate {power(lr)}")
    if vgg:
        panels.accuracy(axes[0], found[0][2], "train", title=axes[1].get_title())
    return figure


PLATES = (
    Plate(
        "fig_5",
        "See whether the ℓₚ normalisations train as fast as BatchNorm.",
        "Figure 5. Training of VGG (accuracy and loss) and of the 25-layer deep linear network (loss) with ℓₚ "
        "normalisations; every seed thin, their median thick. Crosses: runs that diverged.",
        draw,
        (("vgg", NORMS), ("dln", NORMS)),
        "both",
    ),
)
