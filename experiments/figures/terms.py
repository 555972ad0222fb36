"""Theorem 4.1 along a training: sigma, what its reductions remove, and the sign of <g, y-hat>, per layer."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from matplotlib import colormaps
from matplotlib.figure import Figure

LR = 0.1
NORMS = ("batchnorm", "noisy-batchnorm", "l1", "l2", "linf")
QUANTITIES = {
    "sigma": "σ",
    "term_mean": "share removed by ⟨1, g⟩",
    "term_yhat": "share removed by ⟨g, ŷ⟩",
    "positive": "share with ⟨g, ŷ⟩ > 0",
}


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per normalisation, a colour per layer; None without runs."""
    views = {norm: panels.first(shelf.seeds("vgg", norm, LR)) for norm in NORMS}
    found = {
        norm: view
        for norm, view in views.items()
        if view is not None and any(row.get("terms") for row in view.rows)
    }
    if not found:
        return None
    figure, axes = style.grid(len(found) * len(QUANTITIES))
    for i, (norm, view) in enumerate(found.items()):
        count = len(next(row["terms"] for row in view.rows if row.get("terms")))
        for panel, (name, title) in zip(axes[len(QUANTITIES) * i :], QUANTITIES.items(), strict=False):
            for layer in range(count):
                steps, values = panels.series(view, panels.picked("terms", layer, name))
                colour = colormaps["viridis"](0.2 + 0.65 * layer / max(1, count - 1))
                panel.plot(steps, values, color=colour, linewidth=1, label=f"layer {layer + 1}")
            panel.set(title=style.NAMES[norm].removeprefix("Standard + "), ylabel=title)
            style.clock(panel, "linear")
            if name == "sigma":
                style.tick(panel, "y")
            if name == "positive":
                panel.set_ylim(-0.03, 1.03)
    return figure


PLATES = (
    Plate(
        "terms",
        "See how little the two reductions remove in practice, and how σ moves.",
        "Theorem 4.1 along the training of VGG, first seed, a line per normalisation layer: σ (geometric "
        "mean over the layer's units); the shares of γ²/σ² ‖g‖² that its two reductions remove; the share "
        "of units with ⟨g, ŷ⟩ > 0. An ℓₚ layer divides by another number than σ, so that what it removes "
        "may be negative.",
        draw,
        (("vgg", NORMS),),
        whole=True,
    ),
)
