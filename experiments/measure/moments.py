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
        y: outputs of the linear maps, before normalisation. dy: dL/dy.
        z: what the non-linearity gets: normalised (and perturbed) y, or y itself in a plain network.
    """

    loss: Tensor
    grad: Tensor
    y: list[Tensor]
    dy: list[Tensor]
    z: list[Tensor]


def activations(objective: Objective, w: Tensor) -> Activations:
    """Run ``objective`` at ``w`` and keep every layer's y, dL/dy and z; the network is left untouched."""
    network = objective.model
    assert isinstance(network, Network)
    y: list[Tensor] = []
    z: list[Tensor] = []

    def keep_y(_module: Any, _args: Any, out: Tensor) -> None:
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
        loss.detach(), grad, [v.detach() for v in y], [v.detach() for v in dy], [v.detach() for v in z]
    )


def activation_beta(before: Activations, after: Activations) -> list[float]:
    """The blog's beta*_t of every layer: max over samples b of |dL_t/dy(b) - dL_(t+1)/dy(b)| / |y_t(b) -
    y_(t+1)(b)|.

    Samples whose activations did not move are left out; nan if none moved.
    """
    betas = []
    for y0, y1, d0, d1 in zip(before.y, after.y, before.dy, after.dy, strict=True):
        moved = (y0 - y1).flatten(1).norm(dim=1)
        changed = (d0 - d1).flatten(1).norm(dim=1)
        ratios = changed[moved > 0] / moved[moved > 0]
        betas.append(float(ratios.max()) if len(ratios) else math.nan)
    return betas


def units(z: Tensor) -> Tensor:
    """``(m, J, ...)`` as ``(m positions, J)``: spatial positions count as part of the batch (A.2.1)."""
    return z.movedim(1, -1).reshape(-1, z.shape[1])


def sampled_unit(seed: int, layer: int, count: int) -> int:
    """The "random activation" of a layer whose distribution is shown: the same at every step of every
    variant."""
    digest = hashlib.blake2b(f"unit/{seed}/{layer}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % count


def moments(before: list[Tensor], after: list[Tensor], seed: int) -> list[dict[str, Any]]:
    """Per layer: moments and quantiles of z at step t, and how they differ at step t + 1 on its own batch.

    Args:
        before: z of every layer at step t. after: the same at step t + 1.
        seed: chooses the shown unit.

    Returns:
        For each layer ``mean``, ``var`` (biased) of the shown unit, ``quantiles`` of it at `QUANTILES`,
        ``mean_change`` and ``var_change`` of it (signed), ``mean_shift``, ``var_shift``: root mean square
        over all units of the layer of the same changes, and what `spread` gives.
    """
    rows = []
    for layer, (z0, z1) in enumerate(zip(before, after, strict=True)):
        a, b = units(z0), units(z1)
        j = sampled_unit(seed, layer, a.shape[1])
        mean0, mean1 = a.mean(0), b.mean(0)
        var0, var1 = a.var(0, unbiased=False), b.var(0, unbiased=False)
        points = torch.tensor(QUANTILES, dtype=a.dtype, device=a.device)
        rows.append(
            {
                "mean": float(mean0[j]),
                "var": float(var0[j]),
                "quantiles": torch.quantile(a[:, j], points).tolist(),
                "mean_change": float(mean1[j] - mean0[j]),
                "var_change": float(var1[j] - var0[j]),
                "mean_shift": float((mean1 - mean0).square().mean().sqrt()),
                "var_shift": float((var1 - var0).square().mean().sqrt()),
                **{name: float(value) for name, value in spread(a[None]).items()},
            }
        )
    return rows


def spread(values: Tensor) -> dict[str, Tensor]:
    """How the units of a layer are spread, for S networks at once: ``values`` is ``(S, m, J)``, each result ``(S,)``.

    ``sd_rms`` and ``var_rms`` are root mean squares over all units of the standard deviation and the variance, the
    scales of ``mean_shift`` and ``var_shift``. ``sd``, ``sd_low``, ``sd_high`` are the geometric mean, the smallest and
    the largest standard deviation, ``kurtosis`` the mean of E c^4 / var^2 (3 for a Gaussian), over the units that
    vary; nan if none does.
    """
    centred = values - values.mean(1, keepdim=True)
    square = centred.square()
    var = square.mean(1)
    alive = var > 0
    count = alive.sum(1)
    fourth = square.square().mean(1) / torch.where(alive, var, 1.0).square()
    sd = var.sqrt()
    logs = torch.where(alive, torch.where(alive, sd, 1.0).log(), 0.0).sum(1) / count
    known = count > 0
    return {
        "sd_rms": var.mean(1).sqrt(),
        "var_rms": var.square().mean(1).sqrt(),
        "sd": logs.exp(),
        "sd_low": torch.where(known, torch.where(alive, sd, math.inf).amin(1), math.nan),
        "sd_high": torch.where(known, sd.amax(1), math.nan),
        "kurtosis": torch.where(alive, fourth, 0.0).sum(1) / count,
    }
