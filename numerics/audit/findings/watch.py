"""Every normalisation call of a forward pass, whatever module makes it, with what the rules need to know of it.

A call is seen at the function (``F.batch_norm``, ``F.layer_norm`` ...), so subclasses, functional users and modules
of other libraries are seen alike. What is kept of a call is sums over its groups and channels, never an activation.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.numerics.audit.table.reductions import all_finite, mean_and_variance, norms
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode


@dataclass
class NormCall:
    """One call of a normalisation.

    function: ``batch_norm`` and so on. unit: what one group is. size: m, the numbers in a group. own: the statistics
    are the batch's and not running ones. mean, var: of every group, ``(G,)``. gamma, beta: ``(C,)`` or None.
    top: the largest output of every channel, ``(C,)``. grad_sq: |dL/dz|^2 of every channel; grad_abs_in: |dL^/dy|.
    running: the running mean and variance. equal: groups whose numbers are all the same (0 for RMSNorm), ``(G,)``; None
    where the numbers were not looked at. node, node_in, alias: of the output, the input and the call's own
    view of it in the graph of the loss.
    """

    name: str
    call: int
    function: str
    unit: str
    size: int
    eps: float
    own: bool
    dtype: torch.dtype
    mean: Tensor
    var: Tensor
    top: Tensor
    shape: tuple[int, ...]
    axes: tuple[int, ...]
    gamma: Tensor | None = None
    beta: Tensor | None = None
    weight: Tensor | None = None
    running: tuple[Tensor, Tensor] | None = None
    module: nn.Module | None = None
    samples: Tensor | None = None
    finite: bool = True
    node: Any = None
    node_in: Any = None
    alias: Any = None
    grad_sq: Tensor | None = None
    grad_in: float = math.nan
    grad_group: Tensor | None = None
    equal: Tensor | None = None

    @property
    def title(self) -> str:
        return self.name or "the model"

    @property
    def rho(self) -> Tensor:
        """sigma^2/(sigma^2 + eps) of every group."""
        total = self.var + self.eps
        return torch.where(total > 0, self.var / total, torch.zeros_like(total))


@dataclass
class Point:
    """An activation that a module or a normalisation hands on: its spread, and the norm of the gradient at it.

    slot: which output of its node it is.
    """

    name: str
    node: Any
    slot: int
    sd: float
    norm: NormCall | None = None
    grad: float = math.nan

    def follow(self) -> None:
        """Keep the norm of the gradient that arrives."""

        def hook(grads: tuple[Tensor | None, ...]) -> None:
            g = grads[self.slot]
            if g is not None:
                self.grad = _norm(g.detach())

        self.node.register_prehook(hook)


@dataclass
class Producer:
    """A linear map, convolution, embedding or recurrent layer: along which axis its output has channels."""

    name: str
    node: Any
    axis: int
    shape: tuple[int, ...]
    weight: Tensor | None
    bias: Tensor | None


@dataclass
class Watch:
    """What one forward pass showed."""

    calls: list[NormCall] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)
    producers: list[Producer] = field(default_factory=list)
    infinite: str = ""
    place: str = ""
    recording: bool = True


NORMS = ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm")
MAPS = {"linear": -1, "embedding": -1} | {
    f"conv{kind}{rank}d": 1 for kind in ("", "_transpose") for rank in (1, 2, 3)
}
RECURRENT = ("gru", "lstm", "rnn_tanh", "rnn_relu")
_SIGNATURES = {name: inspect.signature(getattr(F, name)) for name in NORMS}
FLAT = 8
"""A spread of at most so many roundings of the mean is no spread."""


class _Functions(TorchFunctionMode):
    """Sees the functions of `NORMS` and `MAPS`."""

    def __init__(self, watch: Watch, stack: list[tuple[str, nn.Module]]) -> None:
        super().__init__()
        self.watch, self.stack = watch, stack
        self.counts: dict[str, int] = {}

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if self.watch.recording and name in _SIGNATURES and func is getattr(F, name):
            return self._norm(name, func, args, kwargs)
        output = func(*args, **kwargs)
        if self.watch.recording and name in MAPS and isinstance(output, Tensor):
            self._map(name, output, args, kwargs)
        if self.watch.recording and name in RECURRENT and output[0].grad_fn is not None:
            out = output[0]
            self.watch.producers.append(
                Producer(self._place()[0], out.grad_fn, out.dim() - 1, tuple(out.shape), None, None)
            )
        return output

    def _place(self) -> tuple[str, nn.Module | None]:
        return self.stack[-1] if self.stack else ("", None)

    def _norm(self, function: str, func: Any, args: Any, kwargs: Any) -> Any:
        bound = _SIGNATURES[function].bind(*args, **kwargs)
        bound.apply_defaults()
        y = bound.arguments["input"]
        if not y.numel():
            return func(*args, **kwargs)
        name, module = self._place()
        self.watch.place = name
        if torch.is_grad_enabled() and y.is_floating_point():
            # An alias, so that what flows back into it is this call's alone.
            bound.arguments["input"] = alias = y.view_as(y)
            z = func(*bound.args, **bound.kwargs)
        else:
            alias, z = y, func(*bound.args, **bound.kwargs)
        number = self.counts.get(name, 0)
        self.counts[name] = number + 1
        call = _described(function, bound.arguments, y.detach(), z.detach())
        call.name, call.call, call.module = name, number, module
        self.watch.calls.append(call)
        if z.grad_fn is not None:
            call.node, call.node_in, call.alias = z.grad_fn, y.grad_fn, alias.grad_fn
            self.watch.points.append(Point(name, z.grad_fn, z.output_nr, _sd(z.detach()), call))
            z.register_hook(_at_output(call))
            if alias.requires_grad:
                alias.register_hook(_at_input(call))
        return z

    def _map(self, function: str, output: Tensor, args: Any, kwargs: Any) -> None:
        weight = kwargs.get("weight", args[1] if len(args) > 1 else None)
        bias = kwargs.get("bias", args[2] if len(args) > 2 else None) if function != "embedding" else None
        if output.grad_fn is None or not isinstance(weight, Tensor):
            return
        axis = MAPS[function] % output.dim()
        if function.startswith("conv") and output.dim() == int(function[-2]) + 1:
            axis = 0
        self.watch.producers.append(
            Producer(self._place()[0], output.grad_fn, axis, tuple(output.shape), weight, bias)
        )


def _described(function: str, given: dict[str, Any], y: Tensor, z: Tensor) -> NormCall:
    """Groups, sums and parameters of one call, with names left open."""
    wide = y.to(torch.float32) if y.dtype in (torch.float16, torch.bfloat16) else y
    weight, bias = given.get("weight"), given.get("bias")
    own, running = True, None
    if given.get("running_mean") is not None:
        running = (given["running_mean"].detach().clone(), given["running_var"].detach().clone())
    rank = y.dim()
    axes: tuple[int, ...] = (1,)
    if function == "batch_norm":
        own = bool(given["training"]) or running is None
        unit, groups = "channel", wide
    elif function == "instance_norm":
        own = bool(given["use_input_stats"])
        unit, groups = "sample, channel", wide.reshape(1, y.shape[0] * y.shape[1], -1)
    elif function == "group_norm":
        unit, groups = "sample, group", wide.reshape(1, y.shape[0] * given["num_groups"], -1)
    else:
        size = math.prod(given["normalized_shape"])
        unit, groups = "sample, position", wide.reshape(1, -1, size)
        axes = tuple(range(rank - len(given["normalized_shape"]), rank))
    size = groups.numel() // max(1, groups.shape[1])
    mean, var = mean_and_variance(groups)
    if function == "rms_norm":
        var, mean = var + mean**2, torch.zeros_like(mean)
    finite = all_finite(z)
    eps = given.get("eps")
    sampled = function == "batch_norm" and rank > 1
    return NormCall(
        name="",
        call=0,
        function=function,
        unit=unit,
        size=size,
        eps=float(torch.finfo(y.dtype).eps if eps is None else eps),
        own=own,
        dtype=y.dtype,
        mean=mean,
        var=var,
        top=z.amax(across(axes, rank)).flatten() if rank > len(axes) else z.flatten(),
        shape=tuple(y.shape),
        axes=axes,
        gamma=None if weight is None else weight.detach().flatten(),
        beta=None if bias is None else bias.detach().flatten(),
        weight=weight,
        running=running,
        samples=_samples(wide) if sampled else None,
        finite=finite,
        equal=_equal(groups, mean, var, function == "rms_norm"),
    )


def _equal(groups: Tensor, mean: Tensor, var: Tensor, zero: bool) -> Tensor:
    """Groups whose numbers are all the same, or all 0; only those of hardly any spread are looked at. ``(G,)``"""
    found = var.sqrt() <= FLAT * torch.finfo(var.dtype).eps * mean.abs()
    places = found.nonzero().flatten()
    if len(places):
        low, high = groups[:, places].transpose(0, 1).flatten(1).aminmax(dim=1)
        found[places] = (low == high) & ((low == 0) | (not zero))
    return found


POSITIONS = 256
"""Positions of a sample's channel that its mean and mean square are taken of."""
COLUMNS = 512
"""Numbers of a sample that the spread of an activation is taken of."""


