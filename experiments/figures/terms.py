"""Theorem 4.1 along a training: sigma, what its reductions remove, and the sign of <g, y-hat>, per layer."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.verdicts import Shelf
from matplotlib import colormaps
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("batchnorm", "noisy-batchnorm", "l1")
QUANTITIES = {
    "sigma": "sigma",
    "term_mean": "share removed, mean",
    "term_yhat": "share removed, along y-hat",
    "positive": "share of units with <g, y-hat> > 0",
}


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per normalisation, dark to light from the first layer to the last; None without
    runs."""
    views = {norm: panels.first(shelf.seeds("vgg", norm, LR)) for norm in NORMS}
    found = {
        norm: view
        for norm, view in views.items()
        if view is not None and view.rows and view.rows[0].get("terms")
    }
    if not found:
        return None
    figure, axes = style.canvas(len(found), len(QUANTITIES))
    for line, (norm, view) in zip(axes, found.items(), strict=True):
        count = len(view.rows[0]["terms"])
        for panel, (name, title) in zip(line, QUANTITIES.items(), strict=True):
            for layer in range(count):
                steps, values = panels.series(view, panels.picked("terms", layer, name))
                panel.plot(steps, values, color=colormaps["viridis"](layer / count))
            panel.set(title=style.NAMES[norm], xlabel="step", ylabel=title, xscale="log")
            panel.set_yscale("log" if name == "sigma" else "linear")
    return figure
