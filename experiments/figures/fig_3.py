"""Figure 3: internal covariate shift of Definition 2.1, cosine and l_2 difference, in VGG and deep linear "
"networks."""

from __future__ import annotations

import functools

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import View
from bnverify.experiments.report.labels import power
from matplotlib.figure import Figure

RATES = {"vgg": (0.1,), "dln": (1e-6, 1e-7)}
NORMS = ("none", "batchnorm")


def draw(shelf: Shelf, model: str) -> Figure | None:
    """Three lines for each learning rate: performance, then two layers; None if no run is there."""
    found = [(lr, {norm: shelf.seeds(model, norm, lr) for norm in NORMS}) for lr in RATES[model]]
    found = [(lr, networks) for lr, networks in found if all(networks.values())]
    if not found:
        return None
    figure, axes = style.canvas(3 * len(found), 2)
    for i, (lr, networks) in enumerate(found):
        top, *lines = axes[3 * i : 3 * i + 3]
        name = f"learning rate {power(lr)}"
        panels.training_loss(top[0], networks, title=name)
        if model == "vgg":
            panels.accuracy(top[1], networks, "train", title=name)
        else:
            panels.training_loss(top[1], networks, "log", title=name)
        for (cosine, difference), layer in zip(
            lines, _layers(next(iter(networks["none"].values()))), strict=True
        ):
            for norm, seeds in networks.items():
                panels.curves(cosine, seeds, norm, panels.picked("ics", layer, "cosine"))
                panels.curves(difference, seeds, norm, panels.picked("ics", layer, "l2"))
            cosine.set(ylabel="cosine", title=f"layer {layer + 1}, {name}", ylim=(-1.05, 1.05))
            difference.set(ylabel="ℓ₂ difference", title=f"layer {layer + 1}, {name}")
            for panel in (cosine, difference):
                style.clock(panel, "linear")
            style.tick(difference, "y")
    return figure


def _layers(view: View) -> list[int]:
    count = len(next((row["ics"] for row in view.rows if "ics" in row), [0, 0, 0]))
    return [count // 3, 2 * count // 3]


PLATES = tuple(
    Plate(
        name,
        f"See whether the {words} with BatchNorm shift less: a cosine nearer to 1, a smaller difference.",
        "Figure 3. Internal covariate shift of Definition 2.1 at two layers: cosine of G and G′ (ideally 1) "
        "and ‖G − G′‖ "
        "(ideally 0), every seed thin, their median thick. Above it the performance of the same networks.",
        functools.partial(draw, model=model),
        ((model, NORMS),),
        data,  # type: ignore[arg-type]
    )
    for name, model, words, data in (
        ("fig_3", "vgg", "VGG networks", "pictures"),
        ("fig_3_dln", "dln", "deep linear networks", "synthetic"),
    )
)
