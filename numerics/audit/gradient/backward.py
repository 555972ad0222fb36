"""Is the backward pass of a layer the derivative of its own forward pass?

At its own input y and its own g = dL/dz a layer hands back v. Beside it stands the derivative of its definition,

    z = gamma yhat(y) + beta,    v* = d<g, z>/dy,    w* = sum of g yhat,    b* = sum of g,

in float64 by autograd on the definition; the two share no derivative. A few groups of every call are compared number by
number, the weight and the bias as a whole; where they part, every group is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.gradient.sample import (
    Groups,
    along,
    comparable,
    compare,
    derivative,
    errors,
    groups,
    normalised,
    per_group,
)
from bnverify.numerics.audit.layers import Family, Spec, Unit
from bnverify.numerics.measure.tolerance import roundings, unit_roundoff
from torch import Tensor


@dataclass(frozen=True)
class Backward:
    """The gradients that a layer hands back beside the derivatives of its definition.

    verdict: "right", "wrong" or "not-compared". of: the gradient that is wrong: input, weight or bias.
    fault: "factor", "statistics-constant", "spread-constant", "mean-constant", "weight-forgotten", "missing",
        "differs"; "" where nothing is wrong. factor: what the layer's gradient is multiples of, where it is.
    errors: of each gradient, the largest error of a group over |gamma| |g|/s; allowed: what rounding explains.
    where: the row at which they part most; rows: how many part. lost: dtype -> gradient -> decimal digits that the
        arithmetic of that dtype loses of the ones it has, on the sample. text: the verdict in a sentence. script: a
        Python file that shows a wrong gradient without this package; "" otherwise.
    """

    verdict: str = "not-compared"
    of: str = ""
    fault: str = ""
    factor: float | None = None
    errors: dict[str, float] = field(default_factory=dict)
    allowed: dict[str, float] = field(default_factory=dict)
    where: str = ""
    rows: int = 0
    lost: Mapping[str, dict[str, float]] = field(default_factory=dict)
    text: str = ""
    script: str = ""


def sample(call: Call, y: Tensor, g: Tensor, v: Tensor) -> None:
    """Keep some groups of a call, and the gradients that its parameters should get, while its backward pass runs."""
    spec = call.spec
    assert spec is not None
    if not comparable(spec):
        return
    call.sampled = groups(spec, y, g, v)
    if call.parameters:
        call.references = references(call, y, g)


def references(call: Call, y: Tensor, g: Tensor) -> dict[str, Tensor]:
    """w* and b*, shaped like the parameters: sums of g yhat and of g over what shares a number of the parameter."""
    spec, found = call.spec, call.measured
    assert spec is not None
    sums: dict[str, Tensor] = {}
    if call.summed:
        for key, parameter in call.parameters.items():
            values = call.summed[key]
            sums[key] = (values if parameter.numel() == len(values) else values.sum()).reshape(
                parameter.shape
            )
    elif spec.fold is None and spec.unit is Unit.CHANNEL and spec.normalise is None:
        sums = {"weight": found["g.yhat"], "bias": found["1.g"]}
    else:
        wide = found["s"].dtype
        if spec.normalise is not None:
            whole = groups(spec, y, g, g, None)
            viewed = normalised(spec, whole, whole.y)
            yhat = viewed.reshape(y.shape) if spec.restore is None else spec.restore(viewed, y)
        else:
            yhat = (y.to(wide) - spec.spread(found["mean"], y)) / spec.spread(found["s"], y)
        g = g.to(yhat.dtype)
        for key, parameter in call.parameters.items():
            shape = shape_of(spec, y, parameter)
            sums[key] = (g * yhat if key == "weight" else g).sum_to_size(shape).reshape(parameter.shape)
    return {key: sums[key].to(torch.float64) * call.slopes.get(key, 1.0) for key in call.parameters}


def shape_of(spec: Spec, y: Tensor, parameter: Tensor) -> tuple[int, ...]:
    """The shape in which a parameter broadcasts over the input of its layer."""
    if parameter.numel() == 1:
        return (1,) * y.dim()
    if spec.fold is not None and spec.fold.numel() == parameter.numel():
        return tuple(spec.fold.shape)
    if spec.unit is Unit.POSITION:
        return tuple(parameter.shape)
    return (1, -1 if y.dim() < 2 else y.shape[1], *[1] * (y.dim() - 2))


def judged(calls: Sequence[Call]) -> list[Backward]:
    """The verdicts of the samples: right, or suspected and to be looked at by `examined`."""
    with torch.inference_mode(False):
        compare(calls)
    return [_judged(call) for call in calls]


def _judged(call: Call) -> Backward:
    spec = call.spec
    assert spec is not None
    if "input" not in call.compared:
        return Backward(
            text="its backward pass was not compared: its groups are shared with other processes or units"
        )
    compared = dict(call.compared)
    for key, grad in call.grads.items():
        if key in call.references:
            compared[key] = parameter_error(call, key, grad, call.references[key])
    wrong = [key for key, (error, allowed) in compared.items() if not error <= allowed]
    return Backward(
        verdict="suspected" if wrong else "right",
        of=wrong[0] if wrong else "",
        errors={key: error for key, (error, _) in compared.items()},
        allowed={key: allowed for key, (_, allowed) in compared.items()},
        lost=call.lost,
        text="" if wrong else "its backward pass is the derivative of its forward pass",
    )


def parameter_error(call: Call, key: str, own: Tensor, right: Tensor) -> tuple[float, float]:
    """The largest error of a weight or bias gradient over |g| sqrt(numbers that are summed), and what is allowed."""
    spec, found = call.spec, call.measured
    assert spec is not None
    count = max(1, int(found["size"].sum()) // max(1, own.numel()))
    scale = float(found["grad_out_sq"].sum()) ** 0.5 * count**0.5 * abs(call.slopes.get(key, 1.0))
    gap = float((own.double() - right).abs().max())
    cond = float((1 + found["mean"].abs() / found["s"]).max()) if key == "weight" else 1.0
    u = unit_roundoff(call.dtype) + unit_roundoff(found["s"].dtype)
    least = torch.finfo(call.dtype).tiny * count
    if scale == 0:
        # The squares of gradients so small are 0 in the dtype that sums them.
        return float(gap > least**0.5), 0.0
    return gap / scale, (u * cond + least / scale) * roundings(1, count)


@dataclass(frozen=True)
class Alone:
    """A call's layer run alone, from the input and the g that it had in the model: what it hands back, and its z."""

    z: Tensor
    v: Tensor
    grads: dict[str, Tensor]


