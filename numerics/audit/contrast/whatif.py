"""What if a layer normalised differently, with the same activations on this batch (Observation 4.3)?

A layer computes z = a (y - mu)/s + b. In its place stands

    z' = a s'/s yhat'(y) + c,   yhat'(y) = (y - mu'(y))/s'(y),

where mu', s' are the other normalisation's and a s'/s and c are constants chosen such that z' = z on this batch. The
loss and every activation stay what they are; what changes is what follows along when y moves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import torch
from bnverify.numerics.audit.capture.selection import choose, covered_layers
from bnverify.numerics.audit.layers import Family, Kind
from bnverify.numerics.audit.passes import (
    LossFn,
    loss_of,
    plain_errors,
    setting,
    twice_differentiable,
    unwrap,
)
from bnverify.numerics.audit.uncovered import not_covered
from torch import Tensor, nn

from bnverify.base.errors import InputError

OTHERS = ("none", "batch-norm", "layer-norm", "group-norm")
GROUPS, LEAST = (32, 16, 8, 4, 2, 1), 16
"""Groups of a group norm: the first of these that divides the channels and leaves at least so many numbers a group."""


@dataclass(frozen=True)
class Side:
    """One call of a layer with one normalisation.

    gradient: |dL^/dy|. bound: what scaling alone would leave, (sum of a^2/s^2 |g|^2)^(1/2). tightness: gradient/bound.
    curvature: v'Bv/|v|^2, along the gradient; None where the model has no second derivative.
    """

    gradient: float
    bound: float
    tightness: float
    curvature: float | None


@dataclass(frozen=True)
class Contrast:
    """A call of a layer as it is, and with another normalisation and the same activations."""

    name: str
    call: int
    kind: str
    other: str
    before: Side
    after: Side
    activations_apart: float

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def what_if(
    model: nn.Module,
    loss_fn: LossFn | None,
    inputs: Any,
    targets: Any = None,
    *,
    other: str,
    layers: Sequence[str] | None = None,
    mode: str | None = None,
) -> tuple[Contrast, ...]:
    """Every call of the layers as it is and with ``other`` in its place, in all of them at once.

    Args:
        model, loss_fn, inputs, targets, mode, layers: as in the audit. other: one of `OTHERS`.

    Raises:
        InputError: ``other`` is unknown, no layer of the model is a module that can be exchanged, or the loss is not
            one finite number.
    """
    if other not in OTHERS:
        raise InputError(f"what-if {other!r} is unknown; expected one of {', '.join(OTHERS)}")
    with plain_errors():
        model = unwrap(model)
        covered = covered_layers(model)
        chosen = choose(covered, None if layers is None else list(layers), not_covered(model, set(covered)))
        before = _sides(model, loss_fn, inputs, targets, chosen, None, mode)
        after = _sides(model, loss_fn, inputs, targets, chosen, other, mode)
    return tuple(
        Contrast(name, call, chosen[name][1].name, other, one, two, apart)
        for (name, call, one, _), (_, _, two, apart) in zip(before, after, strict=True)
    )


@dataclass
class _Seen:
    name: str
    call: int
    y: Tensor
    z: Tensor
    slope: Tensor
    apart: float


def _sides(
    model: nn.Module,
    loss_fn: LossFn | None,
    inputs: Any,
    targets: Any,
    chosen: dict[str, tuple[nn.Module, Kind]],
    other: str | None,
    mode: str | None,
) -> list[tuple[str, int, Side, float]]:
    seen: list[_Seen] = []
    with setting(model, mode, twice=True), twice_differentiable():
        for name, (module, kind) in chosen.items():
            module.__dict__["forward"] = _exchanged(module, name, kind, other, seen)
        loss = loss_of(model, loss_fn, inputs, targets)
        if not loss.requires_grad:
            raise InputError("the loss does not depend on a layer that could be exchanged")
        return [(item.name, item.call, _side(loss, item), item.apart) for item in seen]


def _exchanged(
    module: nn.Module, name: str, kind: Kind, other: str | None, seen: list[_Seen]
) -> Callable[..., Tensor]:
    own = type(module).forward

    def forward(y: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        alias = y.view_as(y) if y.requires_grad else y.detach().requires_grad_()
        spec = kind.describe(module, alias)
        with torch.no_grad():
            there = own(module, alias, *args, **kwargs)
            slope = _slope(spec, alias)
        if other is None:
            z: Tensor = own(module, alias, *args, **kwargs)
        else:
            z = _matched(alias, there, slope, other, spec.unit == "sample, position")
        count = sum(item.name == name for item in seen)
        apart = float((z.detach() - there).abs().max())
        seen.append(_Seen(name, count, alias, z, slope, apart))
        # An in-place operation that follows then changes the copy, not z.
        return z.clone()

    return forward


def _slope(spec: Any, y: Tensor) -> Tensor:
    """a/s of every element, from the layer's own statistics on this batch."""
    view = spec.view(y)
    dims = [d for d in range(view.dim()) if d != 1]
    if spec.family is Family.FIXED:
        var = spec.spread_sq
    elif spec.family is Family.RMS:
        var = (view * view).mean(dims)
    else:
        var = view.var(dims, correction=0)
    slope = spec.spread((spec.gamma / (var + spec.eps).sqrt()).to(y.dtype), y)
    return slope if spec.fold is None else slope * spec.fold.to(y.dtype)


