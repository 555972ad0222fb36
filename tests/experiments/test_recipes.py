"""Recipes say what the paper says, and refuse what makes no sense."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from bnverify.experiments.run.recipes import (
    RECIPES,
    DlnRecipe,
    VggRecipe,
    digest,
    from_json,
    measured_steps,
    named,
    override,
    to_json,
)

from bnverify.base.errors import InputError


def test_paper_recipes_hold_the_constants_of_appendix_a() -> None:
    vgg, dln = RECIPES["vgg-paper"], RECIPES["dln-linear"]
    assert isinstance(vgg, VggRecipe)
    assert isinstance(dln, DlnRecipe)
    assert (vgg.lr, vgg.steps, vgg.batch_size, vgg.momentum, vgg.weight_decay) == (0.1, 15_000, 128, 0, 0)
    assert (vgg.probe_low, vgg.probe_high) == (0.5, 4)
    assert (vgg.noise_n_mu, vgg.noise_n_sigma, vgg.noise_r_mu, vgg.noise_r_sigma) == (0.5, 1.25, 0.1, 0.1)
    assert (dln.layers, dln.dim, dln.samples, dln.lr, dln.steps, dln.loss) == (
        25,
        10,
        1000,
        1e-6,
        10_000,
        "sum",
    )
    assert (dln.probe_low, dln.probe_high) == (0.01, 30)


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_survives_json_and_keeps_its_digest(name: str) -> None:
    recipe = named(name)
    back = from_json(json.loads(json.dumps(to_json(recipe))))
    assert back == recipe
    assert digest(back) == digest(recipe)


def test_overrides_are_parsed_by_type() -> None:
    changed = override(VggRecipe(), ["lr=3", "norm=l1", "depth=9", "ics=false", "data=/a=b"])
    assert (changed.lr, changed.norm, changed.depth, changed.ics, changed.data) == (
        3.0,
        "l1",
        9,
        False,
        "/a=b",
    )


def test_an_integer_and_a_float_of_one_value_are_one_recipe() -> None:
    assert digest(VggRecipe(lr=1)) == digest(VggRecipe(lr=1.0))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("lr=fast", "expected a value of type float"),
        ("lr=nan", "expected a value from 0"),
        ("lr=-1", "expected a value from 0"),
        ("steps=1.5", "expected a value of type int"),
        ("steps=0", "expected a value from 1"),
        ("norm=l3", "expected one of none, batchnorm"),
        ("depth=10", "expected one of 9, 11, 13, 16"),
        ("ics=yes", "expected true or false"),
        ("width", "expected field=value"),
        ("colour=red", "its fields are norm"),
    ],
)
def test_a_bad_override_is_answered_by_what_was_expected(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        override(VggRecipe(), [text])


def test_unknown_recipes_kinds_and_fields_are_refused() -> None:
    with pytest.raises(InputError, match="expected one of vgg-paper"):
        named("resnet")
    with pytest.raises(InputError, match="expected one of VggRecipe"):
        from_json({"kind": "ResNet"})
    with pytest.raises(InputError, match="another version"):
        from_json({**to_json(VggRecipe()), "colour": 1})
    with pytest.raises(InputError, match="expected a value of type int"):
        VggRecipe(steps=True)
    with pytest.raises(InputError, match="there is no such network; expected none, batchnorm"):
        DlnRecipe(norm="noise")


@pytest.mark.parametrize("steps", [1, 2, 24, 25, 100, 800, 15_000])
@pytest.mark.parametrize("wanted", [0, 1, 2, 25, 101])
def test_the_measuring_grid_has_enough_distinct_steps_with_both_ends(steps: int, wanted: int) -> None:
    grid = measured_steps(replace(VggRecipe(), steps=steps, checkpoints=wanted))
    assert len(grid) >= min(steps, wanted)
    assert grid == sorted(set(grid))
    assert all(0 <= step < steps for step in grid)
    if wanted >= 2 and steps >= 2:
        assert {0, steps - 1} <= set(grid)


def test_a_probe_range_the_wrong_way_round_is_refused() -> None:
    with pytest.raises(InputError, match="expected probe_low < probe_high"):
        VggRecipe(probe_low=4.0, probe_high=0.5)
    with pytest.raises(InputError, match="expected probe_low < probe_high"):
        DlnRecipe(probe_low=1.0, probe_high=1.0)
