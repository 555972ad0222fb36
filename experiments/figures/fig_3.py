"""Figure 3: internal covariate shift of Definition 2.1, cosine and l_2 difference, in VGG and deep linear
networks."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import View
from bnverify.experiments.report.labels import MODELS, power
from matplotlib.figure import Figure

CAPTION = (
    "Figure 3. Internal covariate shift of Definition 2.1 at two layers: cosine of G and G′ (ideally 1) and "
    "‖G − G′‖ (ideally 0), every seed thin, their median thick. Left of it the performance of the same networks."
)


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
    figure, axes = style.canvas(len(rows), 5)
    for (model, lr, networks), line in zip(rows, axes, strict=True):
        name = f"{MODELS[model]}, learning rate {power(lr)}"
        if model == "vgg":
            panels.accuracy(line[0], networks, "train", title=name)
        else:
            panels.training_loss(line[0], networks, title=name)
        for column, layer in enumerate(_layers(next(iter(networks["none"].values())))):
            cosine, difference = line[1 + 2 * column], line[2 + 2 * column]
            for norm, seeds in networks.items():
                panels.curves(cosine, seeds, norm, panels.picked("ics", layer, "cosine"))
                panels.curves(difference, seeds, norm, panels.picked("ics", layer, "l2"))
            cosine.set(ylabel="cosine", title=f"layer {layer + 1}", xlabel="step", ylim=(-1.05, 1.05))
            difference.set(ylabel="ℓ₂ difference", title=f"layer {layer + 1}", xlabel="step")
            for panel in (cosine, difference):
                style.tick(panel, "x")
            style.tick(difference, "y")
    return figure


def _layers(view: View) -> list[int]:
    count = len(view.rows[0]["ics"])
    return [count // 3, 2 * count // 3]
