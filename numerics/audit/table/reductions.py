"""Per-group inner products of 1, y-hat, g = dL/dz and v = dL^/dy at one call of a normalisation layer.

With S = sum over a group (and over the processes that share it), the first order of an audit is

    mu = S y / m,  sigma^2 = S (y - mu)^2 / m,  s^2 = sigma^2 + eps,  rho = sigma^2 / s^2,
    |g|^2, <1,g>, <g,yhat>, |v|^2, <1,v>, <v,yhat>                              (Section 4.1, Theorem 4.1)

Every one is a sum over what autograd delivered; no closed form of a gradient is used. The tensors are read once, in
pieces that stay in the cache, and y relative to a pivot near its mean, so that a large mean costs no digits.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from bnverify.numerics.audit.layers import Family, Spec
from torch import Tensor

PIECE = {"cpu": 1 << 18}
"""Numbers of each tensor that are reduced at a time: on a CPU what its cache holds, elsewhere `PIECE_ELSEWHERE`."""

PIECE_ELSEWHERE = 1 << 26

SHORT = 16
"""Rows of so few numbers leave the lanes of a processor empty."""


LONG = 256
"""Rows of so many numbers are summed fastest one by one."""


def first_order(
    spec: Spec,
    y: Tensor,
    g: Tensor,
    v: Tensor,
    parameters: dict[str, Tensor] | None = None,
    brief: bool = False,
) -> dict[str, Tensor]:
    """The named scalars of one call, each ``(G,)``.

    Args:
        spec: how the layer reads its input.
        y, g, v: input of the layer, gradient at its output and at its input; one shape, detached.
        parameters: gets ``weight`` and ``bias``, the sums of g yhat and of g over what shares a number of either, where
            they come for free.
        brief: of v its norm alone, which spares a pass over it: no ``1.v`` and no ``v.yhat``.

    Returns:
        ``size`` (m over all processes), ``mean``, ``var`` (sigma^2), ``s``, ``gamma``, ``grad_out_sq``
        (|dL/dz|^2 as the layer's output sees it), then with g folded where `Spec.fold` is set: ``g.g``, ``1.g``,
        ``g.yhat``, ``v.v``, ``1.v``, ``v.yhat``, ``1.yhat``, ``yhat.yhat``. Float64 for float64 layers, float32
        otherwise.
    """
    wide = torch.float64 if y.dtype is torch.float64 else torch.float32
    views = [spec.view(y)]
    pivot = _pivot(spec, views[0], wide)
    fine: Tensor | None = None
    if spec.weighs_channels and y[0, 0].numel() >= SHORT:
        sums, fine = _by_channel(spec, [y, g, v], pivot, brief)
    elif spec.weighs_places:
        sums, own = _by_place(spec, [*views, spec.view(g), spec.view(v)], pivot, brief)
        if parameters is not None:
            parameters |= own
    else:
        tensors = [g, v] if spec.fold is None else [g.to(wide) * spec.fold.to(wide), v, g]
        views += [spec.view(t) for t in tensors]
        sums = spec.total(_moments(views, pivot, brief))
    off, sq, grad_sum, grad_along, grad_sq, bn_sum, bn_along, bn_sq, *raw = sums
    size = spec.total(torch.full_like(pivot, spec.size))

    mean, var = pivot, sq / size
    if spec.family is Family.FIXED:
        assert spec.spread_sq is not None
        var = spec.spread_sq.to(wide)
    elif spec.family is not Family.RMS:
        mean = pivot + off / size
        var = ((sq - off * (off / size)) / size).clamp_min(0)
    shift = mean - pivot
    if spec.family is Family.LP:
        assert spec.scale is not None
        s = spec.scale(y.to(wide)).expand(spec.groups).clone()
    else:
        s = (var + spec.eps).sqrt()
    found = {
        "size": size,
        "mean": mean,
        "var": var,
        "s": s,
        "gamma": spec.gamma.to(wide),
        "grad_out_sq": raw[0] if raw else grad_sq,
        "g.g": grad_sq,
        "1.g": grad_sum,
        "g.yhat": (grad_along - shift * grad_sum) / s,
        "v.v": bn_sq,
        "1.v": bn_sum,
        "v.yhat": (bn_along - shift * bn_sum) / s,
        "1.yhat": (off - shift * size) / s,
        "yhat.yhat": (sq - 2 * shift * off + size * shift**2).clamp_min(0) / s**2,
    }
    if fine is not None and parameters is not None:
        grad, along = fine
        yhat = (along - shift.unsqueeze(1) * grad) / s.unsqueeze(1)
        parameters |= {"weight": yhat.view(len(y), -1).sum(0), "bias": grad.view(len(y), -1).sum(0)}
    if brief:
        del found["1.v"], found["v.yhat"]
    if spec.normalise is not None:
        found |= _by_definition(spec, views, found)
    if spec.family is Family.LP:
        found |= _divisor(spec, y.to(wide), views[1].to(wide), views[2].to(wide), found)
    return found


def mean_and_variance(view: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and biased variance of every group of ``(A, G, ...)``, each ``(G,)``, in one pass around a pivot."""
    pivot = view[:1].transpose(0, 1).flatten(1).mean(1)
    t = view - pivot.view(1, -1, *[1] * (view.dim() - 2))
    off, square = _sums(t, t, torch.zeros_like(pivot), torch.ones_like(pivot))
    size = view.numel() // max(1, len(pivot))
    return pivot + off / size, ((square - off * (off / size)) / size).clamp_min(0)


def norms(t: Tensor, dims: list[int]) -> Tensor:
    """Euclidean norms over some dimensions, in float64 where their squares leave the range of the dtype."""
    wide = t.float() if t.dtype in (torch.float16, torch.bfloat16) else t
    found = torch.linalg.vector_norm(wide, dim=dims) if dims else wide.abs()
    top = float(found.max()) if found.numel() else 0.0
    if 1e-12 < top < 1e15 or t.dtype is torch.float64:
        return found.double()
    return torch.linalg.vector_norm(wide, dim=dims, dtype=torch.float64) if dims else found.double()


def all_finite(t: Tensor) -> bool:
    """Whether every number is finite: a sum is, unless the numbers or their sum leave the range."""
    return math.isfinite(float(t.sum())) or bool(torch.isfinite(t).all())


def _by_definition(spec: Spec, views: list[Tensor], found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Products with the yhat of a DEFINED call; its divisor is |y - mu|/|yhat|."""
    assert spec.normalise is not None
    y, g, v, *_ = (view.to(found["s"].dtype) for view in views)
    yhat = spec.normalise(y)
    dims = [d for d in range(y.dim()) if d != 1]
    size = yhat.square().sum(dims)
    s = torch.where(size > 0, (found["size"] * found["var"] / size).sqrt(), found["s"])
    products = {"g.yhat": g, "v.yhat": v, "1.yhat": torch.ones_like(y)}
    return {"s": s} | {key: (t * yhat).sum(dims) for key, t in products.items()}


def _pivot(spec: Spec, y: Tensor, wide: torch.dtype) -> Tensor:
    """``(G,)``: running mean; 0 where no mean is taken; else the mean of the first sample, one for all processes."""
    if spec.family is Family.FIXED:
        assert spec.mean is not None
        return spec.mean.to(wide)
    if spec.family is Family.RMS:
        return torch.zeros(spec.groups, dtype=wide, device=y.device)
    first = y[:1].to(wide).transpose(0, 1).flatten(1).mean(1)
    return spec.total(first) / spec.total(torch.ones_like(first)) if spec.synchronised else first


def _moments(views: list[Tensor], pivot: Tensor, brief: bool = False) -> Tensor:
    """``(8, G)``: sums of t, t^2, g, gt, g^2, v, vt, v^2 with t = y - pivot; then of the square of a fourth tensor."""
    outer, inner = views[0].shape[0], math.prod(views[0].shape[2:])
    if outer > 1 and 1 < inner <= SHORT and all(view.is_contiguous() for view in views):
        # Every place of a short row is summed on its own first.
        flat = _moments([view.flatten(1) for view in views], pivot.repeat_interleave(inner), brief)
        return flat.view(len(flat), -1, inner).sum(2)
    zero, one = torch.zeros_like(pivot), torch.ones_like(pivot)
    found: list[list[Tensor]] = []
    scratch = pivot.new_empty(0)
    for groups, parts in _pieces(views):
        y, g, v, *raw = (part.to(pivot.dtype) for part in parts)
        if scratch.shape != y.shape:
            scratch = torch.empty_like(y)
        t = torch.sub(y, pivot[groups].view(1, -1, *[1] * (y.dim() - 2)), out=scratch)
        plain = zero[groups], one[groups]
        rows = [*_sums(t, t, *plain), *_sums(g, t, *plain), _squares(g, plain)]
        rows += [*((plain[0],) * 2 if brief else _sums(v, t, *plain)), _squares(v, plain)]
        rows += [_squares(u, plain) for u in raw]
        found.append(rows)
    by_moment = zip(*found, strict=True)
    if outer > 1:
        return torch.stack([torch.stack(parts).sum(0) for parts in by_moment])
    return torch.stack([torch.cat(parts) for parts in by_moment])


def _by_channel(spec: Spec, tensors: list[Tensor], pivot: Tensor, brief: bool) -> tuple[Tensor, Tensor]:
    """The sums of `_moments` for groups of whole channels with a factor each; and (sum g, sum gt) of every channel.

    A channel of a sample is summed on its own, and the factor multiplies its sums. ``(9, G)`` and ``(2, G, K)``.
    """
    assert spec.fold is not None
    samples, channels = tensors[0].shape[:2]
    groups = len(pivot)
    each = [t.reshape(1, samples * channels, -1) for t in tensors]
    found = _moments(each, pivot.repeat_interleave(samples * channels // groups), brief).view(8, groups, -1)
    weight = spec.fold.to(pivot.dtype).flatten().repeat(samples).view(groups, -1)
    sums = list(found.sum(2))
    sums[2], sums[3] = (weight * found[2:4]).sum(2)
    sums[4] = (weight.square() * found[4]).sum(1)
    return torch.stack([*sums, found[4].sum(1)]), found[2:4]


def _by_place(
    spec: Spec, views: list[Tensor], pivot: Tensor, brief: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """The sums of `_moments` for rows with a factor at every place, ``(9, G)``; and of g yhat and of g at each place.

    The rows of a piece are summed, and with their mean and spread known its columns, while it is in the cache.
    """
    assert spec.fold is not None
    weight = spec.fold.to(pivot.dtype).flatten()
    square, one = weight.square(), torch.ones_like(weight)
    columns = [torch.zeros_like(weight), torch.zeros_like(weight)]
    found = []
    for rows, parts in _pieces(views):
        y, g, v = (part[0].to(pivot.dtype) for part in parts)
        around = y - pivot[rows].unsqueeze(1)
        along, each = g * around, g * g
        squares = [torch.linalg.vector_norm(u, dim=1).square() for u in (around, v, g)]
        off = around @ one
        sums = [off, squares[0], g @ weight, along @ weight, each @ square]
        sums += [off] * 2 if brief else [v @ one, (v * around) @ one]
        sums += squares[1:]
        found.append(torch.stack(sums))
        shift = off / spec.size if spec.family is Family.CENTRED else torch.zeros_like(off)
        inverse = ((sums[1] / spec.size - shift * shift).clamp_min(0) + spec.eps).rsqrt()
        columns[0] += inverse @ along - (shift * inverse) @ g
        columns[1] += g.sum(0)
    return torch.cat(found, 1), dict(zip(("weight", "bias"), columns, strict=True))


def _squares(u: Tensor, plain: tuple[Tensor, Tensor]) -> Tensor:
    """sum u^2 per group of ``(A, G, ...)``: long rows by their norms, which read them once."""
    if u.dim() > 2 and u[0, 0].numel() >= LONG and u.is_contiguous():
        return torch.linalg.vector_norm(u.flatten(2), dim=2).square().sum(0)
    return _sums(u, u, *plain)[1]


def _pieces(views: list[Tensor]) -> Iterator[tuple[slice, list[Tensor]]]:
    """The groups of a piece and its part of every ``(A, G, ...)`` tensor: some of A, or of G where A is 1."""
    first = views[0]
    outer, groups = first.shape[:2]
    room = PIECE.get(first.device.type, PIECE_ELSEWHERE)
    along, count = (0, outer) if outer > 1 else (1, groups)
    step = max(1, room * count // max(1, first.numel()))
    for start in range(0, count, step):
        rows = slice(start, start + step)
        if along:
            yield rows, [t[:, rows] for t in views]
        else:
            yield slice(None), [t[rows] for t in views]


def _divisor(spec: Spec, y: Tensor, g: Tensor, v: Tensor, found: dict[str, Tensor]) -> dict[str, Tensor]:
    """Products with nu, the gradient of an l_p layer's divisor n by autograd.

    ``shared``: <g, yhat> where every unit has an n of its own; the sum of gamma <g, yhat> over the units, divided
    by gamma, where they share one.
    """
    assert spec.scale is not None
    grad_proj, gamma = found["g.yhat"], found["gamma"]
    with torch.enable_grad():
        at = y.detach().requires_grad_()
        divisor = spec.scale(at)
        (slope,) = torch.autograd.grad(divisor.sum(), at)
    shared = grad_proj if divisor.dim() else (gamma * grad_proj).sum() / gamma
    nu = spec.view(slope)
    plain = torch.zeros_like(gamma), torch.ones_like(gamma)
    nu_sum, nu_sq = _sums(nu, nu, *plain)
    return {
        "1.nu": nu_sum,
        "nu.nu": nu_sq,
        "g.nu": _sums(g, nu, *plain)[1],
        "nu.v": _sums(v, nu, *plain)[1],
        "shared": shared,
    }


def _sums(a: Tensor, b: Tensor, zero: Tensor, one: Tensor) -> tuple[Tensor, Tensor]:
    """(sum a, sum a b) per group of ``(A, G, ...)``, in one pass; zero and one: ``(G,)``.

    These two sums are the bias and weight gradients of a batch normalisation with mean 0 and divisor 1, so the kernel
    that PyTorch has for them does it without a temporary, several times faster than the same sums written out.
    """
    _, products, sums = torch.ops.aten.native_batch_norm_backward(
        a, b, None, None, None, zero, one, True, 0.0, [False, True, True]
    )
    return sums, products