def alone(call: Call, y: Tensor, g: Tensor) -> Alone | None:
    """The layer by itself, through its own backward pass; None where it cannot be called by itself."""
    if call.again is None:
        return None
    with torch.enable_grad():
        at = y.detach().clone().requires_grad_()
        own = {key: value.detach().clone().requires_grad_() for key, value in call.parameters.items()}
        # An in-place layer may not write to a leaf.
        z = call.again(at * 1, **own)
        found = torch.autograd.grad(z, [at, *own.values()], g.to(z.dtype), allow_unused=True)
    grads = [
        torch.zeros_like(t) if grad is None else grad
        for grad, t in zip(found, [at, *own.values()], strict=True)
    ]
    return Alone(z.detach(), grads[0], dict(zip(own, grads[1:], strict=True)))


def examined(call: Call, y: Tensor, g: Tensor, by_itself: Alone) -> Backward:
    """Every group of a layer by itself against its definition: right, or wrong in which way."""
    spec = call.spec
    assert spec is not None
    at = groups(spec, y, g, by_itself.v, None)
    right, _ = derivative(spec, at)
    relative, allowed = errors(spec, at, at.v, right, call.dtype)
    off = relative > allowed
    call.references = references(call, y, g)
    compared = {"input": (float(relative.max()), float(allowed[int(relative.argmax())]))}
    for key, grad in by_itself.grads.items():
        compared[key] = parameter_error(call, key, grad, call.references[key])
    found: dict[str, Any] = {
        "errors": {key: error for key, (error, _) in compared.items()},
        "allowed": {key: limit for key, (_, limit) in compared.items()},
        "lost": call.lost,
    }
    if bool(off.any()):
        worst = int(relative.argmax())
        fault, factor = _fault(spec, at, right, call.dtype)
        return Backward(
            "wrong",
            "input",
            fault,
            factor,
            where=spec.labels()[worst],
            rows=int(off.sum()),
            text=_sentence(spec, fault, factor, int(off.sum()), spec.labels()[worst]),
            **found,
        )
    for key, grad in by_itself.grads.items():
        error, limit = compared[key]
        if not error <= limit:
            ref = call.references[key]
            size = float(ref.square().sum())
            factor = float((grad.double() * ref).sum()) / size if size else None
            near = factor is not None and float((grad.double() - factor * ref).abs().max()) <= 1e-3 * float(
                ref.abs().max()
            )
            place = int((grad.double() - ref).abs().flatten().argmax())
            missing = not bool(grad.any())
            what = (
                "is missing: it is 0"
                if missing
                else f"is {factor:.3f} times the right one"
                if near
                else f"differs most at number {place}"
            )
            return Backward(
                "wrong",
                key,
                "missing" if missing else "factor" if near else "differs",
                factor if near and not missing else None,
                where=str(place),
                text=f"the gradient of its {key} {what}, while that of its input is right",
                **found,
            )
    return Backward("right", text="its backward pass is the derivative of its forward pass", **found)


