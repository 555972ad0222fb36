"""What it costs to audit a float64 copy instead of the model itself."""

from __future__ import annotations

import time
from typing import Any

import torch
from bnverify.numerics.audit import converted
from bnverify.numerics.passes import LossFn, fresh, loss_of, setting
from torch import nn


def forward_backward(model: nn.Module, loss_fn: LossFn, inputs: Any, targets: Any) -> float:
    """Seconds of one forward and backward pass, parameter gradients included; the model is left untouched."""
    with setting(model, None):
        weights = [p for p in model.parameters() if p.requires_grad]
        started = time.perf_counter()
        loss = loss_of(model, loss_fn, inputs, targets)
        torch.autograd.grad(loss, weights, allow_unused=True)
        if loss.device.type == "cuda":
            torch.cuda.synchronize(loss.device)
        return time.perf_counter() - started


def cost_of_copy(model: nn.Module, loss_fn: LossFn, inputs: Any, targets: Any, device: str | None) -> str:
    """How much slower a forward and backward pass is in float64, in a sentence; "" where the model is float64.

    Both are timed three times in turn after one pass that is not counted; the shortest of each is told.
    """
    own = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float64)
    if own is torch.float64 or not any(p.requires_grad for p in model.parameters()):
        return ""
    where = None if device is None else torch.device(device)
    subjects = {
        dtype: (converted(model, dtype, device), fresh(inputs, where, dtype), fresh(targets, where, dtype))
        for dtype in (own, torch.float64)
    }
    seconds: dict[torch.dtype, list[float]] = {dtype: [] for dtype in subjects}
    try:
        for _ in range(4):
            for dtype, (subject, x, t) in subjects.items():
                seconds[dtype].append(forward_backward(subject, loss_fn, x, t))
    except RuntimeError as error:
        if "use_reentrant" not in str(error):
            raise
        return ""
    name = str(own).removeprefix("torch.")
    low, high = min(seconds[own][1:]), min(seconds[torch.float64][1:])
    return (
        f"audited a float64 copy: one forward and backward pass takes {high:.3g} s, {high / low:.1f} times the "
        f"{low:.3g} s in {name}, and twice the memory of float32 (--dtype model audits in {name})"
    )
