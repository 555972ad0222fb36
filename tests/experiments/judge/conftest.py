"""Made-up runs with known ratios; nothing is trained."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments.run.recipes import NormKind, VggRecipe, measured_steps
from bnverify.experiments.run.record import Run

RECIPE = VggRecipe(steps=100, checkpoints=21, grid="linear", data="cifar10")


def ray(scale: float, norm: float = 1.0) -> dict[str, Any]:
    """A ray on which |g_t - g| = scale t |g|, and the loss falls by scale t |g|^2."""
    lengths = [0.05, 0.1, 0.4]
    return {
        "lengths": lengths,
        "loss": 2.0,
        "grad_norm": norm,
        "direction_norm": norm,
        "losses": [2.0 - t * norm * norm * scale for t in lengths],
        "changes": [scale * t * norm for t in lengths],
        "cosines": [1.0, 1.0, 1.0],
        "beta_pairs": scale,
    }


def run(
    norm: NormKind,
    seed: int,
    scale: float | Callable[[float], float],
    *,
    lost: int | None = None,
    recipe: VggRecipe = RECIPE,
    **changes: Any,
) -> Run:
    """A finished run whose rays have this scale, a function of the share of training where it is one.

    lost: the step at which it diverged. changes: fields of the recipe.
    """
    recipe = replace(recipe, norm=norm, seed=seed, **changes)
    of = scale if callable(scale) else lambda _: scale
    steps = [step for step in measured_steps(recipe) if lost is None or step < lost]
    rows: list[dict[str, Any]] = [{"step": step, "ray": ray(of(step / recipe.steps))} for step in steps]
    losses: list[float | None] = [2.0 * math.exp(-2 * t / recipe.steps) for t in range(recipe.steps)]
    rows.append({"from": 0, "losses": losses if lost is None else [*losses[:lost], None]})
    status = {"status": "finished" if lost is None else "diverged", "seconds": 1.0}
    ending = status | {"steps": recipe.steps, "accuracy": {"train": 0.9, "test": 0.8}}
    return Run(Path(f"vgg/{norm}-{seed}"), recipe, rows, ending, {"data": {"name": recipe.data}})


def pair(ratio: float, seeds: int = 14, spread: float = 0.05, **changes: Any) -> list[Run]:
    """Networks without and with BatchNorm, seed by seed, whose statistics have this ratio."""
    runs = []
    for seed in range(seeds):
        wobble = math.exp(spread * math.sin(7 * seed + 1))
        runs += [run("none", seed, 1.0, **changes), run("batchnorm", seed, ratio * wobble, **changes)]
    return runs


@pytest.fixture
def make_pair() -> Callable[..., list[Run]]:
    return pair


@pytest.fixture
def make() -> Callable[..., Run]:
    return run
