"""Figure 3: internal covariate shift of Definition 2.1, cosine and l_2 difference, in VGG and deep linear
networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from bnverify.experiments.views import View
from matplotlib.figure import Figure


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per training, one pair of columns per layer; None if no run is there."""
    groups = [("vgg", 0.1), ("dln", 1e-6), ("dln", 1e-7)]
    rows = [
        (model, lr, {norm: shelf.seeds(model, norm, lr) for norm in ("none", "batchnorm")})
        for model, lr in groups
    ]
    rows = [row for row in rows if all(row[2].values())]
    if not rows:
        return None
    figure, axes = style.canvas(len(rows), 4)
    for (model, lr, networks), line in zip(rows, axes, strict=True):
        shown = _layers(next(iter(networks["none"].values())))
        for column, layer in enumerate(shown):
            for norm, seeds in networks.items():
                panels.curves(line[2 * column], seeds, norm, panels.picked("ics", layer, "cosine"))
                panels.curves(line[2 * column + 1], seeds, norm, panels.picked("ics", layer, "l2"))
            line[2 * column].set(ylabel="cosine", title=f"{model}, learning rate {lr:g}, layer {layer + 1}")
            line[2 * column + 1].set(ylabel="l2 difference", yscale="log")
    for line in axes:
        for panel in line:
            panel.set(xlabel="step", xscale="log")
    style.legend(axes[0][0])
    return figure


def _layers(view: View) -> list[int]:
    count = len(view.rows[0]["ics"])
    return [count // 3, 2 * count // 3]
