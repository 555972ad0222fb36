"""Figure 7 as an experiment: one matched BatchNorm inserted into a plain network, at every layer and step."""

from __future__ import annotations

import functools
import math
import statistics

import numpy as np
from bnverify.experiments.figures import style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import View
from bnverify.experiments.report.labels import QUANTITIES
from bnverify.experiments.run.record import Row
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch

RATES = {"insert": 0.1, "insert-dln": 1e-6}
COLOURS = colormaps["RdBu_r"].resampled(41)
# More rows or columns than this leave no room for numbers.
WRITTEN = 10


def log_ratios(view: View, quantity: str) -> dict[tuple[int, int], float]:
    """log10 of |inserted| / |plain| by (step, layer), of one seed; where either is 0 or unknown there is none."""
    return {
        (row["step"], one["layer"]): math.log10(abs(one["inserted"][quantity]) / abs(one["plain"][quantity]))
        for row, one in _insertions(view)
        if one["inserted"][quantity] and one["plain"][quantity]
    }


def flips(view: View, quantity: str) -> set[tuple[int, int]]:
    """(step, layer) at which the quantity has another sign with the BatchNorm than without."""
    return {
        (row["step"], one["layer"])
        for row, one in _insertions(view)
        if (one["inserted"][quantity] or 0) * (one["plain"][quantity] or 0) < 0
    }


def _insertions(view: View) -> list[tuple[Row, Row]]:
    return [(row, one) for row in view.rows for one in row.get("insertions", [])]


def draw(shelf: Shelf, model: str) -> Figure | None:
    """Above, the two networks that are compared; below, for every quantity inserted / plain, averaged over the seeds,
    by layer and step. None without runs."""
    views = list(shelf.seeds(model, "none", RATES[model]).values())
    if not any(_insertions(view) for view in views):
        return None
    figure, axes = style.canvas(1 + len(QUANTITIES) // 2, 2)
    for panel, inserted in zip(axes[0], (False, True), strict=True):
        _schematic(panel, inserted)
    every = [panel for line in axes[1:] for panel in line]
    for panel, (quantity, title) in zip(every, QUANTITIES.items(), strict=False):
        picture = _panel(panel, views, quantity)
        panel.set(title=title, xlabel="step", ylabel="layer")
    bar = figure.colorbar(
        picture, ax=every, location="bottom", aspect=40, pad=0.01, shrink=0.8, ticks=[-1, 0, 1]
    )
    bar.ax.set_xticklabels(["≤ 1/10", "1", "≥ 10"])
    bar.outline.set_visible(False)
    return figure


def _schematic(axes: Axes, inserted: bool) -> None:
    """The paper's Figure 7: x goes through W to y and on to the loss, or through W to y, BatchNorm, z and on."""
    axes.set(xlim=(0, 10), ylim=(0, 4), title="with one BatchNorm: z = y" if inserted else "plain network")
    axes.set_axis_off()
    stations = [
        ("x", 0.4),
        ("W", 1.9),
        ("y", 3.5),
        *([("BN", 5.0), ("z", 6.6)] if inserted else []),
        ("f, loss", 8.7),
    ]
    boxes = []
    for name, at in stations:
        edge = style.INK if name in ("W", "BN", "f, loss") else "none"
        box = {"boxstyle": "round,pad=0.35", "facecolor": "none", "edgecolor": edge, "linewidth": 0.8}
        boxes.append(
            axes.text(at, 2, name, ha="center", va="center", fontsize=7.5, bbox=box).get_bbox_patch()
        )
    for (_, at), (_, after), left, right in zip(stations, stations[1:], boxes, boxes[1:], strict=False):
        # Above the texts, whose boxes have their places once they are drawn.
        arrow = FancyArrowPatch(
            (at, 2),
            (after, 2),
            arrowstyle="->",
            mutation_scale=6,
            linewidth=0.8,
            patchA=left,
            patchB=right,
            shrinkA=0,
            shrinkB=0,
            zorder=4,
        )
        axes.add_patch(arrow)
    note = "γ = σ, β = μ, held constant" if inserted else "same weights, same loss"
    axes.text(5, 0.7, note, ha="center", va="center", fontsize=6.5, color=style.MUTED)


def _panel(panel: Axes, views: list[View], quantity: str) -> QuadMesh:
    found = [log_ratios(view, quantity) for view in views]
    turned = [flips(view, quantity) for view in views]
    everywhere = {(row["step"], one["layer"]) for view in views for row, one in _insertions(view)}
    steps, layers = (sorted({key[part] for key in everywhere}) for part in (0, 1))
    written = len(steps) <= WRITTEN and len(layers) <= WRITTEN
    field = np.full((len(layers), len(steps)), np.nan)
    for x, step in enumerate(steps):
        for y, layer in enumerate(layers):
            values = [of_seed[step, layer] for of_seed in found if (step, layer) in of_seed]
            if not values:
                continue
            field[y, x] = statistics.fmean(values)
            sign = "±" if 2 * sum((step, layer) in t for t in turned) >= len(views) else ""
            colour = "#FFFFFF" if abs(field[y, x]) > 0.6 else "#111111"
            text = sign + _short(10 ** field[y, x]) if written else sign
            panel.text(x, y, text, ha="center", va="center", fontsize=5, color=colour)
    picture = panel.pcolormesh(field, cmap=COLOURS, vmin=-1, vmax=1, shading="nearest")
    for count, labels, place in (
        (len(steps), [step + 1 for step in steps], panel.set_xticks),
        (len(layers), layers, panel.set_yticks),
    ):
        kept = range(0, count, 1 + (count - 1) // WRITTEN)
        place(list(kept), [str(labels[i]) for i in kept])
    return picture


def _short(ratio: float) -> str:
    return f"{ratio:.2f}" if 0.095 <= ratio < 9.95 else f"{ratio:.1g}" if ratio < 0.095 else f"{ratio:.0f}"


PLATES = tuple(
    Plate(
        name,
        "See where one BatchNorm makes gradients and curvatures smaller (blue) though it changes neither "
        "activations nor loss.",
        f"Figure 7, made an experiment on {words}. Above: the two networks. Below: into a plain network, at "
        "the layer on the vertical axis and at the step on the horizontal one, one BatchNorm is inserted. "
        "In each field: the value with it over the value without, geometric mean over the seeds; blue: "
        "smaller with BatchNorm, red: larger; one scale for all panels, its ends at a factor of ten. "
        "Curvature (along the gradient) is compared in size; ± marks fields where it has another sign with "
        "BatchNorm in at least half of the seeds.",
        functools.partial(draw, model=model),
        ((model, ("none",)),),
        data,  # type: ignore[arg-type]
    )
    for name, model, words, data in (
        ("fig_7", "insert", "VGG networks", "pictures"),
        ("fig_7_dln", "insert-dln", "deep linear networks", "synthetic"),
    )
)
