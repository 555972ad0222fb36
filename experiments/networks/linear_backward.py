"""Gradients of deep linear networks, written out: `deep_linear` in reverse, without a graph.

A layer holds Z = [M | e], d x (d + 1), and maps it to A = W Z + [0 | b]; a normalised one puts out
[f_j m_j | beta_j] for each row [m_j | e_j] of A, with f_j = gamma_j / s_j. With G the gradient of that output,

- d gamma_j = <G_j, m_j> / s_j, d beta_j = the last entry of G_j, d s_j = -f_j d gamma_j,
- d A_j = f_j [G_j without its last entry | 0] + d s_j D_j, where D_j is the gradient of s_j in row j of A,
- d W = dA Z', d b = the last column of dA, d Z = W' dA.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from bnverify.experiments.networks import deep_linear
from bnverify.experiments.networks.deep_linear import Problem, is_affine, sizes
from bnverify.experiments.run.recipes import DlnRecipe
from torch import Tensor


class Layer(NamedTuple):
    """Parameters of one layer: weight ``(..., S, d, d)``, and ``(..., S, d)`` or None: bias, gamma, beta."""

    weight: Tensor
    bias: Tensor | None
    gamma: Tensor | None
    beta: Tensor | None


class Pass(NamedTuple):
    """What the way back through a layer needs: Z, and of a normalised layer A, s, D and f (None otherwise)."""

    z: Tensor
    a: Tensor
    scale: Tensor | None
    slope: Tensor | None
    factor: Tensor | None


def layers(recipe: DlnRecipe, theta: Tensor) -> list[Layer]:
    """The k layers of ``theta``, ``(..., S, k, q)``, as views."""
    d, affine = recipe.dim, is_affine(recipe)
    parts = theta.split(sizes(d, recipe.bias, affine), dim=-1)
    weights = parts[0].unflatten(-1, (d, d)).unbind(-3)
    vectors = [part.unbind(-2) for part in parts[1:]]
    absent = (None,) * recipe.layers
    bias = vectors[0] if recipe.bias else absent
    gamma, beta = vectors[-2:] if affine else (absent, absent)
    return [Layer(*one) for one in zip(weights, bias, gamma, beta, strict=True)]


def _normalised(recipe: DlnRecipe, i: int) -> bool:
    return recipe.norm != "none" and (i < recipe.layers - 1 or recipe.last_norm)


def forward(recipe: DlnRecipe, data: Problem, i: int, layer: Layer, z: Tensor) -> tuple[Tensor, Pass]:
    """The output of layer ``i`` at input Z, ``(..., S, d, d + 1)``."""
    a = layer.weight @ z
    if layer.bias is not None:
        a[..., -1] += layer.bias
    if not _normalised(recipe, i):
        return a, Pass(z, a, None, None, None)
    scale, slope = _scale(recipe, data, a)
    factor = scale.reciprocal() if layer.gamma is None else layer.gamma / scale
    out = factor[..., None] * a
    out[..., -1] = 0.0 if layer.beta is None else layer.beta
    return out, Pass(z, a, scale, slope, factor)


def backward(recipe: DlnRecipe, layer: Layer, seen: Pass, grad: Tensor) -> tuple[Tensor, Tensor]:
    """Gradients of the layer's parameters, ``(..., S, q)``, and of its input, from that of its output."""
    parts, at_a = [], grad
    if seen.scale is not None and seen.slope is not None and seen.factor is not None:
        at_m = grad.clone()
        at_m[..., -1] = 0.0
        at_gamma = (at_m * seen.a).sum(-1) / seen.scale
        at_scale = -at_gamma * seen.factor
        if recipe.lp_average == "layer-mean" and recipe.norm != "batchnorm":
            at_scale = at_scale.sum(-1, keepdim=True)
        if layer.gamma is not None:
            parts = [at_gamma, grad[..., -1]]
        at_a = torch.addcmul(seen.factor[..., None] * at_m, at_scale[..., None], seen.slope)
    elif layer.gamma is not None:
        parts = [torch.zeros_like(grad[..., -1])] * 2
    if layer.bias is not None:
        parts.insert(0, at_a[..., -1])
    weight = (at_a @ seen.z.mT).flatten(-2)
    return torch.cat([weight, *parts], dim=-1) if parts else weight, layer.weight.mT @ at_a


