"""Figure 12: VGG networks with l_p normalisations: training, loss variation, predictiveness, beta."""

from __future__ import annotations

import functools

from bnverify.experiments.figures import panels
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib.figure import Figure

NORMS = ("none", "batchnorm", "l1", "l2", "linf")
LR = 0.1
NEEDS = (("vgg", NORMS),)
CAPTION = (
    "Figure 12. VGG networks at learning rate 0.1, a panel for every normalisation against the standard "
    "network: training loss "
    "(a); range of the loss (b) and of ‖g′ − g‖ (c) along the gradient, medians over the seeds of the "
    "smallest and the "
    "largest value; effective β (d), seeds thin. Crosses: runs that diverged. "
)


def draw(shelf: Shelf, time: str) -> Figure | None:
    """Every normalisation against the standard network, quantity by quantity; None without runs."""
    networks = {norm: shelf.seeds("vgg", norm, LR) for norm in NORMS}
    if not networks["none"] or not any(networks[norm] for norm in ("l1", "l2", "linf")):
        return None
    return panels.against_standard(networks, ("training loss", *panels.LANDSCAPE), time, full_batch=False)


PLATES = tuple(
    Plate(
        name,
        "See whether each normalisation lies below the standard network, and whether the four look alike.",
        CAPTION + words,
        functools.partial(draw, time=time),
        NEEDS,
        "pictures",
    )
    for name, time, words in (
        ("fig_12", "linear", "Linear time."),
        ("fig_12_log", "log", "The same in logarithmic time."),
    )
)
