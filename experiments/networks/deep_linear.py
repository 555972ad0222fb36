"""Deep linear networks, many at once, by sufficient statistics (Appendix A.1, item 2).

A linear network sees its data only through the mean of x and the covariance C = L L' of x. With x = mean + L
u, an activation is z = M u + e, where e is its mean over the data and M is a d x d matrix, so that a layer
maps (M, e) -> (W M, W e + b) and

- the variance of unit j is |row j of M|^2, its second moment that plus e_j^2: BatchNorm and l_2 normalisation
  need nothing else;
- the loss is n (|M - A L|_F^2 + |e - A mean|^2), n samples.

Both are exact. The l_1 and l_inf norms are no functions of these statistics: they need the signs, or the
largest, of the values M u + e on the n whitened samples u. Given those, they are linear in M and e.
"""

from __future__ import annotations

import functools
import hashlib
import math
from dataclasses import dataclass, replace

import torch
from bnverify.experiments.networks.models import linear_network
from bnverify.experiments.run.recipes import DlnRecipe
from torch import Tensor


@dataclass(frozen=True)
class Problem:
    """Data of S seeds, float64: x ``(S, n, d)`` and A ``(S, d, d)``, and the statistics made of them.

    Attributes:
        mean: of x, ``(S, d)``. root: L, ``(S, d, d)``. white: u, ``(S, n, d)``, mean 0 and covariance 1.
        lifted: u with a column of ones, ``(S, n, d + 1)``; lifted_t: its transpose, contiguous.
        target: A L, ``(S, d, d)``. target_mean: A mean, ``(S, d)``.
        start: [L | mean], what the first layer is given, and goal: [A L | A mean], ``(S, d, d + 1)``.
    """

    x: Tensor
    a: Tensor
    mean: Tensor
    root: Tensor
    white: Tensor
    lifted: Tensor
    lifted_t: Tensor
    target: Tensor
    target_mean: Tensor
    start: Tensor
    goal: Tensor


def problem(recipe: DlnRecipe) -> Problem:
    """x and A with independent standard normal entries, one data set per seed from ``recipe.seed`` on."""
    xs, matrices = [], []
    for seed in range(recipe.seed, recipe.seed + recipe.seeds):
        digest = hashlib.blake2b(f"linear/{seed}".encode(), digest_size=8).digest()
        generator = torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)
        xs.append(torch.randn(recipe.samples, recipe.dim, generator=generator, dtype=torch.float64))
        matrices.append(torch.randn(recipe.dim, recipe.dim, generator=generator, dtype=torch.float64))
    return of_data(torch.stack(xs), torch.stack(matrices))


def of_data(x: Tensor, a: Tensor) -> Problem:
    """The statistics of given data; n has to exceed d, so that the covariance has full rank."""
    mean = x.mean(1)
    centred = x - mean[:, None]
    root: Tensor = torch.linalg.cholesky(centred.mT @ centred / x.shape[1])
    white = torch.linalg.solve_triangular(root, centred.mT, upper=False).mT.contiguous()
    lifted = torch.cat([white, torch.ones_like(white[..., :1])], dim=-1)
    start = torch.cat([root, mean[..., None]], dim=-1)
    goal = a @ start
    return Problem(
        x, a, mean, root, white, lifted, lifted.mT.contiguous(), goal[..., :-1], goal[..., -1], start, goal
    )


@functools.cache
def sizes(dim: int, bias: bool, affine: bool) -> tuple[int, ...]:
    """Numbers of a layer's weight, bias, gamma and beta in ``theta``, without those that do not exist."""
    return (dim * dim, *[dim] * bias, *[dim] * (2 * affine))


def initial(recipe: DlnRecipe) -> Tensor:
    """Glorot-initialised parameters ``(S, k, q)``: for each layer its weight (row by row), then bias, gamma, beta.

    The last layer has entries for gamma and beta as well; they have no effect, and gradient 0, unless it is
    normalised.
    """
    rows = []
    for seed in range(recipe.seed, recipe.seed + recipe.seeds):
        network = linear_network(replace(recipe, seed=seed))
        flat = [torch.cat([p.detach().reshape(-1) for p in block.parameters()]) for block in network.blocks]
        width = sum(sizes(recipe.dim, recipe.bias, is_affine(recipe)))
        ones = torch.cat([torch.ones(recipe.dim), torch.zeros(recipe.dim)]).double()
        rows.append(torch.stack([f if len(f) == width else torch.cat([f, ones]) for f in flat]))
    return torch.stack(rows)


def is_affine(recipe: DlnRecipe) -> bool:
    """Whether there are gamma and beta."""
    return recipe.affine and recipe.norm != "none"


def losses(recipe: DlnRecipe, data: Problem, theta: Tensor) -> Tensor:
    """Loss of every network: ``theta`` is ``(..., S, k, q)``, the result ``(..., S)``."""
    return _run(recipe, data, theta)[0]


