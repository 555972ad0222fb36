"""Figure 12: VGG networks trained with l_p normalisations: training, loss variation, predictiveness, beta."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")
RATES = (0.1,)


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per learning rate; None without runs."""
    rows = [{norm: shelf.seeds("vgg", norm, lr) for norm in NORMS} for lr in RATES]
    rows = [row for row in rows if row["none"] and (row["l1"] or row["l2"] or row["linf"])]
    if not rows:
        return None
    figure, axes = style.canvas(len(rows), 4)
    for networks, line in zip(rows, axes, strict=True):
        for norm, seeds in networks.items():
            panels.training_loss(line[0], seeds, norm)
        panels.landscape(line[1:], networks, full_batch=False)
        line[0].set(title=f"learning rate {next(iter(networks['none'].values())).recipe.lr:g}")
    style.legend(axes[0][0])
    return figure
