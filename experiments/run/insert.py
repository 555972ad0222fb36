"""Matched insertion: one BatchNorm put into a plain network at its present weights (Figure 7, Observation 4.3).

With gamma = sigma and beta = mu, held constant as Section 4.1 does, activations and loss stay what they were;
only the landscape changes. Both networks are compared at the same weights, on the same batch, in float64.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from bnverify.experiments.measure.landscape import LossFn, Objective, along
from bnverify.experiments.measure.moments import units
from bnverify.experiments.networks.models import Block, Network
from bnverify.numerics.measure.norms import per_unit
from torch import Tensor, nn


class MatchedNorm(nn.Module):
    """z = gamma (y - mu(y)) / sigma(y) + beta with eps = 0, gamma and beta constants taken from one batch.

    Units that do not vary on that batch have no sigma; they pass unchanged.
    """

    gamma: Tensor
    beta: Tensor

    def __init__(self, y: Tensor) -> None:
        super().__init__()
        rows = units(y)
        self.register_buffer("beta", rows.mean(0))
        self.register_buffer("gamma", rows.std(0, unbiased=False))

    def forward(self, y: Tensor) -> Tensor:
        rows = units(y)
        mu, sigma = rows.mean(0), rows.var(0, unbiased=False)
        varies = self.gamma > 0
        factor = torch.where(varies, self.gamma * torch.where(varies, sigma, 1.0).rsqrt(), 1.0)
        shift = torch.where(varies, mu, 0.0)
        return (y - per_unit(shift, y)) * per_unit(factor, y) + per_unit(
            torch.where(varies, self.beta, 0.0), y
        )


@dataclass(frozen=True)
class Side:
    """One of the two networks, plain or with the BatchNorm, at the same weights.

    ``curvature`` is g'Hg / |g|^2 along the gradient g of the space it is taken in; ``beta_max`` and
    ``beta_pairs`` are the effective beta along the gradient of all weights (see `landscape.Ray`).

    Attributes:
        loss: L.
        activation_grad, activation_curvature: with respect to y, the output of the linear map of layer k.
        layer_grad, layer_curvature: with respect to the weight of layer k.
        grad, curvature, beta_max, beta_pairs: with respect to all parameters of the network.
    """

    loss: float
    activation_grad: float
    activation_curvature: float
    layer_grad: float
    layer_curvature: float
    grad: float
    curvature: float
    beta_max: float
    beta_pairs: float


@dataclass(frozen=True)
class Insertion:
    """The comparison at layer k, counted from 1; ``activation_gap`` is max |z - y| / max |y|, rounding alone."""

    layer: int
    units: int
    constant_units: int
    activation_gap: float
    plain: Side
    inserted: Side


def _curvature(grad: Tensor, at: Tensor) -> tuple[float, float]:
    """|g| and g'Hg / |g|^2 of the function whose differentiable gradient at ``at`` is ``grad``; 0 at a zero
    gradient."""
    g = grad.detach()
    square = float((g * g).sum())
    if square == 0:
        return 0.0, 0.0
    (hg,) = torch.autograd.grad(grad, at, g, retain_graph=True)
    return square**0.5, float((g * hg).sum()) / square


def _whole(
    network: Network, x: Tensor, y: Tensor, loss_fn: LossFn, step_lengths: list[float]
) -> dict[str, float]:
    """The part of a `Side` that all parameters have in common, whichever layer is looked at."""
    objective = Objective(network, x, y, loss_fn)
    w = objective.point().requires_grad_()
    loss = objective.loss(w)
    (grad,) = torch.autograd.grad(loss, w, create_graph=True)
    norm, curvature = _curvature(grad, w)
    ray = along(objective, step_lengths, (w.detach(), loss.detach(), grad.detach()))
    found = {"loss": float(loss.detach()), "grad": norm, "curvature": curvature}
    return found | {"beta_max": ray.beta_max, "beta_pairs": ray.beta_pairs}


def _side(
    network: Network, layer: int, inputs: Tensor, y: Tensor, loss_fn: LossFn, whole: dict[str, float]
) -> Side:
    """``inputs`` go into the linear map of ``blocks[layer]``."""
    block = network.blocks[layer]
    assert isinstance(block, Block)
    linear = block.linear
    assert isinstance(linear, nn.Conv2d | nn.Linear)
    weight = linear.weight.detach().clone().requires_grad_()

    def tail(out: Tensor) -> Tensor:
        out = block.tail(block.act(block.norm(out)))
        for later in list(network.blocks)[layer + 1 :]:
            out = later(out)
        return loss_fn(out, y)

    outputs = torch.func.functional_call(linear, {"weight": weight}, (inputs,))
    (layer_grad,) = torch.autograd.grad(tail(outputs), weight, create_graph=True)
    free = outputs.detach().requires_grad_()
    (activation_grad,) = torch.autograd.grad(tail(free), free, create_graph=True)
    activation, own = _curvature(activation_grad, free), _curvature(layer_grad, weight)
    return Side(
        activation_grad=activation[0],
        activation_curvature=activation[1],
        layer_grad=own[0],
        layer_curvature=own[1],
        **whole,
    )


def insert(
    network: Network, layers: Iterable[int], x: Tensor, y: Tensor, loss_fn: LossFn, step_lengths: list[float]
) -> list[Insertion]:
    """Compare ``network`` with itself plus one matched BatchNorm after the linear map of ``blocks[layer]``,
    for every one of ``layers``.

    Args:
        network: plain, without normalisation; it is not changed.
        layers: indices into ``network.blocks``.
        x, y: the batch.
        step_lengths: of the probes along the gradient.
    """
    plain = copy.deepcopy(network).double()
    x = x.double() if x.is_floating_point() else x
    y = y.double() if y.is_floating_point() else y
    without = _whole(plain, x, y, loss_fn, step_lengths)
    found = []
    for layer in layers:
        with torch.no_grad():
            inputs = x
            for earlier in list(plain.blocks)[:layer]:
                inputs = earlier(inputs)
            block = plain.blocks[layer]
            assert isinstance(block, Block)
            out = block.linear(inputs)
            norm = MatchedNorm(out)
            gap = float((norm(out) - out).abs().max() / out.abs().max().clamp_min(1e-300))
        changed = Block(block.linear, norm, block.act, block.tail)
        normed = Network([changed if b is block else b for b in plain.blocks])  # type: ignore[misc]
        found.append(
            Insertion(
                layer + 1,
                out.shape[1],
                int((norm.gamma == 0).sum()),
                gap,
                _side(plain, layer, inputs, y, loss_fn, without),
                _side(normed, layer, inputs, y, loss_fn, _whole(normed, x, y, loss_fn, step_lengths)),
            )
        )
    return found
