"""One seed of a run as a list of measured steps, and every statistic that a claim is judged by.

A statistic has a value at every measured step, over the layers of the network where it is theirs, and one number a
seed: its average over a window of the training. Seeds are the only units that are counted. A run that diverged is
+inf from there on.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from bnverify.experiments.measure.averages import WHOLE, Over, Weights, Window, average, support
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe
from bnverify.experiments.run.record import Row, Run

CHANCE = 0.1  # Accuracy of a diverged network on ten classes.
# Negative curvature downstream, as a share of the largest, that is taken for rounding in float64, or for little.
ROUNDING, NEARLY = 1e-9, 1e-2
FLOOR = 1e-3  # Smallest error rate told apart from 0.


@dataclass(frozen=True)
class View:
    """One seed of one run: the loss of every step (None where it is not finite) and the rows of the measuring grid."""

    recipe: VggRecipe | DlnRecipe
    seed: int
    status: str
    losses: list[float | None]
    rows: list[Row]
    final: Row
    seen: dict[str, tuple[tuple[int, ...], list[float]]] = field(
        default_factory=dict, repr=False, compare=False
    )

    @property
    def compact(self) -> bool:
        """Whether its rows keep the statistics of a step and little else, see `compact`."""
        return any("series" in row for row in self.rows)

    @property
    def lost_at(self) -> int | None:
        """The step whose loss is not finite; None for a run that did not diverge."""
        if self.status != "diverged":
            return None
        return next((step for step, loss in enumerate(self.losses) if loss is None), len(self.losses))


def views(run: Run) -> Iterator[View]:
    """The seeds of a run, one for a VGG, several for the linear networks."""
    losses, rows = run.losses(), run.measured()
    status = str(run.result["status"]) if run.result else "unfinished"
    if isinstance(run.recipe, VggRecipe):
        final = dict(run.result or {})
        yield View(run.recipe, run.recipe.seed, status, losses, rows, final | _alone(run, 0))
        return
    for s in range(run.recipe.seeds):
        own = [{k: v if k == "step" else v[s] for k, v in row.items()} for row in rows]
        of_seed = [row[s] for row in losses]
        diverged = None in of_seed
        yield View(
            run.recipe, run.recipe.seed + s, "diverged" if diverged else status, of_seed, own, _alone(run, s)
        )


def _alone(run: Run, s: int) -> Row:
    """What only a compact run says of a seed."""
    return {"alone": run.result["alone"][s]} if run.result and "alone" in run.result else {}


def number(value: Any) -> float:
    """A recorded number; nan where it is None."""
    return math.nan if value is None else float(value)


def _largest(values: list[float]) -> float:
    return max(values) if all(map(math.isfinite, values)) else math.inf


def loss_range(ray: Row) -> float:
    """Loss variation: max - min of the loss over the start and the probes; +inf if one is not finite."""
    values = [number(v) for v in (ray["loss"], *ray["losses"])]
    return max(values) - min(values) if all(map(math.isfinite, values)) else math.inf


def max_change(ray: Row) -> float:
    """Gradient predictiveness: the largest |g_t - g| over the probes; +inf if one is not finite."""
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
    "beta_pairs": lambda ray: _largest([number(ray["beta_pairs"])]),
    "grad_norm": lambda ray: _largest([number(ray["grad_norm"])]),
    "prediction_error": prediction_error,
}
"""Of a `landscape.Ray`."""


def _inner(of: Callable[[Row], float], over: Over = "geometric") -> Callable[[list[Row]], float]:
    """The average over layers of a number that each has."""
    return lambda layers: average([of(layer) for layer in layers], [1.0] * len(layers), over)


def _key(name: str) -> Callable[[Row], float]:
    return lambda layer: number(layer.get(name))


def _share(holds: Callable[[Row], bool], known: str) -> Callable[[list[Row]], float]:
    """The share of layers at which something holds, of those at which it could be told."""
    return lambda layers: average(
        [float(holds(layer)) for layer in layers if layer[known] is not None],
        [1.0 for layer in layers if layer[known] is not None],
        "mean",
    )


def _shift_scaled(layer: Row) -> float:
    return math.hypot(number(layer.get("mean_shift_scaled")), number(layer.get("var_shift_scaled")))


# The first layer has no layer before it, so that its shift is 0 by definition; the last one is the network's output
# and is not normalised in any variant.
_ICS = ("ics", 1, None)
_MOMENTS = ("moments", 0, -1)
_TERMS = ("terms", 0, None)
_SECOND = ("second_order", 0, None)
LAYERS: dict[str, tuple[tuple[str, int, int | None], Callable[[list[Row]], float]]] = {
    "ics_l2": (_ICS, _inner(_key("l2"))),
    "ics_relative": (_ICS, _inner(_key("relative"))),
    "ics_angle": (_ICS, _inner(lambda layer: 1 - number(layer["cosine"]))),
    "ics_cosine": (_ICS, _inner(_key("cosine"), "mean")),
    "ics_cosine_size": (_ICS, _inner(lambda layer: abs(number(layer["cosine"])), "mean")),
    "mean_shift": (_MOMENTS, _inner(_key("mean_shift"))),
    "var_shift": (_MOMENTS, _inner(_key("var_shift"))),
    "mean_shift_scaled": (_MOMENTS, _inner(_key("mean_shift_scaled"))),
    "var_shift_scaled": (_MOMENTS, _inner(_key("var_shift_scaled"))),
    "shift_scaled": (_MOMENTS, _inner(_shift_scaled)),
    "kurtosis_gap": (_MOMENTS, _inner(_key("kurtosis_gap"))),
    "skewness": (_MOMENTS, _inner(_key("skewness"))),
    "deviation": (_MOMENTS, _inner(lambda layer: math.sqrt(number(layer["var"])))),
    "sigma": (_TERMS, _inner(_key("sigma"))),
    "proj_positive": (_TERMS, _inner(_key("positive"), "mean")),
    "proj_cosine": (_TERMS, _inner(_key("cosine"), "mean")),
    "term_mean": (_TERMS, _inner(_key("term_mean"), "mean")),
    "term_yhat": (_TERMS, _inner(_key("term_yhat"), "mean")),
    "term_kept": (_TERMS, _inner(_key("kept"))),
    "downstream_psd": (_SECOND, _share(lambda o: o["smallest"] >= -ROUNDING * o["largest"], "smallest")),
    "downstream_nearly_psd": (_SECOND, _share(lambda o: o["smallest"] >= -NEARLY * o["largest"], "smallest")),
    "hess_bn_positive": (_SECOND, _share(lambda o: o["hess_bn"] >= 0, "hess_bn")),
    # The second condition is the sign of the theorem's own term: bend <= 0 where <g, y-hat> >= 0.
    "both_non_negative": (_SECOND, _share(lambda o: o["hess_bn"] >= 0 >= o["bend"], "hess_bn")),
}
"""Of the layers of a step: which rows they are, without which at both ends, and their average."""

BOUNDED = {name for name, ((rows, *_), _) in LAYERS.items() if rows in ("terms", "second_order")}
BOUNDED |= {"ics_cosine", "ics_cosine_size", "ics_angle", "kurtosis_gap", "skewness"}
"""What a network that diverged has no value of: shares, cosines and shapes are averaged over what it reached."""

ROWS: dict[str, Callable[[Row], float]] = {
    "across_batches": lambda row: number(row["across_batches"]["change"]),
    "lambda_max": lambda row: number(row["lambda_max"]),
    "lambda_max_population_ratio": lambda row: (
        number(row["lambda_max_population"]) / number(row["lambda_max"])
    ),
    "condition": lambda row: _inner(lambda value: number(value))(row["condition"]),
    "gradient_growth": lambda row: number(row["gradient_growth"]),
    "train_accuracy_as_trained": lambda row: number(row["accuracy"].get("as_trained")),
}
"""Of a step as a whole; KeyError where it was not measured."""

ENDS = ("train_accuracy", "test_accuracy", "test_error")
"""Of the network at its end."""
OVER_RUN = ("deviation_swing", "start_soft_rank")
"""Of a run as a whole; its rows alone tell them."""

ALONE = (
    *RAY,
    *(f"far_{name}" for name in RAY),
    *(f"random_{scaling}_{name}" for scaling in ("gradient", "filter") for name in RAY),
    *LAYERS,
    *ROWS,
    *ENDS,
    "loss",
    "final_loss",
    "deviation_swing",
    "start_soft_rank",
    "start_lambda_max",
    "sharpness",
    *(
        f"insert_{name}"
        for name in (
            "activation_grad",
            "layer_grad",
            "activation_curvature",
            "layer_curvature",
            "grad",
            "beta_max",
        )
    ),
)
"""Statistics of one run; `pairs` and `rates` have those of two and of several."""


def at_step(name: str, row: Row) -> float:
    """The statistic ``name`` at one measured step; nan where it was not measured there."""
    if "series" in row:
        # A compact run, see `compact`.
        return number(row["series"].get(name))
    try:
        if name in RAY:
            return RAY[name](row["ray"])
        if name.startswith("far_"):
            return RAY[name.removeprefix("far_")](row["far"])
        if name.startswith("random_"):
            _, scaling, of = name.split("_", 2)
            rays = [ray for ray in row["random"] if ray["scaling"].startswith(scaling)]
            return average([RAY[of](ray) for ray in rays], [1.0] * len(rays), "geometric")
        if name.startswith("insert_"):
            quantity = name.removeprefix("insert_")
            pairs = [(one["inserted"][quantity], one["plain"][quantity]) for one in row["insertions"]]
            ratios = [abs(number(a)) / abs(number(b)) for a, b in pairs if b]
            return average(ratios, [1.0] * len(ratios), "geometric")
        if name in LAYERS:
            (rows, first, last), of_layers = LAYERS[name]
            return of_layers(row[rows][first:last])
        return ROWS[name](row)
    except KeyError:
        if name not in ALONE:
            raise
        return math.nan


def series(name: str, view: View) -> tuple[tuple[int, ...], list[float]]:
    """Steps at which ``name`` was measured, and its values; a run that diverged is +inf at the step it did."""
    if name not in view.seen:
        view.seen[name] = _series(name, view)
    return view.seen[name]


def _series(name: str, view: View) -> tuple[tuple[int, ...], list[float]]:
    if name == "loss":
        known = [(step, number(loss)) for step, loss in enumerate(view.losses) if loss is not None]
    else:
        known = [(row["step"], at_step(name, row)) for row in view.rows]
    known = [(step, value) for step, value in known if not math.isnan(value)]
    if view.lost_at is not None and (known or view.rows or name == "loss"):
        known = [(s, v) for s, v in known if s < view.lost_at]
        if name not in BOUNDED:
            known.append((view.lost_at, CHANCE if "accuracy" in name else math.inf))
    return tuple(step for step, _ in known), [value for _, value in known]


def statistic(
    name: str, view: View, window: Window = WHOLE, over: Over = "geometric", weights: Weights = "linear"
) -> float:
    """The statistic ``name`` of one seed over a window of its training; nan where it was not measured.

    Raises:
        KeyError: no statistic of one run has this name (see `ALONE`).
    """
    if name in view.final.get("alone", {}):
        return number(view.final["alone"][name])
    if name in ENDS:
        part = name.partition("_")[0]
        reached = CHANCE if view.status == "diverged" else number(view.final.get("accuracy", {}).get(part))
        return max(FLOOR, 1 - reached) if name == "test_error" else reached
    if name == "final_loss":
        return statistic("loss", view, (0.99, 1.0), over)
    if name == "sharpness":
        return statistic("lambda_max", view, window, over, weights) * view.recipe.lr / 2
    if name == "start_lambda_max":
        return statistic("lambda_max", view, (0.0, 0.0))
    if name == "deviation_swing":
        return _swing(view)
    if name == "start_soft_rank":
        first = view.rows[0]["moments"][-2] if view.rows and "moments" in view.rows[0] else {}
        return number(first.get("soft_rank"))
    if name not in ALONE:
        raise KeyError(name)
    steps, values = series(name, view)
    first, lengths = support(steps, view.recipe.steps, window, weights)
    return average(values[first : first + len(lengths)], lengths, over)


def _swing(view: View) -> float:
    """Largest over smallest standard deviation of the shown unit in the course of training, over the layers."""
    rows = [row["moments"][:-1] for row in view.rows if "moments" in row]
    swings = []
    for layer in zip(*rows, strict=True):
        found = [math.sqrt(number(one["var"])) for one in layer]
        if all(map(math.isfinite, found)):
            swings.append(max(found) / min(found) if min(found) > 0 else math.inf)
        else:
            swings.append(math.inf)
    return average(swings, [1.0] * len(swings), "geometric")
