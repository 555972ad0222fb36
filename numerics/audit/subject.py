"""What is audited, what is asked of it, and a copy of it in another dtype or on another device."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from bnverify.numerics.audit.capture.call import Arrived
from bnverify.numerics.audit.capture.capture import Capture
from bnverify.numerics.audit.capture.names import Names, modules_of
from bnverify.numerics.audit.capture.selection import Selection
from bnverify.numerics.audit.known.handwritten import HandWritten
from bnverify.numerics.audit.passes import LossFn, blame, fresh, loss_of, require_batch
from torch import Tensor, nn

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Request:
    """What is to be measured, checked once.

    channels: rows to keep, all where None; second order asks each of them alone. probes: sign probes for the
    estimate of all rows, 0 or at least 2. by_hand: what somebody says that classes are. budget: seconds for the second
    order. progress: told in words how far it is.
    """

    second_order: bool = False
    channels: tuple[int, ...] | None = None
    probes: int = 8
    seed: int = 0
    by_hand: HandWritten = field(default_factory=HandWritten)
    budget: float | None = None
    progress: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        if self.probes < 0 or self.probes == 1:
            raise InputError(f"probes = {self.probes}; expected 0 or at least 2, for a standard error")
        if self.budget is not None and self.budget <= 0:
            raise InputError(f"a budget of {self.budget:g} s; expected more than 0, such as 60s")
        if self.channels is not None and not self.channels:
            raise InputError("channels is empty; name at least one, or leave it out for all of them")


@dataclass(frozen=True)
class Subject:
    """What is audited: a model, its loss, one batch."""

    model: nn.Module
    loss_fn: LossFn | None
    inputs: Any
    targets: Any

    @property
    def others(self) -> dict[str, nn.Module]:
        """Modules that the loss holds, by the names they get."""
        own = set(map(id, self.model.modules()))
        return {name: module for name, module in modules_of(self.loss_fn) if id(module) not in own}

    def loss(self) -> Tensor:
        return loss_of(self.model, self.loss_fn, self.inputs, self.targets)

    def why_not_finite(self) -> str:
        return blame(self.model, self.inputs, self.targets, list(self.others.values()))


def cast(subject: Subject, dtype: torch.dtype | None, device: torch.device | None) -> Subject:
    """The subject on a copy of the model in another dtype or on another device; the loss too where it is a module."""
    model = converted(subject.model, dtype, device)
    loss_fn = converted_loss(subject.loss_fn, dtype, device)
    return Subject(
        model, loss_fn, fresh(subject.inputs, device, dtype), fresh(subject.targets, device, dtype)
    )


def converted(model: nn.Module, dtype: torch.dtype | None, device: torch.device | str | None) -> nn.Module:
    """A copy of the model in another dtype or on another device.

    Raises:
        InputError: the device is not there, or the model cannot be copied.
    """
    if device is not None:
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            first = str(error).splitlines()[0]
            raise InputError(f"device {device} is not there ({first}); use --device cpu") from None
    try:
        twin = copy.deepcopy(model)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"the model cannot be copied ({str(error).splitlines()[0]}); use --dtype model, which needs no copy"
        ) from None
    return twin.to(device=device, dtype=dtype)


def converted_loss(
    loss_fn: LossFn | None, dtype: torch.dtype | None, device: torch.device | str | None
) -> LossFn | None:
    """A loss that is a module, such as one with class weights, in another dtype or on another device."""
    return converted(loss_fn, dtype, device) if isinstance(loss_fn, nn.Module) else loss_fn


@dataclass(frozen=True)
class Watched:
    """Which layers a capture watches, and the names of who calls a function."""

    layers: dict[str, Any]
    names: Names
    wanted: Selection
    candidates: dict[str, nn.Module]
    by_hand: HandWritten

    def capture(self, arrived: Arrived | None = None, retain: bool = False) -> Capture:
        return Capture(
            self.layers,
            arrived,
            retain,
            require_batch,
            self.names,
            self.wanted,
            parameters=arrived is not None,
            candidates=self.candidates,
            what=self.by_hand.what,
        )
