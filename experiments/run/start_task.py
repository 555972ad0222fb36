"""Fully connected ReLU networks at their initial weights: sharpness, and gradients from layer to layer."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from bnverify.experiments.measure import landscape
from bnverify.experiments.measure.landscape import Objective
from bnverify.experiments.measure.moments import activations
from bnverify.experiments.networks.models import relu_network
from bnverify.experiments.run import record
from bnverify.experiments.run.recipes import MlpRecipe
from torch import Tensor


def squares(out: Tensor, y: Tensor) -> Tensor:
    """|f(x) - y|^2 / 2, averaged over samples and summed over outputs."""
    return (out - y).square().sum(1).mean() / 2


def growth(gradients: list[Tensor]) -> float:
    """How |dL/dy| grows from a layer to the one before it, geometric mean over the inner layers.

    Args:
        gradients: dL/dy of every layer, the first layer first. The first and the last two are left out: the former's
        input is no activation, the latter stand next to the loss.
    """
    norms = [float(g.norm()) for g in gradients[1:-2]]
    return (norms[0] / norms[-1]) ** (1 / (len(norms) - 1)) if len(norms) > 1 and norms[-1] > 0 else math.nan


class StartTask:
    """See `train.Task`: one row at step 0; nothing is trained. Every seed has data and targets of its own."""

    def __init__(self, recipe: MlpRecipe) -> None:
        self.recipe = recipe
        self.step = 0
        self.objectives = [self._of_seed(recipe.seed + s) for s in range(recipe.seeds)]
        self.points = [objective.point() for objective in self.objectives]

    def _of_seed(self, seed: int) -> Objective:
        recipe = replace(self.recipe, seed=seed)
        generator = torch.Generator().manual_seed(1_000_003 * (seed + 1))
        x = torch.randn(recipe.samples, recipe.dim, generator=generator, dtype=torch.float64)
        y = torch.randn(recipe.samples, recipe.dim, generator=generator, dtype=torch.float64)
        return Objective(relu_network(recipe), x, y, squares)

    def advance(self, until: int) -> list[Any]:
        losses = [
            [float(o.value_and_grad(w)[0]) for o, w in zip(self.objectives, self.points, strict=True)]
            for _ in range(self.step, until)
        ]
        self.step = until
        return losses

    def diverged_at(self, losses: list[Any]) -> int | None:
        return next((i for i, row in enumerate(losses) if not any(map(math.isfinite, row))), None)

    def measure(self) -> record.Row:
        found: record.Row = {"loss": [], "gradient_growth": [], "lambda_max": []}
        for objective, w in zip(self.objectives, self.points, strict=True):
            seen = activations(objective, w)
            found["loss"].append(float(seen.loss))
            found["gradient_growth"].append(growth(seen.dy))
            if self.recipe.lanczos:
                top = landscape.lambda_max(objective.hvp(w), seen.grad, self.recipe.lanczos)
                found["lambda_max"].append(float(top))
        return {name: values for name, values in found.items() if values}

    def final(self) -> record.Row:
        return {}

    def state(self) -> record.Row:
        # There is one step; before it everything is as the recipe says.
        return {"step": self.step}

    def restore(self, state: record.Row) -> None:
        self.step = state["step"]

    def data(self) -> record.Row | None:
        return None
