"""Training and measuring deep linear networks of several seeds as one batched computation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, replace
from typing import Any

import torch
from bnverify.experiments.measure import landscape, moments, second_order, terms
from bnverify.experiments.measure.landscape import LossFn
from bnverify.experiments.measure.moments import QUANTILES, sampled_unit
from bnverify.experiments.measure.shift import compare_all
from bnverify.experiments.networks import deep_linear, linear_backward
from bnverify.experiments.networks.models import Network, linear_network
from bnverify.experiments.run import insert, record
from bnverify.experiments.run.recipes import DlnRecipe, curved_steps
from torch import Tensor

from bnverify.base.errors import InputError

Rows = list[Any]


class LinearTask:
    """See `train.Task`. Losses are lists, one entry per seed; a seed that diverges leaves the others alone."""

    def __init__(self, recipe: DlnRecipe) -> None:
        self.recipe = recipe
        self.step = 0
        self.problem = deep_linear.problem(recipe)
        self.theta = deep_linear.initial(recipe)
        self.curved = curved_steps(recipe)

    def advance(self, until: int) -> Rows:
        seen = []
        while self.step < until:
            loss, grad = self._grads(self.theta)
            self.theta = self.theta - self.recipe.lr * grad
            seen.append(loss)
            self.step += 1
        losses: Rows = torch.stack(seen).tolist()
        return losses

    def diverged_at(self, losses: Rows) -> int | None:
        """The first step at which no seed has a finite loss left."""
        return next((i for i, row in enumerate(losses) if not any(map(math.isfinite, row))), None)

    def _grads(self, theta: Tensor) -> tuple[Tensor, Tensor]:
        return linear_backward.losses_and_grads(self.recipe, self.problem, theta)

    def measure(self) -> record.Row:
        recipe, theta = self.recipe, self.theta
        loss, grad = self._grads(theta)
        after = theta - recipe.lr * grad
        near = landscape.lengths(recipe.probe_low, recipe.probe_high, recipe.lr, recipe.probes)
        weights = theta[..., : recipe.dim**2]
        row: record.Row = {
            "ray": self._rays(loss, grad, near),
            "weight_norm": weights.flatten(1).norm(dim=1).tolist(),
            "moments": self._moments(theta, after),
        }
        if recipe.far_probes:
            far = landscape.beyond(recipe.probe_high, recipe.far, recipe.lr, recipe.far_probes)
            row["far"] = self._rays(loss, grad, far)
        if recipe.audit and recipe.norm != "none":
            row |= self._terms()
        if recipe.ics:
            row["ics"] = self._shift(theta, after, grad)
        if recipe.lanczos:
            row["lambda_max"] = landscape.lambda_max(
                self._hvp(theta), grad.flatten(1), recipe.lanczos
            ).tolist()
        return row

    def _rays(self, loss: Tensor, grad: Tensor, lengths: list[float]) -> Rows:
        """The `landscape.Ray` of every seed along its own gradient."""
        t = torch.tensor(lengths, dtype=grad.dtype).view(-1, 1, 1, 1)
        losses, grads = self._grads(self.theta - t * grad)
        flat = grad.flatten(1)
        return [
            asdict(landscape.ray_of(loss[s], flat[s], flat[s], lengths, losses[:, s], grads[:, s].flatten(1)))
            for s in range(self.recipe.seeds)
        ]

    def _shift(self, old: Tensor, new: Tensor, grad: Tensor) -> Rows:
        """Definition 2.1 for every seed and layer; the first layer has none before it."""
        moved = linear_backward.shifted_grads(self.recipe, self.problem, old, new)
        after = torch.cat([grad[:, :1], moved], dim=1)
        return [[asdict(one) for one in compare_all(*both)] for both in zip(grad, after, strict=True)]

    def _hvp(self, theta: Tensor) -> Any:
        theta = theta.detach().requires_grad_()
        total = deep_linear.losses(self.recipe, self.problem, theta).sum()
        (grad,) = torch.autograd.grad(total, theta, create_graph=True)

        def apply(v: Tensor) -> Tensor:
            (product,) = torch.autograd.grad(grad, theta, v.view_as(theta), retain_graph=True)
            return product.detach().flatten(1)

        return apply

    def _moments(self, old: Tensor, new: Tensor) -> Rows:
        """For every seed and layer what `moments.moments` gives, quantiles for the first seed alone (Figure 9), and
        ``soft_rank``; the batch is the whole data set."""
        before = deep_linear.layer_outputs(self.recipe, self.problem, old)
        after = deep_linear.layer_outputs(self.recipe, self.problem, new)
        points = torch.tensor(QUANTILES, dtype=old.dtype)
        rows: Rows = [[] for _ in range(self.recipe.seeds)]
        for i, (a, b) in enumerate(zip(before, after, strict=True)):
            units = [sampled_unit(self.recipe.seed + s, i, self.recipe.dim) for s in range(self.recipe.seeds)]
            columns = {**moments.shown(a, b, units), **moments.layer(a, b), "soft_rank": moments.soft_rank(a)}
            values = {name: column.tolist() for name, column in columns.items()}
            for s, row in enumerate(rows):
                row.append({name: column[s] for name, column in values.items()})
            rows[0][-1]["quantiles"] = torch.quantile(a[0, :, units[0]], points).tolist()
        return rows

    def networks(self) -> Iterator[tuple[Network, Tensor, Tensor, LossFn]]:
        """Every seed's network by itself, as it is now, with its data and its loss."""
        recipe = self.recipe
        share = {"sum": 1.0, "sample-mean": 1 / recipe.samples, "mean": 1 / (recipe.samples * recipe.dim)}
        for s in range(recipe.seeds):
            network = linear_network(replace(recipe, seed=recipe.seed + s))
            with torch.no_grad():
                for block, row in zip(network.blocks, self.theta[s], strict=True):
                    at = 0
                    for p in block.parameters():
                        p.copy_(row[at : at + p.numel()].view_as(p))
                        at += p.numel()
            x, target = self.problem.x[s], self.problem.x[s] @ self.problem.a[s].mT
            yield network, x, target, lambda out, y: (out - y).square().sum() * share[recipe.loss]

    def _terms(self) -> record.Row:
        """What `NetworkTask` records of the theorems, for every seed; a seed whose numbers no audit takes has none."""
        found: Rows = []
        curved: Rows = []
        for network, x, target, loss_fn in self.networks():
            try:
                first = terms.theorem_terms(network, x, target, loss_fn, self.step)
                second = (
                    second_order.second_order(network, x, target, loss_fn, self.recipe.psd)
                    if self.step in self.curved
                    else []
                )
            except InputError:
                first, second = [], []
            found.append([asdict(one) for one in first])
            curved.append([asdict(one) for one in second])
        return {"terms": found, "second_order": curved}

    def final(self) -> record.Row:
        return {"loss": deep_linear.losses(self.recipe, self.problem, self.theta).tolist()}

    def state(self) -> record.Row:
        return {"step": self.step, "theta": self.theta}

    def restore(self, state: record.Row) -> None:
        self.step, self.theta = state["step"], state["theta"]

    def data(self) -> record.Row | None:
        return None


class LinearInsertionTask(LinearTask):
    """The same training; what is measured is one matched BatchNorm at every layer but the last."""

    def measure(self) -> record.Row:
        recipe = self.recipe
        lengths = landscape.lengths(recipe.probe_low, recipe.probe_high, recipe.lr, recipe.probes)
        layers = range(recipe.layers - 1)
        return {
            "insertions": [
                [asdict(one) for one in insert.insert(network, layers, x, y, loss_fn, lengths)]
                for network, x, y, loss_fn in self.networks()
            ]
        }
