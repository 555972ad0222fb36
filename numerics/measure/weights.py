"""One unit's loss as a function of its weights, with or without BatchNorm, differentiated by autograd."""

from __future__ import annotations

from functools import cached_property

import torch
from bnverify.numerics.measure.derivatives import Standardised, gradient, product, standardise
from bnverify.numerics.measure.downstream import Downstream
from bnverify.numerics.measure.tolerance import MeasuredVector, roundings
from torch import Tensor


def norms(rows: Tensor) -> Tensor:
    """Euclidean (Frobenius) norm of each instance, (N,)."""
    return rows.flatten(1).norm(dim=1)


def bent(rate: Tensor, s: Tensor, size: int, g_scale: Tensor, h_scale: Tensor) -> Tensor:
    """What the Hessian through BatchNorm times a unit vector is formed from, (N,).

    Nine terms of J'HJ with |gamma|/s twice, nine of g through the second derivative of y-hat: that one goes
    through the derivative of s, which is at most 1/sqrt(m) along a unit vector.
    """
    return 9 * (rate.square() * h_scale + rate * g_scale / (s * size**0.5))


def scales_at(loss: Downstream, z: Tensor, matched: bool) -> tuple[Tensor, Tensor]:
    """What the gradient of the loss at z, and its Hessian times a unit vector, are formed from, (N,) each.

    matched: the statement speaks of z = y, so the rounding of z moves the point, and H times it the gradient.
    """
    gradient_scale, curvature = loss.scales(z)
    if matched:
        gradient_scale = gradient_scale + curvature * z.norm(dim=1)
    return gradient_scale, curvature


class Site:
    """The loss of N instances at weights W: L(XW) of the plain network, or L(gamma BN(XW) + beta).

    Args:
        X: inputs, (N, m, d).
        W: weights, (N, d).
        loss: the loss downstream.
        affine: gamma and beta, (N,) each; None for the plain network.
        eps: that of BatchNorm, a number or (N, 1).
        cond: the conditioning that tolerances are already multiplied with, (N,).
        matched: the statement speaks of the network with z = y.
    """

    def __init__(
        self,
        X: Tensor,
        W: Tensor,
        loss: Downstream,
        affine: tuple[Tensor, Tensor] | None,
        eps: float | Tensor,
        cond: Tensor,
        matched: bool = False,
    ) -> None:
        self.X, self.loss, self.affine, self.matched = X, loss, affine, matched
        self.W = W.detach().requires_grad_()
        self.y = (X @ self.W.unsqueeze(-1)).squeeze(-1)
        self.stats: Standardised = standardise(self.y, eps)
        here = 1 + (self.stats.mu.abs() / self.stats.s).detach().squeeze(-1)
        self.harder = torch.ones_like(cond) if affine is None else (here / cond).clamp(min=1)

    @cached_property
    def z(self) -> Tensor:
        if self.affine is None:
            return self.y
        gamma, beta = self.affine
        return self.stats.yhat * gamma.unsqueeze(-1) + beta.unsqueeze(-1)

    @cached_property
    def _grad(self) -> Tensor:
        return gradient(self.loss(self.z), self.W, keep=True)

    @cached_property
    def _scales(self) -> tuple[Tensor, Tensor]:
        """What the gradient, and the Hessian times a unit vector, are formed from, (N,) each."""
        g_scale, h_scale = scales_at(self.loss, self.z.detach(), self.matched)
        X = norms(self.X)
        if self.affine is None:
            return X * g_scale, X.square() * h_scale
        s = self.stats.s.detach().squeeze(-1)
        rate = (self.affine[0] / s).abs()
        first, second = 3 * rate * g_scale, bent(rate, s, self.X.shape[1], g_scale, h_scale)
        return self.harder * X * first, self.harder * X.square() * second

    def _count(self, order: int) -> float:
        samples, features = self.X.shape[1:]
        return roundings(order, samples, self.loss.depth) + samples + 2 * features

    @cached_property
    def grad(self) -> MeasuredVector:
        """The gradient in W, (N, d)."""
        return MeasuredVector(self._grad.detach(), self._scales[0], self._count(1))

    def curve(self, u: MeasuredVector) -> MeasuredVector:
        """The Hessian in W times u."""
        return u.through(product(self._grad, self.W, u.value), self._scales[1], self._count(2))