def _run(recipe: DlnRecipe, data: Problem, theta: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    d = recipe.dim
    parts = theta.split(sizes(d, recipe.bias, is_affine(recipe)), dim=-1)
    weights = parts[0].unflatten(-1, (d, d)).unbind(-3)
    vectors = [part.unbind(-2) for part in parts[1:]]
    m, e = data.root, data.mean
    seen = []
    for i, w in enumerate(weights):
        m = w @ m
        e = (w @ e[..., None])[..., 0]
        if recipe.bias:
            e = e + vectors[0][i]
        if recipe.norm != "none" and (i < recipe.layers - 1 or recipe.last_norm):
            factor = 1 / _scale(recipe, data, m, e)
            if recipe.affine:
                factor = factor * vectors[-2][i]
            m = factor[..., None] * m
            e = vectors[-1][i] if recipe.affine else torch.zeros_like(e)
        seen.append((m, e))
    total = (m - data.target).square().sum((-2, -1)) + (e - data.target_mean).square().sum(-1)
    return total * loss_factor(recipe, data), seen


def loss_factor(recipe: DlnRecipe, data: Problem) -> float:
    """The loss over |M - A L|_F^2 + |e - A mean|^2, in each reading of the loss."""
    return {"sum": data.x.shape[1], "sample-mean": 1.0, "mean": 1 / recipe.dim}[recipe.loss]


def _scale(recipe: DlnRecipe, data: Problem, m: Tensor, e: Tensor) -> Tensor:
    """The divisor of every unit, ``(..., S, d)``; `bnverify.numerics.measure.norms.lp_scale` in these coordinates."""
    raw = recipe.norm != "batchnorm" and recipe.lp_of == "raw"
    average = "power-mean" if recipe.norm == "batchnorm" else recipe.lp_average
    eps, p = recipe.norm_eps, {"l1": 1.0, "linf": math.inf}.get(recipe.norm, 2.0)
    if average == "sample-mean":
        values = data.white @ m.mT
        values = (values + e[..., None, :] if raw else values).abs()
        if p == math.inf:
            return values.amax(-1).clamp_min(math.sqrt(eps)).mean(-1, keepdim=True)
        return values.pow(p).sum(-1).add(eps ** (p / 2)).pow(1 / p).mean(-1, keepdim=True)
    if p == 2:
        second = m.square().sum(-1)
        scale = (second + e.square() if raw else second).add(eps).sqrt()
    else:
        rows = torch.cat([m, (e if raw else torch.zeros_like(e))[..., None]], dim=-1)
        scale = (slopes(data, rows.detach(), p) * rows).sum(-1)
        scale = scale + math.sqrt(eps) if p == 1 else scale.clamp_min(math.sqrt(eps))
    if average == "norm-over-m":
        return scale * data.white.shape[-2] ** (1 / p - 1)
    return scale.mean(-1, keepdim=True) if average == "layer-mean" else scale


TOGETHER = 400
"""Rows whose values on all samples are held at a time, so that they stay in the cache."""


@torch.no_grad()
def slopes(data: Problem, rows: Tensor, p: float) -> Tensor:
    """Gradient of the l_1 or l_inf norm in each row [m_j | e_j] of ``rows``, ``(..., S, d, d + 1)``.

    mean |v_j| = <mean(s u), m_j> + mean(s) e_j with s the sign of v_j = <u, m_j> + e_j on each sample;
    max |v_j| is the same with the one sample where |v_j| is largest. The norm is linear near a point, so that
    its value is <slope, row>.
    """
    seeds, width = rows.shape[-3], rows.shape[-1]
    # All networks of a seed share its samples: one product for them together.
    by_seed = rows.reshape(-1, seeds, rows.shape[-2], width).transpose(0, 1).reshape(seeds, -1, width)
    found = [_slopes(data, part, p) for part in by_seed.split(max(1, TOGETHER // seeds), dim=1)]
    joined = torch.cat(found, dim=1) if len(found) > 1 else found[0]
    return joined.view(seeds, -1, rows.shape[-2], width).transpose(0, 1).reshape(rows.shape)


def _slopes(data: Problem, rows: Tensor, p: float) -> Tensor:
    values = torch.bmm(rows, data.lifted_t)
    if p == 1:
        return torch.bmm(values.sign_(), data.lifted).div_(values.shape[-1])
    largest = values.abs_().max(-1).indices
    sample = data.lifted.gather(1, largest[..., None].expand(*rows.shape))
    return sample * (sample * rows).sum(-1, keepdim=True).sign()


def losses_and_grads(recipe: DlnRecipe, data: Problem, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Loss ``(..., S)`` and gradient ``(..., S, k, q)`` of every network; they do not see one another."""
    theta = theta.detach().requires_grad_()
    loss = losses(recipe, data, theta)
    (grad,) = torch.autograd.grad(loss.sum(), theta)
    return loss.detach(), grad


def layer_outputs(recipe: DlnRecipe, data: Problem, theta: Tensor) -> list[Tensor]:
    """Values of every layer's units after normalisation on all samples: k tensors ``(S, n, d)``."""
    with torch.no_grad():
        _, seen = _run(recipe, data, theta)
        return [data.white @ m.mT + e[..., None, :] for m, e in seen]
