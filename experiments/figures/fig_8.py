"""Figure 8: change of mean and variance of an activation between two successive steps."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("none", "batchnorm", "noisy-batchnorm")


def draw(shelf: Shelf) -> Figure | None:
    """For two layers a line for the mean and one for the variance; None without runs."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in NORMS}
    view = panels.first(networks["none"])
    if view is None or not all(networks.values()):
        return None
    parts = [
        (layer, part)
        for layer in panels.layers_shown(view, 2)
        for part in (("mean", "mean"), ("var", "variance"))
    ]
    figure, axes = style.canvas(len(parts), 2)
    for (left, right), (layer, (name, word)) in zip(axes, parts, strict=True):
        for norm, seeds in networks.items():
            one = panels.first(seeds)
            assert one is not None
            changes = panels.series(one, panels.picked("moments", layer, f"{name}_change"))
            left.plot(*changes, color=style.COLOURS[norm], linestyle=style.STYLES[norm])
            panels.curves(right, seeds, norm, panels.picked("moments", layer, f"{name}_shift"))
        for panel, label in ((left, "one activation"), (right, "root mean square")):
            panel.set(title=f"layer {layer + 1}, {word}", ylabel=f"change, {label}")
            style.clock(panel, "linear")
        style.tick(right, "y")
    return figure


PLATES = (
    Plate(
        "fig_8",
        "See whether the noisy network's activations move more from step to step than the standard one's.",
        "Figure 8. Change of the mean and of the variance of an activation of VGG between two successive "
        "steps. Left: one sampled activation, first seed. Right: root mean square over all units of the "
        "layer, every seed thin, their median thick.",
        draw,
        (("vgg", NORMS),),
        whole=True,
    ),
)
