"""Figure 11: gradient change against the distance moved along the gradient."""

from __future__ import annotations

import math

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

LR = 0.1


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one panel for each of four steps of the training, every seed a line; None without runs."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in ("none", "batchnorm")}
    view = panels.first(networks["none"])
    if view is None or not all(networks.values()):
        return None
    shown = [round(share * (len(view.rows) - 1)) for share in (0, 1 / 3, 2 / 3, 1)]
    figure, axes = style.grid(len(shown))
    for panel, i in zip(axes, shown, strict=True):
        for norm, seeds in networks.items():
            label: str | None = style.NAMES[norm]
            for one in seeds.values():
                if i < len(one.rows) and one.rows[i]["ray"]["direction_norm"]:
                    ray = one.rows[i]["ray"]
                    distances = [t * ray["direction_norm"] for t in ray["lengths"]]
                    changes = [math.nan if c is None else c for c in ray["changes"]]
                    panel.plot(
                        distances,
                        changes,
                        color=style.COLOURS[norm],
                        linestyle=style.STYLES[norm],
                        linewidth=1,
                        label=label,
                    )
                    label = None
        panel.set(title=f"step {view.rows[i]['step'] + 1}", xlabel="distance", ylabel="gradient change")
        style.tick(panel, "x")
        style.tick(panel, "y")
    return figure


PLATES = (
    Plate(
        "fig_11",
        "See at which distance the gradient of each network has changed by how much: a lower line is more "
        "predictive.",
        "Figure 11. VGG: ‖g′ − g‖ against the distance moved along the gradient, at four steps of the "
        "training, a line per seed. A network is probed at [1/2, 4] × learning rate × its own gradient's "
        "norm, so that the lines of two networks may cover different distances. Both axes are logarithmic.",
        draw,
        (("vgg", ("none", "batchnorm")),),
    ),
)
