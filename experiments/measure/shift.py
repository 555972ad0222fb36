"""Internal covariate shift as Definition 2.1 has it: the change of a layer's gradient when earlier layers
have moved."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from bnverify.experiments.measure.landscape import Objective, flat
from bnverify.experiments.networks.models import Network
from torch import Tensor


@dataclass(frozen=True)
class Shift:
    """G_(t,i) against G'_(t,i) for one layer i.

    Attributes:
        l2: |G - G'|. relative: |G - G'| / |G|. cosine: cos(G, G').
        The latter two are nan where they are undefined, at norm 0.
    """

    l2: float
    relative: float
    cosine: float


def compare(g: Tensor, g_after: Tensor) -> Shift:
    """The three distances between two gradients of one layer, flat vectors of one length."""
    return compare_all(g[None], g_after[None])[0]


def compare_all(g: Tensor, g_after: Tensor) -> list[Shift]:
    """`compare` for every row of two tensors ``(n, q)``."""
    return [Shift(*row) for row in _distances(g, g_after).tolist()]


def _distances(g: Tensor, g_after: Tensor) -> Tensor:
    """The numbers of a `Shift` for every row: ``(n, q)`` twice, to ``(n, 3)``."""
    # Squares of small float32 gradients underflow.
    g, g_after = g.double(), g_after.double()
    norm, norm_after = g.norm(dim=1), g_after.norm(dim=1)
    difference = (g - g_after).norm(dim=1)
    relative = torch.where(norm > 0, difference / norm, math.nan)
    cosine = ((g / norm[:, None]) * (g_after / norm_after[:, None])).sum(1)
    return torch.stack([difference, relative, cosine], dim=1)


def layer_slices(model: Network) -> tuple[list[slice], list[slice]]:
    """Where each layer's parameters lie in the flat vector: all of them, and the weight of the linear map alone.

    Weight, bias, gamma and beta of block i belong to layer i; a block's parameters are contiguous, its weight
    first.
    """
    everything, weights, at = [], [], 0
    for block in model.blocks:
        size = sum(p.numel() for p in block.parameters())
        everything.append(slice(at, at + size))
        weights.append(slice(at, at + next(block.parameters()).numel()))
        at += size
    return everything, weights


@dataclass(frozen=True)
class Shifts:
    """One `Shift` per layer; the first is exactly 0, since no layer precedes it.

    Attributes:
        layers: G is the gradient of all parameters of a layer. weights: of the weight of its linear map alone.
    """

    layers: list[Shift]
    weights: list[Shift]


def internal_covariate_shift(objective: Objective, old: Tensor, new: Tensor, g: Tensor) -> Shifts:
    """Definition 2.1 for every layer, on the batch and noise of ``objective``.

    What layer i sees of the moved layers before it is one forward pass at ``new``, shared by all layers; from
    layer i on the network is at ``old``.

    Args:
        objective: the loss of a `Network`.
        old: W^(t), ``(P,)``. new: W^(t+1), after the actual update of the optimiser. g: gradient at old, reused.
    """
    network = objective.model
    assert isinstance(network, Network)
    blocks = list(network.blocks)
    everything, weights = layer_slices(network)
    seen = [objective.x]
    with torch.no_grad(), objective.standing(new):
        for block in blocks[:-1]:
            seen.append(block(seen[-1]))
    found: list[Tensor] = []
    with objective.standing(old):
        for i, (own, weight) in enumerate(zip(everything, weights, strict=True)):
            after = g[own]
            if i > 0:
                out = seen[i]
                for block in blocks[i:]:
                    out = block(out)
                loss = objective.loss_fn(out, objective.y)
                after = flat(torch.autograd.grad(loss, list(blocks[i].parameters())))
            found.append(_distances(g[own][None], after[None]))
            found.append(_distances(g[weight][None], after[None, : weight.stop - weight.start]))
    # One transfer from the device for all layers.
    rows = [Shift(*row) for row in torch.cat(found).tolist()]
    return Shifts(rows[::2], rows[1::2])
