"""Do the terms of the theorems predict how smooth the loss is in weight space, on runs that the fit has not seen?

Every measured step of a normalised network with second order is a sample: logarithms of terms and baselines at
that step, and of effective beta and lambda_max at the same weights. The largest usable learning rate of a network
is predicted from its terms at step 0. A fit is least squares with an intercept on the samples of other seeds (and,
where a statistic ends in ``new_norm``, of other normalisations); its error is the root mean square over the
samples held out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from bnverify.experiments.measure.rates import largest_usable
from bnverify.experiments.measure.views import beta_max, number
from bnverify.experiments.run.recipes import DEPTHS, DlnRecipe
from bnverify.experiments.run.record import Row

if TYPE_CHECKING:
    from bnverify.experiments.measure.shelf import Shelf

NORMS = ("batchnorm", "noisy-batchnorm", "l1", "l2", "linf")
TERMS = ("scale", "kept", "curvature")
BASELINES = ("grad_sq", "weight_grad_sq", "depth", "weight_norm")
# What a fit may use, by the name that the preregistration gives it.
FEATURES: dict[str, tuple[str, ...]] = {
    "terms": TERMS,
    **{name: (name,) for name in (*TERMS, *BASELINES)},
    "baselines": BASELINES,
    "both": (*TERMS, *BASELINES),
}
TARGETS = ("beta_max", "lambda_max", "usable_lr")


@dataclass(frozen=True)
class Sample:
    """One network at one step; ``features`` and ``target`` are natural logarithms."""

    norm: str
    seed: int
    features: dict[str, float]
    target: float


def features(row: Row, layers: int) -> dict[str, float]:
    """Logarithms of what a fit may use, from one measured step; nan where something was not measured or is 0.

    ``scale``: mean over the normalisation layers of log (sum gamma^2/s^2 |g|^2 / sum |g|^2), sums over units.
    ``kept``: mean of the log share that the two reductions of Theorem 4.1 leave. ``curvature``: largest log |v'Bv| /
    |v|^2, both terms of Theorem 4.2 together. ``grad_sq``: mean of log |g|^2. ``weight_grad_sq``: log |dL/dw|^2.
    ``depth``: log of the number of layers. ``weight_norm``: log |W|.
    """
    terms, second = row.get("terms") or [], row.get("second_order") or []
    return {
        "scale": _mean([_log(t["scaled"]) - _log(t["grad_sq"]) for t in terms]),
        "kept": _mean([_log(t["kept"]) for t in terms]),
        "curvature": max(
            (_log(abs(number(s["chain"]) + number(s["bend"]))) for s in second), default=math.nan
        ),
        "grad_sq": _mean([_log(t["grad_sq"]) for t in terms]),
        "weight_grad_sq": 2 * _log(row["ray"]["grad_norm"]),
        "depth": math.log(layers),
        "weight_norm": _log(row.get("weight_norm")),
    }


def _log(value: float | None) -> float:
    found = number(value)
    return math.log(found) if found > 0 else math.nan


def _mean(values: list[float]) -> float:
    return math.fsum(values) / len(values) if values else math.nan


def samples(shelf: Shelf, model: str, lr: float, target: str) -> list[Sample]:
    """The samples of ``vgg`` or of the ``depth`` networks at one learning rate; incomplete ones are left out."""
    parts = ("vgg",) if model == "vgg" else tuple(f"depth/{layers}" for layers in DEPTHS)
    found = []
    for part in parts:
        for norm in NORMS:
            for seed, view in shelf.seeds(part, norm, lr).items():
                layers = view.recipe.layers if isinstance(view.recipe, DlnRecipe) else view.recipe.depth
                if target == "usable_lr":
                    rates = shelf.rates(part, norm, seed)
                    rows = view.rows[:1]
                    values = [_log(largest_usable(rates))] if len(rates) > 1 else [math.nan]
                else:
                    rows = view.rows
                    values = [_target(row, target) for row in rows]
                found += [
                    Sample(norm, seed, features(row, layers), value)
                    for row, value in zip(rows, values, strict=False)
                ]
    return [s for s in found if math.isfinite(s.target) and all(map(math.isfinite, s.features.values()))]


def _target(row: Row, name: str) -> float:
    return _log(beta_max(row["ray"])) if name == "beta_max" else _log(row.get("lambda_max"))


def predicted(train: Sequence[Sample], held_out: Sequence[Sample], names: Sequence[str]) -> np.ndarray:
    """Least squares with an intercept on ``train``, evaluated at ``held_out``: ``(len(held_out),)``.

    Features are centred and scaled by their spread in ``train``; one that does not vary there is not used.
    """
    x, at = (np.array([[s.features[n] for n in names] for s in part]) for part in (train, held_out))
    y = np.array([s.target for s in train])
    mean, spread = x.mean(0), x.std(0)
    varies = spread > 1e-12 * (1 + np.abs(mean))
    x, at = ((part - mean)[:, varies] / spread[varies] for part in (x, at))
    slopes = np.linalg.lstsq(x, y - y.mean(), rcond=None)[0]
    result: np.ndarray = at @ slopes + y.mean()
    return result


def predictions(found: Sequence[Sample], names: Sequence[str], new_norm: bool) -> list[tuple[Sample, float]]:
    """Every sample with what a fit on other seeds (and other normalisations) predicts for it."""
    pairs: list[tuple[Sample, float]] = []
    groups = {(s.seed, s.norm if new_norm else "") for s in found}
    for seed, norm in sorted(groups):
        held_out = [s for s in found if s.seed == seed and (not new_norm or s.norm == norm)]
        train = [s for s in found if s.seed != seed and not (new_norm and s.norm == norm)]
        if len(train) > len(names) + 1:
            pairs += zip(held_out, predicted(train, held_out, names).tolist(), strict=True)
    return pairs


def errors(found: Sequence[Sample], names: Sequence[str], new_norm: bool) -> dict[int, float]:
    """Seed -> root mean square error of the log of the target over its samples, each predicted without it."""
    squares: dict[int, list[float]] = {}
    for sample, value in predictions(found, names, new_norm):
        squares.setdefault(sample.seed, []).append((sample.target - value) ** 2)
    return {seed: math.sqrt(math.fsum(v) / len(v)) for seed, v in squares.items()}


def log_ratios(
    shelf: Shelf, model: str, lr: float, statistic: str, of: str, against: str
) -> dict[int, float]:
    """Seed -> log of the held-out error with the features ``of`` over that with those of ``against``.

    Args:
        model: ``predict-vgg`` or ``predict-dln``. statistic: a target, then ``_new_seed`` or ``_new_norm``.
    """
    target, _, scheme = statistic.rpartition("_new_")
    found = samples(shelf, model.removeprefix("predict-"), lr, target)
    one, other = (errors(found, FEATURES[name], scheme == "norm") for name in (of, against))
    return {
        seed: math.log(one[seed] / other[seed]) if one[seed] > 0 and other[seed] > 0 else math.nan
        for seed in sorted(one.keys() & other.keys())
    }
