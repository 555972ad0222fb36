"""Run a model and leave it untouched to the bit, whatever happens in between.

While `untouched` holds, the model computes with clones of its tensors: parameters, buffers, and whatever tensors its
modules keep in attributes, in containers of containers and in helper objects. The originals, their ``.grad`` and their
hooks see nothing. On the way out every dictionary, list, set and attribute has what it had before, and so have the
random number generators, those of Python, NumPy and PyTorch as well as the model's own.
"""

from __future__ import annotations

import random
import sys
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bnverify.base.errors import InputError

_CONTAINERS = (dict, OrderedDict, defaultdict, list, set, deque)
_LEFT_ALONE = (
    type,
    FunctionType,
    MethodType,
    BuiltinFunctionType,
    ModuleType,
    str,
    bytes,
    int,
    float,
    complex,
)
_ATOMS = frozenset((type(None), bool, int, float, str))
"""Most of what a module keeps, sorted out first."""
DEPTH = 12
"""Containers within containers that are followed."""

LENGTH = 4096
"""Of a longer container, a list of file names for instance, only what it holds is put back, not what that holds."""


@contextmanager
def untouched(model: nn.Module, *others: nn.Module) -> Iterator[nn.Module]:
    """The model and other modules on clones of their tensors, put back on exit; also the state of every generator.

    Costs the memory of one copy of the tensors. Shared tensors stay shared. Parameter hooks, such as those that step an
    optimizer in the backward pass or average gradients across processes, do not fire.

    Raises:
        InputError: a module is scripted, compiled, or has parameters without a shape yet.
    """
    modules = list(dict.fromkeys(module for root in (model, *others) for module in root.modules()))
    for root in (model, *others):
        require_eager(root)
    shield = _Shield({id(module): module for module in modules})
    generators = _generator_state()
    try:
        for module in modules:
            shield.object(module, 0)
        yield model
    finally:
        shield.undo()
        _restore_generators(generators)


class _Shield:
    """Clones in the place of tensors, and how to take every step back."""

    def __init__(self, known: dict[int, Any]) -> None:
        self.clones: dict[int, Tensor] = {}
        self.known = known
        self.steps: list[Callable[[], None]] = []

    def undo(self) -> None:
        for step in reversed(self.steps):
            step()

    def object(self, value: Any, depth: int) -> None:
        """An object's attributes; a module's parameters and buffers are in two of them."""
        own: dict[str, Any] = value.__dict__
        saved = dict(own)

        def back() -> None:
            if len(own) != len(saved) or any(own.get(key, own) is not item for key, item in saved.items()):
                own.clear()
                own.update(saved)

        self.steps.append(back)
        for key, item in saved.items():
            put = self.item(item, depth + 1)
            if put is not item:
                own[key] = put

    def item(self, value: Any, depth: int) -> Any:
        """What stands in the place of a value meanwhile."""
        if type(value) in _ATOMS:
            return value
        if isinstance(value, Tensor):
            return _clone(value, self.clones) if value.is_leaf and type(value) in _PLAIN else value
        if isinstance(value, _LEFT_ALONE) or value is None or id(value) in self.known or depth > DEPTH:
            return value
        if isinstance(value, tuple) and type(value) is tuple:
            return self._tuple(value, depth)
        if type(value) in _CONTAINERS:
            self.known[id(value)] = value
            self._container(value, depth)
        elif (state := _state_of(value)) is not None:
            self.known[id(value)] = value
            self.steps.append(state)
        elif _helper(value):
            self.known[id(value)] = value
            self.object(value, depth)
        return value

    def _tuple(self, value: tuple[Any, ...], depth: int) -> tuple[Any, ...]:
        items = tuple(self.item(item, depth + 1) for item in value)
        return items if any(a is not b for a, b in zip(items, value, strict=True)) else value

    def _container(self, value: Any, depth: int) -> None:
        content = value.copy()
        if not content:
            self.steps.append(value.clear)
            return

        def back() -> None:
            value.clear()
            (value.extend if isinstance(value, list | deque) else value.update)(content)

        self.steps.append(back)
        if len(content) > LENGTH:
            return
        if isinstance(value, dict):
            for key, item in content.items():
                put = self.item(item, depth + 1)
                if put is not item:
                    value[key] = put
        elif isinstance(value, list | deque):
            for index, item in enumerate(content):
                put = self.item(item, depth + 1)
                if put is not item:
                    value[index] = put


