"""What the layers put out: distributions and moments of activations, their change from step to step, and the
blog's activation-space beta (Figures 1c, 2, 6, 8, 9)."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from typing import Any

import torch
from bnverify.experiments.measure.landscape import Objective, flat
from bnverify.experiments.networks.models import Block, Network
from torch import Tensor

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@dataclass(frozen=True)
class Activations:
    """One forward and backward pass, seen from every layer.

    Attributes:
        loss: L. grad: its gradient over the parameters, ``(P,)``.
        x: inputs of the linear maps. y: their outputs, before normalisation. dy: dL/dy.
        z: what the non-linearity gets: normalised (and perturbed) y, or y itself in a plain network.
    """

    loss: Tensor
    grad: Tensor
    x: list[Tensor]
    y: list[Tensor]
    dy: list[Tensor]
    z: list[Tensor]


def activations(objective: Objective, w: Tensor) -> Activations:
    """Run ``objective`` at ``w`` and keep every layer's y, dL/dy and z; the network is left untouched."""
    network = objective.model
    assert isinstance(network, Network)
    x: list[Tensor] = []
    y: list[Tensor] = []
    z: list[Tensor] = []

    def keep_y(_module: Any, args: tuple[Tensor], out: Tensor) -> None:
        x.append(args[0].detach())
        y.append(out)

    def keep_z(_module: Any, _args: Any, out: Tensor) -> None:
        z.append(out)

    hooks = []
    for block in network.blocks:
        assert isinstance(block, Block)
        hooks += [block.linear.register_forward_hook(keep_y), block.norm.register_forward_hook(keep_z)]
    with objective.standing(w) as parameters:
        try:
            loss = objective.loss_fn(network(objective.x), objective.y)
        finally:
            for hook in hooks:
                hook.remove()
        grads = torch.autograd.grad(loss, [*parameters, *y])
    grad, dy = flat(grads[: len(parameters)]), grads[len(parameters) :]
    return Activations(
        loss.detach(), grad, x, [v.detach() for v in y], [v.detach() for v in dy], [v.detach() for v in z]
    )


def activation_beta(before: Activations, after: Activations) -> list[float]:
    """The blog's beta*_t of every layer: max over samples b of |dL_t/dy(b) - dL_(t+1)/dy(b)| / |y_t(b) - y_(t+1)(b)|.

    Samples whose activations did not move are left out; nan if none moved.
    """
    betas = []
    for y0, y1, d0, d1 in zip(before.y, after.y, before.dy, after.dy, strict=True):
        moved = (y0 - y1).flatten(1).norm(dim=1)
        changed = (d0 - d1).flatten(1).norm(dim=1)
        ratios = torch.where(moved > 0, changed / moved, -math.inf)
        betas.append(torch.where((moved > 0).any(), ratios.max(), math.nan))
    # One transfer from the device for all layers.
    values: list[float] = torch.stack(betas).tolist()
    return values


def units(z: Tensor) -> Tensor:
    """``(m, J, ...)`` as ``(m positions, J)``: spatial positions count as part of the batch (A.2.1)."""
    return z.movedim(1, -1).reshape(-1, z.shape[1])


