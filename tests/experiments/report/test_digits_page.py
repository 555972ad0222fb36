"""The real case: measured by autograd on real images, and told as it was measured."""

from __future__ import annotations

import pytest
import torch
from bnverify.experiments.report.digits_case import DigitsCase, Recipe, digits, run, small_vgg, units
from bnverify.experiments.report.digits_page import (
    CORRECTED,
    FIRST,
    IDENTITY,
    PRINTED,
    broken,
    rows_of,
    section,
)
from torch import nn


def layers(case: DigitsCase):  # type: ignore[no-untyped-def]
    return [layer for snapshot in case.snapshots for layer in snapshot.layers]


def test_the_images_are_the_real_digits() -> None:
    images, labels = digits()
    assert images.shape == (1797, 1, 8, 8)
    assert images.dtype is torch.float64
    assert 0 <= float(images.min()) < float(images.max()) <= 1
    assert labels.unique().tolist() == list(range(10))


def test_the_network_uses_batchnorm_as_pytorch_ships_it() -> None:
    model = small_vgg()
    norms = [module for module in model.modules() if isinstance(module, nn.BatchNorm2d)]
    assert len(norms) == 6
    assert {module.eps for module in norms} == {nn.BatchNorm2d(1).eps}
    assert model(torch.zeros(2, 1, 8, 8)).shape == (2, 10)


def test_every_channel_is_measured_before_and_after(small_case: DigitsCase) -> None:
    assert [snapshot.step for snapshot in small_case.snapshots] == [0, 2]
    assert [(layer.name, len(layer.labels)) for layer in layers(small_case)] == [("bn1", 3), ("bn2", 4)] * 2
    before, after = small_case.snapshots
    assert all(layer.second is None for layer in before.layers), "curvature is measured after training alone"
    for layer in after.layers:
        assert len(layer.second.labels) == len(layer.labels)


def test_the_gradient_of_the_first_layer_is_that_of_plain_autograd(small_case: DigitsCase) -> None:
    recipe = small_case.recipe
    images, labels = digits()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = small_vgg(recipe.widths).double()
    generator = torch.Generator().manual_seed(recipe.seed)
    fixed = torch.randperm(1437, generator=generator)[: recipe.batch]
    y = model.conv1(images[fixed]).detach().requires_grad_()
    rest = nn.Sequential(*list(model.children())[1:])
    loss = nn.functional.cross_entropy(rest(y), labels[fixed])
    (v,) = torch.autograd.grad(loss, y)
    assert float(loss.detach()) == pytest.approx(small_case.snapshots[0].loss, rel=1e-12)
    measured = small_case.snapshots[0].layers[0].columns["grad_in_sq"]
    assert measured == pytest.approx(v.square().sum((0, 2, 3)).tolist(), rel=1e-10)


def test_the_corrected_bound_holds_in_every_channel_and_the_printed_one_does_not(
    small_case: DigitsCase,
) -> None:
    assert sum(broken(rows_of(layer, CORRECTED)) for layer in layers(small_case)) == 0
    assert sum(broken(rows_of(layer, PRINTED)) for layer in layers(small_case)) > 0


def test_the_identity_with_eps_holds_to_rounding(small_case: DigitsCase) -> None:
    found = [rows_of(layer, IDENTITY) for layer in layers(small_case)]
    assert all(rows is not None and rows.op == "eq" for rows in found)
    assert max(max(rows.residual) for rows in found) < 1e-12


def test_the_first_part_of_theorem_4_2_is_an_equality_but_for_eps(small_case: DigitsCase) -> None:
    after = small_case.snapshots[-1].layers
    assert max(max(rows_of(layer, FIRST).residual) for layer in after) < 1e-2


def test_a_run_leaves_the_random_state_alone_and_repeats_itself() -> None:
    recipe = Recipe(steps=1, batch=8, widths=(2, "pool"), second_order=False)
    state = torch.get_rng_state()
    ticks: list[int] = []
    first, second = run(recipe, ticks.append), run(recipe)
    assert torch.equal(torch.get_rng_state(), state)
    assert first.losses == second.losses
    assert first.snapshots == second.snapshots
    assert ticks == list(range(1, units(recipe) + 1))


def test_the_words_carry_the_counts(small_case: DigitsCase) -> None:
    made = section(small_case)
    count = sum(broken(rows_of(layer, PRINTED)) for layer in layers(small_case))
    assert f"fails in {count} of 14 channels" in " ".join(made.words)
    assert len(made.tables) == 2
    assert len(made.figures) == 5
    assert len(made.data["losses"]) == 2
