"""Figure 12: VGG networks trained with l_p normalisations: training, loss variation, predictiveness, beta."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import power
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")
RATES = (0.1,)
CAPTION = (
    "Figure 12. VGG networks with ℓₚ normalisations: training loss (a); range of the loss (b) and of ‖g′ − g‖ (c) "
    "along the gradient, medians over the seeds of the smallest and the largest value; effective β (d), seeds thin."
)


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per learning rate; None without runs."""
    rows = [(lr, {norm: shelf.seeds("vgg", norm, lr) for norm in NORMS}) for lr in RATES]
    rows = [(lr, row) for lr, row in rows if row["none"] and (row["l1"] or row["l2"] or row["linf"])]
    if not rows:
        return None
    figure, axes = style.canvas(len(rows), 4)
    for (lr, networks), line in zip(rows, axes, strict=True):
        panels.training_loss(line[0], networks)
        panels.landscape(line[1:], networks, full_batch=False)
        for panel, letter in zip(line, "abcd", strict=True):
            panel.set_title(f"({letter}) learning rate {power(lr)}")
    return figure
