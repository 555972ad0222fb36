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
from bnverify.experiments.models import linear_network
from bnverify.experiments.recipes import DlnRecipe
from torch import Tensor


@dataclass(frozen=True)
class Problem:
    """Data of S seeds, float64: x ``(S, n, d)`` and A ``(S, d, d)``, and the statistics made of them.

    Attributes:
        mean: of x, ``(S, d)``. root: L, ``(S, d, d)``. white: u, ``(S, n, d)``, mean 0 and covariance 1.
        lifted: u with a column of ones, ``(S, n, d + 1)``; lifted_t: its transpose, contiguous.
        target: A L, ``(S, d, d)``. target_mean: A mean, ``(S, d)``.
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
    target_mean = (a @ mean[..., None])[..., 0]
    return Problem(x, a, mean, root, white, lifted, lifted.mT.contiguous(), a @ root, target_mean)


@functools.cache
def _sizes(dim: int, bias: bool, affine: bool) -> tuple[int, ...]:
    return (dim * dim, *[dim] * bias, *[dim] * (2 * affine))


def initial(recipe: DlnRecipe) -> Tensor:
    """Glorot-initialised parameters ``(S, k, q)``: for each layer its weight (row by row), then bias, gamma,
    beta.

    The last layer has entries for gamma and beta as well; they have no effect, and gradient 0, unless it is
    normalised.
    """
    rows = []
    for seed in range(recipe.seed, recipe.seed + recipe.seeds):
        network = linear_network(replace(recipe, seed=seed))
        flat = [torch.cat([p.detach().reshape(-1) for p in block.parameters()]) for block in network.blocks]
        width = sum(_sizes(recipe.dim, recipe.bias, _affine(recipe)))
        ones = torch.cat([torch.ones(recipe.dim), torch.zeros(recipe.dim)]).double()
        rows.append(torch.stack([f if len(f) == width else torch.cat([f, ones]) for f in flat]))
    return torch.stack(rows)


def _affine(recipe: DlnRecipe) -> bool:
    return recipe.affine and recipe.norm != "none"


def losses(recipe: DlnRecipe, data: Problem, theta: Tensor) -> Tensor:
    """Loss of every network: ``theta`` is ``(..., S, k, q)``, the result ``(..., S)``."""
    return _run(recipe, data, theta)[0]


def _run(recipe: DlnRecipe, data: Problem, theta: Tensor) -> tuple[Tensor, list[tuple[Tensor, Tensor]]]:
    d, n = recipe.dim, data.x.shape[1]
    parts = theta.split(_sizes(d, recipe.bias, _affine(recipe)), dim=-1)
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
    return total * {"sum": n, "sample-mean": 1, "mean": 1 / d}[recipe.loss], seen


def _scale(recipe: DlnRecipe, data: Problem, m: Tensor, e: Tensor) -> Tensor:
    """The divisor of every unit, ``(..., S, d)``; `bnverify.numerics.norms.lp_scale` in these coordinates."""
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
        slopes = _slopes(data, m.detach(), e.detach() if raw else torch.zeros_like(e), p)
        scale = (slopes[..., :-1] * m).sum(-1)
        scale = scale + slopes[..., -1] * e if raw else scale
        scale = scale + math.sqrt(eps) if p == 1 else scale.clamp_min(math.sqrt(eps))
    if average == "norm-over-m":
        return scale * data.white.shape[-2] ** (1 / p - 1)
    return scale.mean(-1, keepdim=True) if average == "layer-mean" else scale


@torch.no_grad()
def _slopes(data: Problem, m: Tensor, e: Tensor, p: float) -> Tensor:
    """Coefficients ``(..., S, d, d + 1)`` of the l_1 or l_inf norm, which is linear in (m_j, e_j) near a
    point.

    mean |v_j| = <mean(s u), m_j> + mean(s) e_j with s the sign of v_j = <u, m_j> + e_j on each sample;
    max |v_j| is the same with the one sample where |v_j| is largest. Derivatives of every order are the
    norm's.
    """
    values = torch.cat([m, e[..., None]], dim=-1) @ data.lifted_t
    if p == 1:
        return values.sign_() @ data.lifted / values.shape[-1]
    largest = values.abs().argmax(-1, keepdim=True)
    samples = data.lifted.expand(*m.shape[:-2], *data.lifted.shape[-2:])
    rows = samples.gather(-2, largest.expand(*m.shape[:-1], samples.shape[-1]))
    return values.gather(-1, largest).sign() * rows


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
