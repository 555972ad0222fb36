"""The roofline of a computation: what its operations cost at least on a device of given peaks.

An operation of F floating-point operations that moves B bytes takes at least max(F / peak, B / bandwidth)
(Williams, Waterman, Patterson 2009). Operations are those that PyTorch dispatches, unfused: each reads its
inputs and writes its outputs once. A convolution counts as its direct form; one by Winograd can be faster.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from bnverify.experiments.bench.race import timed
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

ALLOCATING = {"empty", "empty_like", "empty_strided", "new_empty", "new_empty_strided"}
OVERWRITING = {"zero_", "fill_", "copy_", "zeros_like", "ones_like"}


@dataclass(frozen=True)
class Call:
    """One operation: its name, floating-point operations (a multiply-add is two) and bytes moved."""

    name: str
    flops: int
    bytes: int


@dataclass(frozen=True)
class Peaks:
    """Of a device: floating-point operations and bytes per second."""

    flops: float
    bytes: float


@dataclass
class _Counter(TorchDispatchMode):
    calls: list[Call] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        name = func.overloadpacket.__name__
        ins, outs = _tensors((args, kwargs)), _tensors(out)
        mutable = func._schema.is_mutable
        if not mutable:
            held = {t.untyped_storage().data_ptr() for t in ins}
            outs = [t for t in outs if t.untyped_storage().data_ptr() not in held]
        if (not mutable and not outs) or name in ALLOCATING:
            return out
        if not outs:
            # Lists of tensors are changed in place without being returned.
            outs = _tensors(args[0])
        reads = ins[1:] if name in OVERWRITING else ins
        rule = flop_registry.get(func.overloadpacket)
        flops = rule(*args, **(kwargs or {}), out_val=out) if rule is not None else 0
        self.calls.append(Call(name, int(flops), sum(map(_size, reads)) + sum(map(_size, outs))))
        return out


def _tensors(values: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor)]


def _size(t: Tensor) -> int:
    """Bytes of the numbers behind ``t``; a broadcast one is stored once."""
    return min(t.numel() * t.element_size(), t.untyped_storage().nbytes())


def calls(work: Callable[[], Any]) -> list[Call]:
    """The operations that ``work`` dispatches, backward passes included; views and allocations move nothing."""
    with _Counter() as counter:
        work()
    return counter.calls


def seconds(work: Iterable[Call], peaks: Peaks) -> float:
    """The roofline: what the calls take at least, one after another."""
    return sum(max(call.flops / peaks.flops, call.bytes / peaks.bytes) for call in work)


def measured_peaks(device: torch.device, size: int = 4096, numbers: int = 2**26) -> Peaks:
    """The fastest float32 product of two ``size`` x ``size`` matrices and the fastest copy of ``numbers`` numbers,
    of ten each; TensorFloat-32 stays off, as in all training here."""
    a = torch.rand(size, size, device=device)
    source = torch.rand(numbers, device=device)
    target = torch.empty_like(source)
    flops = 2 * size**3 / _fastest(lambda: a @ a, device)
    return Peaks(
        flops, 2 * source.numel() * source.element_size() / _fastest(lambda: target.copy_(source), device)
    )


def _fastest(work: Callable[[], Any], device: torch.device, rounds: int = 10) -> float:
    return min(timed(work, device) for _ in range(rounds))
