"""A Python file that shows a wrong gradient without this package, for a bug report."""

from __future__ import annotations

import ast
import inspect
import sys
import textwrap
from collections.abc import Iterator
from types import ModuleType
from typing import Any

from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.gradient.backward import Backward
from bnverify.numerics.audit.layers import Family, Spec, Unit
from torch import Tensor, nn

FEW = 64
"""Numbers of a tensor that are written out; a larger one is drawn at random."""

ROWS = 4
"""Samples of the input that is drawn."""


def script(call: Call, y: Tensor, verdict: Backward) -> str:
    """The file as text; "" where the layer cannot be written down: a defined one, or one without a module."""
    spec, module = call.spec, call.module
    if (
        spec is None
        or spec.normalise is not None
        or spec.family in (Family.LP, Family.FIXED)
        or module is None
    ):
        return ""
    shape = (max(ROWS, 2), *y.shape[1:]) if y.dim() > 1 else tuple(y.shape)
    hooks = (
        ""
        if not module._backward_hooks
        else "\n# The layer had backward hooks, which are no part of this file.\n"
    )
    return _FILE.format(
        text=verdict.text,
        layer=f"{call.name} ({type(module).__name__})",
        sources="\n\n".join(sources(type(module))),
        build="\n".join(_build(module)),
        hooks=hooks,
        shape=shape,
        dims=_dims(spec, y),
        weight=_weight(module, spec, y),
        centred="t" if spec.family is Family.RMS else "t - t.mean(dim=DIMS, keepdim=True)",
        view=_view(spec, y),
        eps=spec.eps,
    )


_FILE = '''"""{layer}: {text}.

Prints the largest difference between the input gradient of the layer and that of its definition, as a share of its
size; rounding would be about 1e-15. Needs PyTorch alone.
"""
from __future__ import annotations

import torch

{sources}

torch.manual_seed(0)
torch.set_default_dtype(torch.float64)
{build}
{hooks}
DIMS, EPS = {dims}, {eps!r}


def definition(y):
    t = {view}
    c = {centred}
    return (c / (c.square().mean(dim=DIMS, keepdim=True) + EPS).sqrt()).reshape(y.shape){weight}


y = torch.randn{shape}.requires_grad_()
z = layer(y * 1)
g = torch.randn_like(z)
(own,) = torch.autograd.grad(z, y, g)
(right,) = torch.autograd.grad(definition(y), y, g)
print("wrong by", float((own - right).abs().max() / right.abs().max()))
print("ratio  ", float((own * right).sum() / right.square().sum()))
'''


def _dims(spec: Spec, y: Tensor) -> tuple[int, ...]:
    match spec.unit:
        case Unit.CHANNEL:
            return tuple(d for d in range(y.dim()) if d != 1)
        case Unit.SAMPLE_GROUP:
            return (2,)
        case Unit.SAMPLE_CHANNEL:
            return tuple(range(2, y.dim()))
        case _:
            return (-1,)


def _view(spec: Spec, y: Tensor) -> str:
    return f"y.reshape(y.shape[0], {spec.label_shape[1]}, -1)" if spec.unit is Unit.SAMPLE_GROUP else "y"


def _weight(module: nn.Module, spec: Spec, y: Tensor) -> str:
    weight = getattr(module, "weight", None)
    if not isinstance(weight, Tensor):
        return ""
    if spec.unit is Unit.POSITION:
        return " * layer.weight.detach()"
    return f" * layer.weight.detach().view(1, -1{', 1' * (y.dim() - 2)})"


def _build(module: nn.Module) -> Iterator[str]:
    """Lines that make the layer again, from its class and its attributes."""
    cls = type(module)
    if cls.__module__.startswith("torch.nn."):
        yield f"layer = torch.nn.{module!r}"
    else:
        yield f"layer = {cls.__name__}.__new__({cls.__name__})"
        yield "torch.nn.Module.__init__(layer)"
        yield f"layer.training = {module.training}"
        for name, value in vars(module).items():
            if not name.startswith("_") and name != "training" and _plain(value):
                yield f"layer.{name} = {value!r}"
        for name, child in module.named_children():
            if type(child).__module__.startswith("torch.nn."):
                yield f"layer.{name} = torch.nn.{child!r}"
    for name, parameter in module.named_parameters(recurse=False):
        yield f"layer.{name} = torch.nn.Parameter({_tensor(parameter)})"
    for name, buffer in module.named_buffers(recurse=False):
        yield f"layer.register_buffer({name!r}, {_tensor(buffer)})"


def _plain(value: Any) -> bool:
    if isinstance(value, tuple):
        return all(_plain(item) for item in value)
    return value is None or isinstance(value, bool | int | float | str)


def _tensor(value: Tensor) -> str:
    if value.numel() <= FEW:
        dtype = "" if value.is_floating_point() else f", dtype={value.dtype}"
        return f"torch.tensor({value.tolist()!r}{dtype})"
    return f"torch.rand({tuple(value.shape)}) + 0.5"


def sources(cls: type) -> list[str]:
    """The source of a person's class with the functions and classes of its file that it names, and the imports."""
    module = sys.modules.get(cls.__module__)
    if module is None or cls.__module__.startswith("torch."):
        return []
    try:
        tree = ast.parse(inspect.getsource(module))
        own = textwrap.dedent(inspect.getsource(cls))
    except (OSError, TypeError, SyntaxError):
        return [f"from {cls.__module__} import {cls.__name__}"]
    lines, named = inspect.getsource(module).splitlines(), _definitions(tree)
    needed: dict[str, str] = {}
    waiting = _names(ast.parse(own))
    while waiting:
        name = waiting.pop()
        if name in named and name not in needed and name != cls.__name__:
            node = named[name]
            first = min([node.lineno, *(line.lineno for line in node.decorator_list)])
            needed[name] = textwrap.dedent("\n".join(lines[first - 1 : node.end_lineno]))
            waiting |= _names(named[name])
    imports = [ast.unparse(node) for node in tree.body if _import(node)]
    return ["\n".join(imports), *_constants(tree, module), *reversed(needed.values()), own]


def _definitions(tree: ast.Module) -> dict[str, ast.FunctionDef | ast.ClassDef]:
    """Functions and classes of a file by name, those inside of a function too; methods are left out."""
    own = [item for node in ast.walk(tree) if isinstance(node, ast.ClassDef) for item in node.body]
    found: dict[str, ast.FunctionDef | ast.ClassDef] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and not any(node is item for item in own):
            found.setdefault(node.name, node)
    return found


def _names(tree: ast.AST) -> set[str]:
    return {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}


def _import(node: ast.stmt) -> bool:
    """An import of the standard library or of PyTorch; any other is left out."""
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in ("torch", "math", "typing", "collections")
    return isinstance(node, ast.Import) and all(
        alias.name.partition(".")[0] in ("torch", "math") for alias in node.names
    )


def _constants(tree: ast.Module, module: ModuleType) -> list[str]:
    found = []
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            value = getattr(module, node.targets[0].id, None)
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.append(f"{node.targets[0].id} = {value!r}")
    return found
