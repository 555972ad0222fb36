"""Hooks that never end a training: what fails inside them is told once, and the training goes on.

Copies of a model that has them (``deepcopy``, averaged models, ``torch.save``, pickles to workers) get hooks that do
nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import torch
from bnverify.numerics.audit.capture.call import Arrived, Call
from bnverify.numerics.audit.capture.capture import Capture
from bnverify.numerics.audit.layers import Kind
from torch import Tensor, nn


class Idle:
    """A hook that does nothing: what a copy of an armed model has."""

    def __call__(self, *args: Any, **kwargs: Any) -> None:
        return None


def idle() -> Idle:
    return Idle()


class Hook:
    """A hook in the place of ``work``; its copies and pickles are `Idle`."""

    def __init__(self, work: Callable[..., Any]) -> None:
        self.work = work

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.work(*args, **kwargs)

    def __copy__(self) -> Idle:
        return Idle()

    def __deepcopy__(self, memo: Any) -> Idle:
        return Idle()

    def __reduce__(self) -> tuple[Callable[[], Idle], tuple[()]]:
        return idle, ()


class SafeCapture(Capture):
    """A capture whose hooks hand every failure to ``failed`` and then leave the model alone.

    Args:
        layers, arrived: as in `Capture`.
        failed: told the first exception.

    Attributes:
        micro: backward passes that were over when the newest call began: micro batches before this one. micro_of: of
            every call, by its id.
    """

    def __init__(
        self,
        layers: dict[str, tuple[nn.Module, Kind]],
        arrived: Arrived,
        failed: Callable[[BaseException], None],
    ) -> None:
        safe = self._guarded(arrived)

        def told(call: Call, y: Tensor, g: Tensor, v: Tensor) -> None:
            self.went_back = True
            safe(call, y, g, v)

        super().__init__(layers, told)
        self.failed = failed
        self.broken = self.went_back = False
        self.micro = 0
        self.micro_of: dict[int, int] = {}

    def attach(self) -> None:
        for name, (module, kind) in self.layers.items():
            before = self._quiet(self._before(name, kind))
            self._handles += [
                module.register_forward_pre_hook(Hook(before), with_kwargs=True),
                module.register_forward_hook(
                    Hook(self._guarded(self._after)), with_kwargs=True, prepend=True
                ),
            ]

    def _enter(self, name: str, kind: Kind, module: Any, y: Tensor, spec: Any) -> tuple[Call, Tensor]:
        found = super()._enter(name, kind, module, y, spec)
        if self.went_back and torch._C._current_graph_task_id() == -1:
            # A checkpoint calls its layers again while it differentiates; that is no new micro batch.
            self.micro += 1
            self.went_back = False
        self.micro_of[id(found[0])] = self.micro
        return found

    def _quiet(self, hook: Callable[..., Any]) -> Callable[..., Any]:
        """Without gradients only the first pass of a re-entrant checkpoint is of interest."""
        safe = self._guarded(hook)

        def work(*args: Any, **kwargs: Any) -> Any:
            if not torch.is_grad_enabled() and not _checkpointed():
                return None
            return safe(*args, **kwargs)

        return work

    def _guarded(self, work: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*args: Any, **kwargs: Any) -> Any:
            if self.broken:
                return None
            try:
                return work(*args, **kwargs)
            except Exception as error:
                self.broken = True
                self.failed(error)
                return None

        return guarded


def _checkpointed() -> bool:
    """Whether a checkpoint of PyTorch is running its part without gradients."""
    frame = sys._getframe(2)
    while frame is not None:
        if frame.f_code.co_filename.endswith("checkpoint.py") and frame.f_code.co_name == "forward":
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False
