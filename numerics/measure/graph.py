"""N instances as a graph: the definition, the loss on its z, and what autograd makes of them.

One backward pass of the composed loss gives g at z and v at y, both differentiable again; nothing else is known of
either. Names that a definition does not mention become leaves only where a statement moves them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from bnverify.numerics.measure.derivatives import gradient, jacobian_product, product
from bnverify.numerics.measure.downstream import Downstream
from bnverify.numerics.measure.rates import Over
from bnverify.numerics.measure.raw import Linear, RawRoom, Vec, define, times
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector
from bnverify.theory.grammar import Node, names_in, nodes
from bnverify.theory.room import walk
from torch import Tensor

Lines = Sequence[tuple[str, Node]]


class Absent(KeyError):
    """The room does not hold what a statement names."""

    def __str__(self) -> str:
        return str(self.args[0])


@dataclass(frozen=True)
class Given:
    """What an instance consists of, N at a time.

    vectors: (N, n) each; ``y`` (or ``y_j``, ``y_k``), or ``W`` where the definition starts with y = X W.
    numbers: (N,) each; ``gamma``, ``beta``, ``eps``, ``lam`` and free ones.
    operators: (N, n, k) matrices or (N, n) diagonals; ``X`` brings ``T``, its transpose.
    errors: of what was computed rather than given, the bound that a `Measured` carries, (N,).
    """

    vectors: Mapping[str, Tensor]
    numbers: Mapping[str, Tensor]
    operators: Mapping[str, Tensor]
    errors: Mapping[str, Tensor] = field(default_factory=dict)

    def put(self, name: str, value: Any) -> Given:
        """The same with another value in one place, and with what rounding can have done to that."""
        errors = {place: error for place, error in self.errors.items() if place != name}
        if isinstance(value, Measured | MeasuredVector):
            errors[name] = value.error
        held = value.x if isinstance(value, Vec) else getattr(value, "value", value)
        if isinstance(value, Vec | MeasuredVector):
            return replace(self, vectors=Over(self.vectors, name, held), errors=errors)
        if isinstance(value, Measured | Tensor):
            return replace(self, numbers=Over(self.numbers, name, held), errors=errors)
        if isinstance(value, Linear) and value.rows is not None:
            return replace(self, operators=Over(self.operators, name, value.rows), errors=errors)
        raise NotImplementedError(f"a batch cannot put another operator for {name}")

    def __contains__(self, name: str) -> bool:
        return name in self.vectors or name in self.numbers or name in self.operators


DRAWN = frozenset(
    {"one", "m", "y", "y_j", "y_k", "g", "H", "gamma", "beta", "eps", "lam", "X", "W", "D", "bias", "C"}
)
"""What an instance and its loss consist of."""


def given_alone(tree: Node, free: Collection[str] = ()) -> bool:
    """Whether a statement names nothing that a layer computes, so that no layer can make it true or false."""
    moved = any(node.head in ("d", "at") for node in nodes(tree))
    return not moved and not names_in(tree) - DRAWN - set(free)


class Graph:
    """The definition as a function that autograd differentiates, and the loss behind it.

    Args:
        lines, given, loss, forward: as in `bnverify.numerics.measure.batch.Batch`.

    Attributes:
        units: the suffixes of the units. made: tensors by name, of everything that the definition holds.
    """

    def __init__(
        self, lines: Lines, given: Given, loss: Downstream, forward: Callable[[Tensor], Tensor] | None
    ) -> None:
        own = {name for name, _ in lines}
        self.lines, self.given, self.loss, self.forward = lines, given, loss, forward
        self.units: tuple[str, ...] = ("_j", "_k") if "z_j" in own else ("",)
        self._leaves: dict[str, Tensor] = {}
        used = frozenset().union(*(names_in(tree) for _, tree in lines)) | {"y", "W"}
        operators = {name: times(given.operators[name]) for name in given.operators if name in used}
        if "X" in given.operators:
            operators["T"] = times(given.operators["X"].transpose(1, 2))
        names: dict[str, Any] = {
            name: self.leaf(name) for name in used if name in given.vectors or name in given.numbers
        }
        names |= operators | {"one": Vec(self._ones), "m": self._ones.shape[-1]}
        self.made = define(lines, names, RawRoom)

    @cached_property
    def _ones(self) -> Tensor:
        vectors = self.given.vectors
        first = next((vectors[name] for name in ("y", "y_j") if name in vectors), None)
        if first is None and "X" in self.given.operators:
            first = self.given.operators["X"][..., 0]
        return torch.ones_like(next(iter(vectors.values())) if first is None else first).detach()

    def leaf(self, name: str) -> Any:
        """What was given under a name, as a leaf that can be differentiated by."""
        vector = name in self.given.vectors
        if name not in self._leaves:
            held = self.given.vectors[name] if vector else self.given.numbers[name]
            self._leaves[name] = held.detach().requires_grad_()
        return Vec(self._leaves[name]) if vector else self._leaves[name]

    def raw(self, name: str) -> Tensor:
        """The tensor of a vector or number."""
        value = self.made[name] if name in self.made else self.leaf(name)
        return value.x if isinstance(value, Vec) else value

    @cached_property
    def z(self) -> Tensor:
        """The activations, (N, m), of two units (N, 2m), of which the loss is taken."""
        outs = [self.raw(f"z{unit}") for unit in self.units] if self.forward is None else []
        out = self.forward(self.raw("y")) if self.forward is not None else outs[0]
        out = torch.cat(outs, dim=-1) if len(outs) > 1 else out
        return out if out.requires_grad else out.detach().requires_grad_()

    @cached_property
    def _total(self) -> Tensor:
        return self.loss(self.z).sum()

    @cached_property
    def _first(self) -> dict[str, Tensor]:
        """The gradients of the composed loss in z and in every y, from one pass."""
        names = [f"y{unit}" for unit in self.units if f"y{unit}" in self.made]
        found = torch.autograd.grad(
            self._total,
            [self.z, *map(self.raw, names)],
            create_graph=True,
            materialize_grads=True,
        )
        return dict(zip(["z", *names], found, strict=True))

    @property
    def g(self) -> Tensor:
        """dL/dz, differentiable again."""
        return self._first["z"]

    def gradient(self, name: str) -> Tensor:
        """The gradient of the composed loss in a leaf or in y, differentiable again."""
        if name not in self._first:
            self._first[name] = gradient(self._total, self.raw(name), keep=True)
        return self._first[name]

    def curvature(self, of: str, along: str, u: Tensor) -> Tensor:
        """The change of the gradient in ``of`` as ``along`` moves along u: the Hessian is symmetric, so one pass starts
        from the gradient in ``along`` and ends in ``of``.

        Raises:
            NotImplementedError: the backward pass of somebody's own layer cannot be differentiated.
        """
        grad, point = self.gradient(along), self.raw(of)
        if self.forward is None:
            return product(grad, point, u)
        found = (
            torch.autograd.grad(grad, point, u, retain_graph=True, allow_unused=True)[0]
            if grad.requires_grad
            else None
        )
        if found is None:
            raise NotImplementedError(
                "the backward pass of the layer cannot be differentiated again, so there is no B; ask about v, or give "
                "the backward pass a derivative"
            )
        return found

    def downstream(self, u: Tensor) -> Tensor:
        """H u."""
        return product(self.g, self.z, u)

    def rate(self, inside: Node, moved: str, along: Tensor | None) -> Tensor:
        """d(expr, x, u), or with ``along`` None d(expr, t), by two passes through the expression."""
        names = self._moving(inside, moved)
        value, leaf = walk(inside, RawRoom(names)), names[moved]
        point = leaf.x if isinstance(leaf, Vec) else leaf
        direction = torch.ones_like(point) if along is None else along
        out = value.x if isinstance(value, Vec) else torch.as_tensor(value).to(point) + 0 * self._ones[..., 0]
        return jacobian_product(out, point, direction) if out.requires_grad else torch.zeros_like(out)

    def _moving(self, inside: Node, moved: str) -> dict[str, Any]:
        """Names in which ``moved`` is a leaf, and what depends on it follows."""
        names = dict(self.made)
        if moved in {"z", "yhat"}:
            own = self.forward is not None and moved == "z"
            leaf = (self.z if own else self.raw(moved)).detach().clone().requires_grad_()
            names = {
                k: Vec(t.x.detach()) if isinstance(t, Vec) else t.detach() if isinstance(t, Tensor) else t
                for k, t in names.items()
            }
            names[moved] = Vec(leaf)
            gamma, beta = names["gamma"], names["beta"]
            if moved == "z":
                names["yhat"] = (Vec(leaf) - names["one"] * beta) / gamma
            else:
                names["z"] = Vec(leaf) * gamma + names["one"] * beta
            out = names["z"].x
            g = gradient(self.loss(out), out, keep=True) if out.requires_grad else self.g.detach()
        else:
            if moved != "y" and moved not in self.given.vectors and moved not in self.given.numbers:
                raise NotImplementedError(f"a batch does not move {moved}")
            g = self.g
            if self.forward is not None:
                names["z"] = Vec(self.z)
        names["g"] = Vec(g)
        for name in (names_in(inside) | {moved}) - names.keys():
            if name in self.given.vectors or name in self.given.numbers:
                names[name] = self.leaf(name)
            elif name in self.given.operators:
                names[name] = times(self.given.operators[name])
            else:
                raise Absent(f"a batch does not differentiate {name}")
        return names