def _fault(spec: Spec, at: Groups, right: Tensor, dtype: torch.dtype) -> tuple[str, float | None]:
    """Which mistake the layer's gradient is exactly, among those that people make."""

    def same(candidate: Tensor) -> bool:
        relative, allowed = errors(spec, at, at.v, candidate, dtype)
        return bool((relative <= torch.maximum(allowed, torch.full_like(allowed, 1e-6))).all())

    for name, candidate in _mistakes(spec, at).items():
        if not bool(torch.equal(candidate, right)) and same(candidate):
            return name, None
    size = float(right.square().sum())
    factor = float((at.v * right).sum()) / size if size > 0 else math.nan
    if math.isfinite(factor) and same(factor * right):
        return "factor", factor
    return "differs", None


def _mistakes(spec: Spec, at: Groups) -> dict[str, Tensor]:
    """v as people compute it by mistake."""
    found = {"weight-forgotten": derivative(spec, at, at.raw)[0]}
    if spec.family is Family.FIXED or spec.normalise is not None:
        return found
    dims, g = along(at.y), per_group(at.gamma, at.y) * at.g
    with torch.no_grad():
        yhat = normalised(spec, at, at.y)
        c = at.y if spec.family is Family.RMS else at.y - at.y.mean(dims, keepdim=True)
        s = (c.square().mean(dims, keepdim=True) + spec.eps).sqrt()
        turned = yhat * (g * yhat).mean(dims, keepdim=True)
    found["statistics-constant"] = g / s
    if spec.family is not Family.RMS:
        found["spread-constant"] = (g - g.mean(dims, keepdim=True)) / s
        found["mean-constant"] = (g - turned) / s
    return found


SAID = {
    "statistics-constant": "treats its statistics as constants: it is gamma g/s, and neither the mean nor the part "
    "along y-hat is taken off",
    "root-constant": "treats the root mean square as a constant: it is gamma g/s, and the part along y-hat is not "
    "taken off",
    "spread-constant": "treats the spread as a constant: the part along y-hat is not taken off",
    "mean-constant": "treats the mean as a constant: the mean of the gradient is not taken off",
    "weight-forgotten": "forgets the weight: it is the derivative of y-hat and not of gamma y-hat",
    "differs": "is not the derivative of its forward pass",
}


def _sentence(spec: Spec, fault: str, factor: float | None, rows: int, worst: str) -> str:
    many = f" in {rows} of {spec.groups} rows, most at {spec.unit} {worst}"
    if fault == "factor" and factor is not None:
        return f"its input gradient is {factor:.3f} times the derivative of its forward pass{many}"
    root = fault == "statistics-constant" and spec.family is Family.RMS  # which takes off no mean
    return f"its input gradient {SAID['root-constant' if root else fault]}{many}"
