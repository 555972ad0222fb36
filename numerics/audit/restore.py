"""Run a model and leave it untouched to the bit, whatever happens in between.

While `untouched` holds, the model computes with clones of its parameters and buffers; the originals, their
``.grad`` and their hooks see nothing. On the way out every module gets its own dictionary back (parameters,
buffers, flags, hooks, plain attributes), and the random number generators their state.
"""

from __future__ import annotations

import random
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bnverify.base.errors import InputError


@contextmanager
def untouched(model: nn.Module) -> Iterator[nn.Module]:
    """The model on clones of its parameters and buffers, put back on exit; also the state of every generator.

    Costs the memory of one copy of the parameters. Shared parameters stay shared. Parameter hooks, such as those
    that step an optimizer in the backward pass or average gradients across processes, do not fire.

    Raises:
        InputError: a module is scripted, compiled, or has parameters without a shape yet.
    """
    modules = list(model.modules())
    require_eager(model)
    saved = [_shallow(module) for module in modules]
    generators = _generator_state()
    clones: dict[int, Tensor] = {}
    try:
        for module in modules:
            for store in (module._parameters, module._buffers):
                for name, tensor in store.items():
                    if tensor is not None:
                        store[name] = _clone(tensor, clones)  # type: ignore[assignment]
            for name, value in list(module.__dict__.items()):
                if isinstance(value, Tensor) and value.is_leaf:
                    module.__dict__[name] = _clone(value, clones)
                elif type(value) is list and any(isinstance(item, nn.Parameter) for item in value):
                    # A recurrent layer reads its weights from such a list.
                    module.__dict__[name] = [
                        _clone(item, clones) if isinstance(item, Tensor) else item for item in value
                    ]
        yield model
    finally:
        for module, state in zip(modules, saved, strict=True):
            _put_back(module, state)
        _restore_generators(generators)


def require_eager(model: nn.Module) -> None:
    """Raises InputError where a module is scripted, compiled, or has parameters without a shape yet."""
    for name, module in model.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            raise InputError(f"{name or 'the model'} is scripted; audit the eager module it was made from")
        if type(module).__name__ == "OptimizedModule":
            raise InputError(f"{name or 'the model'} is compiled; audit the module before torch.compile")
        for key, value in (*module._parameters.items(), *module._buffers.items()):
            if isinstance(value, nn.parameter.UninitializedParameter | nn.parameter.UninitializedBuffer):
                raise InputError(
                    f"{f'{name}.' if name else ''}{key} has no shape yet; run the model once on a batch, then audit"
                )


def _shallow(module: nn.Module) -> dict[str, Any]:
    """The module's dictionary, with copies of the containers in it (parameters, buffers, hooks, a person's own)."""
    return {
        key: (value, value.copy()) if type(value) in _CONTAINERS else (value, None)
        for key, value in module.__dict__.items()
    }


_CONTAINERS = (dict, OrderedDict, list, set, deque)


def _put_back(module: nn.Module, state: dict[str, Any]) -> None:
    for value, content in state.values():
        if content is not None:
            value.clear()
            (value.extend if isinstance(value, list | deque) else value.update)(content)
    module.__dict__.clear()
    module.__dict__.update({key: value for key, (value, _) in state.items()})


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
