"""Panels that several figures share: a curve with its seeds, a shaded range, a distribution over time."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from bnverify.experiments.figures import style
from bnverify.experiments.figures.style import COLOURS, MUTED, NAMES, STYLES, tick
from bnverify.experiments.measure import views as v
from bnverify.experiments.measure.averages import geometric_mean
from bnverify.experiments.measure.views import View
from bnverify.experiments.run.record import Row
from matplotlib.axes import Axes
from matplotlib.figure import Figure

Series = tuple[list[int], list[float]]
Seeds = dict[int, View]
# A logarithmic axis is cut this far above the medians; what lies beyond is marked at its edge.
ROOM = 30.0


def picked(*keys: str | int) -> Callable[[Row], float]:
    """The function that follows ``keys`` into a row."""

    def of(row: Row) -> float:
        value: Any = row
        for key in keys:
            value = value[key]
        return float(value)

    return of


def series(view: View, of: Callable[[Row], float]) -> Series:
    """Steps (counted from 1, for a logarithmic axis) and values of a measured quantity; nan where it is undefined."""
    rows = [row for row in view.rows if row]
    return [row["step"] + 1 for row in rows], [_value(of, row) for row in rows]


def _value(of: Callable[[Row], float], row: Row) -> float:
    try:
        return of(row)
    except (TypeError, KeyError, IndexError):
        return math.nan


def median(drawn: Sequence[Series]) -> Series:
    """The median over the seeds at every step that at least half of them reached; inf where half are infinite,
    nan is left out."""
    at: dict[int, list[float]] = {}
    for steps, values in drawn:
        for step, value in zip(steps, values, strict=True):
            if not math.isnan(value):
                at.setdefault(step, []).append(value)
    kept = sorted(step for step, values in at.items() if 2 * len(values) >= len(drawn))
    return kept, [statistics.median(at[step]) for step in kept]


def curves(axes: Axes, seeds: Seeds, norm: str, of: Callable[[Row], float]) -> list[float]:
    """Every seed thin, their median thick; returns the median's values."""
    return _curves(axes, [series(view, of) for view in seeds.values()], norm)


def _curves(axes: Axes, drawn: list[Series], norm: str) -> list[float]:
    for steps, values in drawn:
        axes.plot(steps, values, color=COLOURS[norm], linewidth=0.4, alpha=0.5)
    if not drawn:
        return []
    steps, middle = median(drawn)
    axes.plot(steps, middle, color=COLOURS[norm], linestyle=STYLES[norm], label=NAMES[norm])
    return middle


ACCURACIES = {
    "train": "training accuracy (%)",
    "test": "test accuracy (%)",
    "as_trained": "accuracy as trained (%)",
}


def accuracy(axes: Axes, networks: dict[str, Seeds], part: str, **labels: Any) -> None:
    """An accuracy (see `ACCURACIES`) in per cent, against the step; ``as_trained`` is that of the training part with
    the statistics of the batch and with noise."""
    for norm, seeds in networks.items():
        curves(axes, seeds, norm, lambda row: 100 * float(row["accuracy"][part]))
    axes.set(ylabel=ACCURACIES[part], ylim=(0, 103), **labels)
    style.clock(axes, "linear")
    diverged(axes, networks)


