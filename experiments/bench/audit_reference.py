"""Gradients at normalisation layers by plain autograd: zeros added before and after each; nothing of the audit."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Reference:
    """Zeros added before and after every normalisation, by patching the functions and the named modules."""

    def __init__(self, modules: dict[str, nn.Module]) -> None:
        self.modules, self.inside = modules, False
        self.seen: list[tuple[Tensor, Tensor]] = []

    def between(self, call: Callable[[Tensor], Any], y: Tensor) -> Any:
        if self.inside:
            return call(y)
        before = torch.zeros_like(y, requires_grad=True)
        self.inside = True
        try:
            z = call(y + before)
        finally:
            self.inside = False
        after = torch.zeros_like(z, requires_grad=True)
        self.seen.append((before, after))
        return z + after

    @contextmanager
    def on(self) -> Iterator[None]:
        own = {
            name: getattr(F, name)
            for name in ("batch_norm", "layer_norm", "group_norm", "instance_norm", "rms_norm", "normalize")
        }
        own_torch = {name: getattr(torch, name) for name in own if hasattr(torch, name)}

        def wrapped(function: Callable[..., Tensor]) -> Callable[..., Tensor]:
            def run(input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
                if input.is_leaf and input.requires_grad:
                    # A weight and no activation.
                    return function(input, *args, **kwargs)
                out: Tensor = self.between(lambda y: function(y, *args, **kwargs), input)
                return out

            return run

        for space, functions in ((F, own), (torch, own_torch)):
            for name, function in functions.items():
                setattr(space, name, wrapped(function))
        for module in self.modules.values():
            forward = module.forward
            module.forward = lambda x, *args, forward=forward, **kwargs: self.between(
                lambda y: forward(y, *args, **kwargs), x
            )
        try:
            yield
        finally:
            for space, functions in ((F, own), (torch, own_torch)):
                for name, function in functions.items():
                    setattr(space, name, function)
