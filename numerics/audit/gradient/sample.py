"""Some groups of a layer call in float64, and the derivative of its definition on them.

    z = gamma yhat(y) + beta,    v* = d<g, z>/dy

by autograd on the definition. Calls whose groups have one shape are differentiated together.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.layers import Family, Spec
from bnverify.numerics.measure.tolerance import roundings, unit_roundoff
from torch import Tensor

SAMPLE = 1 << 13
"""Numbers of a call that are compared one by one: every row is held by the statements that are asked of it."""

FEW = 1 << 11
"""Numbers on which the digits that a dtype loses are counted."""


@dataclass(frozen=True)
class Groups:
    """Some groups of a call, in float64, as ``(A, K, ...)``; ``index`` says which.

    g is folded where the layer folds; raw is dL/dz as it came. running: mean and variance in use, each ``(K,)``, of a
    FIXED call.
    """

    index: Tensor
    y: Tensor
    raw: Tensor
    g: Tensor
    v: Tensor
    gamma: Tensor
    running: tuple[Tensor, Tensor] | None = None


def groups(spec: Spec, y: Tensor, g: Tensor, v: Tensor, most: int | None = SAMPLE) -> Groups:
    """Evenly spaced groups with about ``most`` numbers together, at least one; all where it is None."""
    count = spec.groups if most is None else min(spec.groups, max(1, most // max(1, spec.size)))
    index = torch.linspace(0, spec.groups - 1, count, device=y.device).round().long().unique()

    def part(t: Tensor) -> Tensor:
        whole = spec.view(t)
        return (whole if count == spec.groups else whole.index_select(1, index)).to(torch.float64, copy=True)

    raw = folded = part(g)
    if spec.weighs_channels and spec.fold is not None:
        weight = spec.fold.double().view(spec.label_shape[1], -1, 1)[index % spec.label_shape[1]]
        folded = raw * weight.expand(-1, -1, g[0, 0].numel()).reshape(raw.shape)
    elif spec.fold is not None:
        folded = raw * part(spec.fold.expand(g.shape))
    running = None
    if spec.family is Family.FIXED:
        assert spec.mean is not None
        assert spec.spread_sq is not None
        running = spec.mean.double()[index], spec.spread_sq.double()[index]
    return Groups(index, part(y), raw, folded, part(v), spec.gamma.double()[index], running)


def joined(parts: Sequence[Groups]) -> Groups:
    """The groups of several calls of one shape, in one."""
    if len(parts) == 1:
        return parts[0]
    runs = [part.running for part in parts if part.running is not None]

    def whole(tensors: list[Tensor]) -> Tensor:
        return torch.cat(tensors, min(1, tensors[0].dim() - 1))

    return Groups(
        whole([part.index for part in parts]),
        whole([part.y for part in parts]),
        whole([part.raw for part in parts]),
        whole([part.g for part in parts]),
        whole([part.v for part in parts]),
        whole([part.gamma for part in parts]),
        (whole([mean for mean, _ in runs]), whole([var for _, var in runs])) if runs else None,
    )


def along(t: Tensor) -> list[int]:
    """The dimensions that a group of ``(A, K, ...)`` extends over."""
    return [d for d in range(t.dim()) if d != 1]


def per_group(values: Tensor, like: Tensor) -> Tensor:
    return values.view(1, -1, *[1] * (like.dim() - 2))


def normalised(spec: Spec, at: Groups, y: Tensor) -> Tensor:
    """yhat of the groups from the definition, differentiable; y: in the place of theirs."""
    dims = along(y)
    if spec.normalise is not None:
        return spec.normalise(y)
    if at.running is not None:
        mean, var = at.running
        return (y - per_group(mean, y)) / per_group((var + spec.eps).sqrt(), y)
    c = y if spec.family is Family.RMS else y - y.mean(dims, keepdim=True)
    return c / (c.square().mean(dims, keepdim=True) + spec.eps).sqrt()


def derivative(spec: Spec, at: Groups, g: Tensor | None = None) -> tuple[Tensor, Tensor]:
    """(v*, yhat) of the definition, the shape of ``at.y``; g: in the place of gamma g."""
    with torch.enable_grad():
        y = at.y.detach().requires_grad_()
        yhat = normalised(spec, at, y)
        weighted = per_group(at.gamma, y) * at.g if g is None else g
        (v,) = torch.autograd.grad(yhat, y, weighted)
    return v, yhat.detach()


def scales(spec: Spec, at: Groups) -> tuple[Tensor, Tensor, Tensor]:
    """|gamma| |g|/s, 1 + |mu|/s and s of every group, ``(K,)``: the size of v before cancellations, how y is lost."""
    dims = along(at.y)
    mean = at.y.mean(dims)
    var = (at.y - per_group(mean, at.y)).square().mean(dims)
    if spec.family is Family.RMS:
        var, mean = at.y.square().mean(dims), torch.zeros_like(mean)
    elif spec.family is Family.FIXED:
        assert at.running is not None
        mean, var = at.running
    s = (var + spec.eps).sqrt().clamp_min(torch.finfo(torch.float64).tiny)
    return at.gamma.abs() * at.g.square().sum(dims).sqrt() / s, 1 + mean.abs() / s, s


def comparable(spec: Spec) -> bool:
    """Whether the definition of the call can be evaluated on its groups one by one, on this process."""
    return not spec.synchronised and spec.family is not Family.LP


def errors(spec: Spec, at: Groups, own: Tensor, right: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Of every group: |own - right| over the size of v before cancellations, and what rounding explains of that."""
    scale, cond, s = scales(spec, at)
    gap = (own - right).square().sum(along(own)).sqrt()
    relative = torch.where(scale > 0, gap / scale, torch.where(gap > 0, torch.inf, 0.0))
    # The reference itself rounds in float64.
    u = unit_roundoff(dtype) + unit_roundoff(torch.float64)
    # Numbers below the least of the dtype become 0, in v and in the gamma g that is divided by s.
    least = torch.finfo(dtype).tiny * spec.size**0.5 * (1 + 1 / s)
    lost = torch.where(scale > 0, least / scale, 0.0)
    return relative, (u * cond + lost) * roundings(1, spec.size)


