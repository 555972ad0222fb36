"""What other protocols show: gradients of successive minibatches, and the band over separately trained
networks."""

from __future__ import annotations

import math

from bnverify.experiments.figures import panels, style
from bnverify.experiments.recipes import SWEEP
from bnverify.experiments.verdicts import Shelf
from bnverify.experiments.views import max_change
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LR = 0.1


def draw(shelf: Shelf) -> Figure | None:
    """Three panels: the paper's gradient change at one batch; the change between the gradients of two
    successive steps, each on its own batch; the band of the losses of networks trained at different learning
    rates."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in ("none", "batchnorm")}
    if not all(networks.values()):
        return None
    figure, axes = style.canvas(1, 3)
    for norm, seeds in networks.items():
        panels.curves(axes[0][0], seeds, norm, lambda row: max_change(row["ray"]))
        panels.curves(axes[0][1], seeds, norm, lambda row: row["across_batches"]["change"])
        _band(axes[0][2], shelf, norm)
    titles = ("one batch, along the gradient", "successive batches", "band over trained networks")
    for panel, title in zip(axes[0], titles, strict=True):
        panel.set(title=title, xlabel="step", ylabel="gradient change", xscale="log", yscale="log")
    axes[0][2].set(ylabel="training loss")
    style.legend(axes[0][0])
    return figure


def _band(axes: Axes, shelf: Shelf, norm: str) -> None:
    trained = [shelf.seeds("vgg", norm, lr).get(0) for lr in (*SWEEP, LR)]
    losses = [[math.inf if x is None else x for x in view.losses] for view in trained if view is not None]
    if not losses:
        return
    length = max(map(len, losses))
    # A network that diverged leaves the band open upwards.
    columns = [[run[i] if i < len(run) else math.inf for run in losses] for i in range(length)]
    top = [min(max(column), 1e3) for column in columns]
    steps = range(1, length + 1)
    axes.fill_between(
        steps,
        [min(c) for c in columns],
        top,
        color=style.COLOURS[norm],
        alpha=0.35,
        label=style.NAMES[norm],
        linewidth=0,
    )
