"""Figure 8: change of mean and variance of an activation between two successive steps."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("none", "batchnorm", "noisy-batchnorm")
CAPTION = (
    "Figure 8. Change of the mean and of the variance of an activation of VGG between two successive steps. Top: one "
    "sampled activation, seed 0. Bottom: root mean square over all units of the layer, every seed thin, their median "
    "thick."
)


def draw(shelf: Shelf) -> Figure | None:
    """The figure: sampled activation (top) and root mean square over the layer (bottom); None without
    runs."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in NORMS}
    view = panels.first(networks["none"])
    if view is None or not all(networks.values()):
        return None
    figure, axes = style.canvas(2, 4)
    for column, layer in enumerate(panels.layers_shown(view, 2)):
        for part, (name, word) in enumerate((("mean", "mean"), ("var", "variance"))):
            top, bottom = axes[0][2 * column + part], axes[1][2 * column + part]
            for norm, seeds in networks.items():
                one = panels.first(seeds)
                assert one is not None
                changes = panels.series(one, panels.picked("moments", layer, f"{name}_change"))
                top.plot(*changes, color=style.COLOURS[norm], linestyle=style.STYLES[norm])
                panels.curves(bottom, seeds, norm, panels.picked("moments", layer, f"{name}_shift"))
            top.set(title=f"layer {layer + 1}, {word}", xlabel="step", ylabel="change, one activation")
            bottom.set(xlabel="step", ylabel="root mean square change")
            style.tick(top, "x")
            style.tick(bottom, "x")
            style.tick(bottom, "y")
    return figure
