"""Verdicts follow from run folders and the rules alone; made-up runs with known ratios get known badges."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.experiments.judge import rules, summary, words
from bnverify.experiments.judge.rules import Rules
from bnverify.experiments.judge.verdicts import Judged, judge, scale_of
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe
from bnverify.experiments.run.record import Run

from bnverify.base.errors import InputError

Pair = Callable[..., list[Run]]
REGISTERED = rules.registered()


def only(*names: str) -> Rules:
    """The preregistration with these claims alone, in a family of one."""
    kept = {name: replace(REGISTERED.claims[name], family=name) for name in names}
    return replace(REGISTERED, claims=kept)


def judged(name: str, runs: list[Run]) -> Judged:
    (found,) = judge(only(name), runs)
    return found


@pytest.mark.parametrize(
    ("ratio", "verdict"), [(0.01, "reproduced"), (0.2, "too-small"), (1.0, "no-effect"), (100.0, "opposite")]
)
def test_two_orders_of_magnitude_are_tested_as_such(make_pair: Pair, ratio: float, verdict: str) -> None:
    assert judged("fig-4b", make_pair(ratio)).verdict == verdict


def test_the_badge_says_direction_size_interval_paper_and_scale(make_pair: Pair) -> None:
    found = judged("fig-4b", make_pair(1 / 48, spread=0.2))
    assert found.verdict == "reproduced"
    text = words.badge(found)
    assert text.startswith("reproduced ×4")
    assert text.endswith("(paper ~×100) at S1")
    low, high = (float(x) for x in text.partition("[")[2].partition("]")[0].split(", "))
    assert 30 < low < 48 < high < 60
    other = words.badge(judged("fig-4a", make_pair(1 / 8)))
    assert other.endswith("(×1.5 counts) at S1")
    assert other.startswith("reproduced ×7.9")


def test_a_few_seeds_have_no_size_since_they_have_no_interval(make_pair: Pair) -> None:
    assert (
        words.badge(judged("fig-4b", make_pair(0.01, seeds=5))) == "underpowered (needs n >= 6, has 5) at S1"
    )
    assert "[" not in words.said(judged("fig-4b", make_pair(0.01, seeds=5)).telling)
    assert "×99.9 [" in words.badge(judged("fig-4b", make_pair(0.01, seeds=6, spread=0.01)))


def never_reached(make_pair: Pair, *lucky: int) -> Judged:
    """Training speed where the loss with BatchNorm stays above that of the other network, but for some seeds."""
    runs = make_pair(1.0)
    for run in runs:
        if run.recipe.norm == "batchnorm" and run.recipe.seed not in lucky:
            run.rows[-1]["losses"] = [3.0] * run.recipe.steps
    return judged("fig-1a", runs)


def test_a_loss_that_is_never_reached_is_said_so_and_is_not_a_size_of_zero(make_pair: Pair) -> None:
    found = never_reached(make_pair)
    assert found.verdict == "opposite"
    assert set(found.cells[0].log_ratios.values()) == {math.inf}
    assert words.badge(found) == "opposite: never reached in 14 of 14 seeds (×1.5 counts) at S1"
    assert words.said(found.cells[0]) == "never reached in 14 of 14 seeds"
    change = "An interval that reached the claimed side (×1.5 counts); now: never reached in 14 of 14 seeds."
    assert words.change(found) == change
    assert "never reached in 13 of 14 seeds" in words.badge(never_reached(make_pair, 5))


def test_a_network_that_diverged_in_every_seed_has_no_ratio_but_a_word(make_pair: Pair, make) -> None:
    runs = [run for run in make_pair(0.1) if run.recipe.norm != "none"]
    runs += [make("none", seed, 1.0, lost=20) for seed in range(14)]
    found = judged("fig-4a", runs)
    assert words.badge(found) == "reproduced: infinitely smaller in 14 of 14 seeds (×1.5 counts) at S1"


def test_a_badge_never_comes_from_four_seeds_and_says_how_many_it_takes(make_pair: Pair) -> None:
    found = judged("fig-4b", make_pair(0.01, seeds=4))
    assert (found.verdict, found.seeds) == ("underpowered", 4)
    assert found.needs is not None
    assert f"needs n >= {found.needs}, has 4" in words.badge(found)


def test_holm_counts_the_whole_family_even_where_the_rest_was_not_run(make_pair: Pair) -> None:
    runs = make_pair(0.01, seeds=9)
    assert judged("fig-4b", runs).verdict == "reproduced"
    found = next(one for one in judge(REGISTERED, runs) if one.rule.id == "fig-4b")
    assert found.p == 1 / 2**9
    assert found.p_holm == pytest.approx(found.p * REGISTERED.size("network"))
    assert (found.verdict, found.needs) == ("underpowered", 10)


def test_parts_that_answer_differently_make_it_mixed_and_name_the_boundary(make) -> None:
    def early(share: float) -> float:
        return 0.01 if share < 0.4 else 1.0

    runs = []
    for seed in range(14):
        wobble = math.exp(0.1 * math.sin(seed))
        runs += [make("none", seed, 1.0), make("batchnorm", seed, lambda share, w=wobble: early(share) * w)]
    found = judged("fig-4c", runs)
    assert found.verdict == "mixed"
    assert [cell.name for cell in found.boundary] == ["first tenth", "then to the half", "last half"]
    assert "first tenth: ×9" in words.badge(found)
    assert "last half: ×0.998" in words.badge(found)
    alike = [run for run in runs if run.recipe.norm == "none"]
    alike += [make("batchnorm", seed, 0.2) for seed in range(14)]
    assert judged("fig-4c", alike).verdict == "reproduced"


def test_an_all_is_mixed_where_one_network_answers_otherwise(make) -> None:
    runs = []
    for seed in range(14):
        runs.append(make("none", seed, 1.0))
        runs += [make(norm, seed, 0.2 * math.exp(0.05 * math.sin(seed))) for norm in ("l1", "l2")]
        runs.append(make("linf", seed, 3.0 * math.exp(0.05 * math.cos(seed))))
    found = judged("fig-12", runs)
    assert found.verdict == "mixed"
    assert "linf" in {cell.name for cell in found.boundary}
    three = [run for run in runs if run.recipe.norm != "linf"]
    three += [make("linf", seed, 0.3 * math.exp(0.05 * math.cos(seed))) for seed in range(14)]
    found = judged("fig-12", three)
    assert found.verdict == "reproduced"
    assert found.telling.name == "linf"


def test_a_diverged_standard_network_is_infinite_and_not_missing(make_pair: Pair, make) -> None:
    runs = [run for run in make_pair(0.1) if (run.recipe.norm, run.recipe.seed) != ("none", 3)]
    found = judged("fig-4a", [*runs, make("none", 3, 1.0, lost=20)])
    assert found.cells[0].log_ratios[3] == -math.inf
    assert found.verdict == "reproduced"
    assert found.seeds == 14


def test_one_data_set_in_two_places_is_judged_and_two_of_one_name_are_not(make_pair: Pair) -> None:
    def at(place: str, sha256: str, runs: list[Run]) -> list[Run]:
        known = {"data": {"name": "cifar10", "sha256": sha256}}
        return [replace(run, recipe=replace(run.recipe, data=place), environment=known) for run in runs]

    runs = make_pair(0.1)
    (found,) = judge(only("fig-4a"), at("cifar10", "a", runs[:10]) + at("/moved", "a", runs[10:]))
    assert found.seeds == 14
    with pytest.raises(InputError, match=r"runs on cifar10, cifar10 \(other pictures under one name\)"):
        judge(only("fig-4a"), at("/one", "a", runs[:10]) + at("/other", "b", runs[10:]))


def test_a_seed_that_is_missing_or_of_another_recipe_is_named(make_pair: Pair, make) -> None:
    runs = make_pair(0.1)
    fewer = [run for run in runs if (run.recipe.norm, run.recipe.seed) != ("batchnorm", 5)]
    with pytest.raises(
        InputError, match=r"seed 5 of vgg batchnorm at learning rate 0\.1 is missing, 13 of 14"
    ):
        judge(REGISTERED, fewer)
    (found,) = judge(only("fig-4a"), fewer, common=True)
    assert found.seeds == 13
    other = [*fewer, make("batchnorm", 5, 0.1, depth=9)]
    with pytest.raises(
        InputError, match=r"seed 5 of vgg batchnorm has another recipe than .*: depth = 9, not 16"
    ):
        judge(REGISTERED, other)
    with pytest.raises(InputError, match="repeats seed 5"):
        judge(REGISTERED, [*runs, make("batchnorm", 5, 0.1)])
    with pytest.raises(InputError, match="one data set at a time"):
        judge(REGISTERED, [*runs, make("none", 99, 1.0, data="digits")])


def test_a_seed_whose_sweep_was_cut_short_is_named_and_counts_for_nothing(make_pair: Pair, make) -> None:
    swept = [
        make(norm, seed, 1.0, lr=lr, steps=25, checkpoints=0, **({"lost": 9} if lr > best else {}))
        for norm, best in (("none", 0.3), ("batchnorm", 3.0))
        for seed in range(7)
        for lr in (0.3, 1.0, 3.0)
    ]
    name = "prose-3.1-larger-learning-rates"
    # The seed that lacks the rate at which alone it would tell the two apart.
    cut = [run for run in swept if (run.recipe.norm, run.recipe.seed, run.recipe.lr) != ("batchnorm", 6, 3.0)]
    assert set(judged(name, make_pair(1.0, seeds=7) + swept).cells[0].log_ratios.values()) == {math.log(10)}
    with pytest.raises(
        InputError, match=r"seed 6 of vgg batchnorm at learning rate 0\.1 lacks a run of its sweep"
    ):
        judge(only(name), make_pair(1.0, seeds=7) + cut)
    (found,) = judge(only(name), make_pair(1.0, seeds=7) + cut, common=True)
    assert set(found.cells[0].log_ratios) == set(range(6))


def test_a_screen_is_no_part_of_what_is_judged(make_pair: Pair, make) -> None:
    screened = [
        replace(make("none", 1000, 1.0, depth=depth), folder=Path(f"screen/depth{depth}-seed1000"))
        for depth in (9, 16)
    ]
    found = judged("fig-4a", make_pair(0.1) + screened)
    assert found.seeds == 14


def test_what_was_not_trained_or_not_measured_is_not_run(make_pair: Pair) -> None:
    found = {one.rule.id: one for one in judge(REGISTERED, make_pair(0.1))}
    assert found["fig-10a"].verdict == "not-run"
    assert found["fig-3.vgg"].verdict == "not-run"
    assert found["fig-3.vgg"].cells[0].missing == "14 of 14 seeds have no such value"
    assert words.badge(found["fig-10a"]) == "not run"
    assert {one.verdict for one in judge(REGISTERED, [])} == {"not-run"}


def test_the_curve_over_training_has_the_ratio_of_every_window(make) -> None:
    runs = []
    for seed in range(8):
        runs += [make("none", seed, 1.0), make("batchnorm", seed, lambda share: 0.1 if share < 0.5 else 4.0)]
    curve = judged("fig-4c", runs).curve
    assert len(curve) == 20
    assert math.exp(curve[2][1].centre) == pytest.approx(0.1)
    assert math.exp(curve[-1][1].centre) == pytest.approx(4.0)
    assert (curve[2][2], curve[-1][2]) == (8, 0)


def test_the_grid_stands_beside_the_badge_and_does_not_touch_it(make_pair: Pair) -> None:
    runs = make_pair(0.01)
    (with_grid,), (without,) = judge(only("fig-4b"), runs), judge(only("fig-4b"), runs, grid=False)
    assert without.grid == ()
    assert {cell.name for cell in with_grid.grid} >= {"relative_change", "whole training"}
    assert (with_grid.verdict, with_grid.p_holm) == (without.verdict, without.p_holm)


def test_a_part_of_the_training_stands_once_as_a_part_or_beside(make_pair: Pair) -> None:
    for name in REGISTERED.claims:
        if REGISTERED.claims[name].primary.model == "vgg":
            found = judged(name, make_pair(0.3, seeds=6))
            keys = [(c.endpoint, c.of, c.against) for c in (*found.cells, *found.parts, *found.grid)]
            matched = sum(c.name == "at equal loss" for c in found.grid)
            assert len(set(keys)) == len(keys) - matched, name


def test_scales_are_digits_thin_networks_and_the_papers_size() -> None:
    assert scale_of(VggRecipe(data="digits")) == "S0"
    assert scale_of(VggRecipe(data="cifar10", width=0.125, steps=1000)) == "S1"
    assert scale_of(VggRecipe(data="cifar10", width=0.125, size=16)) == "S0"
    assert scale_of(VggRecipe(data="cifar10")) == "S2"
    assert (scale_of(DlnRecipe()), scale_of(DlnRecipe(steps=2000))) == ("S2", "S0")


def test_a_badge_survives_its_own_record(make_pair: Pair, tmp_path: Path) -> None:
    runs = make_pair(0.01)
    found = judge(REGISTERED, runs)
    row = summary.summarise(REGISTERED, runs, found, "bnverify reproduce")
    (tmp_path / "runs-x.json").write_text(summary.text(row))
    assert summary.read(tmp_path / "runs-x.json") == json.loads(json.dumps(row))
    again = summary.judge_again(row, REGISTERED)
    assert [words.badge(one) for one in again] == [words.badge(one) for one in found]
    claim = next(c for c in row["claims"] if c["id"] == "fig-4b")
    assert claim["badge"] == words.badge(next(one for one in found if one.rule.id == "fig-4b"))
    assert len(claim["cells"][0]["log_ratios"]) == 14
    assert Path(row["rules"]["own"]) == Path()


def test_a_sweep_that_ends_before_the_network_fails_gives_a_lower_bound(make) -> None:
    rules = only("prose-3.1-larger-learning-rates")

    def sweep(fails_at: float) -> list[Run]:
        runs = []
        for seed in range(14):
            for lr in (0.1, 0.3, 1.0, 3.0):
                runs.append(make("none", seed, 1.0, lr=lr, lost=9 if lr > 0.1 else None))
                runs.append(make("batchnorm", seed, 1.0, lr=lr, lost=9 if lr >= fails_at else None))
        return runs

    (known,) = judge(rules, sweep(3.0))
    assert words.badge(known).startswith("reproduced ×10 [10, 10]")
    (least,) = judge(rules, sweep(10.0))
    assert words.badge(least).startswith("reproduced at least ×30 [30, 30]")


def test_a_statistic_of_the_whole_run_has_no_phases_beside_it(make_pair: Pair) -> None:
    runs = make_pair(0.1)
    (whole,) = judge(only("fig-1b"), runs)
    assert not {cell.name for cell in whole.grid} & {"early", "middle", "late"}
    (stepwise,) = judge(only("prose-3.1-gradient-magnitude"), runs)
    assert {"early", "middle", "late"} <= {cell.name for cell in stepwise.grid}
