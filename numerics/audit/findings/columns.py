"""Layers that only the audit's tables know (no function of PyTorch was called) as calls for the rules."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from bnverify.numerics.audit.findings.watch import NormCall
from bnverify.numerics.audit.report import LayerAudit


def calls_of(layers: Sequence[LayerAudit]) -> list[NormCall]:
    """What the columns say: groups, their spread, and eps; no channels, no graph."""
    return [_call(layer) for layer in layers if layer.family in ("centred", "rms")]


def _call(layer: LayerAudit) -> NormCall:
    column = {
        name: torch.tensor(layer.columns[name], dtype=torch.float64) for name in ("mean", "sigma", "size")
    }
    grad = math.sqrt(max(0.0, layer.total("grad_in_sq")))
    return NormCall(
        name=layer.name,
        call=layer.call,
        function="normalize"
        if layer.kind == "F.normalize"
        else "rms_norm"
        if layer.family == "rms"
        else "other",
        unit=layer.unit,
        size=int(column["size"].max()),
        eps=layer.eps,
        own=True,
        dtype=getattr(torch, layer.dtype),
        mean=column["mean"],
        var=column["sigma"] ** 2,
        top=torch.empty(0),
        shape=(),
        axes=(),
        grad_in=grad,
    )
