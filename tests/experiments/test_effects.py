"""Effects of single fields come from their runs alone, paired by seed with the unchanged network."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments import figures
from bnverify.experiments.judge import fields as effects
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report import reproduction_notes
from bnverify.experiments.run.plans import plan
from bnverify.experiments.run.recipes import DlnRecipe
from bnverify.experiments.run.record import Run

RECIPE = DlnRecipe(steps=100, seeds=3, checkpoints=1)


def run(name: str, left: list[float | None], curvature: float, **change: Any) -> Run:
    """Three seeds whose loss ends at ``left`` times its first value."""
    ics = [{"relative": 0.0, "cosine": 1.0, "l2": 0.0}, {"relative": 0.5, "cosine": 0.9, "l2": 1.0}]
    rows = [
        {"step": 0, "lambda_max": [curvature] * 3, "ics": [ics] * 3},
        {"from": 0, "losses": [[8.0, 8.0, 8.0]] + [[None if v is None else 8 * v for v in left]] * 99},
    ]
    recipe = replace(RECIPE, norm="batchnorm", **change)
    return Run(Path(f"out/effects/batchnorm-{name}"), recipe, rows, {"status": "finished"}, {})


def test_ratios_are_paired_by_seed_with_their_interval() -> None:
    base = run("default", [0.1, 0.2, 0.4], 2.0)
    unchanged, changed = effects.table(Shelf([base, run("bias", [0.2, 0.4, 0.8], 6.0, bias=True)]))
    assert (unchanged["change"], changed["change"], changed["steps"]) == ("", "bias=true", 100)
    assert unchanged["values"]["loss_left"]["ratio"] == pytest.approx(0.2)
    assert unchanged["against_default"] == {}
    assert changed["values"]["loss_left"]["ratio"] == pytest.approx(0.4)
    # Every seed has the same ratio; three seeds have no 95 % interval.
    assert changed["against_default"]["loss_left"] == pytest.approx(
        {"seeds": 3, "ratio": 2.0, "low": 0.0, "high": math.inf}
    )
    assert changed["values"]["lambda_max_times_lr"]["ratio"] == pytest.approx(6e-6)
    assert changed["against_default"]["lambda_max_times_lr"]["ratio"] == pytest.approx(3.0)


def test_a_diverged_seed_is_left_out_of_the_table_and_runs_that_are_missing_are_none() -> None:
    (only,) = effects.table(Shelf([run("last-norm", [0.5, 0.5, None], 1.0, last_norm=True)]))
    assert only["values"]["loss_left"]["ratio"] == pytest.approx(0.5)
    assert only["against_default"] == dict.fromkeys(effects.QUANTITIES)
    assert effects.table(Shelf([])) == []


def test_the_table_is_printed_with_its_gaps() -> None:
    base = run("default", [0.1, 0.2, 0.4], 2.0)
    rows = effects.table(Shelf([base, run("loss-mean", [0.9, 0.9, 0.9], math.nan, loss="mean")]))
    text = "\n".join(reproduction_notes._effects({"effects": rows}))
    assert "| Standard + BatchNorm | unchanged | 100 | 0.200 [0, ∞] | – | – | – |" in text
    assert "| Standard + BatchNorm | loss=mean | 100 | 0.900 [0, ∞] | 4.50 [" in text


def test_every_effect_is_planned_beside_the_unchanged_network() -> None:
    planned = {p.path: p.recipe for p in plan("quick", needs=figures.needs(("effects",)))}
    for norm in ("none", "batchnorm"):
        base = planned[f"effects/{norm}-default"]
        assert isinstance(base, DlnRecipe)
        assert base.lr == effects.LR
        others = {path: r for path, r in planned.items() if r.norm == norm and r != base}
        assert len(others) == (4 if norm == "none" else 6)
        for recipe in others.values():
            differing = [k for k, v in vars(recipe).items() if v != vars(base)[k]]
            assert len(differing) == 1
