"""A layer of a model as a room: the vocabulary evaluated on inner products that were measured.

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
from bnverify.numerics.measure.tolerance import Measured, exact, roundings
from bnverify.theory.settings import Setting
from torch import Tensor

Word = str | tuple[str, "Word"]

_ONE = Fraction(1)
"""The coefficient of a word that stands alone; it takes part in no rounding."""


class NotMeasured(LookupError):
    """The statement needs a quantity that this audit did not measure."""


@dataclass(frozen=True)
class Combination:
    """sum of coefficient * word"""

    terms: tuple[tuple[Any, Word], ...]

    def __add__(self, other: Combination) -> Combination:
        return Combination(self.terms + other.terms)

    def __sub__(self, other: Combination) -> Combination:
        return self + other * -1

    def __neg__(self) -> Combination:
        return self * -1

    def __mul__(self, factor: Any) -> Combination:
        return Combination(
            tuple(
                (factor if coefficient is _ONE else coefficient * factor, word)
                for coefficient, word in self.terms
            )
        )

    __rmul__ = __mul__


@dataclass(frozen=True)
class LayerSetting(Setting):
    """The groups of one call of a layer.

    symbols: ``m``, ``gamma``, ``mu``, ``sigma``, ``s``, ``eps``, ``rho``, each ``(G,)``.
    products: (word, word) -> inner product per group, ``(G,)``; either order of the words is enough.
    sizes: word -> norm of what that vector was formed from, before its cancellations, ``(G,)``.
    length: of the sums over a group. depth: roundings of one evaluation of the loss downstream, which a second
        derivative passes again; a first derivative starts from the gradient that the layer was handed.
    defined: groups in which y-hat is a number and not rounding, ``(G,)``.
    """

    symbols: Mapping[str, Tensor]
    products: Mapping[tuple[Word, Word], Tensor]
    sizes: Mapping[Word, Tensor]
    length: int
    defined: Tensor
    depth: int = 0

    @cached_property
    def order(self) -> int:
        """Of the derivatives that were measured."""
        return max(order_of(word) for pair in self.products for word in pair)

    def vec(self, name: str) -> Combination:
        return Combination(((_ONE, name),))

    def op(self, name: str, u: Combination) -> Combination:
        """B, H and the Jacobian of the layer as words; C takes the mean off.

        D = diag(gamma_1, ..., gamma_m) is the identity here: where gamma differs within a group, g and H of this room
        are those at y-hat, D g and D H D.
        """
        if name == "C":
            centred: Combination = self.center(u)
            return centred
        if name == "D":
            return u
        return Combination(tuple((coefficient, (name, word)) for coefficient, word in u.terms))

    def dot(self, u: Combination, w: Combination) -> Measured:
        total: Measured | None = None
        for a, left in u.terms:
            for b, right in w.terms:
                term = self._product(left, right)
                for factor in (a, b):
                    if factor is not _ONE:
                        term = term * factor
                total = term if total is None else total + term
        return self.num(Fraction(0)) if total is None else total

    def _product(self, left: Word, right: Word) -> Measured:
        value = self.products.get((left, right), self.products.get((right, left)))
        if value is None:
            raise NotMeasured(f"<{spoken(left)}, {spoken(right)}>")
        scale = torch.maximum(value.abs(), self.sizes[left] * self.sizes[right])
        return Measured(value, scale, self._count(left) + self._count(right) + self.length)

    def _count(self, word: Word) -> float:
        order = order_of(word)
        return roundings(order, self.length, self.depth if order == 2 else 0)

    def sym(self, name: str) -> Measured:
        if name not in self.symbols:
            raise NotMeasured(name)
        return Measured(self.symbols[name], self.symbols[name].abs())

    def sqrt(self, value: Any) -> Measured:
        number = value if isinstance(value, Measured) else self.num(Fraction(value))
        return number.sqrt()

    def num(self, value: Fraction) -> Measured:
        number = exact(value, self.symbols["m"])
        like = self.symbols["m"]
        return Measured(number.value.expand_as(like), number.scale.expand_as(like), number.count)

    def absolute(self, value: Any) -> Measured:
        return abs(value if isinstance(value, Measured) else self.num(Fraction(value)))

    def max_grad(self, u: Any) -> Any:
        raise NotMeasured("a maximum over inputs")

    def max_form(self, u: Any, operator: str) -> Any:
        raise NotMeasured("a maximum over inputs")


def together(rooms: Sequence[LayerSetting]) -> LayerSetting:
    """The groups of several layers in one room; the layers have the same products, length and depth."""
    if len(rooms) == 1:
        return rooms[0]

    def joined(tables: Sequence[Mapping[Any, Tensor]]) -> dict[Any, Tensor]:
        return {key: torch.cat([table[key] for table in tables]) for key in tables[0]}

    first = rooms[0]
    return LayerSetting(
        joined([room.symbols for room in rooms]),
        joined([room.products for room in rooms]),
        joined([room.sizes for room in rooms]),
        first.length,
        torch.cat([room.defined for room in rooms]),
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
