"""A reproduction of made-up numbers, in run folders as `bnverify reproduce` leaves them; nothing is trained."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments.run import recipes, seal
from bnverify.experiments.run.recipes import NORMS_DLN, NORMS_VGG, DlnRecipe, VggRecipe

LAYERS, STEPS, MEASURED = 5, 20, (0, 3, 12)
# What BatchNorm and its relatives do to the made-up numbers, by step: rougher first, smoother later.
EFFECT = {"none": (1.0, 1.0, 1.0), "batchnorm": (3.0, 0.3, 0.1)}


def wobble(*keys: object) -> float:
    """A number near 1 that depends on the keys alone."""
    return 1 + 0.05 * math.sin(sum(hash_of(str(key)) for key in keys))


def hash_of(text: str) -> int:
    return sum((i + 1) * ord(letter) for i, letter in enumerate(text))


def ray(effect: float, low: float, high: float, *keys: object) -> dict[str, Any]:
    lengths = [low, math.sqrt(low * high), high]
    slope = effect * wobble(*keys)
    return {
        "lengths": lengths,
        "loss": 2.0,
        "grad_norm": 1.5,
        "direction_norm": 1.5,
        "losses": [2.0 - 0.5 * slope * t / high for t in lengths],
        "changes": [slope * t * 1.5 for t in lengths],
        "cosines": [0.9, 0.8, 0.7],
        "beta_pairs": slope * 1.1,
    }


def moment(layer: int, norm: str, step: int) -> dict[str, Any]:
    spread = (1 + layer) * wobble(norm, step)
    quantiles = [-3.0, -2.3, -1.6, -0.7, 0.0, 0.7, 1.6, 2.3, 3.0]
    change = 0.01 * wobble(norm, step, layer)
    return {
        "mean": 0.1,
        "var": spread**2,
        "quantiles": [q * spread for q in quantiles],
        "mean_change": change,
        "var_change": -change,
        "mean_shift": change,
        "var_shift": 2 * change,
    }


def shift(norm: str, step: int, layer: int) -> dict[str, Any]:
    if layer == 0:
        return {"l2": 0.0, "relative": 0.0, "cosine": 1.0}
    return {"l2": 0.1 * wobble(norm, step, layer), "relative": 0.1, "cosine": 0.5}


def vgg_row(recipe: VggRecipe, at: int) -> dict[str, Any]:
    step, norm, seed = MEASURED[at], recipe.norm, recipe.seed
    effect = EFFECT.get(norm, EFFECT["batchnorm"])[at]
    probed = ray(effect, 0.5 * recipe.lr, 4 * recipe.lr, norm, seed, step)
    layer = {"sigma": 0.6, "actual": 0.1, "grad_sq": 0.2, "scaled": 0.3, "term_mean": 0.05, "term_yhat": 0.1}
    layer |= {"kept": 0.85, "positive": 0.5, "cosine": 0.04, "failed": 0, "layer": "x", "units": 4}
    curved = {"layer": "x", "chain": effect * wobble(seed, step), "bend": -0.01, "hess_bn": effect}
    curved |= {"smallest": -1e-4 * effect, "largest": effect}
    normalised = 0 if norm in ("none", "noise") else LAYERS - 1
    return {
        "step": step,
        "ray": probed,
        "moments": [moment(i, norm, step) for i in range(LAYERS)],
        "ics": [shift(norm, step, i) for i in range(LAYERS)],
        "random": [probed | {"scaling": "gradient-norm"}],
        "accuracy": {"train": 0.2 + 0.3 * at, "test": 0.1 + 0.3 * at},
        "across_batches": {"change": 0.5 * effect * wobble(norm, seed), "distance": 0.1},
        "terms": [layer] * normalised,
        "second_order": [curved] * normalised,
        "lambda_max": 5.0 * effect,
        "weight_norm": 3.0,
    }


def dln_row(recipe: DlnRecipe, at: int) -> dict[str, Any]:
    step, norm, seeds = MEASURED[at], recipe.norm, range(recipe.seeds)
    effect = EFFECT.get(norm, EFFECT["batchnorm"])[at]
    rays = [ray(effect / recipe.lr, 0.01 * recipe.lr, 30 * recipe.lr, norm, s, step) for s in seeds]
    if norm == "none" and at == 1:
        # One seed overflows at its longest probe.
        rays[0] |= {"losses": [*rays[0]["losses"][:-1], None], "changes": [*rays[0]["changes"][:-1], None]}
    return {
        "step": step,
        "ray": rays,
        "moments": [[moment(i, norm, step) for i in range(LAYERS)] for _ in seeds],
        "ics": [[shift(norm, step, i) for i in range(LAYERS)] for _ in seeds],
        "lambda_max": [effect / recipe.lr for _ in seeds],
    }


def insert_row(recipe: VggRecipe | DlnRecipe, at: int) -> dict[str, Any]:
    quantities = ("activation_grad", "activation_curvature", "layer_grad", "layer_curvature")
    plain = dict.fromkeys((*quantities, "grad", "curvature", "beta_max", "beta_pairs"), 2.0) | {"loss": 1.0}
    inserted = {key: value * 0.5 * wobble(key, recipe.seed, at) for key, value in plain.items()}
    turned = inserted | {"curvature": -inserted["curvature"]}
    found = [
        {
            "layer": layer,
            "units": 4,
            "constant_units": 0,
            "activation_gap": 1e-16,
            "plain": plain,
            "inserted": turned if layer == 1 else inserted,
        }
        for layer in range(1, LAYERS)
    ]
    return {"step": MEASURED[at], "insertions": [found] if isinstance(recipe, DlnRecipe) else found}


def losses(recipe: VggRecipe | DlnRecipe, diverged: int | None) -> list[Any]:
    """From 2 down to half of it; None from the step at which it diverged."""
    path = [2.0 * 0.5 ** (t / recipe.steps) * wobble(recipe.norm, recipe.seed) for t in range(recipe.steps)]
    if diverged is not None:
        path = [*path[:diverged], None]  # type: ignore[list-item]
    return [[x] * recipe.seeds for x in path] if isinstance(recipe, DlnRecipe) else path


def write_run(
    folder: Path, recipe: VggRecipe | DlnRecipe, diverged: int | None = None, finished: bool = True
) -> Path:
    """One run folder; ``data`` of the recipe is the name that its environment gives to the data."""
    folder.mkdir(parents=True)
    rows: list[dict[str, Any]] = [{"from": 0, "losses": losses(recipe, diverged)}]
    for at in range(len(MEASURED) if recipe.checkpoints and diverged is None else 0):
        if recipe.insert:
            rows.append(insert_row(recipe, at))
        else:
            rows.append(dln_row(recipe, at) if isinstance(recipe, DlnRecipe) else vgg_row(recipe, at))
    data = {"name": recipe.data, "sha256": "0"} if isinstance(recipe, VggRecipe) else None
    machine = {"processor": "x", "cores": 2, "device": "cpu", "python": "3", "torch": "2", "commit": "0" * 40}
    (folder / "recipe.json").write_text(json.dumps(recipes.to_json(recipe)))
    (folder / "environment.json").write_text(json.dumps(machine | {"system": "y", "data": data}))
    before, lines = seal.digest((folder / "recipe.json").read_bytes()), []
    for row in rows:
        line, before = seal.line(before, row)
        lines.append(line)
    (folder / "metrics.jsonl").write_bytes(b"".join(lines))
    if finished:
        status = "finished" if diverged is None else "diverged"
        ended = {"status": status, "steps": recipe.steps, "diverged_at": diverged, "seconds": 1.0}
        accuracy = {"train": 0.8, "test": 0.7} if diverged is None and recipe.checkpoints else None
        result = ended | ({"accuracy": accuracy} if accuracy else {})
        (folder / "result.json").write_text(seal.document({**result, "metrics_hash": before}))
    return folder


def reproduction(folder: Path, data: str = "cifar10 (JPEG copy)", seeds: int = 2) -> Path:
    """Run folders of every kind; the plain network diverged at learning rate 1 from seed 1."""
    vgg, insertion, linear = (recipes.RECIPES[name] for name in ("vgg-quick", "insert-quick", "dln-quick"))
    assert isinstance(vgg, VggRecipe)
    assert isinstance(insertion, VggRecipe)
    assert isinstance(linear, DlnRecipe)
    small: dict[str, Any] = {"steps": STEPS, "checkpoints": len(MEASURED)}
    for seed in range(seeds):
        for norm in NORMS_VGG:
            recipe = replace(vgg, norm=norm, seed=seed, data=data, **small)
            write_run(folder / "vgg" / f"{norm}-lr0.1-seed{seed}", recipe)
        for norm in ("none", "batchnorm"):
            for lr in (0.01, 1.0):
                bare = replace(vgg, norm=norm, seed=seed, data=data, lr=lr, checkpoints=0, steps=STEPS // 2)
                lost = 4 if (norm, lr, seed) == ("none", 1.0, 1) else None
                write_run(folder / "vgg" / f"{norm}-lr{lr:g}-seed{seed}", bare, lost)
        write_run(folder / "insert" / f"seed{seed}", replace(insertion, seed=seed, data=data, **small))
        alone = replace(linear, seed=seed, seeds=1, layers=LAYERS, insert=True, **small)
        write_run(folder / "insert-dln" / f"seed{seed}", alone)
    for name, change in {"default": {}, "bias": {"bias": True}}.items():
        changed = replace(linear, seeds=seeds, layers=LAYERS, **small, **change)
        write_run(folder / "effects" / f"none-{name}", changed)
    for norm in NORMS_DLN:
        for lr in (1e-6, 1e-7):
            recipe = replace(linear, norm=norm, lr=lr, seeds=seeds, layers=LAYERS, **small)
            write_run(folder / "dln" / f"{norm}-lr{lr:g}", recipe)
    return folder


@pytest.fixture(scope="session")
def made_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole reproduction, two seeds; not to be changed."""
    return reproduction(tmp_path_factory.mktemp("made-up") / "quick")


@pytest.fixture(scope="session")
def make_run() -> Callable[..., Path]:
    """`write_run`, for tests that need a folder of their own."""
    return write_run
