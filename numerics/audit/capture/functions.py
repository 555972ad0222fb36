"""Normalisation seen where it is called as a function, with all arguments, whatever class calls it.

`FunctionCalls` is a mode of PyTorch's function dispatch: while it is on, every call of ``F.batch_norm``,
``F.layer_norm``, ``F.group_norm``, ``F.instance_norm``, ``F.rms_norm`` and of their ``torch.`` and ``aten`` forms is
offered to a capture as a `Seen`. A mode sees no call inside a call that it saw, so a call counts once.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.numerics.audit.capture.watching import Watching
from bnverify.numerics.audit.layers import (
    Family,
    Spec,
    along_axis,
    over_last,
    per_channel,
    per_group,
    per_sample_channel,
)
from torch import Tensor


@dataclass(frozen=True)
class Seen:
    """One call of a normalisation function.

    function: its short name, such as "layer_norm". arguments: by their names in ``torch.nn.functional``.
    run: the same call with other arguments by name, for instance ``run(input=y)``; returns what the function returns.
    """

    function: str
    arguments: Mapping[str, Any]
    run: Callable[..., Any]

    @property
    def input(self) -> Tensor:
        y: Tensor = self.arguments["input"]
        return y

    @property
    def parameters(self) -> dict[str, Tensor]:
        """The weight and the bias that the call has."""
        found = {key: self.arguments.get(key) for key in ("weight", "bias")}
        return {key: value for key, value in found.items() if isinstance(value, Tensor)}

    def spec(self) -> Spec:
        """How the call reads its input."""
        a, y, weight = self.arguments, self.input, self.arguments.get("weight")
        match self.function:
            case "batch_norm":
                fixed = not a["training"]
                return per_channel(
                    y, weight, a["eps"], (a["running_mean"], a["running_var"]) if fixed else None
                )
            case "instance_norm":
                fixed = not a["use_input_stats"]
                running = (a["running_mean"], a["running_var"]) if fixed else None
                return per_sample_channel(y, weight, a["eps"], running)
            case "group_norm":
                return per_group(y, weight, a["eps"], a["num_groups"])
            case "normalize":
                return along_axis(y, a["dim"], a["eps"])
            case "rms_norm":
                return over_last(y, weight, a["eps"], a["normalized_shape"], Family.RMS)
            case _:
                return over_last(y, weight, a["eps"], a["normalized_shape"])


FUNCTIONS = ("batch_norm", "instance_norm", "group_norm", "layer_norm", "rms_norm", "normalize")

ELSEWHERE = ("local_response_norm", "normalize")
"""Functions that normalise and have no rows; where they are called is listed."""

_RUNNING = ("running_mean", "running_var")

_ORDERS: dict[str, tuple[str, ...]] = {
    "batch_norm": ("input", "weight", "bias", *_RUNNING, "training", "momentum", "eps", "cudnn_enabled"),
    "native_batch_norm": ("input", "weight", "bias", *_RUNNING, "training", "momentum", "eps"),
    "instance_norm": (
        *("input", "weight", "bias", *_RUNNING, "use_input_stats", "momentum", "eps", "cudnn_enabled"),
    ),
    "group_norm": ("input", "num_groups", "weight", "bias", "eps", "cudnn_enabled"),
    "native_group_norm": ("input", "weight", "bias", "N", "C", "HxW", "num_groups", "eps"),
    "layer_norm": ("input", "normalized_shape", "weight", "bias", "eps", "cudnn_enable"),
    "native_layer_norm": ("input", "normalized_shape", "weight", "bias", "eps"),
    "rms_norm": ("input", "normalized_shape", "weight", "eps"),
}
"""The arguments of the ``torch.`` and ``aten`` forms, in order; those of ``F.`` come from their signatures."""

_ALIASES = {"group": "num_groups"}

_DEFAULTS = {"weight": None, "bias": None, "momentum": 0.1, "training": False, "use_input_stats": True}

_EPS = {"rms_norm": None}

_SIGNATURES = {getattr(F, name): (name, inspect.signature(getattr(F, name))) for name in FUNCTIONS}

_ORDERED = {getattr(torch, name): name for name in _ORDERS if hasattr(torch, name)}

_LISTED = {getattr(F, name): name for name in ELSEWHERE}


def seen(func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Seen | None:
    """The call of a normalisation function that this is, or None."""
    known = _SIGNATURES.get(func)
    if known is not None:
        name, signature = known
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        found = dict(bound.arguments)
        return None if name == "normalize" and not _of_activations(found) else _seen(name, found, func)
    ordered = _ORDERED.get(func) or _aten(func)
    if ordered is None:
        return None
    names = _ORDERS[ordered]
    values = dict(zip(names, args, strict=False)) | {_ALIASES.get(k, k): v for k, v in kwargs.items()}
    short = ordered.removeprefix("native_")
    return _seen(short, _DEFAULTS | {"eps": _EPS.get(short, 1e-5)} | values, func, names)


def _of_activations(normalize: Mapping[str, Any]) -> bool:
    """Whether ``F.normalize`` divides activations by their Euclidean norm: weights are no layer's input."""
    y = normalize["input"]
    plain = normalize["p"] == 2 and isinstance(normalize["dim"], int) and normalize["out"] is None
    return plain and isinstance(y, Tensor) and y.dim() > 1 and not (y.is_leaf and y.requires_grad)


def _seen(name: str, arguments: dict[str, Any], func: Any, names: tuple[str, ...] = ()) -> Seen | None:
    y = arguments.get("input")
    if not isinstance(y, Tensor) or not y.is_floating_point():
        return None

    def run(**others: Any) -> Any:
        given = {**arguments, **others}
        if not names:
            return func(**given)
        return func(*(given[key] for key in names if key in given))

    return Seen(name, arguments, run)


def first(output: Any) -> Tensor:
    """The normalised output of a function that may return its statistics as well."""
    found: Tensor = output[0] if isinstance(output, tuple) else output
    return found


def _aten(func: Any) -> str | None:
    if not isinstance(func, torch._ops.OpOverload | torch._ops.OpOverloadPacket):
        return None
    name = str(func).removeprefix("aten.").removeprefix("aten::").split(".")[0]
    return name if name in _ORDERS else None


class FunctionCalls(Watching):
    """Offers every normalisation function that is called to ``offered``; see the module.

    Args:
        offered: called with every `Seen`; what it returns takes the place of what the function returns.
        listed: called with the name of a function of `ELSEWHERE`, before it runs.
        other: called with every other operation and its output; what it returns takes the place of the output.
    """

    def __init__(
        self,
        offered: Callable[[Seen], Any],
        listed: Callable[[str], None] | None = None,
        other: Callable[[Any, tuple[Any, ...], dict[str, Any], Any], Any] | None = None,
    ) -> None:
        super().__init__((*_SIGNATURES, *_ORDERED))
        self.offered, self.listed, self.other = offered, listed, other

    def called(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found = seen(func, args, kwargs)
        if found is None and self.listed is not None and func in _LISTED:
            self.listed(_LISTED[func])
        if found is not None:
            return self.offered(found)
        output = func(*args, **kwargs)
        return output if self.other is None else self.other(func, args, kwargs, output)
