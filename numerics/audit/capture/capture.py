"""The gradient through a normalisation layer alone, seen while a model runs.

A call of a layer gets a private alias of its input, so that what flows back into the alias is dL^/dy of this
call and of nothing else that reads the same tensor (a skip connection, a second call). The gradient at the
output, dL/dz, is taken at the graph node of the output, where an in-place operation that follows cannot reach.
The alias saves its input the way every autograd function does, so checkpointing recomputes it like the rest.

A layer is seen as a module, where its class is one whose formula is known, and otherwise where it calls a
normalisation function, under the name of the module whose method called it; never both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import torch
from bnverify.numerics.audit.capture.call import Arrived, Call, _Alias, _Parameter, _Quotient
from bnverify.numerics.audit.capture.functions import FunctionCalls, Seen, first
from bnverify.numerics.audit.capture.names import Names
from bnverify.numerics.audit.capture.watching import looking_away
from bnverify.numerics.audit.known.forms import Recognised
from bnverify.numerics.audit.known.inline import LOOKED_AT, Inline
from bnverify.numerics.audit.layers import Kind, Spec, Unit
from bnverify.numerics.audit.uncovered import looks_like_norm
from torch import Tensor, nn
from torch.func import functional_call


class Capture:
    """Hooks on chosen layers of a model, and the calls they saw.

    Args:
        layers: name -> module and kind, from `covered_layers`.
        arrived: called in the backward pass with (call, y, g, v), all detached, of the layer alone.
        check: called with every call before its layer runs; may refuse it.
        retain: keep y and z of every call in the graph instead, for derivatives taken afterwards.
        names: who calls a function; None leaves functions alone.
        wanted: which of the names that call a function are captured; all where None.
        parameters: also keep the gradient of every call's weight and bias.
        candidates: name -> module of what may be a layer somebody wrote by hand. what: (module, its input) -> what it
            is, or None.

    Two modules that are one object under two names are hooked once, under the first.

    Attributes:
        calls: the calls that were seen, in order. passed: names that called a function and were not wanted.
        listed: (function, who) of the functions that have no rows.
    """

    def __init__(
        self,
        layers: dict[str, tuple[nn.Module, Kind]],
        arrived: Arrived | None = None,
        retain: bool = False,
        check: Callable[[Call], None] | None = None,
        names: Names | None = None,
        wanted: Callable[[str], bool] | None = None,
        parameters: bool = False,
        candidates: Mapping[str, nn.Module] | None = None,
        what: Callable[[nn.Module, Tensor], Recognised | None] | None = None,
    ) -> None:
        self.layers, self.arrived, self.retain, self.check = layers, arrived, retain, check
        self.names, self.wanted, self.parameters = names, wanted, parameters
        self.candidates, self.what = candidates or {}, what
        self.calls: list[Call] = []
        self.unseen: list[Call] = []
        self.passed: dict[str, None] = {}
        self.listed: dict[tuple[str, str], None] = {}
        self.recording = True
        self.depth = 0
        self.anchor: dict[torch.device, Tensor] = {}
        self._handles: list[Any] = []
        self._pending: dict[int, list[tuple[Call, Tensor]]] = {}
        self._open: list[Call] = []
        self._watching = False
        self._mode = None if names is None else FunctionCalls(self._function, self._listed, self._other)
        self._inline = Inline()

    def __deepcopy__(self, memo: Any) -> Capture:
        """Itself: a copy of a module that has its hooks is a copy of the module alone."""
        return self

    def anchor_of(self, device: torch.device) -> Tensor:
        """A leaf on ``device`` that every alias depends on: differentiating with respect to it visits them all."""
        if device not in self.anchor:
            self.anchor[device] = torch.zeros((), device=device, requires_grad=True)
        return self.anchor[device]

    def attach(self) -> None:
        """Put the hooks on: last before the layer, first after it; and watch the functions."""
        for name, (module, kind) in self.layers.items():
            self._handles += [
                module.register_forward_pre_hook(self._before(name, kind), with_kwargs=True),
                module.register_forward_hook(self._after, with_kwargs=True, prepend=True),
            ]
        for name, module in self.candidates.items():
            self._handles += [
                module.register_forward_pre_hook(self._before_unknown(name), with_kwargs=True),
                module.register_forward_hook(self._after, with_kwargs=True, prepend=True),
            ]
        if self._mode is not None:
            self._mode.__enter__()
            self._watching = True

    def detach(self) -> None:
        """Take the hooks off; calls that were seen stay."""
        if self._mode is not None and self._watching:
            self._mode.__exit__(None, None, None)
            self._watching = False
        for handle in self._handles:
            handle.remove()
        self._handles.clear()
        self._pending.clear()
        self._open.clear()

    @contextmanager
    def attached(self) -> Iterator[Capture]:
        self.attach()
        try:
            yield self
        finally:
            self.detach()

    def _enter(
        self, name: str, kind: Kind, module: nn.Module | None, y: Tensor, spec: Callable[[], Spec]
    ) -> tuple[Call, Tensor]:
        """A new call, and what takes the place of its input."""
        call = Call(name, kind, len(self.calls) + len(self.unseen), module, y.dtype)
        if not torch.is_grad_enabled():
            # The first pass of a re-entrant checkpoint runs here; only its order and its input matter.
            if self.recording:
                call.fingerprint = _fingerprint(y)
                self.unseen.append(call)
            return call, y
        arrived = None if self.retain else self.arrived
        alias = _Alias.apply(y, self.anchor_of(y.device), call, arrived)
        call.spec = spec()
        if self.check is not None:
            self.check(call)
        if self.recording:
            self.calls.append(call)
            if self.unseen:
                call.fingerprint = _fingerprint(y)
            if self.retain:
                call.y = alias
        return call, alias

    def _leave(self, call: Call, output: Tensor) -> Tensor:
        """What takes the place of the output of a call; its gradient is kept where it arrives."""
        if not torch.is_grad_enabled() or output.grad_fn is None:
            return output
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

    def _before(self, name: str, kind: Kind) -> Callable[..., Any]:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            y, put = _input_of(args, kwargs)
            if y is None or not _has_numbers(y):
                return None
            call, alias = self._enter(name, kind, module, y, lambda: kind.describe(module, y))
            call.again = lambda input, **others: functional_call(module, others, (input,))
            self.depth += 1
            self._open.append(call)
            self._pending.setdefault(id(module), []).append((call, alias))
            return None if alias is y else put(alias)

        return hook

    def _before_unknown(self, name: str) -> Callable[..., Any]:
        """The hook of a module that may be a layer somebody wrote by hand; it is asked once."""

        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            y, put = _input_of(args, kwargs)
            others = [
                value for value in (*args, *kwargs.values()) if isinstance(value, Tensor) and value is not y
            ]
            if self.depth or self.what is None or y is None or not _has_numbers(y) or others:
                return None
            found = self.what(module, y)
            if found is None:
                return None
            if self.wanted is not None and not self.wanted(name):
                self.passed[name] = None
                return None
            kind = Kind(type(module).__name__, found.form.unit, lambda _, t: found.spec(t))
            call, alias = self._enter(name, kind, module, y, lambda: found.spec(y))
            call.recognised, call.slopes = found.words, found.slopes
            if y.dtype is torch.float64:
                call.dtype = found.dtype
            call.again = _by_name(module, found.parameters)
            if self.parameters and call.spec is not None:
                self._watch_parameters(call, module, found.parameters)
            self.depth += 1
            self._open.append(call)
            self._pending.setdefault(id(module), []).append((call, alias))
            return None if alias is y else put(alias)

        return hook

    def _watch_parameters(self, call: Call, module: nn.Module, names: Mapping[str, str]) -> None:
        """The module's parameters as tensors whose gradients are this call's own, until it returns."""
        assert call.spec is not None
        for key, name in names.items():
            own = module._parameters[name]
            assert own is not None
            call.parameters[key] = own
            anchor = self.anchor_of(own.device)
            module._parameters[name] = _Parameter.apply(own, anchor, call, key)
            call.borrowed[name] = own

    def _after(self, module: nn.Module, args: Any, kwargs: Any, output: Any) -> Any:
        waiting = self._pending.get(id(module))
        if not waiting:
            return None
        self.depth -= 1
        self._open.pop()
        call, _ = waiting.pop()
        for name, own in call.borrowed.items():
            module._parameters[name] = own  # type: ignore[assignment]
        call.borrowed.clear()
        return self._leave(call, output) if isinstance(output, Tensor) else None

    def _function(self, seen: Seen) -> Any:
        """A normalisation function that is called: of the layer that is running, or a layer of its own."""
        if self.depth:
            inside = self._open[-1]
            plain = type(inside.module).__module__.startswith("torch.nn.")
            return seen.run(**self._watched(inside, seen)) if plain else seen.run()
        if not _has_numbers(seen.input):
            return seen.run()
        assert self.names is not None
        name, module = self.names.caller(2)
        if self.wanted is not None and not self.wanted(name):
            self.passed[name] = None
            return seen.run()
        y = seen.input
        call, alias = self._enter(name, _kind_of_call(seen, module), module, y, seen.spec)
        output = seen.run(input=alias, **self._watched(call, seen))
        left = self._leave(call, first(output))
        return (left, *output[1:]) if isinstance(output, tuple) else left

    def _other(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
        """Any other operation: perhaps the end of a normalisation that is written out in place."""
        if getattr(func, "__name__", "") not in LOOKED_AT:
            return output
        if self.depth or self.retain or not self.recording or not torch.is_grad_enabled():
            return output
        with looking_away():
            found = self._inline.look(func, args, kwargs, output)
            if found is None:
                return output
            assert self.names is not None
            name, _ = self.names.caller(3)
            if self.wanted is not None and not self.wanted(name):
                self.passed[name] = None
                return output
            spec = found.spec()
            kind = Kind(
                "written out" if found.eps or found.factor == 1 else "y/|y|", spec.unit, lambda *_: spec
            )
            call = Call(name, kind, len(self.calls) + len(self.unseen), None, found.y.dtype, spec)
            call.recognised = found.words
            if self.check is not None:
                self.check(call)
            self.calls.append(call)
            anchored: Tensor = _Quotient.apply(
                output, self.anchor_of(output.device), found.y, call, self.arrived
            )
            return anchored

    def _watched(self, call: Call, seen: Seen) -> dict[str, Tensor]:
        """The weight and the bias of a call as tensors whose gradients are its own."""
        if not self.parameters or call.spec is None:
            return {}
        call.parameters = seen.parameters
        if call.again is None:
            call.again = lambda input, **others: first(seen.run(**{"input": input, **others}))
        anchor = self.anchor_of(seen.input.device)
        return {key: _Parameter.apply(value, anchor, call, key) for key, value in call.parameters.items()}

    def _listed(self, function: str) -> None:
        if not self.depth and self.names is not None:
            self.listed[function, self.names.caller(2)[0]] = None

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


def _has_numbers(y: Tensor) -> bool:
    """Whether there is something to normalise: an expert that no token is sent to is called with none."""
    return y.is_floating_point() and y.numel() > 0


def _kind_of_call(seen: Seen, module: nn.Module | None) -> Kind:
    """Named after the class of the caller where that is a normalisation layer, else after the function."""
    spec = Kind(f"F.{seen.function}", Unit.POSITION, lambda *_: seen.spec())
    if module is None or not looks_like_norm(module):
        return spec
    return replace(spec, name=type(module).__name__)


def _by_name(module: nn.Module, names: Mapping[str, str]) -> Callable[..., Tensor]:
    """The module with its weight and bias, whatever it calls them, as keywords."""

    def again(input: Tensor, **others: Tensor) -> Tensor:
        z: Tensor = functional_call(module, {names[key]: value for key, value in others.items()}, (input,))
        return z

    return again


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
