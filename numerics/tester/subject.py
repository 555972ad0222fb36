"""What a statement of a test is asked of: a definition or somebody's layer, and the small batches drawn for it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import torch
from bnverify.numerics.measure.batch import Batch, Given
from bnverify.numerics.measure.downstream import DenseQuadratic
from bnverify.numerics.measure.graph import Graph
from bnverify.numerics.measure.raw import RawRoom, Vec
from bnverify.numerics.tester.layer import Own, own
from bnverify.theory.grammar import Node, lines, nodes
from bnverify.theory.normalisations import NORMALISATIONS, declared, names_of, normalisation
from bnverify.theory.room import walk
from torch import Tensor, nn

from bnverify.base.errors import InputError

CLOSE = 1e-9
"""How near a kink of a definition, relative to the vector that bends there, counts as on it."""


@dataclass(frozen=True)
class Drawn:
    """One batch: y and g of m numbers, a symmetric H (m, m), gamma, beta, eps, and what a statement declares."""

    y: tuple[float, ...]
    g: tuple[float, ...]
    H: tuple[tuple[float, ...], ...]
    gamma: float
    beta: float
    eps: float
    vectors: tuple[tuple[str, tuple[float, ...]], ...] = ()
    numbers: tuple[tuple[str, float], ...] = ()

    @property
    def m(self) -> int:
        return len(self.y)


@dataclass(frozen=True)
class Subject:
    """What a statement is asked of: a definition's lines and the sorts of its names, and a layer where there is one."""

    what: str
    lines: tuple[tuple[str, Node], ...]
    names: dict[str, Any]
    operators: frozenset[str]
    layer: Own | None = None

    def explain(self, error: Exception) -> InputError:
        """The error; where a name has no meaning because the layer is no normalisation that is known, that first."""
        layer = self.layer
        if layer is None or layer.lines or "no name" not in str(error):
            other = f"{layer.name if layer is not None else self.what}-elementwise"
            has = f"; {other} has it" if "no name 'D'" in str(error) and other in NORMALISATIONS else ""
            return InputError(f"{error}{has}")
        near = f", though it is near {layer.nearest} (off by {layer.residual:.0e})" if layer.nearest else ""
        told = f"{self.what} computes no normalisation that is known{near}"
        if layer.slip:
            told = f"{self.what} is not {layer.nearest}: {layer.slip}, and its output is off by {layer.residual:.0e}"
        return InputError(
            f"{told}; name y, z, g, H, v, B, one and m alone, or say like={layer.nearest or 'layer-norm'!r} to hold it "
            f"against that definition ({error})"
        )


def subject_of(
    norm: str | nn.Module | Callable[[Tensor], Tensor], like: str | None, extra: dict[str, Any]
) -> Subject:
    layer = None
    if callable(norm) and not isinstance(norm, nn.Module | type):
        norm = _module(norm)
    if isinstance(norm, nn.Module):
        layer = own(copy.deepcopy(norm).train(), like)
        what, known = type(norm).__name__, normalisation(layer.name if layer.lines else "identity")
    elif isinstance(norm, str):
        what, known = norm, normalisation(norm)
    else:
        made = f", such as {norm.__name__}(5)" if isinstance(norm, type) else ""
        raise InputError(
            f"norm is {norm!r}; expected a layer{made}, a function of a batch (batch, features), "
            f"or the name or text of a normalisation ({', '.join(NORMALISATIONS)})"
        )
    operators = declared((), (), known.operators).keys()
    return Subject(what, tuple(lines(known.text)), names_of(known, extra), frozenset(operators), layer)


def _module(function: Callable[[Tensor], Tensor]) -> nn.Module:
    """A function as a layer of its name; what a partial binds by name are the attributes: eps, the size."""
    inner: Any = function.func if isinstance(function, partial) else function
    owner = getattr(inner, "__self__", None)  # the autograd Function whose apply this is
    named = owner if isinstance(owner, torch.autograd.function.FunctionMeta) else inner
    made = type(getattr(named, "__name__", type(inner).__name__), (nn.Module,), {})()
    vars(made).update(function.keywords if isinstance(function, partial) else {}, forward=function)
    return cast("nn.Module", made)