def _samples(y: Tensor) -> Tensor:
    """``(2, N, C)``: mean and mean square of every sample's channel."""
    flat = y.flatten(2) if y.dim() > 2 else y.unsqueeze(2)
    flat = flat[:, :, :: max(1, flat.shape[2] // POSITIONS)]
    return torch.stack([flat.mean(2), flat.square().mean(2)])


def across(axes: tuple[int, ...], rank: int) -> list[int]:
    """The dimensions that are none of the channels'."""
    return [axis for axis in range(rank) if axis not in axes]


def _sd(t: Tensor) -> float:
    """The spread over the first dimension, which is the batch most of the time; what is alike in it is no signal."""
    if not t.is_floating_point() or t.numel() < 2:
        return 0.0
    if t.dim() < 2 or len(t) < 2:
        return float(t.float().std())
    flat = t.flatten(1)
    return float(flat[:, :: max(1, flat.shape[1] // COLUMNS)].float().var(0).mean().sqrt())


def _norm(t: Tensor) -> float:
    return float(norms(t, list(range(t.dim()))))


def _at_output(call: NormCall) -> Callable[[Tensor], None]:
    def hook(g: Tensor) -> None:
        g = g.detach()
        squares = norms(g, across(call.axes, g.dim())).flatten().square()
        call.grad_sq = squares if call.grad_sq is None else call.grad_sq + squares
        if call.unit == "sample, position":
            call.grad_group = norms(g.reshape(len(call.mean), -1), [1]).square()

    return hook


def _at_input(call: NormCall) -> Callable[[Tensor], None]:
    def hook(v: Tensor) -> None:
        call.grad_in = _norm(v.detach())

    return hook


@contextmanager
def watching(model: nn.Module, others: Mapping[str, nn.Module] = {}) -> Iterator[Watch]:
    """Record what the model, and modules that the loss holds (by name), call while this holds.

    A model that makes the calls itself is named after its class, as in the audit's tables.
    """
    watch = Watch()
    stack: list[tuple[str, nn.Module]] = []
    handles: list[Any] = []
    named = [
        (".".join(part for part in (prefix, name) if part) or type(root).__name__, module)
        for prefix, root in {"": model, **others}.items()
        for name, module in root.named_modules()
    ]

    def enter(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: Any) -> None:
            stack.append((name, module))

        return hook

    def leave(module: nn.Module, args: Any, output: Any) -> None:
        if stack and stack[-1][1] is module:
            name, _ = stack.pop()
            if watch.recording and isinstance(output, Tensor):
                _note(watch, name, module, output)

    seen: set[int] = set()
    for name, module in named:
        if id(module) not in seen and not isinstance(module, torch.jit.ScriptModule):
            seen.add(id(module))
            handles.append(module.register_forward_pre_hook(enter(name)))
            handles.append(module.register_forward_hook(leave, always_call=True))
    try:
        with _Functions(watch, stack):
            yield watch
    finally:
        for handle in handles:
            handle.remove()


def _note(watch: Watch, name: str, module: nn.Module, output: Tensor) -> None:
    """A module's output as a point of the graph; the first that is not finite."""
    leaf = next(module.children(), None) is None
    # Masks are made of infinities; what is computed is not.
    if leaf and not watch.infinite and output.is_floating_point() and not all_finite(output.detach()):
        watch.infinite = name
    known = watch.points[-1].node if watch.points else None
    if output.grad_fn is not None and output.grad_fn is not known:
        watch.points.append(Point(name, output.grad_fn, output.output_nr, _sd(output.detach())))
