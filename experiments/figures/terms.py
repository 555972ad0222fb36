"""Theorem 4.1 along a training: sigma, what its reductions remove, and the sign of <g, y-hat>, per layer."""

from __future__ import annotations

from bnverify.experiments.figures import panels, style
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
CAPTION = (
    "Theorem 4.1 along the training of VGG, seed 0, a line per normalisation layer: σ (geometric mean over the "
    "layer's units); the shares of γ²/σ² ‖g‖² that its two reductions remove; the share of units with ⟨g, ŷ⟩ > 0. An "
    "ℓₚ layer divides by another number than σ, so that what it removes may be negative."
)


def draw(shelf: Shelf) -> Figure | None:
    """The figure, one row per normalisation, a colour per layer; None without runs."""
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
                colour = colormaps["viridis"](0.2 + 0.65 * layer / max(1, count - 1))
                panel.plot(steps, values, color=colour, linewidth=1, label=f"layer {layer + 1}")
            panel.set(title=style.NAMES[norm], xlabel="step", ylabel=title)
            style.tick(panel, "x")
            if name == "sigma":
                style.tick(panel, "y")
            if name == "positive":
                panel.set_ylim(-0.03, 1.03)
    return figure
