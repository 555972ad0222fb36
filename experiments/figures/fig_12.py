"""Figures 12 and 13: VGG and deep linear networks with l_p normalisations: training, loss variation, predictiveness,
effective beta."""

from __future__ import annotations

import functools

from bnverify.experiments.figures import panels
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")
RATES = {"vgg": 0.1, "dln": 1e-6}


def draw(shelf: Shelf, model: str, time: str) -> Figure | None:
    """Every normalisation against the standard network, quantity by quantity; None without runs."""
    networks = {norm: shelf.seeds(model, norm, RATES[model]) for norm in NORMS}
    if not networks["none"] or not any(networks[norm] for norm in ("l1", "l2", "linf")):
        return None
    shown = ("training loss", *panels.LANDSCAPE)
    return panels.against_standard(networks, shown, time, full_batch=model == "dln")


PLATES = tuple(
    Plate(
        name + ending,
        "See whether each normalisation lies below the standard network, and whether the four look alike.",
        f"{words}, a panel for every normalisation against the standard network: training loss (a); range of the "
        "loss (b) and of ‖g′ − g‖ (c) along the gradient, medians over the seeds of the smallest and the largest "
        f"value; effective β (d), seeds thin. Crosses: runs that diverged. {axis}",
        functools.partial(draw, model=model, time=time),
        ((model, NORMS),),
        data,  # type: ignore[arg-type]
    )
    for name, model, words, data in (
        ("fig_12", "vgg", "Figure 12. VGG networks at learning rate 0.1", "pictures"),
        ("fig_13", "dln", "Figure 13. Deep linear networks at learning rate 10⁻⁶", "synthetic"),
    )
    for ending, time, axis in (
        ("", "linear", "Linear time."),
        ("_log", "log", "The same in logarithmic time."),
    )
)