def sampled_unit(seed: int, layer: int, count: int) -> int:
    """The "random activation" of a layer whose distribution is shown: the same at every step of every variant."""
    digest = hashlib.blake2b(f"unit/{seed}/{layer}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count


def moments(before: list[Tensor], after: list[Tensor], seed: int) -> list[dict[str, Any]]:
    """Per layer: moments and quantiles of z at step t, and how they differ at step t + 1 on its own batch.

    Args:
        before: z of every layer at step t. after: the same at step t + 1.
        seed: chooses the shown unit.

    Returns:
        For each layer ``mean``, ``var`` (biased) of the shown unit, ``quantiles`` of it at `QUANTILES`, ``mean_change``
        and ``var_change`` of it (signed), and what `layer` gives.
    """
    found = []
    names: list[str] = []
    for i, (z0, z1) in enumerate(zip(before, after, strict=True)):
        a, b = units(z0), units(z1)
        points = torch.tensor(QUANTILES, dtype=a.dtype, device=a.device)
        j = sampled_unit(seed, i, a.shape[1])
        columns = {**shown(a[None], b[None], [j]), **layer(a[None], b[None])}
        names = list(columns)
        found.append(torch.cat([*columns.values(), torch.quantile(a[:, j], points)]))
    # One transfer from the device for all layers.
    return [
        {**dict(zip(names, row, strict=False)), "quantiles": row[len(names) :]}
        for row in torch.stack(found).tolist()
    ]


def shown(before: Tensor, after: Tensor, chosen: list[int]) -> dict[str, Tensor]:
    """Mean, variance and their changes of unit ``chosen[s]`` of every network s: ``(S, m, J)`` twice, each ``(S,)``."""
    networks = torch.arange(len(chosen), device=before.device)
    at = torch.tensor(chosen, device=before.device)
    a, b = before[networks, :, at], after[networks, :, at]
    var0, var1 = a.var(1, unbiased=False), b.var(1, unbiased=False)
    mean0, mean1 = a.mean(1), b.mean(1)
    return {"mean": mean0, "var": var0, "mean_change": mean1 - mean0, "var_change": var1 - var0}


def layer(before: Tensor, after: Tensor) -> dict[str, Tensor]:
    """A layer's units at two successive steps, for S networks at once: ``(S, m, J)`` twice, each result ``(S,)``.

    ``mean_shift``, ``var_shift``: root mean square over all units of the change of the mean and of the variance.
    The others are over the units that vary at the first of the two steps, nan if none does: ``mean_shift_scaled``,
    ``var_shift_scaled``, the same in units of the unit's own standard deviation and variance; ``sd``, ``sd_low``,
    ``sd_high``, the geometric mean, the smallest and the largest standard deviation; ``kurtosis_gap``, ``skewness``,
    means of |E c^4 / var^2 - 3| and of |E c^3| / var^(3/2), c the centred value, both 0 for a Gaussian.
    """
    mean0, mean1 = before.mean(1), after.mean(1)
    centred = before - mean0[:, None]
    square = centred.square()
    var0, var1 = before.var(1, unbiased=False), after.var(1, unbiased=False)
    alive = var0 > 0
    count, scale = alive.sum(1), torch.where(alive, var0, 1.0)

    def mean(of: Tensor) -> Tensor:
        return torch.where(alive, of, 0.0).sum(1) / count

    sd = scale.sqrt()
    skewness = (square * centred).mean(1) / (sd * scale)
    kurtosis = square.square().mean(1) / scale.square()
    none = count == 0
    return {
        "mean_shift": (mean1 - mean0).square().mean(1).sqrt(),
        "var_shift": (var1 - var0).square().mean(1).sqrt(),
        "mean_shift_scaled": mean(((mean1 - mean0) / sd).square()).sqrt(),
        "var_shift_scaled": mean(((var1 - var0) / scale).square()).sqrt(),
        "sd": mean(sd.log()).exp(),
        "sd_low": torch.where(alive, sd, math.inf).amin(1).masked_fill(none, math.nan),
        "sd_high": torch.where(alive, sd, 0.0).amax(1).masked_fill(none, math.nan),
        "kurtosis_gap": mean((kurtosis - 3).abs()),
        "skewness": mean(skewness.abs()),
    }


def soft_rank(values: Tensor) -> Tensor:
    """(tr C)^2 / |C|_F^2 of C = H'H / m, from 1 (all samples in one direction) to J: ``(S, m, J)`` to ``(S,)``."""
    gram = values.mT @ values / values.shape[1]
    return gram.diagonal(dim1=-2, dim2=-1).sum(-1).square() / gram.square().sum((-2, -1))


RANK_FLOOR = 1e-6


def condition(values: Tensor) -> Tensor:
    """Largest over smallest eigenvalue of the units' covariance, the latter at least `RANK_FLOOR` of the former:
    ``(S, m, J)`` to ``(S,)``, float64; nan where nothing varies."""
    centred = (values - values.mean(1, keepdim=True)).double()
    covariance = centred.mT @ centred / values.shape[1]
    known = covariance.isfinite().flatten(1).all(1)
    eigenvalues = torch.linalg.eigvalsh(torch.where(known[:, None, None], covariance, 0.0))
    top, bottom = eigenvalues[:, -1], eigenvalues[:, 0]
    return torch.where(known & (top > 0), top / torch.maximum(bottom, RANK_FLOOR * top), math.nan)
