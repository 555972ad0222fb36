"""The gradient through a normalisation layer alone, seen while a model runs.

A call of a layer gets a private alias of its input, so that what flows back into the alias is dL^/dy of this
call and of nothing else that reads the same tensor (a skip connection, a second call). The gradient at the
output, dL/dz, is taken at the graph node of the output, where an in-place operation that follows cannot reach.
The alias saves its input the way every autograd function does, so checkpointing recomputes it like the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

import torch
from bnverify.numerics.audit.layers import Kind, NotCovered, Spec, kind_of
from torch import Tensor, nn

from bnverify.base.errors import InputError


@dataclass
class Call:
    """One call of one layer during a forward pass.

    y, z: the alias of the input and the output, kept only where a capture retains them.
    """

    name: str
    kind: Kind
    order: int
    module: nn.Module
    dtype: torch.dtype
    spec: Spec | None = None
    measured: dict[str, Tensor] = field(default_factory=dict)
    y: Tensor | None = None
    z: Tensor | None = None
    g: Tensor | None = None
    fingerprint: Tensor | None = None


Arrived = Callable[[Call, Tensor, Tensor, Tensor], None]


class _Alias(torch.autograd.Function):
    """The identity, with a view of its own; in the backward pass it hands (y, g, v) to ``arrived``."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, anchor: Tensor, call: Call, arrived: Arrived | None) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(y)
        ctx.call, ctx.arrived = call, arrived
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        (v,) = grads
        call: Call = ctx.call
        if v is not None and ctx.arrived is not None and call.g is not None:
            with torch.no_grad():
                ctx.arrived(call, ctx.saved_tensors[0].detach(), call.g, v.detach())
        call.g = None
        return v, None, None, None


def covered_layers(model: nn.Module) -> dict[str, tuple[nn.Module, Kind]]:
    """Name -> module and kind of every covered layer, outermost where one contains another."""
    found: dict[str, tuple[nn.Module, Kind]] = {}
    for name, module in model.named_modules():
        kind = kind_of(module)
        if kind is None or any(name.startswith(f"{outer}.") for outer in found):
            continue
        found[name] = (module, kind)
    return found


class Capture:
    """Hooks on chosen layers of a model, and the calls they saw.

    Args:
        layers: name -> module and kind, from `covered_layers`.
        arrived: called in the backward pass with (call, y, g, v), all detached, of the layer alone.
        check: called with every call before its layer runs; may refuse it.
        retain: keep y and z of every call in the graph instead, for derivatives taken afterwards.

    Two modules that are one object under two names are hooked once, under the first.
    """

    def __init__(
        self,
        layers: dict[str, tuple[nn.Module, Kind]],
        arrived: Arrived | None = None,
        retain: bool = False,
        check: Callable[[Call], None] | None = None,
    ) -> None:
        self.layers, self.arrived, self.retain, self.check = layers, arrived, retain, check
        self.calls: list[Call] = []
        self.unseen: list[Call] = []
        self.recording = True
        self.depth = 0
        self.anchor: dict[torch.device, Tensor] = {}
        self._handles: list[Any] = []
        self._pending: dict[int, list[tuple[Call, Tensor]]] = {}

    def anchor_of(self, device: torch.device) -> Tensor:
        """A leaf on ``device`` that every alias depends on: differentiating with respect to it visits them all."""
        if device not in self.anchor:
            self.anchor[device] = torch.zeros((), device=device, requires_grad=True)
        return self.anchor[device]

    def attach(self) -> None:
        """Put the hooks on: last before the layer, first after it."""
        for name, (module, kind) in self.layers.items():
            self._handles += [
                module.register_forward_pre_hook(self._before(name, kind), with_kwargs=True),
                module.register_forward_hook(self._after, with_kwargs=True, prepend=True),
            ]

    def detach(self) -> None:
        """Take the hooks off; calls that were seen stay."""
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._pending.clear()

    @contextmanager
    def attached(self) -> Iterator[Capture]:
        self.attach()
        try:
            yield self
        finally:
            self.detach()

    def _before(self, name: str, kind: Kind) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            y, put = _input_of(args, kwargs)
            if y is None or not y.is_floating_point():
                return None
            self.depth += 1
            call = Call(name, kind, len(self.calls) + len(self.unseen), module, y.dtype)
            if not torch.is_grad_enabled():
                # The first pass of a re-entrant checkpoint runs here; only its order and its input matter.
                if self.recording:
                    call.fingerprint = _fingerprint(y)
                    self.unseen.append(call)
                self._pending.setdefault(id(module), []).append((call, y))
                return None
            arrived = None if self.retain else self.arrived
            alias = _Alias.apply(y, self.anchor_of(y.device), call, arrived)
            call.spec = kind.describe(module, y)
            if self.check is not None:
                self.check(call)
            if self.recording:
                self.calls.append(call)
                if self.unseen:
                    call.fingerprint = _fingerprint(y)
                if self.retain:
                    call.y = alias
            self._pending.setdefault(id(module), []).append((call, alias))
            return put(alias)

        return hook

    def _after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        waiting = self._pending.get(id(module))
        if not waiting:
            return None
        self.depth -= 1
        call, _ = waiting.pop()
        if not torch.is_grad_enabled() or not isinstance(output, Tensor) or output.grad_fn is None:
            return None
        if self.retain:
            if self.recording:
                call.z = output
            # An in-place operation that follows then changes the copy, not z.
            return output.clone()
        source = _unviewed(output)
        if source is None:
            output = source = output.clone()
        node, slot, shape = source.grad_fn, source.output_nr, output.shape
        assert node is not None

        def keep(grads: tuple[Tensor | None, ...]) -> None:
            g = grads[slot]
            call.g = None if g is None else g.detach().reshape(shape)

        node.register_prehook(keep)
        return output

    def finished(self) -> list[Call]:
        """The calls whose gradients arrived, in the order of the forward pass, numbered per layer.

        A re-entrant checkpoint calls its layers again in the backward pass, segment by segment from the end;
        such calls are put in the order of the first pass by what they read.
        """
        done = [call for call in self.calls if "v.v" in call.measured]
        places = list(self.unseen)
        for call in done:
            first = next((place for place in places if _same_call(place, call)), None)
            if first is not None:
                call.order = first.order
                places.remove(first)
        return sorted(done, key=lambda call: call.order)


