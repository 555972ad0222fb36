"""The weights before each normalisation, found in the graph of the loss: those whose size the loss cannot see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bnverify.numerics.audit.capture.call import Call
from torch import Tensor, nn

MAPS = ("Convolution", "Addmm", "Mm", "Bmm", "MkldnnConvolution", "Linear")
SHAPES = (
    "View",
    "UnsafeView",
    "Reshape",
    "Transpose",
    "Permute",
    "TBackward",
    "Clone",
    "ToCopy",
    "Squeeze",
    "Unsqueeze",
)
FEW = 12
"""Nodes between a layer and the map before it, at most."""


def weights_before(loss: Tensor, calls: Sequence[Call], model: nn.Module) -> dict[str, Tensor]:
    """Layer -> the weight of the linear map or convolution that feeds it directly; layers without one are left out."""
    known: dict[int, Tensor] = {id(p): p for p in model.parameters()}
    found: dict[str, Tensor] = {}
    marks = {id(call): call.name for call in calls}
    stack, entered = [loss.grad_fn], set()
    while stack:
        node: Any = stack.pop()
        if node is None or node in entered:
            continue
        entered.add(node)
        call = getattr(node, "call", None)
        if call is not None and id(call) in marks:
            weight = _weight(node.next_functions[0][0], known)
            if weight is not None:
                found.setdefault(marks[id(call)], weight)
        stack += [child for child, _ in node.next_functions]
    return found


def _weight(node: Any, known: dict[int, Tensor]) -> Tensor | None:
    for _ in range(FEW):
        if node is None:
            return None
        name = node.name().rpartition("::")[2]
        if name.startswith(MAPS):
            return next((p for p in _parameters(node, known) if p.dim() > 1), None)
        if not name.startswith(SHAPES):
            return None
        node = node.next_functions[0][0]
    return None


def _parameters(node: Any, known: dict[int, Tensor]) -> list[Tensor]:
    found = []
    for child, _ in node.next_functions:
        for _ in range(FEW):
            if child is None:
                break
            variable = getattr(child, "variable", None)
            if variable is not None:
                found += [known[id(variable)]] if id(variable) in known else []
                break
            name = child.name().rpartition("::")[2]
            child = child.next_functions[0][0] if name.startswith(SHAPES) else None
    return found
