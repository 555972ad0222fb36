"""Verdicts follow from run folders and the preregistration alone; made-up runs with known ratios get known
verdicts."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from bnverify.experiments.judge.statistics import Direction
from bnverify.experiments.judge.verdicts import Judged, judge, model_of
from bnverify.experiments.measure import predict
from bnverify.experiments.measure.views import change_at, statistic, views
from bnverify.experiments.run.recipes import DlnRecipe, NormKind, VggRecipe, measured_steps
from bnverify.experiments.run.record import Run
from bnverify.theory.preregistered import Block, Fixed, preregistration

from bnverify.base.errors import InputError

RECIPE = VggRecipe(steps=100, checkpoints=10)


def ray(scale: float, norm: float = 1.0) -> dict[str, Any]:
    """A ray on which |g_t - g| = scale t |g| and the loss falls linearly."""
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
    norm: NormKind, seed: int, scale: float, *, lr: float = 0.1, data: str = "cifar10", **result: Any
) -> Run:
    recipe = replace(RECIPE, norm=norm, seed=seed, lr=lr)
    rows: list[dict[str, Any]] = [{"step": step, "ray": ray(scale)} for step in measured_steps(recipe)]
    rows.append({"from": 0, "losses": [2.0] * 10 + [scale] * 90})
    ending = {"status": "finished", "steps": 100, "accuracy": {"train": 0.9, "test": 0.8}, **result}
    return Run(Path(f"{norm}-{seed}-{lr}"), recipe, rows, ending, {"data": {"name": data}})


def claim(
    direction: Direction, bound: float, *, phases: tuple[str, ...] = ("early", "late"), **other: Any
) -> Fixed:
    block = Block("vgg", ("beta_max",), ("batchnorm",), "none", direction, bound, phases)
    return Fixed("made-up", "nowhere", "a quotation", (replace(block, **other.pop("test", {})),), **other)


def judged(the_claim: Fixed, ratio: float, spread: float = 0.01, data: str = "cifar10") -> Judged:
    runs = []
    for seed in range(5):
        runs.append(run("none", seed, 1.0, data=data))
        runs.append(run("batchnorm", seed, ratio * math.exp(spread * (seed - 2)), data=data))
    (found,) = judge([the_claim], runs)
    return found


def test_a_clear_difference_is_reproduced_with_its_ratio() -> None:
    found = judged(claim("below", 1.0), 0.2)
    assert found.verdict == "reproduced"
    cell = found.cells[0]
    assert cell.comparison is not None
    assert cell.comparison.ratio == pytest.approx(0.2)
    assert cell.log_ratios[4] == pytest.approx(math.log(0.2) + 0.02)


def test_the_opposite_is_not_reproduced_and_noise_is_open() -> None:
    assert judged(claim("below", 1.0), 5.0).verdict == "not-reproduced"
    assert judged(claim("below", 1.0), 0.9, spread=1.0).verdict == "open"


def test_no_difference_needs_equivalence() -> None:
    assert judged(claim("within", 1.25), 1.02).verdict == "reproduced"
    assert judged(claim("within", 1.25), 1.02, spread=1.0).verdict == "open"
    assert judged(claim("within", 1.25), 2.0).verdict == "not-reproduced"


def test_what_holds_in_one_phase_alone_is_partly_and_says_where() -> None:
    runs = []
    for seed in range(5):
        runs.append(run("none", seed, 1.0))
        normed = run("batchnorm", seed, 0.2 * math.exp(0.01 * seed))
        rows = [
            row | {"ray": ray(5.0 + 0.1 * seed)} if row.get("step", 0) >= 50 else row for row in normed.rows
        ]
        runs.append(replace(normed, rows=rows))
    (found,) = judge([claim("below", 1.0)], runs)
    assert found.verdict == "partly"
    assert {c.phase: c.decision for c in found.cells} == {"early": "holds", "late": "fails"}


def test_a_family_of_claims_pays_for_its_size() -> None:
    runs = [run("none", s, 1.0) for s in range(5)]
    runs += [run("batchnorm", s, math.exp(-0.05 + 0.03 * (s - 2))) for s in range(5)]
    one = claim("below", 1.0, phases=("early",))
    assert judge([one], runs)[0].verdict == "reproduced"
    many = [replace(one, id=f"{i}") for i in range(20)]
    assert {found.verdict for found in judge(many, runs)} == {"open"}


def test_hard_claims_are_not_judged_on_the_digits() -> None:
    easy = claim("below", 1.0, judge_on_digits=False)
    assert judged(easy, 0.2, data="digits").verdict == "not judged on this data"
    assert judged(easy, 0.2, data="fashion-mnist").verdict == "reproduced"


def test_a_seed_without_the_statistic_keeps_a_cell_from_holding() -> None:
    runs = []
    for seed in range(5):
        normed = run("batchnorm", seed, 0.2 * math.exp(0.01 * seed))
        if seed == 3:
            rows = [
                row | {"ray": ray(1.0) | {"changes": [None, None, None]}} if "ray" in row else row
                for row in normed.rows
            ]
            normed = replace(normed, rows=rows)
        runs += [run("none", seed, 1.0), normed]
    (found,) = judge([claim("below", 1.0)], runs)
    assert found.verdict == "open"
    assert found.cells[0].missing == "1 of 5 seeds have no such value"


def test_the_largest_usable_and_the_smallest_diverging_rate_are_found() -> None:
    runs = []
    for seed in range(2):
        for lr in (0.1, 0.3, 1.0):
            runs.append(run("batchnorm", seed, 0.5, lr=lr))
            runs.append(
                run("none", seed, 0.5 if lr < 1 else 3.0, lr=lr, status="finished" if lr < 1 else "diverged")
            )
    usable = claim("above", 1.0, phases=("all",), test={"statistics": ("largest_usable_lr",)})
    (found,) = judge([usable], runs)
    assert found.verdict == "reproduced"
    assert found.cells[0].log_ratios[0] == pytest.approx(math.log(1.0 / 0.3))
    (unswept,) = judge([usable], [run for run in runs if run.recipe.lr == 0.1])
    assert unswept.cells[0].log_ratios[0] is None
    diverging = claim(
        "within",
        1.1,
        phases=("all",),
        test={"statistics": ("smallest_diverging_lr",), "of": ("none",), "against": 1.0},
    )
    assert judge([diverging], runs)[0].verdict == "reproduced"


def test_distances_are_compared_where_both_were_probed() -> None:
    runs = []
    for seed in range(3):
        plain, normed = run("none", seed, 1.0), run("batchnorm", seed, 0.5)
        rows = [row | {"ray": ray(0.5, norm=0.5)} if "ray" in row else row for row in normed.rows]
        runs += [plain, replace(normed, rows=rows)]
    (found,) = judge([claim("below", 1.0, test={"statistics": ("change_at_common_distance",)})], runs)
    assert found.cells[0].log_ratios[0] == pytest.approx(math.log(0.5), rel=1e-6)
    assert math.isnan(change_at(ray(1.0), 0.5))


def test_mixed_data_and_repeated_seeds_are_refused() -> None:
    with pytest.raises(InputError, match="one data set at a time"):
        judge([claim("below", 1.0)], [run("none", 0, 1.0), run("none", 1, 1.0, data="digits")])
    with pytest.raises(InputError, match="repeats seed 0"):
        judge([claim("below", 1.0)], [run("none", 0, 1.0), run("none", 0, 1.0)])


def test_claims_without_runs_are_left_out() -> None:
    assert judge([claim("below", 1.0)], []) == []


def test_seeds_of_a_batched_run_are_seen_one_by_one() -> None:
    recipe = DlnRecipe(steps=10, seeds=2, seed=7, checkpoints=2)
    rows = [{"step": 0, "ray": [ray(1.0), ray(2.0)]}, {"from": 0, "losses": [[1.0, 2.0]] * 9 + [[0.5, None]]}]
    first, second = views(Run(Path("x"), recipe, rows, {"status": "finished"}, {}))
    assert (first.seed, second.seed) == (7, 8)
    assert (first.status, second.status) == ("finished", "diverged")
    assert statistic("beta_max", second, "all") == pytest.approx(2.0)
    # A step without a finite loss counts as the loss at step 0.
    assert statistic("final_loss", second, "all") == pytest.approx(2.0)


def test_the_family_of_a_run_tells_apart_what_the_recipes_of_others_share() -> None:
    def model(recipe: VggRecipe | DlnRecipe, folder: str) -> str:
        return model_of(Run(Path(folder), recipe, [], None, {}))

    assert model(RECIPE, "out/vgg/none-lr0.1-seed0") == "vgg"
    assert model(replace(RECIPE, insert=True), "out/insert/seed0") == "insert"
    assert model(DlnRecipe(), "out/dln/none-lr1e-06") == "dln"
    assert model(DlnRecipe(insert=True), "out/insert-dln/none") == "insert-dln"
    assert model(DlnRecipe(layers=5), "out/depth/l1-layers5-lr1e-05") == "depth/5"
    assert model(DlnRecipe(bias=True), "out/effects/none-bias") == "effects/none-bias"


def test_shares_of_probed_layers_are_counted_with_their_tolerance() -> None:
    probed = [{"smallest": s, "largest": 1.0, "hess_bn": s} for s in (0.5, -1e-12, -1e-3, -0.5)]
    rows = [{"step": 0, "second_order": [*probed, {"smallest": None, "largest": None, "hess_bn": None}]}]
    (view,) = views(replace(run("batchnorm", 0, 1.0), rows=[*rows, {"from": 0, "losses": [1.0]}]))
    assert statistic("downstream_psd", view, "all") == 0.5
    assert statistic("downstream_nearly_psd", view, "all") == 0.75
    assert statistic("hess_bn_positive", view, "all") == 0.25


def test_the_preregistration_is_readable_and_every_statistic_in_it_exists() -> None:
    claims = preregistration().values()
    runs = [run(norm, seed, 1.0) for norm in ("none", "batchnorm") for seed in range(2)]
    judge(claims, runs)
    (view,) = views(runs[0])
    special = {"largest_usable_lr", "smallest_diverging_lr", "change_at_common_distance"}
    tests = [t for c in claims for t in c.blocks]
    for name in {s for t in tests for s in t.statistics if not t.model.startswith("predict-")} - special:
        statistic(name, view, "all")
    for t in tests:
        if t.model.startswith("predict-"):
            assert {name.rpartition("_new_")[0] for name in t.statistics} <= set(predict.TARGETS)
            assert {name.rpartition("_new_")[2] for name in t.statistics} <= {"seed", "norm"}
            assert {*t.of, t.against} <= set(predict.FEATURES)
    with pytest.raises(KeyError):
        statistic("beauty", view, "all")