def compare(calls: Sequence[Call]) -> None:
    """Compare the sampled groups of every call with the derivative: fills ``compared`` and ``lost`` of the calls."""
    alike: dict[Any, list[tuple[Call, Groups]]] = {}
    for call in calls:
        spec, at = call.spec, call.sampled
        if at is None or spec is None:
            continue
        shape = (at.y.shape[0], *at.y.shape[2:], spec.size)
        key = (spec.family, spec.eps, call.dtype, at.y.device, shape) if spec.normalise is None else id(call)
        alike.setdefault(key, []).append((call, at))
    for members in alike.values():
        first = members[0][0]
        spec = first.spec
        assert spec is not None
        counts = [len(at.index) for _, at in members]
        at = joined([part for _, part in members])
        right, _ = derivative(spec, at)
        found = (t.split(counts) for t in errors(spec, at, at.v, right, first.dtype))
        for (call, _), relative, allowed in zip(members, *found, strict=True):
            worst = int((relative - allowed).argmax())
            call.compared["input"] = (float(relative[worst]), float(allowed[worst]))
        if spec.family is not Family.FIXED and spec.normalise is None:
            kernel = Kernel(spec, tuple(_few(spec, part) for _, part in members))
            for index, (call, _) in enumerate(members):
                call.lost = Lost(kernel, index)


def _few(spec: Spec, at: Groups) -> Groups:
    """A part of some groups: fewer of them, and of a group that is spread over many samples the first ones."""
    count = max(1, FEW // max(1, spec.size))
    inner = max(1, at.y[0, 0].numel())
    rows = max(2, -(-FEW // inner)) if at.y.shape[0] > 1 else 1
    y, raw, g, v = (t[:rows, :count] for t in (at.y, at.raw, at.g, at.v))
    return Groups(at.index[:count], y, raw, g, v, at.gamma[:count])


@dataclass(frozen=True)
class Kernel:
    """Groups of one shape, on which the digits that narrower dtypes lose are counted once somebody asks."""

    spec: Spec
    parts: tuple[Groups, ...]

    @cached_property
    def lost(self) -> list[dict[str, dict[str, float]]]:
        with torch.inference_mode(False):
            return digits_lost(self.spec, self.parts)


class Lost(Mapping[str, dict[str, float]]):
    """dtype -> gradient -> the decimal digits that one call of the layers of a `Kernel` loses."""

    def __init__(self, kernel: Kernel, index: int) -> None:
        self.kernel, self.index = kernel, index

    def __getitem__(self, dtype: str) -> dict[str, float]:
        return self.kernel.lost[self.index][dtype]

    def __iter__(self) -> Iterator[str]:
        return iter(self.kernel.lost[self.index])

    def __len__(self) -> int:
        return len(self.kernel.lost[self.index])

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


def digits_lost(spec: Spec, parts: Sequence[Groups]) -> list[dict[str, dict[str, float]]]:
    """Decimal digits of a narrower dtype that its own arithmetic loses, by PyTorch's kernel of this family.

    A digit is lost where the error of the gradient is ten times the unit roundoff; 0 where none is.
    """
    at = joined(parts)
    counts = [len(part.index) for part in parts]
    right, yhat = derivative(spec, at)
    weight = (at.g * yhat).sum(along(yhat))
    found: list[dict[str, dict[str, float]]] = [{} for _ in parts]
    for dtype in (torch.float32, torch.bfloat16):
        with torch.enable_grad():
            y = at.y.detach().to(dtype).requires_grad_()
            gain = at.gamma.to(dtype).requires_grad_()
            z = _kernel(spec, y) * per_group(gain, y)
            v, w = torch.autograd.grad(z, (y, gain), at.g.to(dtype))
        u = unit_roundoff(dtype)
        inputs = zip(v.double().split(counts, 1), right.split(counts, 1), strict=True)
        weights = zip(w.double().split(counts), weight.split(counts), strict=True)
        for one, (own, true), (own_weight, true_weight) in zip(found, inputs, weights, strict=True):
            one[str(dtype).removeprefix("torch.")] = {
                "input": _lost(own, true, u),
                "weight": _lost(own_weight, true_weight, u),
            }
    return found


def _kernel(spec: Spec, y: Tensor) -> Tensor:
    rows = y.transpose(0, 1).flatten(1)
    shape = (rows.shape[1],)
    out = (
        F.rms_norm(rows, shape, eps=spec.eps)
        if spec.family is Family.RMS
        else F.layer_norm(rows, shape, eps=spec.eps)
    )
    return out.unflatten(1, (y.shape[0], *y.shape[2:])).transpose(0, 1)


def _lost(own: Tensor, right: Tensor, u: float) -> float:
    size = float(right.norm())
    error = float((own - right).norm()) / size if size > 0 else 0.0
    if not math.isfinite(error):
        return math.log10(1 / u)
    return min(max(0.0, math.log10(max(error, u) / u)), math.log10(1 / u))
