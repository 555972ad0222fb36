"""Figure 10: loss variation (a), gradient predictiveness (b) and effective beta (c) of deep linear
networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from matplotlib.figure import Figure


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per learning rate; None without runs."""
    rows = [{norm: shelf.seeds("dln", norm, lr) for norm in ("none", "batchnorm")} for lr in (1e-6, 1e-7)]
    rows = [row for row in rows if all(row.values())]
    if not rows:
        return None
    figure, axes = style.canvas(len(rows), 3)
    for networks, line in zip(rows, axes, strict=True):
        panels.landscape(line, networks, full_batch=True)
        line[0].set(title=f"learning rate {next(iter(networks['none'].values())).recipe.lr:g}")
    style.legend(axes[0][0])
    return figure
