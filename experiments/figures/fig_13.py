"""Figure 13: Deep linear networks with l_p normalisations: training, loss variation, predictiveness, beta."""

from __future__ import annotations

import functools

from bnverify.experiments.figures import panels
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")
LR = 1e-6
NEEDS = (("dln", NORMS),)
CAPTION = (
    "Figure 13. Deep linear networks at learning rate 10⁻⁶, a panel for every normalisation against the "
    "standard network: training loss "
    "(a); range of the loss (b) and of ‖g′ − g‖ (c) along the gradient, medians over the seeds of the "
    "smallest and the "
    "largest value; effective β (d), seeds thin. Crosses: runs that diverged. "
)


def draw(shelf: Shelf, time: str) -> Figure | None:
    """Every normalisation against the standard network, quantity by quantity; None without runs."""
    networks = {norm: shelf.seeds("dln", norm, LR) for norm in NORMS}
    if not networks["none"] or not any(networks[norm] for norm in ("l1", "l2", "linf")):
        return None
    return panels.against_standard(networks, ("training loss", *panels.LANDSCAPE), time, full_batch=True)


PLATES = tuple(
    Plate(
        name,
        "See whether each normalisation lies below the standard network, and whether the four look alike.",
        CAPTION + words,
        functools.partial(draw, time=time),
        NEEDS,
        "synthetic",
    )
    for name, time, words in (
        ("fig_13", "linear", "Linear time."),
        ("fig_13_log", "log", "The same in logarithmic time."),
    )
)
