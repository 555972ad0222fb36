"""A preset trains the deepest standard network that begins to train in time, and says how long it took."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.experiments.run import record, screen
from bnverify.experiments.run.plans import Planned, plan
from bnverify.experiments.run.recipes import RECIPES, VggRecipe
from bnverify.experiments.run.screen import CANDIDATES, SEEDS, choose, escape, says

from bnverify.base.errors import InputError

CHANCE = math.log(10)


def test_a_network_leaves_where_the_mean_of_a_window_first_lies_below_chance() -> None:
    flat: list[float | None] = [CHANCE] * 20
    assert escape(flat, 3, CHANCE) is None
    assert escape([*flat, 2.05, 2.05, 2.05, 2.05], 3, CHANCE) == 22
    assert escape([*flat, 0.0, *flat], 30, CHANCE) is None
    assert escape([*flat, None, 0.0, 0.0, 0.0], 3, CHANCE) is None


@pytest.mark.parametrize(
    ("able", "chosen"),
    [
        ({"depth16-glorot-uniform", "depth9-glorot-uniform"}, (16, "glorot-uniform")),
        ({"depth11-glorot-uniform", "depth16-he-normal"}, (11, "glorot-uniform")),
        ({"depth13-he-normal"}, (13, "he-normal")),
        (set(), CANDIDATES[-1]),
    ],
)
def test_the_first_candidate_in_the_fixed_order_is_taken(
    able: set[str], chosen: tuple[int, str], tmp_path: Path
) -> None:
    recipe = RECIPES["vgg-desk"]
    assert isinstance(recipe, VggRecipe)

    def run(runs: list[Planned]) -> bool:
        for one in runs:
            leaves = f"depth{one.recipe.depth}-{one.recipe.init}" in able  # type: ignore[union-attr]
            with record.hold(tmp_path / one.path, one.recipe, resume=False) as log:
                log.append({"from": 0, "losses": [2.0 if leaves else CHANCE] * one.recipe.steps})
                log.finish({"status": "finished", "steps": one.recipe.steps})
        return True

    found = choose(tmp_path, recipe, run)
    assert found is not None
    assert (found.depth, found.init) == chosen
    assert found.left == bool(able)
    assert len(found.escapes) == len(CANDIDATES)
    assert all(len(steps) == len(SEEDS) for steps in found.escapes.values())
    assert ("no standard network leaves" in says(found, recipe.steps)) == (not able)
    # The answer is kept: nothing is run again.
    assert choose(tmp_path, recipe, lambda _: pytest.fail("ran again")) == found


def test_a_screen_that_was_stopped_chooses_nothing_and_a_damaged_answer_is_named(tmp_path: Path) -> None:
    recipe = RECIPES["vgg-desk"]
    assert isinstance(recipe, VggRecipe)
    assert choose(tmp_path, recipe, lambda _: False) is None
    (tmp_path / "screen.json").write_text(json.dumps({"depth": 12, "init": "glorot-uniform"}))
    with pytest.raises(InputError, match=r"screen.json is damaged"):
        choose(tmp_path, recipe, lambda _: True)


def test_what_was_chosen_goes_into_every_vgg_network_of_the_preset() -> None:
    runs = plan("desk", depth=13, init="he-normal")
    assert {(r.recipe.depth, r.recipe.init) for r in runs if isinstance(r.recipe, VggRecipe)} == {
        (13, "he-normal")
    }
    bare = screen.planned(replace(RECIPES["vgg-desk"], norm="batchnorm"))  # type: ignore[arg-type]
    assert {(r.recipe.norm, r.recipe.checkpoints, r.recipe.steps) for r in bare} == {("none", 0, 80)}
