"""Modes of PyTorch's function dispatch that stay at work while PyTorch differentiates."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Watching(TorchFunctionMode):
    """A mode that stays at work while PyTorch differentiates.

    PyTorch leaves every mode then, and a checkpoint that computes its part again would not compute what it computed
    before. So the functions that the mode watches are replaced meanwhile, where they are looked up by name.
    """

    active: ClassVar[list[Watching]] = []

    def __init__(self, watched: Iterable[Any]) -> None:
        super().__init__()
        self.watched = frozenset(watched)
        self.busy = False

    def __enter__(self) -> Watching:
        Watching.active.append(self)
        super().__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        Watching.active.remove(self)
        super().__exit__(*error)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if self.busy:
            return func(*args, **(kwargs or {}))
        if func is Tensor.backward or func is torch.autograd.grad:
            with differentiating():
                return func(*args, **(kwargs or {}))
        return self.called(func, args, kwargs or {})

    def called(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """What takes the place of ``func(*args, **kwargs)``."""
        raise NotImplementedError

    def _replacement(self, func: Any) -> Callable[..., Any]:
        thread = threading.get_ident()

        def replaced(*args: Any, **kwargs: Any) -> Any:
            if self.busy or threading.get_ident() != thread:
                return func(*args, **kwargs)
            self.busy = True
            try:
                return self.called(func, args, kwargs)
            finally:
                self.busy = False

        return replaced


@contextmanager
def looking_away() -> Iterator[None]:
    """No `Watching` mode sees what happens meanwhile: it is the work of the audit itself."""
    before = [(mode, mode.busy) for mode in Watching.active]
    for mode, _ in before:
        mode.busy = True
    try:
        yield
    finally:
        for mode, busy in before:
            mode.busy = busy


@contextmanager
def differentiating() -> Iterator[None]:
    """Every `Watching` mode that is on stays at work; to be held around a call that differentiates."""
    replaced = []
    try:
        for mode in Watching.active:
            for space, name in _places(mode.watched):
                func = getattr(space, name)
                if func in mode.watched:
                    replaced.append((space, name, func))
                    setattr(space, name, mode._replacement(func))
        yield
    finally:
        for space, name, func in reversed(replaced):
            setattr(space, name, func)


@cache
def _places(watched: frozenset[Any]) -> tuple[tuple[Any, str], ...]:
    """Where these functions are looked up by name."""
    return tuple((space, name) for space in (F, torch) for name, f in vars(space).items() if _in(f, watched))


def _in(func: Any, watched: frozenset[Any]) -> bool:
    try:
        return callable(func) and func in watched
    except TypeError:
        return False