def room_of(subject: Subject, drawn: Drawn) -> Batch:
    """The batch of a drawn instance; of a layer along the batch every channel is one, with y turned round."""
    layer, m = subject.layer, drawn.m
    count = layer.size if layer is not None and layer.along == "batch" else 1

    def rows(values: Any) -> Tensor:
        return torch.stack([torch.tensor(values, dtype=torch.float64).roll(i, 0) for i in range(count)])

    def each(value: float) -> Tensor:
        return torch.full((count,), value, dtype=torch.float64)

    vectors = {"y": rows(drawn.y)} | {name: rows(values) for name, values in drawn.vectors}
    numbers = {name: each(value) for name, value in drawn.numbers}
    scale, shift, eps = each(drawn.gamma), each(drawn.beta), drawn.eps if layer is None else layer.eps
    operators: dict[str, Tensor] = {}
    if "D" in subject.operators:
        operators["D"] = drawn.gamma * torch.linspace(-1, 2, m, dtype=torch.float64).expand(count, -1)
        vectors["bias"] = torch.full((count, m), drawn.beta, dtype=torch.float64)
    if "C" in subject.operators:
        operators["C"] = (torch.eye(m, dtype=torch.float64) - 1 / m).expand(count, m, m)
    if layer is not None and layer.scale is not None and layer.shift is not None:
        if layer.along == "batch":
            scale, shift = layer.scale, layer.shift
        elif "D" in subject.operators:
            operators["D"], vectors["bias"] = layer.scale.expand(1, -1), layer.shift.expand(1, -1)
    placed = Given(vectors, numbers | {"gamma": scale, "beta": shift, "eps": each(eps)}, operators)
    forward = None if layer is None else layer.forward
    g, H = rows(drawn.g), torch.tensor(drawn.H, dtype=torch.float64).expand(count, m, m)
    none = DenseQuadratic(torch.zeros_like(g), torch.zeros_like(H), torch.zeros_like(g))
    at = Batch(subject.lines, placed, none, forward).z.detach()
    unit = None if layer is None else layer.unit
    return Batch(subject.lines, placed, DenseQuadratic(g, H, at), forward, unit=unit)


def at_a_kink(subject: Subject, room: Batch) -> Tensor:
    """Where something in the definition has no derivative in y, (N,).

    Entries that are the largest together bend it, unless they are the same function of y: those of a centred y of two
    samples are. They are where they stay equal as y moves.
    """
    found = torch.zeros_like(room.cond, dtype=torch.bool)
    bends = _bends(subject)
    if not bends:
        return found
    y = room.y.detach()
    generator = torch.Generator().manual_seed(3)
    steps = torch.randn(3, *y.shape, generator=generator, dtype=y.dtype) * y.abs().amax(-1, keepdim=True) / 16
    near = [Graph(room.lines, room.given.put("y", Vec(y + step)), room.loss, None).made for step in steps]
    for tree in bends:
        entries = _rivals(tree, room.made)
        top = entries.amax(-1, keepdim=True)
        tied = top - entries <= CLOSE * entries.abs().amax(-1, keepdim=True)
        for made in near:
            moved = _rivals(tree, made)
            highest = moved.masked_fill(~tied, -torch.inf).amax(-1)
            lowest = moved.masked_fill(~tied, torch.inf).amin(-1)
            found = found | (highest - lowest > CLOSE * moved.abs().amax(-1))
    return found


def _bends(subject: Subject) -> list[Node]:
    """Where the definition has an abs, a sign, a max or a min; of max(abs(x)) the max alone bends it."""
    found = [tree for _, line in subject.lines for tree in nodes(line)]
    inside = {tree.args[0] for tree in found if _is_largest(tree)}
    return [tree for tree in found if tree.head in ("abs", "sign", "max", "min") and tree not in inside]


def _rivals(tree: Node, made: dict[str, Any]) -> Tensor:
    """Numbers of which the largest counts where the tree bends, (N, k): of abs and sign, 0 and -|x|."""
    like = made["one"].x

    def columns(node: Node) -> Tensor:
        value = walk(node, RawRoom(made))
        flat = (
            value.x if isinstance(value, Vec) else torch.as_tensor(value).expand(like.shape[0]).unsqueeze(-1)
        )
        return flat.detach()

    if tree.head in ("abs", "sign"):
        sizes = columns(tree.args[0]).abs()
        return torch.cat([torch.zeros_like(sizes[:, :1]), -sizes], dim=-1)
    entries = torch.cat([columns(one) for one in tree.args], dim=-1)
    return -entries if tree.head == "min" else entries


def _is_largest(tree: Node) -> bool:
    """Whether it is the largest entry of a vector; where that is one of abs(x), it alone bends it."""
    return tree.head == "max" and len(tree.args) == 1
