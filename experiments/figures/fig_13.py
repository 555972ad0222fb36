"""Figure 13: deep linear networks trained with l_p normalisations, details as in Figure 12."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import power
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")
RATES = (1e-6, 1e-7)
CAPTION = (
    "Figure 13. Deep linear networks with ℓₚ normalisations, one row per learning rate; as Figure 12, and in (d) the "
    "largest eigenvalue of the Hessian (dots) and 2 / learning rate. Triangles: single seeds that leave the axis. A "
    "band that reaches the top has overflowed."
)


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per learning rate; None without runs."""
    rows = [(lr, {norm: shelf.seeds("dln", norm, lr) for norm in NORMS}) for lr in RATES]
    rows = [(lr, row) for lr, row in rows if row["none"] and (row["l1"] or row["l2"] or row["linf"])]
    if not rows:
        return None
    figure, axes = style.canvas(len(rows), 4)
    for (lr, networks), line in zip(rows, axes, strict=True):
        panels.training_loss(line[0], networks)
        panels.landscape(line[1:], networks, full_batch=True)
        for panel, letter in zip(line, "abcd", strict=True):
            panel.set_title(f"({letter}) learning rate {power(lr)}")
    return figure
