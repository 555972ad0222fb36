"""Figures 6 and 9: distributions of a sampled activation, of VGG under different normalisations and of a deep linear
network."""

from __future__ import annotations

import functools

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import power
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")
PAIR = ("none", "batchnorm")
OF_LINES = "along the training, first seed: 1–99 %, 5–95 %, 25–75 % and the median. One scale for a layer (a column)."


def draw(shelf: Shelf, model: str, rates: tuple[float, ...], norms: tuple[str, ...]) -> Figure | None:
    """A line for each network, two of its layers beside each other; None without at least two networks of VGG, or one
    linear one."""
    views = [(norm, lr, panels.first(shelf.seeds(model, norm, lr))) for lr in rates for norm in norms]
    found = [(norm, lr, view) for norm, lr, view in views if view is not None]
    if len(found) < (2 if model == "vgg" else 1):
        return None
    shown = panels.layers_shown(found[0][2], 2)
    figure, axes = style.canvas(len(found), len(shown))
    for line, (norm, lr, view) in zip(axes, found, strict=True):
        for panel, layer in zip(line, shown, strict=True):
            panels.distribution(panel, view, layer, norm)
            if len(rates) > 1:
                panel.set_title(f"{panel.get_title()}\nlearning rate {power(lr)}")
    for column in zip(*axes, strict=True):
        panels.same_scale(column)
    return figure


PLATES = (
    Plate(
        "fig_6",
        "See how wide the activations are under each normalisation, and how they wander.",
        "Figure 6. Distribution over the batch of one sampled activation of VGG under different normalisations, "
        + OF_LINES,
        functools.partial(draw, model="vgg", rates=(0.1,), norms=NORMS),
        (("vgg", NORMS),),
        whole=True,
    ),
    Plate(
        "fig_9",
        "See how the spread of an activation wanders without BatchNorm, and stays put with it.",
        "Figure 9. Distribution over the batch of one sampled activation of the deep linear network, "
        + OF_LINES,
        functools.partial(draw, model="dln", rates=(1e-6, 1e-7), norms=PAIR),
        (("dln", PAIR),),
        "synthetic",
        whole=True,
    ),
)