def _scale(recipe: DlnRecipe, data: Problem, a: Tensor) -> tuple[Tensor, Tensor]:
    """s ``(..., S, d or 1)`` and its gradient D ``(..., S, d, d + 1)``; see `deep_linear`."""
    eps, p = recipe.norm_eps, {"l1": 1.0, "linf": math.inf}.get(recipe.norm, 2.0)
    batchnorm = recipe.norm == "batchnorm"
    counted = a
    if batchnorm or recipe.lp_of == "centred":
        counted = a.clone()
        counted[..., -1] = 0.0
    if p == 2:
        scale = counted.square().sum(-1).add_(eps).sqrt_()
        slope = counted / scale[..., None]
    else:
        slope = deep_linear.slopes(data, counted, p)
        if recipe.lp_of == "centred":
            slope[..., -1] = 0.0
        scale = (slope * a).sum(-1)
        if p == 1:
            scale += math.sqrt(eps)
        else:
            slope = torch.where((scale >= math.sqrt(eps))[..., None], slope, 0.0)
            scale = scale.clamp_min_(math.sqrt(eps))
    if batchnorm or recipe.lp_average == "power-mean":
        return scale, slope
    if recipe.lp_average == "norm-over-m":
        c = data.white.shape[-2] ** (1 / p - 1)
        return scale * c, slope * c
    return scale.mean(-1, keepdim=True), slope / recipe.dim


def losses_and_grads(recipe: DlnRecipe, data: Problem, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Loss ``(..., S)`` and gradient ``(..., S, k, q)`` of every network; they do not see one another.

    The reading "sample-mean" of an l_p norm, whose divisor sees all rows of A at once, goes by autograd.
    """
    if not _by_rows(recipe):
        return deep_linear.losses_and_grads(recipe, data, theta)
    stack, seen = layers(recipe, theta), []
    z = data.start
    for i, layer in enumerate(stack):
        z, one = forward(recipe, data, i, layer, z)
        seen.append(one)
    loss, grad = _end(recipe, data, z)
    found = []
    for layer, one in zip(reversed(stack), reversed(seen), strict=True):
        own, grad = backward(recipe, layer, one, grad)
        found.append(own)
    return loss, torch.stack(found[::-1], dim=-2)


def _by_rows(recipe: DlnRecipe) -> bool:
    return recipe.norm in ("none", "batchnorm") or recipe.lp_average != "sample-mean"


def _end(recipe: DlnRecipe, data: Problem, z: Tensor) -> tuple[Tensor, Tensor]:
    gap = z - data.goal
    c = deep_linear.loss_factor(recipe, data)
    return c * gap.square().sum((-2, -1)), 2 * c * gap


def shifted_grads(recipe: DlnRecipe, data: Problem, old: Tensor, new: Tensor) -> Tensor:
    """Gradient of layer i with layers 1 ... i - 1 at ``new`` and the others at ``old``, for i = 2 ... k.

    What layer i sees is one pass at ``new``, shared by all; then all mixtures run through the old layers as one
    batch that gains one at every layer, and loses it there on the way back.

    Args:
        old, new: ``(S, k, q)``.

    Returns:
        ``(S, k - 1, q)``.
    """
    if not _by_rows(recipe):
        earlier = torch.ones(recipe.layers, recipe.layers, dtype=torch.bool).tril(-1)
        mixtures = torch.where(earlier[:, None, :, None], new, old)
        _, grads = deep_linear.losses_and_grads(recipe, data, mixtures)
        return grads.diagonal(dim1=0, dim2=2).movedim(-1, 1)[:, 1:]
    before, after = layers(recipe, old), layers(recipe, new)
    z, running, seen = data.start, None, []
    for i, layer in enumerate(before):
        if i > 0:
            running = z[None] if running is None else torch.cat([running, z[None]])
            running, one = forward(recipe, data, i, layer, running)
            seen.append(one)
        if i < recipe.layers - 1:
            z, _ = forward(recipe, data, i, after[i], z)
    if running is None:
        return old[:, :0]
    _, grad = _end(recipe, data, running)
    found = []
    for layer, one in zip(reversed(before[1:]), reversed(seen), strict=True):
        own, grad = backward(recipe, layer, one, grad)
        found.append(own[-1])
        grad = grad[:-1]
    return torch.stack(found[::-1], dim=-2)
