"""What the layers remove from the gradient against m: the same samples in batches of several sizes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnverify.numerics.audit.passes import LossFn
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Size:
    """A layer call at one batch size: m, and the shares of the squared gradient that are removed and kept."""

    batch: int
    title: str
    m: int
    removed: float
    kept: float


def by_batch_size(
    model: nn.Module, loss_fn: LossFn | None, inputs: Any, targets: Any, sizes: Sequence[int], **options: Any
) -> tuple[Size, ...]:
    """Audit the first samples in batches of every size, layer calls in forward order.

    Args:
        model, loss_fn, inputs, targets, options: as in the audit. sizes: at most the samples there are.

    Raises:
        InputError: a size is below 1 or above the number of samples, or the audit refuses one.
    """
    there = _samples(inputs)
    if not sizes:
        raise InputError("no batch sizes; expected some, such as 4,16,64")
    bad = next((size for size in sizes if not 1 <= size <= there), None)
    if bad is not None:
        raise InputError(
            f"batch size {bad} is not there: the batch has {there} samples; give sizes from 2 to {there}"
        )
    found = []
    for size in sizes:
        report = audit(model, loss_fn, _cut(inputs, size), _cut(targets, size), **options)
        for layer in report.layers:
            kept = layer.shares["kept"]
            found.append(Size(size, layer.title, int(max(layer.columns["size"])), 1 - kept, kept))
    return tuple(found)


def _samples(value: Any) -> int:
    """The first dimension of the first tensor."""
    if isinstance(value, Tensor):
        return len(value) if value.dim() else 0
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    return next((count for item in items if (count := _samples(item))), 0)


def _cut(value: Any, count: int) -> Any:
    if isinstance(value, Tensor):
        return value[:count] if value.dim() else value
    if isinstance(value, dict):
        return {key: _cut(item, count) for key, item in value.items()}
    if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
        return type(value)(_cut(item, count) for item in value)
    return value
