"""Figure 7 as an experiment: one matched BatchNorm inserted into a plain network, at every layer and step."""

from __future__ import annotations

import numpy as np
from bnverify.experiments.figures import style
from bnverify.experiments.verdicts import Shelf
from bnverify.experiments.views import View
from matplotlib.figure import Figure

LR = 0.1

QUANTITIES = {
    "activation_grad": "gradient norm, activations",
    "activation_curvature": "curvature, activations",
    "layer_grad": "gradient norm, layer's weights",
    "layer_curvature": "curvature, layer's weights",
    "beta_max": "effective beta, all weights",
}


def draw(shelf: Shelf) -> Figure | None:
    """For every quantity log10 of inserted / plain, averaged over seeds, by layer and step; None without
    runs."""
    seeds = shelf.seeds("insert", "none", LR)
    if not seeds:
        return None
    steps = [row["step"] for row in next(iter(seeds.values())).rows]
    figure, axes = style.canvas(1, len(QUANTITIES))
    for panel, (quantity, title) in zip(axes[0], QUANTITIES.items(), strict=True):
        ratios = np.nanmean([_log_ratios(view, quantity) for view in seeds.values()], axis=0)
        most = np.nanmax(np.abs(ratios))
        picture = panel.imshow(ratios.T, cmap="RdBu_r", vmin=-most, vmax=most, aspect="auto", origin="lower")
        figure.colorbar(picture, ax=panel)
        panel.set(title=title, xlabel="step", ylabel="layer")
        panel.set_xticks(range(len(steps)), [str(step) for step in steps], rotation=60)
        panel.set_yticks(range(ratios.shape[1]), [str(i + 1) for i in range(ratios.shape[1])])
    figure.suptitle(
        "log10 of the value with BatchNorm over the value without, red: larger with BatchNorm", fontsize=7
    )
    return figure


def _log_ratios(view: View, quantity: str) -> np.ndarray:
    pairs = [
        [(one["inserted"][quantity], one["plain"][quantity]) for one in row["insertions"]]
        for row in view.rows
    ]
    return np.array([[np.log10(abs(a) / abs(b)) if a and b else np.nan for a, b in row] for row in pairs])
