"""Figure 6: distributions of a sampled activation under different normalisations."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("none", "batchnorm", "l1", "l2", "linf")


def draw(shelf: Shelf) -> Figure | None:
    """The figure, a line for each normalisation; None if the runs are not there."""
    views = {norm: panels.first(shelf.seeds("vgg", norm, LR)) for norm in NORMS}
    found = {norm: view for norm, view in views.items() if view is not None}
    if len(found) < 2:
        return None
    figure, axes = style.canvas(len(found), 2)
    for line, (norm, view) in zip(axes, found.items(), strict=True):
        for panel, layer in zip(line, panels.layers_shown(view, 2), strict=False):
            panels.distribution(panel, view, layer, norm)
    for column in zip(*axes, strict=True):
        panels.same_scale(column)
    return figure


PLATES = (
    Plate(
        "fig_6",
        "See how wide the activations are under each normalisation, and how they wander.",
        "Figure 6. Distribution over the batch of one sampled activation of VGG under different "
        "normalisations, along the "
        "training, first seed: 1–99 %, 5–95 %, 25–75 % and the median. One scale for a layer (a column).",
        draw,
        (("vgg", NORMS),),
        whole=True,
    ),
)