_PLAIN = (Tensor, nn.Parameter, nn.Buffer)


def _state_of(value: Any) -> Callable[[], None] | None:
    """How to put a random number generator, or an array, back; None for anything else."""
    if isinstance(value, torch.Generator):
        state = value.get_state()
        return lambda: value.set_state(state)  # type: ignore[return-value]
    if isinstance(value, np.random.Generator):
        bits = value.bit_generator.state
        return lambda: setattr(value.bit_generator, "state", bits)
    if isinstance(value, np.random.RandomState):
        old = value.get_state()
        return lambda: value.set_state(old)
    if isinstance(value, random.Random):
        python = value.getstate()
        return lambda: value.setstate(python)
    if isinstance(value, np.ndarray) and value.flags.writeable and value.dtype != object:
        numbers = value.copy()
        return lambda: np.copyto(value, numbers)
    return None


def _helper(value: Any) -> bool:
    """A plain object of a person's own or of a library, whose attributes may change in a forward pass."""
    origin = type(value).__module__.partition(".")[0]
    return hasattr(value, "__dict__") and (
        isinstance(value, nn.Module) or origin not in ("torch", "numpy", *sys.stdlib_module_names)
    )


def require_eager(model: nn.Module) -> None:
    """Raises InputError where a module is scripted, compiled, sharded, quantised, or has parameters without a shape."""
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError(f"{name or 'the model'} is scripted; audit the eager module it was made from")
        if (
            type(module).__name__ == "OptimizedModule"
            or module.__dict__.get("_compiled_call_impl") is not None
        ):
            raise InputError(f"{name or 'the model'} is compiled; audit the module before torch.compile")
        if isinstance(module, torch.fx.GraphModule) and any(
            "quant" in str(node.target) for node in module.graph.nodes
        ):
            raise InputError(f"{name or 'the model'} is {_QUANTISED}")
        if ".quantized" in type(module).__module__:
            raise InputError(f"{name or 'the model'} ({type(module).__name__}) is {_QUANTISED}")
        if "FullyShardedDataParallel" in type(module).__name__ or type(module).__name__.startswith("FSDP"):
            raise InputError(
                f"{name or 'the model'} is sharded by FSDP, so no process holds its parameters; audit the "
                "module before it is wrapped"
            )
        for key, value in (*module._parameters.items(), *module._buffers.items()):
            if isinstance(value, nn.parameter.UninitializedParameter | nn.parameter.UninitializedBuffer):
                raise InputError(
                    f"{f'{name}.' if name else ''}{key} has no shape yet; run the model once on a batch, then audit"
                )


_QUANTISED = "quantised: it runs in integers, which have no gradient; audit the model in floating point"


def _clone(tensor: Tensor, clones: dict[int, Tensor]) -> Tensor:
    key = id(tensor)
    if key not in clones:
        copy = tensor.detach().clone()
        if isinstance(tensor, nn.Parameter):
            copy = nn.Parameter(copy, requires_grad=tensor.requires_grad)
        elif tensor.requires_grad:
            copy.requires_grad_()
        clones[key] = copy
    return clones[key]


@contextmanager
def same_draws() -> Iterator[None]:
    """What is drawn at random meanwhile takes nothing from what is drawn afterwards."""
    state = _generator_state()
    try:
        yield
    finally:
        _restore_generators(state)


def _generator_state() -> tuple[Any, ...]:
    devices = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else None
    return torch.get_rng_state(), devices, random.getstate(), np.random.get_state()


def _restore_generators(state: tuple[Any, ...]) -> None:
    cpu, devices, python, numpy = state
    torch.set_rng_state(cpu)
    if devices is not None:
        torch.cuda.set_rng_state_all(devices)
    random.setstate(python)
    np.random.set_state(numpy)
