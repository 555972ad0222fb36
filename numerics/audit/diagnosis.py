"""A proved identity fails at a layer: is the layer outside its assumptions, or is the tool wrong?

The identities rest on z = gamma yhat + beta with the layer's own statistics. Whether the layer computes that is
checked on its input and output, without any derivative.
"""

from __future__ import annotations

import torch
from bnverify.numerics.audit.capture import Call
from bnverify.numerics.measure.norms import NoisyBatchNorm, per_unit
from bnverify.numerics.measure.tolerance import roundings, unit_roundoff
from torch import Tensor, nn

OUTSIDE = "outside"
BUG = "bug"


def formula(call: Call) -> Tensor | None:
    """gamma yhat + beta of a retained call, from its input; None where the layer is not read that way."""
    spec, module, y = call.spec, call.module, call.y
    if spec is None or y is None or isinstance(module, NoisyBatchNorm):
        return None
    found, y = call.measured, y.detach()
    yhat = (y - spec.spread(found["mean"], y)) / spec.spread(found["s"], y)
    bias = getattr(module, "bias", None)
    scaled = yhat * (spec.spread(spec.gamma, y) if spec.fold is None else spec.fold)
    if bias is None:
        return scaled
    if isinstance(module, nn.LayerNorm):
        return scaled + bias.detach()
    channel_first = y.dim() > 1 and y.shape[1] == bias.numel()
    return scaled + (
        per_unit(bias.detach(), y) if channel_first else bias.detach().view(-1, *[1] * (y.dim() - 1))
    )


def why(call: Call) -> tuple[str, str]:
    """(`OUTSIDE` or `BUG`, the reason in words) for a retained call whose measured scalars are at hand."""
    want, z = formula(call), call.z
    if want is None or z is None or call.spec is None:
        return BUG, "the layer's formula was not checked, so this may be a bug in bnverify; please report it"
    z = z.detach()
    scale = torch.maximum(want.abs().amax(), z.abs().amax())
    error = float((want - z).abs().amax() / scale) if float(scale) > 0 else 0.0
    cond = float((1 + call.measured["mean"].abs() / call.measured["s"]).max())
    allowed = unit_roundoff(z.dtype) * roundings(0, call.spec.size) * cond
    if error > allowed:
        return OUTSIDE, (
            f"its output differs from gamma y-hat + beta by {error:.1e} of its size, so the layer is outside the "
            "assumptions"
        )
    return BUG, "its output is gamma y-hat + beta to rounding, so this is a bug in bnverify; please report it"
