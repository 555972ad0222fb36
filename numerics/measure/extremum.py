"""Maxima over inputs X with spectral norm at most lambda, as intervals [attained by an X, bound for all X].

Neither end is a closed form of a statement: the lower end is evaluated at an X that is built, the upper end is
weak duality, valid for whatever multiplier is put in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from bnverify.numerics.measure.tolerance import Measured
from torch import Tensor

STEPS = 60
"""Bisections of the multiplier; each halves its interval, so these exhaust the digits of a double."""


@dataclass(frozen=True)
class Ball:
    """max of w'Kw over |w - c| <= r: the point found, and for it and for all points the value.

    point: (N, n); bound: (N,), an upper bound; formed: (N,), the sum of magnitudes in the bound.
    """

    point: Tensor
    bound: Tensor
    formed: Tensor


def along(u: Tensor, lam: Tensor) -> Tensor:
    """The input lambda u/|u| as one column, (N, n, 1); 0 where u = 0."""
    length = u.norm(dim=1, keepdim=True)
    column = torch.where(length > 0, u / length.clamp(min=torch.finfo(u.dtype).tiny), 0.0)
    return (column * lam.unsqueeze(-1)).unsqueeze(-1)


def input_for(w: Tensor, u: Tensor, lam: Tensor) -> Tensor:
    """The one-column X with XX'u = w, for w in the ball |w - lambda^2 u/2| <= lambda^2 |u|/2, (N, n, 1).

    X = w / sqrt(<u, w>), whose norm is at most lambda there: |w|^2 <= lambda^2 <u, w>. Rounding is clipped.
    """
    inner = (u * w).sum(1, keepdim=True)
    X = torch.where(inner > 0, w / inner.clamp(min=torch.finfo(w.dtype).tiny).sqrt(), 0.0)
    length = X.norm(dim=1)
    clip = torch.where(length > lam, lam / length.clamp(min=torch.finfo(w.dtype).tiny), 1.0)
    return (X * clip.unsqueeze(-1)).unsqueeze(-1)


def maximum_on_ball(K: Tensor, center: Tensor, radius: Tensor) -> Ball:
    """A maximiser of w'Kw on |w - c| <= r and the dual bound c'Kc + t r^2 + (Kc)'(t - K)^{-1} Kc.

    The bound holds for every t above the largest eigenvalue and 0; t is chosen by bisection so that the point
    (t - K)^{-1} Kc has length r, in float64 whatever the dtype. K: (N, n, n), symmetric up to rounding;
    center (N, n); radius (N,). Where K is not finite the bound is none.
    """
    dtype, finite = K.dtype, K.isfinite().flatten(1).all(1) & center.isfinite().all(1)
    K = torch.where(finite[:, None, None], K, 0.0).to(torch.float64)
    center, radius = torch.where(finite[:, None], center, 0.0).to(K.dtype), radius.to(K.dtype)
    values, Q = torch.linalg.eigh((K + K.transpose(1, 2)) / 2)
    p = (Q.transpose(1, 2) @ center.unsqueeze(-1)).squeeze(-1)
    push = values * p
    top = values[:, -1].clamp(min=0)
    size = values.abs().amax(1)
    tiny = torch.finfo(K.dtype).tiny
    width = push.norm(dim=1) / radius.clamp(min=tiny) + torch.finfo(K.dtype).eps * size + tiny
    low, high = torch.zeros_like(top), width

    def offset(above: Tensor) -> Tensor:
        return push / ((top.unsqueeze(-1) - values) + above.unsqueeze(-1)).clamp(min=tiny)

    for _ in range(STEPS):
        middle = (low + high) / 2
        inside = offset(middle).norm(dim=1) <= radius
        low, high = torch.where(inside, low, middle), torch.where(inside, middle, high)
    d = offset(high)
    rest = (radius.square() - d.square().sum(1)).clamp(min=0).sqrt()
    side = torch.where(p[:, -1] + d[:, -1] < 0, -1.0, 1.0)
    extra = torch.where(values[:, -1] > 0, rest * side, 0.0)
    steps = torch.cat([d[:, :-1], (d[:, -1] + extra).unsqueeze(-1)], dim=1)
    length = steps.norm(dim=1)
    shrink = torch.where(length > radius, radius / length.clamp(min=tiny), 1.0)
    steps = steps * shrink.unsqueeze(-1)
    point = (Q @ (p + steps).unsqueeze(-1)).squeeze(-1)
    parts = torch.stack(
        [(values * p.square()).sum(1), (top + high) * radius.square(), (push * offset(high)).sum(1)]
    )
    formed = size * p.square().sum(1) + parts[1:].abs().sum(0)
    bound = torch.where(finite, parts.sum(0), torch.nan)
    return Ball(point.to(dtype), bound.to(dtype), formed.to(dtype))


@dataclass(frozen=True)
class Interval:
    """[``attained``, ``bound``]; arithmetic keeps the ends in order, also where a factor is negative."""

    attained: Any
    bound: Any

    def __add__(self, other: Any) -> Interval:
        o = other if isinstance(other, Interval) else Interval(other, other)
        return Interval(self.attained + o.attained, self.bound + o.bound)

    __radd__ = __add__

    def __neg__(self) -> Interval:
        return Interval(-self.bound, -self.attained)

    def __sub__(self, other: Any) -> Interval:
        return self + (-other)

    def __rsub__(self, other: Any) -> Interval:
        return -self + other

    def __mul__(self, factor: Any) -> Interval:
        if isinstance(factor, Interval):
            products = [a * b for a in (self.attained, self.bound) for b in (factor.attained, factor.bound)]
            return Interval(least(products), -least([-one for one in products]))
        ends = [self.attained * factor, self.bound * factor]
        return Interval(least(ends), -least([-one for one in ends]))

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Interval:
        return self * (1 / factor)

    def __pow__(self, power: int) -> Interval:
        found = self
        for _ in range(power - 1):
            found = found * self
        return found


def least(values: list[Any]) -> Any:
    """The smaller of each instance, with its own error."""
    found = values[0]
    for other in values[1:]:
        smaller = other.value < found.value
        found = Measured(
            torch.where(smaller, other.value, found.value),
            torch.where(smaller, other.scale, found.scale),
            0,
            torch.maximum(other.error, found.error),
        )
    return found
