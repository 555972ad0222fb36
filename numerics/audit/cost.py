"""What it costs to audit a float64 copy instead of the model itself."""

from __future__ import annotations

import time
from typing import Any

import torch
from bnverify.numerics.audit.passes import LossFn, fresh, loss_of, setting
from bnverify.numerics.audit.subject import converted, converted_loss
from torch import nn


def forward_backward(model: nn.Module, loss_fn: LossFn, inputs: Any, targets: Any) -> float:
    """Seconds of one forward and backward pass, parameter gradients included; the model is left untouched."""
    with setting(model, None):
        started = time.perf_counter()
        loss = loss_of(model, loss_fn, inputs, targets)
        loss.backward()
        if loss.device.type == "cuda":
            torch.cuda.synchronize(loss.device)
        return time.perf_counter() - started


ROUNDS, SECONDS = (3, 30), 0.1
"""Rounds of timing, at least and at most, and the time after which the least are enough."""


def cost_of_copy(model: nn.Module, loss_fn: LossFn, inputs: Any, targets: Any, device: str | None) -> str:
    """How much slower a forward and backward pass is in float64, in a sentence; "" where the model is float64.

    Both are timed in turn after one pass that is not counted, small ones more often; the shortest of each is told.
    """
    own = next((p.dtype for p in model.parameters() if p.is_floating_point()), torch.float64)
    if own is torch.float64 or not any(p.requires_grad for p in model.parameters()):
        return ""
    where = None if device is None else torch.device(device)
    subjects = {
        dtype: (
            converted(model, dtype, device),
            converted_loss(loss_fn, dtype, device),
            fresh(inputs, where, dtype),
            fresh(targets, where, dtype),
        )
        for dtype in (own, torch.float64)
    }
    seconds: dict[torch.dtype, list[float]] = {dtype: [] for dtype in subjects}
    started, (least, most) = time.perf_counter(), ROUNDS
    while len(seconds[own]) <= least or (
        time.perf_counter() - started < SECONDS and len(seconds[own]) <= most
    ):
        for dtype, subject in subjects.items():
            seconds[dtype].append(forward_backward(*subject))  # type: ignore[arg-type]
    name = str(own).removeprefix("torch.")
    low, high = min(seconds[own][1:]), min(seconds[torch.float64][1:])
    return (
        f"audited a float64 copy: one forward and backward pass takes {high:.3g} s, {high / low:.2g} times the "
        f"{low:.3g} s in {name}, and twice the memory of float32 (--dtype model audits in {name})"
    )
