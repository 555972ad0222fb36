"""One seed of a run as a list of measured steps, and every statistic that a claim is judged by.

A statistic is a positive number per seed: layers and steps are averaged within the seed, by geometric means,
so that seeds are the only units that are counted.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from bnverify.experiments.judge.statistics import geometric_mean
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe
from bnverify.experiments.run.record import Row, Run

# Phases of a training, as shares of its steps.
PHASES: dict[str, tuple[float, float]] = {
    "early": (0.0, 0.1),
    "middle": (0.1, 0.5),
    "late": (0.5, 1.0),
    "all": (0.0, 1.0),
}
CHANCE = 0.1  # Accuracy of a diverged network on ten classes.
# Negative curvature downstream, as a share of the largest, that is taken for rounding in float64, or for little.
ROUNDING, NEARLY = 1e-9, 1e-2
FLOOR = 1e-3  # Smallest error rate told apart from 0.


@dataclass(frozen=True)
class View:
    """One seed of one run: the loss of every step (None where it is not finite) and the rows of the measuring
    grid."""

    recipe: VggRecipe | DlnRecipe
    seed: int
    status: str
    losses: list[float | None]
    rows: list[Row]
    final: Row

    def during(self, phase: str) -> list[Row]:
        """Measured rows whose step lies in ``phase``."""
        low, high = PHASES[phase]
        return [row for row in self.rows if low <= row["step"] / self.recipe.steps < high]


def views(run: Run) -> Iterator[View]:
    """The seeds of a run, one for a VGG, several for the linear networks."""
    losses, rows = run.losses(), run.measured()
    status = str(run.result["status"]) if run.result else "unfinished"
    if isinstance(run.recipe, VggRecipe):
        yield View(run.recipe, run.recipe.seed, status, losses, rows, run.result or {})
        return
    for s in range(run.recipe.seeds):
        own = [{k: v if k == "step" else v[s] for k, v in row.items()} for row in rows]
        of_seed = [row[s] for row in losses]
        diverged = None in of_seed
        yield View(run.recipe, run.recipe.seed + s, "diverged" if diverged else status, of_seed, own, {})


def number(value: Any) -> float:
    """A recorded number; nan where it is None."""
    return math.nan if value is None else float(value)


def _largest(values: list[float]) -> float:
    return max(values) if all(map(math.isfinite, values)) else math.nan


def loss_range(ray: Row) -> float:
    """Loss variation: max - min of the loss over the start and the probes."""
    values = [number(v) for v in (ray["loss"], *ray["losses"])]
    return max(values) - min(values) if all(map(math.isfinite, values)) else math.nan


def max_change(ray: Row) -> float:
    """Gradient predictiveness: the largest |g_t - g| over the probes; nan if one is not finite."""
    return _largest([number(c) for c in ray["changes"]])


def relative_change(ray: Row) -> float:
    """The same without a scale: the largest |g_t - g| / |g|."""
    norm = number(ray["grad_norm"])
    return max_change(ray) / norm if norm > 0 else math.nan


def slopes(ray: Row) -> list[float]:
    """|g_t - g| over the distance t |d|, at every probe."""
    distances = [t * number(ray["direction_norm"]) for t in ray["lengths"]]
    return [number(c) / d if d > 0 else math.nan for c, d in zip(ray["changes"], distances, strict=True)]


def beta_max(ray: Row) -> float:
    """Effective beta, the maximum over the probes."""
    return _largest(slopes(ray))


def change_at(ray: Row, distance: float) -> float:
    """|g_t - g| at a distance, interpolated linearly in both logarithms; nan outside the probes."""
    points = [
        (math.log(t * number(ray["direction_norm"])), math.log(number(c)))
        for t, c in zip(ray["lengths"], ray["changes"], strict=True)
        if number(ray["direction_norm"]) > 0 and number(c) > 0
    ]
    at = math.log(distance)
    for (x0, y0), (x1, y1) in itertools.pairwise(points):
        if x0 <= at <= x1:
            return math.exp(y0 + (y1 - y0) * (at - x0) / (x1 - x0))
    return math.nan


def prediction_error(ray: Row) -> float:
    """|1 - actual / predicted decrease| at the longest probe; predicted is t |g| |d|."""
    predicted = ray["lengths"][-1] * number(ray["grad_norm"]) * number(ray["direction_norm"])
    if not predicted > 0:
        return math.nan
    return abs(1 - (number(ray["loss"]) - number(ray["losses"][-1])) / predicted)


RAY: dict[str, Callable[[Row], float]] = {
    "loss_range": loss_range,
    "max_change": max_change,
    "relative_change": relative_change,
    "beta_max": beta_max,
    "beta_farthest": lambda ray: slopes(ray)[-1],
    "beta_pairs": lambda ray: number(ray["beta_pairs"]),
    "grad_norm": lambda ray: number(ray["grad_norm"]),
    "prediction_error": prediction_error,
}


def _ics(view: View, phase: str, of: Callable[[Row], float]) -> float:
    # The first layer has no layer before it; its shift is 0 by definition.
    return geometric_mean([of(layer) for row in view.during(phase) for layer in row.get("ics", [])[1:]])


def _moment(view: View, phase: str, of: Callable[[Row], float]) -> float:
    # The last layer is the network's output; it is not normalised in any variant.
    return geometric_mean([of(layer) for row in view.during(phase) for layer in row.get("moments", [])[:-1]])


def _losses(view: View, phase: str) -> list[float]:
    """Losses of a phase; a step without a finite loss, or not reached, counts as the loss at step 0."""
    first = number(view.losses[0])
    low, high = (round(share * view.recipe.steps) for share in PHASES[phase])
    padded = view.losses[low:high] + [None] * (high - max(low, len(view.losses)))
    return [first if v is None else v for v in padded]


def _accuracy(view: View, part: str) -> float:
    if view.status == "diverged":
        return CHANCE
    return number(view.final.get("accuracy", {}).get(part))


def statistic(name: str, view: View, phase: str) -> float:
    """The statistic ``name`` of one seed over one phase; nan where it was not measured or is undefined.

    Names: those of `RAY`; ``random_<scaling>_<ray name>`` for random directions; ``ics_l2``,
    ``ics_relative``, ``ics_angle`` (1 - cos), ``ics_cosine`` (arithmetic mean of |cos|); ``mean_shift``,
    ``var_shift``, ``deviation``; ``loss``, ``final_loss``, ``train_accuracy``, ``test_accuracy``,
    ``test_error``; ``insert_<quantity>``, the ratio of the network with a matched BatchNorm to the plain one;
    ``across_batches``, ``lambda_max``; ``sigma``, ``proj_positive``, ``proj_cosine``, ``term_kept``,
    ``downstream_psd``, ``downstream_nearly_psd``, ``hess_bn_positive``.

    Raises:
        KeyError: no statistic has this name.
    """
    rows = view.during(phase)
    if name in RAY:
        return geometric_mean([RAY[name](row["ray"]) for row in rows if "ray" in row])
    if name.startswith("random_"):
        _, scaling, ray_name = name.split("_", 2)
        found = [ray for row in rows for ray in row.get("random", []) if ray["scaling"].startswith(scaling)]
        return geometric_mean([RAY[ray_name](ray) for ray in found])
    if name.startswith("insert_"):
        quantity = name.removeprefix("insert_")
        pairs = [(one["inserted"], one["plain"]) for row in rows for one in row.get("insertions", [])]
        ratios = [abs(number(a[quantity])) / abs(number(b[quantity])) for a, b in pairs if b[quantity]]
        return geometric_mean(ratios)
    return _OTHER[name](view, phase)


def _mean_cosine(view: View, phase: str) -> float:
    return _mean(
        [abs(number(layer["cosine"])) for row in view.during(phase) for layer in row.get("ics", [])[1:]]
    )


def _term(view: View, phase: str, name: str) -> list[float]:
    return [number(layer[name]) for row in view.during(phase) for layer in row.get("terms", [])]


def _probed(view: View, phase: str, holds: Callable[[Row], bool]) -> float:
    """Share of layers and steps with a probed Hessian at which ``holds``."""
    layers = [one for row in view.during(phase) for one in row.get("second_order", [])]
    return _mean([float(holds(one)) for one in layers if one["smallest"] is not None])


def _mean(values: list[float]) -> float:
    values = [v for v in values if math.isfinite(v)]
    return sum(values) / len(values) if values else math.nan


_OTHER: dict[str, Callable[[View, str], float]] = {
    "ics_l2": lambda v, p: _ics(v, p, lambda layer: number(layer["l2"])),
    "ics_relative": lambda v, p: _ics(v, p, lambda layer: number(layer["relative"])),
    "ics_angle": lambda v, p: _ics(v, p, lambda layer: 1 - number(layer["cosine"])),
    "ics_cosine": _mean_cosine,
    "mean_shift": lambda v, p: _moment(v, p, lambda layer: number(layer["mean_shift"])),
    "var_shift": lambda v, p: _moment(v, p, lambda layer: number(layer["var_shift"])),
    "deviation": lambda v, p: _moment(v, p, lambda layer: math.sqrt(number(layer["var"]))),
    "loss": lambda v, p: geometric_mean(_losses(v, p)),
    "final_loss": lambda v, _: geometric_mean(_losses(v, "late")[-max(1, v.recipe.steps // 100) :]),
    "train_accuracy": lambda v, _: _accuracy(v, "train"),
    "test_accuracy": lambda v, _: _accuracy(v, "test"),
    "test_error": lambda v, _: max(FLOOR, 1 - _accuracy(v, "test")),
    "across_batches": lambda v, p: geometric_mean(
        [number(row["across_batches"]["change"]) for row in v.during(p) if "across_batches" in row]
    ),
    "sigma": lambda v, p: geometric_mean(_term(v, p, "sigma")),
    "proj_positive": lambda v, p: _mean(_term(v, p, "positive")),
    "proj_cosine": lambda v, p: _mean(_term(v, p, "cosine")),
    "downstream_psd": lambda v, p: _probed(v, p, lambda o: o["smallest"] >= -ROUNDING * o["largest"]),
    "downstream_nearly_psd": lambda v, p: _probed(v, p, lambda o: o["smallest"] >= -NEARLY * o["largest"]),
    "hess_bn_positive": lambda v, p: _probed(v, p, lambda o: o["hess_bn"] >= 0),
    "term_kept": lambda v, p: geometric_mean(_term(v, p, "kept")),
    "lambda_max": lambda v, p: geometric_mean([number(row.get("lambda_max")) for row in v.during(p)]),
}