def training_loss(axes: Axes, networks: dict[str, Seeds], time: str = "linear", **labels: Any) -> None:
    """Training loss, geometric mean over windows of 1/50 of the training; every seed and the median. A line ends
    where its network diverged."""
    middles: list[float] = []
    for norm, seeds in networks.items():
        drawn: list[Series] = []
        for view in seeds.values():
            width = max(1, view.recipe.steps // 50)
            windows = [view.losses[i : i + width] for i in range(0, len(view.losses), width)]
            means = [
                geometric_mean([x for x in w if x is not None]) if None not in w else math.nan
                for w in windows
            ]
            drawn.append(([i * width + 1 for i in range(len(windows))], means))
        middles += _curves(axes, drawn, norm)
    axes.set(ylabel="training loss", **labels)
    style.clock(axes, time)
    tick(axes, "y")
    cap(axes, middles)
    diverged(axes, networks)


def _known(value: Any) -> float:
    """A recorded number; what overflowed was recorded as null."""
    return math.inf if value is None else float(value)


def _edges(seeds: Seeds, values: Callable[[Row], list[Any]]) -> tuple[list[int], list[float], list[float]]:
    """Medians over the seeds of the smallest and of the largest value along the line."""
    low = median([series(view, lambda row: min(map(_known, values(row["ray"])))) for view in seeds.values()])
    high = median([series(view, lambda row: max(map(_known, values(row["ray"])))) for view in seeds.values()])
    return low[0], low[1], high[1]


def bands(axes: Axes, of_norm: dict[str, Seeds], values: Callable[[Row], list[Any]]) -> None:
    """Shaded from the smallest to the largest value over the probes, medians over the seeds; a band whose
    largest value overflowed is open upwards."""
    found = {norm: _edges(seeds, values) for norm, seeds in of_norm.items() if seeds}
    finite = [x for _, low, high in found.values() for x in (*low, *high) if math.isfinite(x) and x > 0]
    if not finite:
        return
    top = max(finite) * ROOM
    overflow = any(math.isinf(x) for _, _, high in found.values() for x in high)
    for norm, (steps, low, high) in found.items():
        cut = [min(x, 10 * top) for x in high]
        alpha = 0.3 if len(found) < 3 else 0.13
        axes.fill_between(steps, low, cut, color=COLOURS[norm], alpha=alpha, linewidth=0, label="_nolegend_")
        for edge, label in ((low, NAMES[norm]), (cut, "_nolegend_")):
            axes.plot(steps, edge, color=COLOURS[norm], linestyle=STYLES[norm], linewidth=1.0, label=label)
    if overflow:
        axes.set_ylim(min(finite) / 2, top)


def diverged(axes: Axes, of_norm: dict[str, Seeds]) -> None:
    """A cross at the upper edge at every step where a run of a network diverged."""
    for norm, seeds in of_norm.items():
        lost = [view.lost_at + 1 for view in seeds.values() if view.lost_at is not None]
        if lost:
            axes.plot(
                lost,
                [0.97] * len(lost),
                "x",
                color=COLOURS[norm],
                markersize=3.5,
                markeredgewidth=0.8,
                transform=axes.get_xaxis_transform(),
                label="_nolegend_",
            )


LANDSCAPE = {
    "loss along the gradient": ("loss_range", "range of the loss"),
    "gradient change": ("max_change", "largest ‖g′ − g‖"),
    "effective β": ("beta_max", "effective β"),
}
"""Loss variation, gradient predictiveness and effective beta, as Figures 4 and 10 arrange them, each with the
statistic that compact runs keep of it, and its name."""


def landscape(
    axes: Axes, of_norm: dict[str, Seeds], quantity: str, time: str = "linear", *, full_batch: bool = False
) -> None:
    """One of `LANDSCAPE` along the training. Where training is full-batch, effective beta has the largest eigenvalue of
    the Hessian (dots) and 2 / learning rate beside it."""
    statistic, words = LANDSCAPE[quantity]
    banded = quantity != "effective β" and not any(is_compact(seeds) for seeds in of_norm.values())
    middles = []
    if not banded:
        of = at(statistic)
        middles = [curves(axes, seeds, norm, of) for norm, seeds in of_norm.items() if seeds]
    elif statistic == "loss_range":
        bands(axes, of_norm, lambda ray: [ray["loss"], *ray["losses"]])
    else:
        bands(axes, of_norm, lambda ray: ray["changes"])
    if full_batch and quantity == "effective β":
        middles += _curvature(axes, of_norm)
    axes.set_ylabel(quantity if banded else words)
    style.clock(axes, time)
    tick(axes, "y")
    if not banded:
        cap(axes, [x for middle in middles for x in middle])
    diverged(axes, of_norm)


def against_standard(
    networks: dict[str, Seeds], quantities: Sequence[str], time: str, *, full_batch: bool = False
) -> Figure:
    """A small panel for every network against the standard one, quantity by quantity, two panels a line."""
    others = [norm for norm in networks if norm != "none" and networks[norm]]
    figure, axes = style.grid(len(others) * len(quantities))
    for i, quantity in enumerate(quantities):
        for j, norm in enumerate(others):
            panel = axes[i * len(others) + j]
            pair = {"none": networks["none"], norm: networks[norm]}
            if quantity == "training loss":
                training_loss(panel, pair, time)
            else:
                landscape(panel, pair, quantity, time, full_batch=full_batch)
            panel.set_title(f"({'abcd'[i]}) {NAMES[norm].removeprefix('Standard + ')}")
    return figure


def at(statistic: str) -> Callable[[Row], float]:
    """A statistic at a measured step; of a probe that overflowed it is infinite."""

    def of(row: Row) -> float:
        value = v.at_step(statistic, row)
        return math.inf if math.isnan(value) and any(c is None for c in row["ray"]["changes"]) else value

    return of


def is_compact(seeds: Seeds) -> bool:
    """Whether what is shown was kept in compact form."""
    return any(view.compact for view in seeds.values())


def _curvature(axes: Axes, of_norm: dict[str, Seeds]) -> list[list[float]]:
    rates = {view.recipe.lr for seeds in of_norm.values() for view in seeds.values()}
    for rate in rates:
        axes.axhline(2 / rate, color=MUTED, linewidth=0.8, label="2 / learning rate", zorder=1)
    middles = [[2 / rate for rate in rates]]
    # A grey example for the legend; the dots have the colours of their networks.
    axes.plot([], [], ".", color=MUTED, markersize=3, label="largest eigenvalue (Lanczos)")
    for norm, seeds in of_norm.items():
        steps, top = median([series(view, at("lambda_max")) for view in seeds.values()])
        axes.plot(steps, top, ".", color=COLOURS[norm], markersize=3, label="_nolegend_")
        middles.append(top)
    return middles


def cap(axes: Axes, kept: Iterable[float]) -> None:
    """End a logarithmic axis a little beyond the values of ``kept``; mark single seeds that leave it at its edge."""
    finite = [x for x in kept if math.isfinite(x) and x > 0]
    if not finite:
        return
    low, high = min(finite) / ROOM, max(finite) * ROOM
    bottom, top = axes.get_ylim()
    axes.set_ylim(max(bottom, low), min(top, high))
    tick(axes, "y")
    bottom, top = axes.get_ylim()
    for line in list(axes.lines):
        points = np.column_stack(line.get_data()).astype(float)
        for marker, at, off in (("^", top, points[:, 1] > top), ("v", bottom, points[:, 1] < bottom)):
            if line.get_linewidth() < 1 and off.any():
                # Some mark the edge as well as all of them do.
                shown = points[off, 0][:: max(1, off.sum() // 10)]
                axes.plot(
                    shown,
                    np.full(len(shown), at),
                    marker,
                    color=line.get_color(),
                    markersize=3,
                    clip_on=False,
                    label="_nolegend_",
                )


def distribution(axes: Axes, view: View, layer: int, norm: str) -> None:
    """Quantiles of the sampled activation of a layer over the training: 1-99 %, 5-95 %, 25-75 % and the median."""
    rows = [row for row in view.rows if "moments" in row]
    steps = [row["step"] + 1 for row in rows]
    quantiles = [[math.nan if q is None else q for q in row["moments"][layer]["quantiles"]] for row in rows]
    columns = list(zip(*quantiles, strict=True))
    for low, high, alpha in ((1, 7, 0.2), (2, 6, 0.3), (3, 5, 0.4)):
        axes.fill_between(steps, columns[low], columns[high], color=COLOURS[norm], alpha=alpha, linewidth=0)
    axes.plot(steps, columns[4], color=COLOURS[norm], linewidth=0.8)
    axes.set(ylabel="activation", title=f"layer {layer + 1}, {NAMES[norm].removeprefix('Standard + ')}")
    style.clock(axes, "linear")


def same_scale(column: Iterable[Axes]) -> None:
    """One vertical scale for panels that are to be compared: one layer in several networks."""
    panels = list(column)
    limits = [axes.get_ylim() for axes in panels]
    for axes in panels:
        axes.set_ylim(min(low for low, _ in limits), max(high for _, high in limits))


def layers_shown(view: View, count: int = 3) -> list[int]:
    """``count`` layers spread over the depth, the output layer left out; fewer where there are not as many."""
    total = max(1, len(next((row["moments"] for row in view.rows if "moments" in row), [0, 0])) - 1)
    return sorted({round(i * (total - 1) / max(1, count - 1)) for i in range(count)})


def first(seeds: Seeds) -> View | None:
    """The view of the smallest seed."""
    return seeds[min(seeds)] if seeds else None


def any_seed(groups: Iterable[Seeds]) -> bool:
    """Whether there is anything to draw."""
    return any(bool(group) for group in groups)
