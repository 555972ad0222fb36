"""Panels that several figures share: a curve with its seeds, a shaded range, a distribution over time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from bnverify.experiments import views as v
from bnverify.experiments.figures.style import COLOURS, NAMES, STYLES
from bnverify.experiments.record import Row
from bnverify.experiments.views import View
from matplotlib.axes import Axes

Series = tuple[list[int], list[float]]


def picked(*keys: str | int) -> Callable[[Row], float]:
    """The function that follows ``keys`` into a row."""

    def of(row: Row) -> float:
        value: Any = row
        for key in keys:
            value = value[key]
        return float(value)

    return of


def series(view: View, of: Callable[[Row], float]) -> Series:
    """Steps (counted from 1, for a logarithmic axis) and values of a measured quantity; nan where it is
    undefined."""
    rows = [row for row in view.rows if row]
    return [row["step"] + 1 for row in rows], [_value(of, row) for row in rows]


def _value(of: Callable[[Row], float], row: Row) -> float:
    try:
        return of(row)
    except (TypeError, KeyError):
        return math.nan


def curves(axes: Axes, seeds: dict[int, View], norm: str, of: Callable[[Row], float]) -> None:
    """Every seed thin, their median thick."""
    drawn = [series(view, of) for view in seeds.values()]
    for steps, values in drawn:
        axes.plot(steps, values, color=COLOURS[norm], linewidth=0.4, alpha=0.5)
    _median(axes, drawn, norm)


def _median(axes: Axes, drawn: list[Series], norm: str) -> None:
    if drawn:
        length = min(len(values) for _, values in drawn)
        stacked = np.array([values[:length] for _, values in drawn])
        finite = np.isfinite(stacked).any(axis=0)
        steps = np.array(drawn[0][0][:length])[finite]
        median = np.nanmedian(stacked[:, finite], axis=0)
        axes.plot(steps, median, color=COLOURS[norm], linestyle=STYLES[norm], label=NAMES[norm])


def training_loss(axes: Axes, seeds: dict[int, View], norm: str) -> None:
    """Training loss, geometric mean over windows of 1/50 of the training; every seed and the median."""
    drawn: list[Series] = []
    for view in seeds.values():
        width = max(1, view.recipe.steps // 50)
        windows = [view.losses[i : i + width] for i in range(0, len(view.losses), width)]
        means = [
            v.geometric_mean([x for x in w if x is not None]) if None not in w else math.nan for w in windows
        ]
        drawn.append(([i * width + 1 for i in range(len(windows))], means))
    for steps, values in drawn:
        axes.plot(steps, values, color=COLOURS[norm], linewidth=0.4, alpha=0.5)
    _median(axes, drawn, norm)
    axes.set(xlabel="step", ylabel="training loss", yscale="log")


def ray_band(axes: Axes, seeds: dict[int, View], norm: str, values: Callable[[Row], list[float]]) -> None:
    """Shaded from the smallest to the largest value over the probes: geometric means over the seeds."""
    low: list[list[float]] = []
    high: list[list[float]] = []
    steps: list[int] = []
    for view in seeds.values():
        steps, lows = series(view, lambda row: min(values(row["ray"])))
        _, highs = series(view, lambda row: max(values(row["ray"])))
        low.append(lows)
        high.append(highs)
    if not low:
        return
    length = min(map(len, low))
    bottom = [v.geometric_mean([seed[i] for seed in low]) for i in range(length)]
    top = [v.geometric_mean([seed[i] for seed in high]) for i in range(length)]
    axes.fill_between(
        steps[:length], bottom, top, color=COLOURS[norm], alpha=0.35, label=NAMES[norm], linewidth=0
    )
    for edge in (bottom, top):
        axes.plot(steps[:length], edge, color=COLOURS[norm], linestyle=STYLES[norm], linewidth=0.8)


def landscape(row: list[Axes], of_norm: dict[str, dict[int, View]], *, full_batch: bool) -> None:
    """Loss variation, gradient predictiveness and effective beta along the gradient, as Figures 4 and 10
    arrange them.

    Where training is full-batch, the third panel has the largest eigenvalue of the Hessian (thin) and 2 /
    learning rate.
    """
    for norm, seeds in of_norm.items():
        ray_band(row[0], seeds, norm, lambda ray: [float(x) for x in (ray["loss"], *ray["losses"])])
        ray_band(row[1], seeds, norm, lambda ray: [float(c) for c in ray["changes"]])
        curves(row[2], seeds, norm, lambda r: v.beta_max(r["ray"]))
        if full_batch:
            for view in list(seeds.values())[:1]:
                steps, top = series(view, lambda r: float(r["lambda_max"]))
                row[2].plot(steps, top, color=COLOURS[norm], linewidth=0.6, linestyle=":")
                row[2].axhline(2 / view.recipe.lr, color="grey", linewidth=0.6)
    labels = ("loss along the gradient", "gradient change", "effective beta")
    for axes, label in zip(row, labels, strict=True):
        axes.set(xlabel="step", ylabel=label, xscale="log", yscale="log")


def distribution(axes: Axes, view: View, layer: int, norm: str) -> None:
    """Quantiles of the sampled activation of a layer over the training: 1-99 %, 5-95 %, 25-75 % and the
    median."""
    rows = [row for row in view.rows if "moments" in row]
    steps = [row["step"] + 1 for row in rows]
    quantiles = [[math.nan if q is None else q for q in row["moments"][layer]["quantiles"]] for row in rows]
    columns = list(zip(*quantiles, strict=True))
    for low, high, alpha in ((1, 7, 0.2), (2, 6, 0.3), (3, 5, 0.4)):
        axes.fill_between(steps, columns[low], columns[high], color=COLOURS[norm], alpha=alpha, linewidth=0)
    axes.plot(steps, columns[4], color=COLOURS[norm], linewidth=0.8)
    axes.set(xlabel="step", xscale="log", ylabel="activation")


def layers_shown(view: View, count: int = 3) -> list[int]:
    """``count`` layers spread over the depth, the output layer left out."""
    total = len(next(row["moments"] for row in view.rows if "moments" in row)) - 1
    return sorted({round(i * (total - 1) / max(1, count - 1)) for i in range(count)})


def first(seeds: dict[int, View]) -> View | None:
    """The view of the smallest seed."""
    return seeds[min(seeds)] if seeds else None


def any_seed(groups: Iterable[dict[int, View]]) -> bool:
    """Whether there is anything to draw."""
    return any(bool(group) for group in groups)
