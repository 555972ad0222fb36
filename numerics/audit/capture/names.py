"""Who calls a function: the module whose method is running; and the modules that a loss holds."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn


class Names:
    """Who calls: the qualified name of the module whose method is running, found on the stack.

    Args:
        roots: prefix -> module, such as {"": model, "loss": loss module}; the root of the empty prefix is called by
            its class.
    """

    def __init__(self, roots: Mapping[str, nn.Module]) -> None:
        self.modules: dict[int, tuple[str, nn.Module]] = {}
        for prefix, root in roots.items():
            for name, module in root.named_modules():
                whole = ".".join(part for part in (prefix, name) if part) or type(root).__name__
                self.modules.setdefault(id(module), (whole, module))

    def caller(self, depth: int = 1) -> tuple[str, nn.Module | None]:
        """(name, module) of the innermost module with a frame on the stack; (file:line, None) where there is none.

        A module that is no part of a root is named after its class, below the innermost root module on the stack.
        """
        frame = sys._getframe(depth + 1)
        place, outside = "", ""
        while frame is not None:
            code = frame.f_code
            if not place and not _inside_torch(code.co_filename):
                place = f"{Path(code.co_filename).name}:{frame.f_lineno}"
            owner = frame.f_locals.get(code.co_varnames[0]) if code.co_argcount else None
            if isinstance(owner, nn.Module):
                if (known := self.modules.get(id(owner))) is not None:
                    return (f"{known[0]}.{outside}" if outside else known[0]), known[1]
                outside = outside or type(owner).__name__
            if frame.f_back is None:
                break
            frame = frame.f_back
        return outside or place, None


_HERE, _TORCH = str(Path(__file__).parents[2]), str(Path(torch.__file__).parent)


def _inside_torch(filename: str) -> bool:
    return filename.startswith((_TORCH, _HERE, "<"))


def modules_of(loss_fn: Any) -> Iterator[tuple[str, nn.Module]]:
    """The modules that a loss holds: itself, or what its closure, its bound object or its arguments are."""
    if isinstance(loss_fn, nn.Module):
        yield "loss", loss_fn
        return
    bound = getattr(loss_fn, "__self__", None)
    if isinstance(bound, nn.Module):
        yield "loss", bound
    cells = [cell.cell_contents for cell in getattr(loss_fn, "__closure__", None) or () if _filled(cell)]
    partial = [*getattr(loss_fn, "args", ()), *getattr(loss_fn, "keywords", {}).values()]
    for index, value in enumerate(cells + partial):
        if isinstance(value, nn.Module):
            yield f"loss.{index}" if index else "loss", value


def _filled(cell: Any) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True
