"""Deep linear networks train at the paper's learning rate only with its loss summed, and fields do what they say."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from bnverify.experiments.measure.shift import compare
from bnverify.experiments.networks import deep_linear
from bnverify.experiments.run.linear_task import LinearInsertionTask, LinearTask
from bnverify.experiments.run.recipes import DlnRecipe, NormKind

PAPER = DlnRecipe(seeds=1)


def falls_to(recipe: DlnRecipe, steps: int) -> float:
    """Last loss over first."""
    losses = LinearTask(recipe).advance(steps)
    return float(losses[-1][0] / losses[0][0])


def test_a_loss_divided_by_c_is_a_learning_rate_divided_by_c() -> None:
    averaged = falls_to(replace(PAPER, loss="sample-mean"), 20)
    assert averaged == pytest.approx(falls_to(replace(PAPER, lr=1e-9), 20), rel=1e-12)
    assert falls_to(replace(PAPER, loss="mean"), 20) == pytest.approx(
        falls_to(replace(PAPER, lr=1e-10), 20), rel=1e-12
    )


@pytest.mark.parametrize("norm", ["none", "batchnorm"])
def test_only_the_summed_loss_trains_at_1e_6(norm: NormKind) -> None:
    recipe = replace(PAPER, norm=norm)
    assert falls_to(recipe, 200) < 0.4
    # As long a path as 10,000 steps on the averaged losses take.
    assert falls_to(replace(recipe, lr=1e-7), 100) > 0.5
    assert falls_to(replace(recipe, lr=1e-8), 100) > 0.75


@pytest.mark.parametrize(
    "change", [{"last_norm": True}, {"affine": False}, {"bias": True}, {"init": "glorot-normal"}]
)
def test_every_field_of_the_linear_recipe_has_an_effect(change: dict[str, object]) -> None:
    recipe = replace(PAPER, norm="batchnorm", layers=5)
    one, other = LinearTask(recipe), LinearTask(replace(recipe, **change))  # type: ignore[arg-type]
    assert one.advance(20)[-1] != other.advance(20)[-1]


def test_the_batched_shift_is_definition_2_1_layer_by_layer() -> None:
    recipe = DlnRecipe(layers=5, dim=4, samples=40, seeds=2, norm="batchnorm", probes=2, lanczos=2)
    task = LinearTask(recipe)
    old = task.theta
    _, g = deep_linear.losses_and_grads(recipe, task.problem, old)
    new = old - recipe.lr * g
    found = task.measure()["ics"]
    for i in range(5):
        mixed = old.clone()
        mixed[:, :i] = new[:, :i]
        _, after = deep_linear.losses_and_grads(recipe, task.problem, mixed)
        for s in range(2):
            expected = compare(g[s, i], after[s, i])
            assert found[s][i]["l2"] == pytest.approx(expected.l2, rel=1e-10, abs=1e-12)
            assert found[s][i]["cosine"] == pytest.approx(expected.cosine, rel=1e-12)


def test_the_batched_ray_and_curvature_are_those_of_each_seed_alone() -> None:
    recipe = DlnRecipe(layers=4, dim=3, samples=30, seeds=3, norm="l2", probes=3, lanczos=4)
    together = LinearTask(recipe).measure()
    for s in range(3):
        alone = LinearTask(replace(recipe, seed=s, seeds=1)).measure()
        for key in ("loss", "grad_norm", "beta_pairs"):
            assert together["ray"][s][key] == pytest.approx(alone["ray"][0][key], rel=1e-10)
        assert together["ray"][s]["changes"] == pytest.approx(alone["ray"][0]["changes"], rel=1e-9)
        assert together["lambda_max"][s] == pytest.approx(alone["lambda_max"][0], rel=1e-8)
        seen, expected = together["moments"][s][2], alone["moments"][0][2]
        quantiles = expected.pop("quantiles")
        assert seen.pop("quantiles", None) == (pytest.approx(quantiles) if s == 0 else None)
        assert seen == pytest.approx(expected)


@pytest.mark.parametrize("loss", ["sum", "sample-mean", "mean"])
def test_the_network_of_every_seed_by_itself_has_the_loss_of_the_batched_computation(loss: str) -> None:
    recipe = DlnRecipe(layers=4, dim=3, samples=30, seeds=2, seed=3, norm="l1", bias=True, loss=loss)  # type: ignore[arg-type]
    task = LinearTask(recipe)
    task.advance(3)
    alone = [loss_fn(network(x), target).item() for network, x, target, loss_fn in task.networks()]
    assert alone == pytest.approx(task.advance(4)[0], rel=1e-12)


def test_terms_of_every_seed_stand_in_its_own_row_where_they_are_asked_for() -> None:
    recipe = DlnRecipe(
        layers=4, dim=3, samples=30, seeds=2, norm="batchnorm", probes=2, ics=False, audit=True
    )
    row = LinearTask(recipe).measure()
    assert [len(of_seed) for of_seed in row["terms"]] == [3, 3]
    assert [len(of_seed) for of_seed in row["second_order"]] == [3, 3]
    assert row["terms"][0] != row["terms"][1]
    assert all(one["failed"] == 0 for of_seed in row["terms"] for one in of_seed)
    assert len(row["weight_norm"]) == 2
    assert "terms" not in LinearTask(replace(recipe, audit=False)).measure()


def test_insertion_into_a_linear_network_changes_nothing_but_the_landscape_at_every_layer_and_step() -> None:
    recipe = DlnRecipe(layers=5, dim=4, samples=40, seeds=2, probes=2, insert=True, lr=1e-4)
    task = LinearInsertionTask(recipe)
    for step in (10, 20):
        found = task.measure()["insertions"]
        assert [[one["layer"] for one in of_seed] for of_seed in found] == [[1, 2, 3, 4]] * 2
        for of_seed in found:
            for one in of_seed:
                assert one["activation_gap"] < 1e-12
                assert one["inserted"]["loss"] == pytest.approx(one["plain"]["loss"], rel=1e-12)
                assert one["inserted"]["activation_grad"] < one["plain"]["activation_grad"]
        task.advance(step)


def test_measuring_leaves_the_parameters_and_the_generator_alone() -> None:
    task = LinearTask(DlnRecipe(layers=3, dim=3, samples=30, seeds=2, norm="linf", probes=2))
    before, generator = task.theta.clone(), torch.get_rng_state()
    task.measure()
    assert torch.equal(task.theta, before)
    assert torch.equal(generator, torch.get_rng_state())
    assert task.step == 0


def test_probes_beyond_the_range_are_at_the_ends_of_equal_factors() -> None:
    recipe = DlnRecipe(layers=3, dim=3, samples=30, seeds=2, probes=2, far_probes=2, far=4.0, lanczos=0)
    row = LinearTask(recipe).measure()
    high = row["ray"][1]["lengths"][-1]
    assert row["far"][1]["lengths"] == pytest.approx([2 * high, 4 * high])
    wider = LinearTask(replace(recipe, probe_high=4 * recipe.probe_high)).measure()
    assert row["far"][1]["losses"][-1] == pytest.approx(wider["ray"][1]["losses"][-1], rel=1e-12)
