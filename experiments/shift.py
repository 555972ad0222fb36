"""Internal covariate shift as Definition 2.1 has it: the change of a layer's gradient when earlier layers
have moved."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from bnverify.experiments.models import Network
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
    # Squares of small float32 gradients underflow.
    g, g_after = g.double(), g_after.double()
    difference, norm, norm_after = float((g - g_after).norm()), float(g.norm()), float(g_after.norm())
    relative = difference / norm if norm > 0 else math.nan
    cosine = float((g / norm) @ (g_after / norm_after)) if norm > 0 and norm_after > 0 else math.nan
    return Shift(difference, relative, cosine)


def layer_slices(model: Network) -> tuple[list[slice], list[slice]]:
    """Where each layer's parameters lie in the flat vector: all of them, and the weight of the linear map
    alone.

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


def internal_covariate_shift(
    grad: Callable[[Tensor], Tensor],
    old: Tensor,
    new: Tensor,
    g: Tensor,
    moved: list[slice],
    measured: list[slice],
) -> list[Shift]:
    """Definition 2.1 for every layer, on one batch.

    Args:
        grad: flat parameters -> flat gradient, ``(P,)``, always on the batch and noise of step t.
        old: W^(t). new: W^(t+1), after the actual update of the optimiser. g: grad(old), reused.
        moved: for each layer the parameters that count as its own when it takes its update.
        measured: for each layer the parameters whose gradient is compared.

    Returns:
        One `Shift` per layer; the first is exactly 0, since no layer precedes it.
    """
    shifts = []
    mixed = old.clone()
    for i, (own, part) in enumerate(zip(moved, measured, strict=True)):
        after = g if i == 0 else grad(mixed)
        shifts.append(compare(g[part], after[part]))
        mixed[own] = new[own]
    return shifts