def _matched(y: Tensor, z: Tensor, slope: Tensor, other: str, last: bool) -> Tensor:
    """``other`` at y, with constants such that its output is z here. last: channels lie in the last axis."""
    if other == "none":
        return slope * (y - y.detach()) + z
    groups = _grouped(y, other, last)
    mean = groups.mean(-1, keepdim=True)
    spread = groups.var(-1, correction=0, keepdim=True).clamp_min(torch.finfo(y.dtype).tiny).sqrt()
    yhat = _ungrouped((groups - mean) / spread, y, other, last)
    scale = _ungrouped(spread.detach().expand_as(groups), y, other, last) * slope
    return scale * (yhat - yhat.detach()) + z


def _grouped(y: Tensor, other: str, last: bool) -> Tensor:
    """``(..., m)``: the numbers that share one mean in ``other``."""
    if last and y.dim() > 1:
        y = y.movedim(-1, 1)
    if other == "batch-norm":
        return y.transpose(0, 1).flatten(1)
    if other == "layer-norm":
        return y.movedim(1, -1).flatten(0, -2) if last else y.flatten(1)
    channels = y.shape[1]
    each = channels if last else y[0].numel()
    count = next((n for n in GROUPS if channels % n == 0 and each // n >= LEAST), 1)
    if last:
        return y.movedim(1, -1).reshape(*y.shape[:1], *y.shape[2:], count, channels // count)
    return y.reshape(y.shape[0], count, -1)


def _ungrouped(t: Tensor, y: Tensor, other: str, last: bool) -> Tensor:
    moved = y.movedim(-1, 1) if last and y.dim() > 1 else y
    if other == "batch-norm":
        back = t.reshape(moved.transpose(0, 1).shape).transpose(0, 1)
    elif last:
        return t.reshape(y.shape)
    else:
        back = t.reshape(moved.shape)
    return back.movedim(1, -1) if last and y.dim() > 1 else back


def _side(loss: Tensor, item: _Seen) -> Side:
    (v,) = torch.autograd.grad(loss, item.y, create_graph=True, allow_unused=True)
    (g,) = torch.autograd.grad(loss, item.z, retain_graph=True, allow_unused=True)
    if v is None or g is None:
        return Side(0.0, 0.0, math.nan, None)
    here = v.detach()
    size, bound = float(here.double().norm()), float((item.slope * g.detach()).double().norm())
    curvature: float | None = None
    if v.requires_grad and size > 0:
        (image,) = torch.autograd.grad((v * here).sum(), item.y, retain_graph=True, allow_unused=True)
        curvature = 0.0 if image is None else float((here * image).double().sum()) / size**2
    elif size > 0:
        curvature = 0.0
    return Side(size, bound, size / bound if bound > 0 else math.nan, curvature)
