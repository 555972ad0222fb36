"""A layer of a model as a room: the grammar evaluated on inner products that were measured.

A vector is a formal combination of the words that were measured ("g", "v", "yhat", "1", ("B", "v") ...), and an
inner product of two of them expands into the measured table. A statement that needs a word outside the table
cannot be asked of the layer, and `NotMeasured` says which word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import torch
from bnverify.numerics.measure.tolerance import SUMS, Measured, exact, roundings
from bnverify.theory.grammar import Node
from bnverify.theory.names import sort_of_name
from bnverify.theory.room import Room
from torch import Tensor

Word = str | tuple[str, "Word"]

_ONE = Fraction(1)
"""The coefficient of a word that stands alone; it takes part in no rounding."""


class NotMeasured(LookupError):
    """The statement needs a quantity that this audit did not measure."""


@dataclass(frozen=True)
class Table:
    """What was measured of the groups of one call of a layer.

    symbols: ``m``, ``gamma``, ``mu``, ``sigma``, ``s``, ``eps``, ``rho``, each ``(G,)``.
    products: (word, word) -> inner product per group, ``(G,)``; either order of the words is enough.
    sizes: word -> norm of what that vector was formed from, before its cancellations, ``(G,)``.
    length: of the sums over a group, or of each group, ``(G,)``. depth: roundings of one evaluation of the loss
        downstream, which a second derivative passes again; a first derivative starts from the gradient that the layer
        was handed.
    defined: groups in which y-hat is a number and not rounding, ``(G,)``.
    """

    symbols: Mapping[str, Tensor]
    products: Mapping[tuple[Word, Word], Tensor]
    sizes: Mapping[Word, Tensor]
    length: int | Tensor
    defined: Tensor
    depth: int = 0

    @cached_property
    def order(self) -> int:
        """Of the derivatives that were measured."""
        return max(order_of(word) for pair in self.products for word in pair)

    def number(self, value: int | Fraction) -> Measured:
        """An exact number at every group."""
        like = self.symbols["m"]
        number = exact(value, like)
        return Measured(number.value.expand_as(like), number.scale.expand_as(like), number.count)

    def symbol(self, name: str) -> Measured:
        """A measured number by its name."""
        return Measured(self.symbols[name], self.symbols[name].abs())

    def product(self, left: Word, right: Word) -> Measured:
        """<left, right>, with what its rounding can be."""
        value = self.products.get((left, right), self.products.get((right, left)))
        if value is None:
            raise NotMeasured(f"<{spoken(left)}, {spoken(right)}>")
        scale = torch.maximum(value.abs(), self.sizes[left] * self.sizes[right])
        return Measured(value, scale, self._count(left) + self._count(right) + self.length)

    def _count(self, word: Word) -> Any:
        order = order_of(word)
        return roundings(order, 0, self.depth if order == 2 else 0) + SUMS[order] * self.length


@dataclass(frozen=True)
class Vector:
    """sum of coefficient * word, of measured words."""

    terms: tuple[tuple[Any, Word], ...]
    table: Table

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.terms + other.terms, self.table)

    def __sub__(self, other: Vector) -> Vector:
        return self + other * -1

    def __neg__(self) -> Vector:
        return self * -1

    def __mul__(self, factor: Any) -> Vector:
        terms = tuple(
            (factor if coefficient is _ONE else coefficient * factor, word)
            for coefficient, word in self.terms
        )
        return Vector(terms, self.table)

    __rmul__ = __mul__

    def __truediv__(self, divisor: Measured) -> Vector:
        return self * (self.table.number(1) / divisor)

    def __matmul__(self, other: Any) -> Any:
        if not isinstance(other, Vector):
            return NotImplemented
        total: Measured | None = None
        for a, left in self.terms:
            for b, right in other.terms:
                term = self.table.product(left, right)
                for factor in (a, b):
                    if factor is not _ONE:
                        term = term * factor
                total = term if total is None else total + term
        return self.table.number(0) if total is None else total


@dataclass(frozen=True)
class Map:
    """An operator by its name: B, H, N and the Jacobian of the layer make words; C takes the mean off.

    D = diag(gamma_1, ..., gamma_m) is the identity here: where gamma differs within a group, g and H of this room
    are those at y-hat, D g and D H D.
    """

    name: str

    def __matmul__(self, u: Any) -> Vector:
        if not isinstance(u, Vector):
            raise NotMeasured(f"{self.name} as a matrix")
        if self.name == "D":
            return u
        if self.name == "C":
            one = Vector(((_ONE, "1"),), u.table)
            return u - one * (one @ u / u.table.symbol("m"))
        return Vector(tuple((coefficient, (self.name, word)) for coefficient, word in u.terms), u.table)


class LayerRoom(Room):
    """The names of the grammar at the groups of a layer; ``more`` binds names beside the table's."""

    def __init__(self, table: Table, more: Mapping[str, Any] | None = None) -> None:
        self.table = table
        self.names = _Names(table, more or {})

    def number(self, whole: int) -> Measured:
        return self.table.number(whole)

    def sqrt(self, value: Measured) -> Measured:
        return value.sqrt()

    def absolute(self, value: Any) -> Measured:
        if isinstance(value, Vector):
            raise NotMeasured("the absolute values of a vector's entries")
        return abs(value)

    def rate(self, inside: Node, moved: str, along: Any) -> Vector:
        """d(z, y, u): the Jacobian of the layer at u."""
        if inside != Node("name", ("z",)) or moved != "y":
            raise NotMeasured(f"a rate of {inside}")
        return Map("Dz") @ along


class _Names(dict[str, Any]):
    def __init__(self, table: Table, more: Mapping[str, Any]) -> None:
        super().__init__(more)
        self.table = table

    def __missing__(self, name: str) -> Any:
        if name in self.table.symbols:
            return self.table.symbol(name)
        sort = sort_of_name(name)
        if sort == "number":
            raise NotMeasured(name)
        return (
            Map(name) if sort == "operator" else Vector(((_ONE, "1" if name == "one" else name),), self.table)
        )


def together(tables: Sequence[Table]) -> Table:
    """The groups of several layers in one table; the layers have the same products and depth."""
    if len(tables) == 1:
        return tables[0]

    def joined(parts: Sequence[Mapping[Any, Tensor]]) -> dict[Any, Tensor]:
        return {key: torch.cat([part[key] for part in parts]) for key in parts[0]}

    first = tables[0]
    return Table(
        joined([table.symbols for table in tables]),
        joined([table.products for table in tables]),
        joined([table.sizes for table in tables]),
        torch.cat([torch.ones_like(table.symbols["m"]) * table.length for table in tables]),
        torch.cat([table.defined for table in tables]),
        first.depth,
    )


def order_of(word: Word) -> int:
    """The order of derivative that a word took: 0 for 1 and y-hat, 1 for g and v, 2 behind B or H."""
    if isinstance(word, str):
        return 0 if word in ("1", "yhat") else 1
    return 2 if word[0] in ("B", "H") else max(1, order_of(word[1]))


def spoken(word: Word) -> str:
    """("B", "v") as "B v"."""
    return word if isinstance(word, str) else f"{word[0]} {spoken(word[1])}"
