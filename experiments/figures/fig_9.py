"""Figure 9: distributions of activations from different layers of a 25-layer deep linear network."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import power
from matplotlib.figure import Figure


def draw(shelf: Shelf) -> Figure | None:
    """The figure, with and without BatchNorm at both learning rates; None without runs."""
    rows = [
        (norm, lr, panels.first(shelf.seeds("dln", norm, lr)))
        for lr in (1e-6, 1e-7)
        for norm in ("none", "batchnorm")
    ]
    found = [(norm, lr, view) for norm, lr, view in rows if view is not None]
    if not found:
        return None
    shown = panels.layers_shown(found[0][2], 2)
    figure, axes = style.canvas(len(found), len(shown))
    for line, (norm, lr, view) in zip(axes, found, strict=True):
        for panel, layer in zip(line, shown, strict=True):
            panels.distribution(panel, view, layer, norm)
            panel.set_title(f"{panel.get_title()}\nlearning rate {power(lr)}")
    for column in zip(*axes, strict=True):
        panels.same_scale(column)
    return figure


PLATES = (
    Plate(
        "fig_9",
        "See how the spread of an activation wanders without BatchNorm, and stays put with it.",
        "Figure 9. Distribution over the batch of one sampled activation of the deep linear network, along "
        "the training, first seed: 1–99 %, 5–95 %, 25–75 % and the median. One scale for a layer (a column).",
        draw,
        (("dln", ("none", "batchnorm")),),
        "synthetic",
        whole=True,
    ),
)
