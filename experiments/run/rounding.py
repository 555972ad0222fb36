"""What rounding does to each statistic: the same networks measured with TF32, float32 and float64."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import torch
from bnverify.experiments.measure.precision import rounded
from bnverify.experiments.measure.views import ALONE, at_step
from bnverify.experiments.run.network_task import NetworkTask
from bnverify.experiments.run.recipes import NormKind, VggRecipe
from bnverify.experiments.run.record import Row

# Noise is drawn afresh in another dtype, so that noisy networks cannot be compared.
NETWORKS: tuple[NormKind, ...] = ("none", "batchnorm", "l1", "l2", "linf")


def table(recipe: VggRecipe, steps: int = 50) -> list[Row]:
    """How far every statistic is from its value in float64, at the weights after ``steps`` steps of training.

    Returns:
        Rows ``norm``, ``statistic``, ``value`` (in float64) and ``tf32``, ``fp32``: relative differences; ``tf32`` is
        None on a device without it.
    """
    steps = min(steps, recipe.steps)
    return [row for norm in NETWORKS for row in _of(replace(recipe, norm=norm, psd=False), steps)]


def _of(recipe: VggRecipe, steps: int) -> Iterator[Row]:
    task = NetworkTask(recipe)
    task.advance(steps)
    # Where the second order is measured as well.
    task.step = min(task.curved, default=steps)
    seen: dict[str, Row] = {}
    for name in ("tf32", "fp32"):
        with rounded("tf32" if name == "tf32" else "ieee"):
            seen[name] = task.measure()
    task.model.double()
    task.set = replace(task.set, train_x=task.set.train_x.double(), test_x=task.set.test_x.double())
    seen["fp64"] = task.measure()
    for statistic in ALONE:
        values = {name: at_step(statistic, row) for name, row in seen.items()}
        exact = values["fp64"]
        if math.isnan(exact) or exact == 0:
            continue
        apart = {name: abs(values[name] / exact - 1) for name in ("tf32", "fp32")}
        on_cuda = torch.device(recipe.device).type == "cuda"
        yield {
            "norm": recipe.norm,
            "statistic": statistic,
            "value": exact,
            "tf32": apart["tf32"] if on_cuda else None,
            "fp32": apart["fp32"],
        }


def worst(rows: list[Row]) -> list[Row]:
    """The row of each statistic whose float32 value is farthest off, largest first."""
    found: dict[str, Row] = {}
    for row in rows:
        if row["statistic"] not in found or row["fp32"] > found[row["statistic"]]["fp32"]:
            found[row["statistic"]] = row
    return sorted(found.values(), key=lambda row: -row["fp32"])
