"""BatchNorm over many instances at once and its derivatives by reverse-mode differentiation.

Instances are rows: tensors are (N, m), and a loss returns one number per row, so that one backward pass of the
summed losses yields the gradients of all rows and one pass through that yields all Hessian-vector products.
BatchNorm is composed of elementary operations. PyTorch's fused kernel is right in reverse over reverse to second
order (checked in the tests), wrong in nested forward mode (pytorch issue 196699) and beyond second order
(issue 186256), so it is not used for measuring.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor

TOGETHER = 2**14
"""Numbers in the columns of a Hessian that one reverse pass makes: more no longer pays, and costs memory."""


class Standardised(NamedTuple):
    """mu (N, 1), s = sqrt(sigma^2 + eps) (N, 1), y-hat (N, m), and the biased variance sigma^2 (N, 1)."""

    mu: Tensor
    s: Tensor
    yhat: Tensor
    variance: Tensor


def standardise(y: Tensor, eps: float | Tensor = 0.0) -> Standardised:
    """y-hat = (y - mean)/sqrt(biased variance + eps) along the last dimension (paper, Section 4.1 and Fact C.1).

    Args:
        y: (N, m).
        eps: a number, or (N, 1).
    """
    mu = y.mean(-1, keepdim=True)
    centered = y - mu
    variance = centered.square().mean(-1, keepdim=True)
    s = (variance + eps).sqrt()
    return Standardised(mu, s, centered / s, variance)


def gradient(outputs: Tensor, inputs: Tensor, keep: bool = False) -> Tensor:
    """d(sum of outputs)/d(inputs); with ``keep`` it can be differentiated again."""
    return torch.autograd.grad(
        outputs.sum(), inputs, create_graph=keep, retain_graph=True, materialize_grads=True
    )[0]


def product(grad: Tensor, inputs: Tensor, u: Tensor) -> Tensor:
    """The Hessian of the loss behind ``grad`` (made with ``keep``) times u, one more reverse pass, all rows at once."""
    if not grad.requires_grad:
        return torch.zeros_like(inputs)
    return torch.autograd.grad(grad, inputs, u, retain_graph=True, materialize_grads=True)[0]


def jacobian_product(outputs: Tensor, inputs: Tensor, u: Tensor) -> Tensor:
    """(d outputs/d inputs) u by two reverse passes: the first is linear in its dummy cotangent."""
    cotangent = torch.zeros_like(outputs, requires_grad=True)
    pulled = torch.autograd.grad(
        outputs, inputs, cotangent, create_graph=True, retain_graph=True, materialize_grads=True
    )[0]
    return torch.autograd.grad(pulled, cotangent, u, materialize_grads=True)[0]


def matrix(grad: Tensor, inputs: Tensor) -> Tensor:
    """The Hessians (N, n, n) of all rows, from ``grad`` made with ``keep``; several columns in one reverse pass."""
    if not grad.requires_grad:
        return torch.zeros(*inputs.shape, inputs.shape[-1], dtype=inputs.dtype, device=inputs.device)
    size = inputs.shape[-1]
    at_once = max(1, TOGETHER // inputs.numel())
    found = []
    for part in torch.eye(size, dtype=inputs.dtype, device=inputs.device).split(at_once):
        directions = part.unsqueeze(1).expand(len(part), *inputs.shape)
        images = torch.autograd.grad(
            grad, inputs, directions, retain_graph=True, materialize_grads=True, is_grads_batched=True
        )[0]
        found.append(images)
    return torch.cat(found).permute(1, 2, 0)


def dense_oracle(loss: Callable[[Tensor], Tensor], point: Tensor) -> tuple[Tensor, Tensor]:
    """Slow and obviously right: gradient (n,) and Hessian (n, n) of ``loss`` at one point (n,).

    Uses `torch.autograd.functional.hessian`, one instance at a time.
    """
    first = torch.autograd.functional.jacobian(loss, point)
    second = torch.autograd.functional.hessian(loss, point)
    return first, second
