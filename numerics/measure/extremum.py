"""Maxima over inputs X with spectral norm at most lambda, as intervals [attained by an X, bound for all X].

Neither end is a closed form of a statement: the lower end is evaluated at an X that is built, the upper end is
weak duality, valid for whatever multiplier is put in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
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
