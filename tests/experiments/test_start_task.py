"""Networks at their initial weights: sharpness against the dense Hessian, gradients against a loop."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from bnverify.experiments.run import record, train
from bnverify.experiments.run.recipes import MlpRecipe, NormKind, from_json, to_json
from bnverify.experiments.run.start_task import StartTask, growth

from bnverify.base.errors import InputError

SMALL = MlpRecipe(layers=3, width=4, dim=2, samples=12, seeds=2)


@pytest.mark.parametrize("norm", MlpRecipe.networks)
def test_sharpness_is_the_largest_eigenvalue_of_the_dense_hessian(norm: NormKind) -> None:
    task = StartTask(replace(SMALL, norm=norm, lanczos=40))
    row = task.measure()
    for objective, w, found in zip(task.objectives, task.points, row["lambda_max"], strict=True):
        hessian = torch.autograd.functional.hessian(objective.loss, w)
        assert found == pytest.approx(float(torch.linalg.eigvalsh(hessian)[-1]), rel=1e-8)


def test_growth_is_the_mean_ratio_over_the_inner_layers() -> None:
    gradients = [torch.full((4,), 1.5**-i) for i in range(8)]
    gradients[0], gradients[-1] = torch.full((4,), 9.0), torch.full((4,), 7.0)
    gradients[-2] = torch.full((4,), 7.0)
    assert growth(gradients) == pytest.approx(1.5, rel=1e-6)
    assert math.isnan(growth(gradients[:4]))


def test_a_wide_normalised_relu_network_has_the_growth_of_the_theory() -> None:
    recipe = MlpRecipe(norm="batchnorm-relu", layers=12, width=200, samples=400, seeds=1, lanczos=0)
    (found,) = StartTask(recipe).measure()["gradient_growth"]
    assert found == pytest.approx(math.sqrt(math.pi / (math.pi - 1)), rel=0.05)
    (plain,) = StartTask(replace(recipe, norm="none")).measure()["gradient_growth"]
    assert plain < 1.1


def test_a_run_of_it_is_a_run_like_any_other(tmp_path: Path) -> None:
    assert train.run(SMALL, tmp_path / "run").status == "finished"
    run = record.read(tmp_path / "run")
    assert run.recipe == SMALL == from_json(to_json(SMALL))
    assert len(run.measured()[0]["lambda_max"]) == 2
    with pytest.raises(InputError, match="there is no such network; expected none, last-batchnorm"):
        replace(SMALL, norm="l1")
