"""Figure 3: internal covariate shift of Definition 2.1, cosine and l_2 difference, in VGG and deep linear networks."""

from __future__ import annotations

import functools
from collections.abc import Callable

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import power
from bnverify.experiments.run.record import Row
from matplotlib.figure import Figure

RATES = {"vgg": (0.1,), "dln": (1e-6, 1e-7)}
NORMS = ("none", "batchnorm")


def draw(shelf: Shelf, model: str) -> Figure | None:
    """A line for the performance at each learning rate, then one for each layer shown; None if no run is there."""
    found = [(lr, {norm: shelf.seeds(model, norm, lr) for norm in NORMS}) for lr in RATES[model]]
    found = [(lr, networks) for lr, networks in found if all(networks.values())]
    if not found:
        return None
    height = 1 + len(_places(found[0][1]))
    figure, axes = style.canvas(height * len(found), 2)
    for i, (lr, networks) in enumerate(found):
        top, *lines = axes[height * i : height * (i + 1)]
        name = f"learning rate {power(lr)}"
        panels.training_loss(top[0], networks, title=name)
        if model == "vgg" and not panels.is_compact(networks["none"]):
            panels.accuracy(top[1], networks, "train", title=name)
        else:
            panels.training_loss(top[1], networks, "log", title=name)
        for (cosine, difference), (where, cosine_of, difference_of) in zip(
            lines, _places(networks), strict=True
        ):
            for norm, seeds in networks.items():
                panels.curves(cosine, seeds, norm, cosine_of)
                panels.curves(difference, seeds, norm, difference_of)
            cosine.set(ylabel="cosine", title=f"{where}, {name}", ylim=(-1.05, 1.05))
            difference.set(ylabel="ℓ₂ difference", title=f"{where}, {name}")
            for panel in (cosine, difference):
                style.clock(panel, "linear")
            style.tick(difference, "y")
    return figure


Of = Callable[[Row], float]


def _places(networks: dict[str, panels.Seeds]) -> list[tuple[str, Of, Of]]:
    """Two layers, each with its cosine and its difference; of compact runs, which keep no layer, the mean of all."""
    if any(panels.is_compact(seeds) for seeds in networks.values()):
        return [("all layers", panels.at("ics_cosine"), panels.at("ics_l2"))]
    view = next(iter(networks["none"].values()))
    count = len(next((row["ics"] for row in view.rows if "ics" in row), [0, 0, 0]))
    return [
        (f"layer {i + 1}", panels.picked("ics", i, "cosine"), panels.picked("ics", i, "l2"))
        for i in (count // 3, 2 * count // 3)
    ]


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
