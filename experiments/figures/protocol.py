"""What other protocols show: gradients of successive minibatches, and the band over separately trained networks."""

from __future__ import annotations

import math

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import View
from bnverify.experiments.run.recipes import SWEEP
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LR = 0.1


def draw(shelf: Shelf) -> Figure | None:
    """Four panels: what the paper measures, and what stands in for it elsewhere; None without runs."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in ("none", "batchnorm")}
    if not all(networks.values()):
        return None
    figure, axes = style.grid(4)
    for norm, seeds in networks.items():
        panels.curves(axes[0], seeds, norm, panels.at("max_change"))
        panels.curves(axes[1], seeds, norm, panels.at("across_batches"))
    panels.landscape(axes[2], networks, "loss along the gradient")
    _bands(axes[3], shelf)
    titles = (
        "(a) along the gradient",
        "(b) successive batches",
        "(c) one network",
        "(d) several learning rates",
    )
    for panel, title in zip(axes, titles, strict=True):
        panel.set_title(title)
        if panel.axison:
            if panel is not axes[2]:
                panel.set(ylabel="training loss" if panel is axes[3] else "gradient change")
            style.clock(panel, "linear")
            style.tick(panel, "y")
    return figure


def band(trained: list[View]) -> tuple[list[float], list[float]]:
    """Smallest and largest loss at every step up to the shortest recipe's last; inf after a divergence."""
    steps = min(view.recipe.steps for view in trained)
    losses = [[math.inf if x is None else x for x in view.losses[:steps]] for view in trained]
    columns = [[run[i] if i < len(run) else math.inf for run in losses] for i in range(steps)]
    return [min(c) for c in columns], [max(c) for c in columns]


def trained(shelf: Shelf, norm: str, seed: int) -> list[View]:
    """The networks of this seed at every learning rate there is; empty for less than two."""
    found = [shelf.seeds("vgg", norm, lr).get(seed) for lr in (*SWEEP, LR)]
    views = [view for view in found if view is not None]
    return views if len(views) > 1 else []


def _bands(axes: Axes, shelf: Shelf) -> None:
    found = {norm: band(views) for norm in ("none", "batchnorm") if (views := trained(shelf, norm, 0))}
    if not found:
        style.empty(axes, "no sweep of learning rates")
        return
    # A network on its way to divergence has losses that would flatten all others.
    top = panels.ROOM * max(high[0] for _, high in found.values() if math.isfinite(high[0]))
    for norm, (low, high) in found.items():
        steps = range(1, len(low) + 1)
        cut = [min(x, 10 * top) for x in high]
        axes.fill_between(steps, low, cut, color=style.COLOURS[norm], alpha=0.3, linewidth=0)
        for edge, label in ((low, style.NAMES[norm]), (cut, "_nolegend_")):
            axes.plot(
                steps,
                edge,
                color=style.COLOURS[norm],
                linestyle=style.STYLES[norm],
                linewidth=0.6,
                label=label,
            )
    if any(x > top for _, high in found.values() for x in high):
        axes.set_ylim(min(min(low) for low, _ in found.values()) / 2, top)


PLATES = (
    Plate(
        "protocol",
        "See that the band over separately trained networks (d) answers another question than the paper's "
        "probe at one point (c), and may answer it the other way.",
        "Other protocols on the same VGG networks. (a) The paper's gradient predictiveness: the largest ‖g′ "
        "− g‖ on one batch along its own gradient. (b) The change between the gradients of two successive "
        "steps, each on its own batch. (c) The paper's range of the loss along the gradient. (d) The range "
        "of the training losses of separately trained networks of different learning rates, seed 0; where "
        "one of them diverged, the band is open upwards.",
        draw,
        (("vgg", ("none", "batchnorm")), ("sweep", ("none", "batchnorm"))),
    ),
)
