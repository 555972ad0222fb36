"""Figure 1: training (a) and test (b) performance with and without BatchNorm, distributions of activations (c)."""

from __future__ import annotations

import math

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.averages import geometric_mean
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import View
from bnverify.experiments.run.recipes import SECOND_RATE, SWEEP
from matplotlib.axes import Axes
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("none", "batchnorm")


def draw(shelf: Shelf) -> Figure | None:
    """The figure; None if the runs are not there."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in NORMS}
    plain, normed = (panels.first(networks[norm]) for norm in NORMS)
    if plain is None or normed is None:
        return None
    # Compact runs keep neither accuracies along the way nor distributions.
    rates, layers = ((), []) if plain.compact else ((LR, SECOND_RATE), panels.layers_shown(plain, 2))
    figure, axes = style.canvas(len(rates) + 1 + len(layers), 2)
    for line, lr in zip(axes, rates, strict=False):
        of_rate = {norm: shelf.seeds("vgg", norm, lr) for norm in NORMS}
        for panel, part, letter in zip(line, ("train", "test"), "ab", strict=True):
            if panels.any_seed(of_rate.values()):
                panels.accuracy(panel, of_rate, part, title=f"({letter}) learning rate {lr:g}")
            else:
                style.empty(panel, f"no runs at learning rate {lr:g}")
    losses = axes[len(rates)]
    panels.training_loss(losses[0], networks, title=f"learning rate {LR:g}")
    _over_rates(losses[1], shelf)
    for line, layer in zip(axes[len(rates) + 1 :], layers, strict=True):
        for panel, norm, view in zip(line, NORMS, (plain, normed), strict=True):
            panels.distribution(panel, view, layer, norm)
            panel.set_title(f"(c) {panel.get_title()}")
        panels.same_scale(line)
    return figure


def _over_rates(axes: Axes, shelf: Shelf) -> None:
    """The loss at the last step that all learning rates reached, against the learning rate."""
    found = {
        (norm, lr, seed): view
        for norm in NORMS
        for lr in (*SWEEP, LR)
        for seed, view in shelf.seeds("vgg", norm, lr).items()
    }
    if len({lr for _, lr, _ in found}) < 2:
        style.empty(axes, "no sweep of learning rates")
        return
    steps = min(view.recipe.steps for view in found.values())
    values = {key: _loss_at(view, steps) for key, view in found.items()}
    top = max(value for value in values.values() if math.isfinite(value)) * 3
    for norm in NORMS:
        points = sorted((lr, value) for (of, lr, _), value in values.items() if of == norm)
        middles: dict[float, list[float]] = {}
        for lr, value in points:
            middles.setdefault(lr, []).append(value)
            diverged = math.isinf(value)
            axes.plot(
                lr,
                top if diverged else value,
                "^" if diverged else "o",
                color=style.COLOURS[norm],
                markersize=3.5,
                alpha=0.6,
                markeredgewidth=0,
            )
        medians = [sorted(ones)[len(ones) // 2] for ones in middles.values()]
        axes.plot(
            list(middles),
            [min(m, top) for m in medians],
            color=style.COLOURS[norm],
            linestyle=style.STYLES[norm],
        )
    axes.set(xlabel="learning rate", ylabel=f"training loss at step {steps}")
    style.tick(axes, "x")
    style.tick(axes, "y")


def _loss_at(view: View, step: int) -> float:
    """Geometric mean over the last fiftieth of the first ``step`` steps; inf if the network diverged."""
    window = view.losses[max(0, step - max(1, step // 50)) : step]
    known = [loss for loss in window if loss is not None]
    return geometric_mean(known) if known and len(known) == len(window) else math.inf


PLATES = (
    Plate(
        "fig_1",
        "See how much earlier BatchNorm's curves rise, and that its activations drift about as much as the "
        "others.",
        "Figure 1. Training (a) and test (b) accuracy of VGG with and without BatchNorm at two learning "
        "rates, at every epoch or more often, every seed thin, their median thick. Below, what the accuracy "
        "does not show: the training loss, and the loss at equal steps against the learning rate "
        "(triangles: diverged). (c) Distribution over the batch of one sampled activation of a layer, first "
        "seed: 1–99 %, 5–95 %, 25–75 % and the median, both networks of a layer (a line) on one scale. "
        "Crosses: runs that diverged.",
        draw,
        (("vgg", NORMS), ("sweep", NORMS)),
    ),
)
