"""Which numbers of a tensor may share a spread, what a definition makes of them, and the affine map that is left."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from bnverify.numerics.audit.layers import Family, Spec, Unit
from bnverify.numerics.measure.raw import Vec, define
from bnverify.theory.grammar import lines, names_in
from torch import Tensor


@dataclass(frozen=True)
class Form:
    """Which numbers of a tensor share a spread. view, restore: to ``(A, G, ...)`` and back, as in `Spec`."""

    place: str
    unit: Unit
    view: Callable[[Tensor], Tensor]
    label_shape: tuple[int, ...]
    restore: Callable[[Tensor, Tensor], Tensor] | None = None


def forms(shape: torch.Size, places: tuple[str, ...] | None = None) -> Iterator[Form]:
    """The forms that a tensor of this shape allows, the usual ones first."""
    samples, dim = shape[0], len(shape)
    rows = math.prod(shape[:-1])

    def wanted(place: str) -> bool:
        return places is None or place in places

    if wanted("last") and dim > 1:
        inner = rows // max(1, samples)
        yield Form("last", Unit.POSITION, lambda t: t.reshape(1, -1, t.shape[-1]), (samples, inner))
    if wanted("channels") and dim > 2:
        inner = math.prod(shape) // (shape[1] * samples)
        yield Form("channels", Unit.POSITION, _channels_last, (samples, inner), _channels_back)
    if wanted("batch") and dim > 1:
        yield Form("batch", Unit.CHANNEL, lambda t: t, (shape[1],))
    if wanted("instance") and dim > 2:
        view = lambda t: t.reshape(1, t.shape[0] * t.shape[1], -1)  # noqa: E731
        yield Form("instance", Unit.SAMPLE_CHANNEL, view, (samples, shape[1]))
    if wanted("sample") and dim > 2:
        yield Form("sample", Unit.SAMPLE_GROUP, lambda t: t.reshape(1, t.shape[0], -1), (samples, 1))
    if wanted("whole"):
        yield Form("whole", Unit.SAMPLE_GROUP, lambda t: t.reshape(1, 1, -1), (1, 1))
    if wanted("group") and dim > 1:
        for count in range(2, shape[1]):
            if shape[1] % count == 0:
                yield Form("group", Unit.SAMPLE_GROUP, _in_groups(count), (samples, count))


def _channels_last(t: Tensor) -> Tensor:
    return t.movedim(1, -1).reshape(1, -1, t.shape[1])


def _channels_back(full: Tensor, like: Tensor) -> Tensor:
    return full.reshape(like.movedim(1, -1).shape).movedim(-1, 1)


def _in_groups(count: int) -> Callable[[Tensor], Tensor]:
    return lambda t: t.reshape(1, t.shape[0] * count, -1)


def from_text(text: str, eps: float) -> Callable[[Tensor], Tensor]:
    """Groups ``(A, G, ...)`` -> what the definition makes of them with gamma = 1 and beta = 0."""
    tree = list(lines(text))

    def normalise(y: Tensor) -> Tensor:
        rows = y.transpose(0, 1).flatten(1)
        one = torch.ones_like(rows)
        names: dict[str, Any] = {
            "y": Vec(rows),
            "one": Vec(one),
            "m": rows.shape[1],
            "gamma": 1.0,
            "beta": 0.0,
        }
        names["eps"] = torch.full((rows.shape[0],), eps, dtype=y.dtype, device=y.device)
        found = define([line for line in tree if _needed(line, tree)], names)
        out = (found["yhat"] if "yhat" in found and "D" in text else found["z"]).x
        return out.unflatten(1, (y.shape[0], *y.shape[2:])).transpose(0, 1)

    return normalise


def _needed(line: tuple[str, Any], tree: list[tuple[str, Any]]) -> bool:
    """Lines with one gamma an element are left aside: the fit finds the elements."""
    return not ({"D", "bias"} & set(names_in(line[1])))


def with_eps_beside(family: Family) -> str:
    """The definition with eps beside sigma."""
    spread = "y" if family is Family.RMS else "c"
    mean = "" if family is Family.RMS else "mu = one @ y / m; c = y - mu*one; "
    return f"{mean}s = sqrt({spread} @ {spread} / m) + eps; yhat = {spread} / s; z = gamma*yhat"


def yhat_of(form: Form, family: Family, x: Tensor, eps: float = 0.0, text: str = "") -> Tensor:
    """yhat of the form, in the shape of x."""
    viewed = form.view(x)
    dims = [d for d in range(viewed.dim()) if d != 1]
    if text:
        out = from_text(text, eps)(viewed)
    else:
        c = viewed if family is Family.RMS else viewed - viewed.mean(dims, keepdim=True)
        s = (c.square().mean(dims, keepdim=True) + eps).sqrt()
        out = torch.where(s > 0, c / s, torch.zeros_like(c))
    return out.reshape(x.shape) if form.restore is None else form.restore(out, x)


def axes(form: Form) -> tuple[str, ...]:
    match form.place:
        case "last" | "whole":
            return ("last",)
        case "sample":
            return ("channel", "element")
        case _:
            return ("channel",)


def along_axis(t: Tensor, axis: str) -> Tensor:
    """``(K, n)``: what shares one a and one b."""
    if axis == "last":
        return t.reshape(-1, t.shape[-1]).T
    return t.movedim(1, 0).flatten(1) if axis == "channel" else t.flatten(1).T


def regress(yhat: Tensor, z: Tensor, axis: str) -> tuple[Tensor, Tensor, float]:
    """(a, b, largest |z - a yhat - b| over the largest |z|) by least squares along the axis."""
    a, b = along_axis(yhat, axis), along_axis(z, axis)
    mean, out = a.mean(1, keepdim=True), b.mean(1, keepdim=True)
    around = a - mean
    square = around.square().sum(1, keepdim=True)
    scale = torch.where(
        square > 0, (around * (b - out)).sum(1, keepdim=True) / square, torch.zeros_like(square)
    )
    shift = out - scale * mean
    off = (scale * a + shift - b).abs().amax() / b.abs().amax().clamp_min(1e-300)
    return scale.squeeze(1), shift.squeeze(1), float(off) if bool(torch.isfinite(off)) else math.inf


def spread_out(values: Tensor, axis: str, like: Tensor) -> Tensor:
    """a or b in a shape that broadcasts over the input."""
    if axis == "last":
        return values
    return (
        values.view(1, -1, *[1] * (like.dim() - 2)) if axis == "channel" else values.view(1, *like.shape[1:])
    )


@dataclass(frozen=True)
class Recognised:
    """What a module is. scale, shift: a and b, along ``axis`` (last, channel, element).

    parameters: weight and bias -> the module's own names. slopes: da/d(weight), db/d(bias). dtype: in whose rounding
    its output is explained. text: the definition where the layer is none of the usual ones. attribute: the module's
    own eps where it computes with another.
    """

    name: str
    form: Form
    family: Family
    eps: float
    axis: str
    scale: Tensor
    shift: Tensor
    residual: float
    dtype: torch.dtype
    parameters: dict[str, str] = field(default_factory=dict)
    slopes: dict[str, float] = field(default_factory=dict)
    text: str = ""
    attribute: float | None = None

    @property
    def words(self) -> str:
        inside = "" if self.dtype is torch.float64 else f" in {str(self.dtype).removeprefix('torch.')}"
        beside = "" if self.attribute is None else f" (its attribute says {self.attribute:.3g})"
        return (
            f"recognised as {self.name}, eps = {self.eps:.3g}{beside}, residual {self.residual:.0e}{inside}"
        )

    def spec(self, y: Tensor) -> Spec:
        """How a call of the module reads its input."""
        form = next(
            form
            for form in forms(y.shape, (self.form.place,))
            if self.form.place != "group" or form.label_shape[1] == self.form.label_shape[1]
        )
        wide = torch.float64 if y.dtype is torch.float64 else torch.float32
        view = form.view(y)
        count, scale = view.shape[1], self.scale.to(dtype=wide, device=y.device)
        gamma, fold = torch.ones(count, dtype=wide, device=y.device), None
        if self.axis == "channel" and form.unit in (Unit.CHANNEL, Unit.SAMPLE_CHANNEL):
            gamma = scale.repeat(count // scale.numel())
        elif self.axis == "channel":
            fold = scale.view(1, -1, *[1] * (y.dim() - 2))
        else:
            fold = scale
        return Spec(
            family=self.family,
            unit=form.unit,
            view=form.view,
            groups=count,
            size=y.numel() // count,
            label_shape=form.label_shape,
            eps=self.eps,
            gamma=gamma,
            fold=fold,
            normalise=from_text(self.text, self.eps) if self.family is Family.DEFINED else None,
            restore=form.restore,
        )