def _unviewed(output: Tensor) -> Tensor | None:
    """The tensor whose graph node an in-place operation on ``output`` leaves in place; None where there is none.

    An in-place operation on a view gives the view a new node and keeps the one of its base.
    """
    base = output._base
    if base is None:
        return output
    plain = base.is_contiguous() and output.is_contiguous() and base.numel() == output.numel()
    return base if plain and base.grad_fn is not None else None


def _fingerprint(y: Tensor) -> Tensor:
    return y.detach().sum(dim=0, dtype=torch.float64)


def _same_call(first: Call, call: Call) -> bool:
    a, b = first.fingerprint, call.fingerprint
    return first.name == call.name and a is not None and b is not None and torch.equal(a, b)


def _input_of(
    args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[Tensor | None, Callable[[Tensor], tuple[tuple[Any, ...], dict[str, Any]]]]:
    """The first tensor argument, and a function that puts another in its place."""
    index = next((i for i, value in enumerate(args) if isinstance(value, Tensor)), None)
    if index is not None:
        at = index
        return args[at], lambda new: ((*args[:at], new, *args[at + 1 :]), kwargs)
    key = next((k for k, value in kwargs.items() if isinstance(value, Tensor)), None)
    if key is not None:
        name = key
        return kwargs[name], lambda new: (args, {**kwargs, name: new})
    return None, lambda new: (args, kwargs)


def choose(
    layers: dict[str, tuple[nn.Module, Kind]], names: list[str] | None, others: Iterable[NotCovered] = ()
) -> dict[str, tuple[nn.Module, Kind]]:
    """The layers that ``names`` (exact names or shell patterns) select; all of them where it is None.

    Args:
        others: what else looks like normalisation, to be named where nothing is selected.

    Raises:
        InputError: the model has no covered layer, or a name selects none.
    """
    if not layers:
        seen = "; ".join(f"{item.name or 'the model'} ({item.what}) {item.why}" for item in others)
        raise InputError(
            "the model has no normalisation layer that can be audited; expected BatchNorm1d/2d/3d, SyncBatchNorm, "
            "LayerNorm, GroupNorm, InstanceNorm1d/2d/3d, RMSNorm or a layer of bnverify.numerics.measure.norms"
            + (f"; not covered: {seen}" if seen else "")
        )
    if names is None:
        return layers
    if not names:
        raise InputError("layers is empty; name at least one, or leave it out for all of them")
    chosen: dict[str, tuple[nn.Module, Kind]] = {}
    for pattern in names:
        hits = {
            name: layer for name, layer in layers.items() if name == pattern or fnmatchcase(name, pattern)
        }
        if not hits:
            other = next((item for item in others if item.name == pattern), None)
            if other is not None:
                raise InputError(f"layer {pattern} ({other.what}) is not covered: it {other.why}")
            near = get_close_matches(pattern, layers, n=1, cutoff=0.0)
            raise InputError(
                f"no normalisation layer is called {pattern!r}; did you mean {near[0]!r}? "
                f"The model has {', '.join(layers)}"
            )
        chosen |= hits
    return {name: layer for name, layer in layers.items() if name in chosen}
