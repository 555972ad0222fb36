"""A layer whose numbers are off: is its backward pass wrong, is it outside the theory, or is the tool wrong?

The identities rest on z = gamma yhat + beta, on v being the derivative of that, and on a loss that sees y through z
alone. Each is tried on the layer by itself before the tool is blamed.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.gradient.backward import Alone, Backward, alone, examined
from bnverify.numerics.audit.gradient.reproduction import script
from bnverify.numerics.audit.gradient.sample import comparable, errors, groups
from bnverify.numerics.audit.layers import Unit
from bnverify.numerics.audit.report import LayerAudit
from bnverify.numerics.audit.table.rows import without_theory
from bnverify.numerics.measure.norms import NoisyBatchNorm, per_unit
from bnverify.numerics.measure.tolerance import roundings, unit_roundoff
from torch import Tensor

BUG = "its output, its own gradients and their way here are right, so this is a bug in bnverify; please report it"


def explained(layer: LayerAudit, call: Call, y: Tensor, g: Tensor, v: Tensor) -> LayerAudit:
    """The layer with what is wrong: a wrong backward pass, a reason to be outside the theory, or a bug of ours.

    Args:
        y, g, v: of the whole call, in one more pass.
    """
    assert call.spec is not None
    by_itself = alone(call, y, g)
    gap = _forward_gap(call, y, by_itself)
    if gap is not None:
        reason = f"its output differs from gamma y-hat + beta by {gap:.1e} of its size: it is outside the assumptions"
        return _outside(layer, reason)
    if not comparable(call.spec):
        return replace(
            layer, diagnosis="its groups are shared, so it was not compared alone: perhaps a bug in bnverify"
        )
    verdict = examined(call, y, g, by_itself or Alone(v, v, {}))
    if verdict.verdict == "wrong":
        verdict = replace(verdict, script=script(call, y, verdict))
        reason = "its backward pass is wrong, and the theorems speak of the derivative"
        return replace(without_theory(layer, reason), backward=verdict, diagnosis=verdict.text)
    at = groups(call.spec, y, g, v, None)
    if by_itself is not None:
        handed = groups(call.spec, y, g, by_itself.v, None)
        relative, allowed = errors(call.spec, at, at.v, handed.v, call.dtype)
        if bool((relative > allowed).any()):
            reason = (
                "the gradient at its input is not the one that its backward pass hands over at this dL/dz: the loss "
                "depends on its input otherwise than through its output"
            )
            return _outside(layer, reason, verdict)
    return replace(layer, backward=verdict, diagnosis=BUG)


def _outside(layer: LayerAudit, reason: str, backward: Backward | None = None) -> LayerAudit:
    known = backward or Backward(text=f"its backward pass was not compared: {reason}")
    return replace(without_theory(layer, reason), backward=known, diagnosis=reason)


def _forward_gap(call: Call, y: Tensor, by_itself: Alone | None) -> float | None:
    """How far the layer's output is from its formula, as a share of its size; None where rounding explains it."""
    want, z = formula(call, y), None if by_itself is None else by_itself.z
    if want is None or z is None or call.spec is None:
        return None
    scale = torch.maximum(want.abs().amax(), z.abs().amax())
    error = float((want - z).abs().amax() / scale) if float(scale) > 0 else 0.0
    cond = float((1 + call.measured["mean"].abs() / call.measured["s"]).max())
    allowed = unit_roundoff(z.dtype) + unit_roundoff(call.dtype)
    return error if error > allowed * roundings(0, call.spec.size) * cond else None


def formula(call: Call, y: Tensor) -> Tensor | None:
    """gamma yhat + beta of a call, from its input; None where the layer is not read that way."""
    spec = call.spec
    if (
        spec is None
        or isinstance(call.module, NoisyBatchNorm)
        or spec.normalise is not None
        or call.recognised
    ):
        return None
    found = call.measured
    yhat = (y - spec.spread(found["mean"], y)) / spec.spread(found["s"], y)
    bias = call.parameters.get("bias", getattr(call.module, "bias", None))
    scaled = yhat * (spec.spread(spec.gamma, y) if spec.fold is None else spec.fold)
    if not isinstance(bias, Tensor):
        return scaled
    if spec.unit is Unit.POSITION:
        return scaled + bias.detach()
    channel_first = y.dim() > 1 and y.shape[1] == bias.numel()
    return scaled + (
        per_unit(bias.detach(), y) if channel_first else bias.detach().view(-1, *[1] * (y.dim() - 1))
    )
