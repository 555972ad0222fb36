"""The room of random batches: N instances at once, every derivative by autograd of the composed loss.

The normalisation is its text. ``v`` and ``B`` come from differentiating L(z(y)), ``g`` and ``H`` from differentiating L
at z (`graph`); nothing else is known of either. The z that was computed is the point at which all of them are taken;
tolerances bound the rounding of the definition, of the sweeps (`bounds`) and of the statement.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import torch
from bnverify.numerics.measure.bounds import Bounds
from bnverify.numerics.measure.derivatives import gradient, matrix, product
from bnverify.numerics.measure.downstream import Downstream
from bnverify.numerics.measure.extremum import Interval, along, input_for, maximum_on_ball
from bnverify.numerics.measure.graph import Absent, Given, Graph, Lines
from bnverify.numerics.measure.rates import Dual, Over
from bnverify.numerics.measure.raw import Linear, remembered
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector, exact, length, unit_roundoff
from bnverify.theory.grammar import Node, names_in, parse
from bnverify.theory.room import Room, walk
from torch import Tensor

__all__ = ["Absent", "Batch", "Given"]


class Batch(Room):
    """N independent instances of a normalisation and a loss downstream of its z.

    Args:
        lines: the definition, as pairs of a name and a tree; the vectors that it starts from are in ``given``.
        given: the instance, without anything derived.
        loss: the loss downstream, of the rows of z; of two units, of z_j and z_k one after the other.
        forward: somebody's own layer, (N, m) -> (N, m), that computes z in the place of the definition; its backward
            pass is then what v and B come from, and the definition only bounds the rounding.
        matched: the statement speaks of z = y, so the rounding of z moves the point, and H times it the gradient.
        unit: the unit roundoff of a layer that computes in fewer digits than it is asked in.

    Attributes:
        size: (N, m).
        cond: ones, (N,); what cancels in y is in the errors themselves.

    Raises (in use):
        Absent: a name that this room does not hold.
        NotImplementedError: an operation that no batch can do.
    """

    def __init__(
        self,
        lines: Lines,
        given: Given,
        loss: Downstream,
        forward: Callable[[Tensor], Tensor] | None = None,
        matched: bool = False,
        unit: float | None = None,
    ) -> None:
        own = {name for name, _ in lines}
        self.units = ("_j", "_k") if "z_j" in own else ("",)
        self.lines = (*lines, *_scales_of(own, self.units, given))
        self.given, self.loss, self.forward, self.matched = given, loss, forward, matched
        self.graph = Graph(self.lines, given, loss, forward)
        self.bounds = Bounds(self.graph, matched)
        self.size, self.cond = tuple(self.y.shape), self.bounds.like
        self.memory, self.names = {}, _Lazy(self._make)
        self._places: dict[tuple[str, int], tuple[Any, Batch]] = {}
        self._level = 0
        self.unit = unit_roundoff(self.cond.dtype) if unit is None else unit

    @property
    def made(self) -> dict[str, Any]:
        """The tensors of the definition by name, as autograd sees them."""
        return self.graph.made

    @property
    def y(self) -> Tensor:
        """The activations of the first unit, (N, m)."""
        return self.graph.raw(f"y{self.units[0]}")

    @property
    def z(self) -> Tensor:
        """The activations behind the normalisation, (N, m), or (N, 2m) of two units."""
        return self.graph.z

    # ---- names

    def _make(self, name: str) -> Any:
        letter, _, unit = name.partition("_")
        suffix = f"_{unit}" if unit and f"z_{unit[:1]}" in self.made else ""
        stem, bounds, operators = letter if suffix else name, self.bounds, self.given.operators
        moved = {"v": "y", "dW": "W", "dgamma": "gamma", "dbeta": "beta"}.get(stem, "") + suffix
        if stem == "g":
            return bounds.downstream(lambda whole: self._part(whole, suffix))
        if stem == "H":
            return self._downstream(unit if suffix else "")
        if stem == "v" or (moved != suffix and (moved in self.made or moved in self.given)):
            return bounds.gradient(moved)
        if stem == "B":
            first, second = (f"_{unit[0]}", f"_{unit[1]}") if suffix else ("", "")
            return bounds.curve(f"y{first}", f"y{second}")
        if name == "HW" and "W" in self.made:
            return bounds.curve("W", "W")
        if name in {"g_own", "dW_plain", "HW_plain"}:
            return self._plain.names[{"g_own": "v"}.get(name, name.removesuffix("_plain"))]
        if name in {"nu", "N"}:
            return self._divisor(name)
        if name.removesuffix("_T") in operators or (name == "T" and "X" in operators):
            return bounds.map(name)
        if name in bounds.found:
            held = bounds.found[name].value
            own = self.forward is not None and name == "z"
            return replace(held, value=self.z.detach()) if own else held
        if name in self.given:
            return bounds.held(name)
        raise Absent(f"a batch holds nothing called {name}")

    def _part(self, whole: Tensor, suffix: str) -> Tensor:
        if not suffix:
            return whole
        half = whole.shape[-1] // 2
        return whole[..., :half] if suffix == "_j" else whole[..., half:]

    def _downstream(self, pair: str) -> Linear:
        def image(direction: Tensor) -> Tensor:
            if pair:
                none = torch.zeros_like(direction)
                direction = torch.cat([direction, none] if pair[1] == "j" else [none, direction], dim=-1)
            return self._part(self.graph.downstream(direction), f"_{pair[0]}" if pair else "")

        kept = remembered(image)
        return Linear(lambda u: self.bounds.curved(u, kept(u.value)))

    def _with(self, name: str, value: Any) -> Batch:
        """The same room with another value of a free number, which may be in motion."""
        room = copy.copy(self)
        room.names, room._level = Over(self.names, name, value), self._level + 1  # type: ignore[assignment]
        room.memory = {}
        return room

    def let(self, names: Mapping[str, Any]) -> Batch:
        """The same room with more names."""
        self.bounds.settle()
        room = copy.copy(self)
        room.graph, room.bounds, room._places = copy.copy(self.graph), copy.copy(self.bounds), {}
        room.memory = {}
        for name, value in names.items():
            room.names = Over(room.names, name, value)  # type: ignore[assignment]
            if isinstance(value, Measured | MeasuredVector):
                room.given = room.given.put(name, value)
        room.graph.given, room.bounds.graph = room.given, room.graph
        return room

    @cached_property
    def _plain(self) -> Batch:
        """The plain network, z = y, with the same loss."""
        lines = tuple(line for line in self.lines if line[0] == "y")
        return Batch((*lines, ("z", Node("name", ("y",)))), self.given, self.loss, matched=self.matched)

    def _divisor(self, name: str) -> Any:
        """nu and N: gradient and Hessian of the divisor n in y, by autograd."""
        if "n" not in self.made:
            raise Absent("this normalisation has no divisor n")
        y = self.graph.raw("y")
        grad = gradient(self.graph.raw("n"), y, keep=True)
        if name == "nu":
            value = grad.detach()
            return MeasuredVector(value, 1 + length(value), 8.0 * self.size[1])
        return Linear(lambda u: u.through(product(grad, y, u.value), self.cond * 3, 16.0 * self.size[1]))

    # ---- operations

    def number(self, whole: int) -> Measured:
        return exact(whole, self.cond)

    def power(self, value: Any, power: Any) -> Any:
        if isinstance(value, Dual):
            return value.power(power)
        root = value.sqrt() if power.denominator == 2 else value
        return root**power.numerator if power > 0 else (root ** (-power.numerator)).inverse()

    def sqrt(self, value: Any) -> Measured:
        return value.sqrt()

    def absolute(self, value: Any) -> Any:
        if isinstance(value, MeasuredVector):
            return MeasuredVector(value.value.abs(), value.scale, value.count, value.error)
        return abs(value)

    def sign(self, value: MeasuredVector) -> MeasuredVector:
        signs = value.value.sign()
        return MeasuredVector(signs, length(signs), 0.0)

    def smallest(self, left: Any, right: Any) -> Any:
        return -self.largest(-left, -right)

    def largest(self, *values: Any) -> Any:
        if len(values) == 1:
            top = values[0].value.amax(-1)
            return Measured(top, top.abs(), 0, values[0].error)
        a, b = values
        return Measured(
            torch.maximum(a.value, b.value),
            torch.maximum(a.scale, b.scale),
            0,
            torch.maximum(a.error, b.error),
        )

    def rate(self, inside: Node, moved: str, along_: Any) -> Any:
        """d(expr, x, u) by autograd of the expression; d(L, x, u) is the composed loss's."""
        if names_in(inside) <= self.given.numbers.keys():
            level = self._level + 1
            value = walk(inside, self._with(moved, Dual(level, self.names[moved], self.number(1))))
            return value.rate if isinstance(value, Dual) and value.level == level else self.number(0)
        if inside == Node("name", ("L",)):
            whole = self.bounds.gradient(moved)
            return whole if along_ is None else whole @ along_
        return self.bounds.rate(inside, moved, along_)

    def placed(self, inside: Node, moved: str, value: Any) -> Any:
        """at(expr, x, value): another batch of the same loss."""
        if names_in(inside) <= self.given.numbers.keys():
            return walk(inside, self._with(moved, value))
        if moved == "y" and "y" not in self.given.vectors:
            raise NotImplementedError("y is X W here; move W")
        if moved not in self.given:
            raise NotImplementedError(f"a batch is not made of {moved}, and so puts no other in its place")
        self.bounds.refuse_own(moved)
        place = moved, id(value)
        if place not in self._places:
            there = self.given.put(moved, value)
            self._places[place] = (
                value,
                Batch(self.lines, there, self.loss, self.forward, self.matched, self.unit),
            )
        return walk(inside, self._places[place][1])

    def psd(self, operator: Any) -> Measured:
        """The least eigenvalue of an operator on the batch, (N,)."""
        size = self.size[1]
        rows = []
        for unit in torch.eye(size, dtype=self.cond.dtype, device=self.cond.device):
            direction = unit.expand(self.size).contiguous()
            rows.append(operator @ MeasuredVector(direction, torch.ones_like(self.cond), 0.0))
        dense = torch.stack([row.value for row in rows], dim=-1)
        least = torch.linalg.eigvalsh((dense + dense.transpose(1, 2)) / 2)[:, 0]
        scale = torch.stack([row.scale for row in rows]).norm(dim=0)
        error = torch.stack([row.error for row in rows]).norm(dim=0) + 4 * size * scale
        return Measured(least, scale, 0, error)

    def maximum(self, inside: Node, moved: str, bound: Measured) -> Interval:
        """max(|T u|^2) and max((S u)'K(S u)), S = X T, over ||X|| <= lam, as intervals [attained, bound]."""
        row, X, T = (
            inside.args[0] if inside.head == "@" else inside,
            Node("name", ("X",)),
            Node("name", ("T",)),
        )
        if row.head == "@" and row.args[0] == T and inside == Node("@", (row, *row.args)):
            return self._max_grad(
                walk(Node("@", row.args[1:]) if len(row.args) > 2 else row.args[1], self), bound
            )
        if row.head == "@" and row.args[:2] == (X, T) and inside.args[2:] == row.args:
            u = walk(Node("@", row.args[2:]) if len(row.args) > 3 else row.args[2], self)
            return self._max_form(u, str(inside.args[1]), bound)
        raise NotImplementedError("a batch knows the maxima of |X'u|^2 and of (XX'u)'K(XX'u) alone")

    def _max_grad(self, u: MeasuredVector, lam: Measured) -> Interval:
        X = along(u.value, lam.value + 0 * self.cond)
        pulled = (X.transpose(1, 2) @ u.value.unsqueeze(-1)).squeeze(-1)
        attained = u.through(pulled, lam.value.abs() + 0 * self.cond, 2 * self.size[1] + 2)
        return Interval(attained.dot(attained), lam**2 * u.dot(u))

    def _max_form(self, u: MeasuredVector, operator: str, lam: Measured) -> Interval:
        size = lam.value + 0 * self.cond
        square, length, m = size.square(), u.norm, self.size[1]
        dense = matrix(self.graph.gradient("y"), self.y) if operator == "B" else matrix(self.graph.g, self.z)
        ball = maximum_on_ball(dense, u.value * square.unsqueeze(-1) / 2, square * length / 2)
        X = input_for(ball.point, u.value, size)
        w = u.through((X @ (X.transpose(1, 2) @ u.value.unsqueeze(-1))).squeeze(-1), square, 4 * m)
        weight = square.square() * length
        K = self.names[operator]
        error = 16 * m * ball.formed + 2 * m**0.5 * weight * (K @ u).error
        bound = Measured(ball.bound, torch.maximum(ball.formed, ball.bound.abs()), 0, error)
        return Interval(w.dot(K @ w), bound)

    def allowance(self, *parts: Measured) -> Tensor:
        """The largest difference of the parts that rounding explains, (N,).

        The least normal number is added: an operation that underflows loses at most the unit roundoff of it.
        """
        return (
            self.unit * sum((part.error for part in parts), torch.zeros_like(self.cond))
            + torch.finfo(self.cond.dtype).tiny
        )


def _scales_of(own: set[str], units: Sequence[str], given: Given) -> Lines:
    """sigma and rho of every unit that divides by s: sigma = s where eps = 0."""
    eps = given.numbers.get("eps")
    positive = eps is not None and bool((eps > 0).any())
    found = []
    for unit in units:
        if f"s{unit}" in own and f"sigma{unit}" not in own:
            text = f"sqrt(s{unit}**2 - eps)" if positive else f"s{unit}"
            found += [(f"sigma{unit}", parse(text)), (f"rho{unit}", parse(f"sigma{unit}**2/s{unit}**2"))]
    if "n" in own and "s" not in own and "rho" not in own:
        found.append(("rho", parse("1 - eps/n**2")))
    return found


class _Lazy(dict[str, Any]):
    """Names that are made when they are first used."""

    def __init__(self, make: Callable[[str], Any]) -> None:
        super().__init__()
        self.make = make

    def __missing__(self, name: str) -> Any:
        self[name] = self.make(name)
        return self[name]
