"""Per-group inner products of 1, y-hat, g = dL/dz and v = dL^/dy at one call of a normalisation layer.

With S = sum over a group (and over the processes that share it), the first order of an audit is

    mu = S y / m,  sigma^2 = S (y - mu)^2 / m,  s^2 = sigma^2 + eps,  rho = sigma^2 / s^2,
    |g|^2, <1,g>, <g,yhat>, |v|^2, <1,v>, <v,yhat>, <g,v>                       (Section 4.1, Theorem 4.1)

Every one is a sum over what autograd delivered; no closed form of a gradient is used.
"""

from __future__ import annotations

import torch
from bnverify.numerics.layers import Family, Spec
from torch import Tensor


def first_order(spec: Spec, y: Tensor, g: Tensor, v: Tensor) -> dict[str, Tensor]:
    """The named scalars of one call, each ``(G,)``.

    Args:
        spec: how the layer reads its input.
        y, g, v: input of the layer, gradient at its output and at its input; one shape, detached.

    Returns:
        ``size`` (m over all processes), ``mean``, ``var`` (sigma^2), ``s``, ``gamma``, ``grad_out_sq``
        (|dL/dz|^2 as the layer's output sees it), then with g folded where `Spec.fold` is set: ``g.g``, ``1.g``,
        ``g.yhat``, ``v.v``, ``1.v``, ``v.yhat``, ``g.v``, ``1.yhat``. Float64 for float64 layers, float32 otherwise.
    """
    wide = torch.float64 if y.dtype is torch.float64 else torch.float32
    y, g, v = y.to(wide), g.to(wide), v.to(wide)
    raw = g
    if spec.fold is not None:
        g = g * spec.fold.to(wide)
    y3, g3, v3 = spec.view(y), spec.view(g), spec.view(v)
    zero = torch.zeros(spec.groups, dtype=wide, device=y.device)
    one = torch.ones_like(zero)
    size = spec.total(one * spec.size)

    if spec.family is Family.FIXED:
        assert spec.mean is not None
        assert spec.spread_sq is not None
        mean, var = spec.mean.to(wide), spec.spread_sq.to(wide)
        off = _sums(y3, y3, mean, one)[0] - mean * spec.size
    else:
        sums, _ = _sums(y3, y3, zero, one)
        mean = zero if spec.family is Family.RMS else spec.total(sums) / size
        # S y (y - mu) = S (y - mu)^2 + mu S (y - mu), and the last sum is rounding; it is taken off.
        sums, products = _sums(y3, y3, mean, one)
        off = sums - mean * spec.size
        var = spec.total(products - mean * off) / size
    if spec.family is Family.LP:
        assert spec.scale is not None
        s = spec.scale(y).to(wide).expand(spec.groups).clone()
    else:
        s = (var + spec.eps).sqrt()
    grad_sum, grad_proj = _sums(g3, y3, mean, one / s)
    _, grad_sq = _sums(g3, g3, zero, one)
    bn_sum, bn_proj = _sums(v3, y3, mean, one / s)
    _, bn_sq = _sums(v3, v3, zero, one)
    _, cross = _sums(g3, v3, zero, one)
    if spec.fold is not None:
        _, out_sq = _sums(spec.view(raw), spec.view(raw), zero, one)
    else:
        out_sq = grad_sq
    found = {
        "grad_out_sq": out_sq,
        "g.g": grad_sq,
        "1.g": grad_sum,
        "g.yhat": grad_proj,
        "v.v": bn_sq,
        "1.v": bn_sum,
        "v.yhat": bn_proj,
        "g.v": cross,
        "1.yhat": off / s,
    }
    if spec.synchronised:
        together = spec.total(torch.stack(list(found.values())))
        found = dict(zip(found, together, strict=True))
    gamma = spec.gamma.to(wide)
    if spec.family is Family.LP:
        found |= _divisor(spec, y, g, v, mean, s, found["g.yhat"], gamma)
    return {"size": size, "mean": mean, "var": var, "s": s, "gamma": gamma, **found}


def _divisor(
    spec: Spec,
    y: Tensor,
    g: Tensor,
    v: Tensor,
    mean: Tensor,
    s: Tensor,
    grad_proj: Tensor,
    gamma: Tensor,
) -> dict[str, Tensor]:
    """Products with nu, the gradient of an l_p layer's divisor n by autograd.

    ``shared``: <g, yhat> where every unit has an n of its own; the sum of gamma <g, yhat> over the units, divided
    by gamma, where they share one.
    """
    assert spec.scale is not None
    with torch.enable_grad():
        at = y.detach().requires_grad_()
        divisor = spec.scale(at)
        (slope,) = torch.autograd.grad(divisor.sum(), at)
    shared = grad_proj if divisor.dim() else (gamma * grad_proj).sum() / gamma
    dn = spec.view(slope)
    zero, one = torch.zeros_like(gamma), torch.ones_like(gamma)
    dn_sum, dn_sq = _sums(dn, dn, zero, one)
    _, cross = _sums(spec.view(g), dn, zero, one)
    _, along_v = _sums(spec.view(v), dn, zero, one)
    _, along_yhat = _sums(dn, spec.view(y), mean, one / s)
    return {
        "1.nu": dn_sum,
        "nu.nu": dn_sq,
        "g.nu": cross,
        "nu.v": along_v,
        "nu.yhat": along_yhat,
        "shared": shared,
    }


def _sums(a: Tensor, b: Tensor, mean: Tensor, factor: Tensor) -> tuple[Tensor, Tensor]:
    """(sum a, factor * sum a (b - mean)) per group, in one pass over ``(A, G, ...)``.

    These two sums are the bias and weight gradients of a batch normalisation with given statistics, so the kernel
    that PyTorch has for them does it without a temporary, several times faster than the same sums written out.
    """
    _, products, sums = torch.ops.aten.native_batch_norm_backward(
        a, b, None, None, None, mean, factor, True, 0.0, [False, True, True]
    )
    return sums, products
