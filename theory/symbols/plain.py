"""Plain differentiation of the composed loss at a fixed m: v and every entry of B, from a normalisation's text alone.

The loss downstream is L(u) = <g, u - z0> + (u - z0)'H(u - z0)/2 around z0 = z(y0), with g, H and gamma symbols; v and B
are the first and second derivatives of L(z(y)) at a rational y0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import sympy as sp
from bnverify.theory.grammar import lines, names_in
from bnverify.theory.room import Room, walk

Column = list[Any]


@dataclass(frozen=True)
class Entries:
    """A vector of symbolic entries, or an operator where ``rows`` is set; @ is the inner product or the map applied."""

    entries: tuple[Any, ...]
    rows: bool = False

    def __add__(self, other: Entries) -> Entries:
        return Entries(tuple(a + b for a, b in zip(self.entries, other.entries, strict=True)))

    def __sub__(self, other: Entries) -> Entries:
        return Entries(tuple(a - b for a, b in zip(self.entries, other.entries, strict=True)))

    def __neg__(self) -> Entries:
        return Entries(tuple(-a for a in self.entries))

    def __mul__(self, factor: Any) -> Entries:
        return Entries(tuple(a * factor for a in self.entries))

    __rmul__ = __mul__

    def __truediv__(self, divisor: Any) -> Entries:
        return Entries(tuple(a / divisor for a in self.entries))

    def __matmul__(self, other: Entries) -> Any:
        if self.rows:
            return Entries(tuple(Entries(row) @ other for row in self.entries))
        return sum((a * b for a, b in zip(self.entries, other.entries, strict=True)), sp.Integer(0))


class Symbols(Room):
    """The grammar over SymPy; ``near`` is the rational point at which signs and maxima are decided."""

    def __init__(self, names: Mapping[str, Any], near: Mapping[sp.Symbol, Fraction]) -> None:
        super().__init__(names)
        self.near = near

    def number(self, whole: int) -> sp.Integer:
        return sp.Integer(whole)

    def sqrt(self, value: Any) -> Any:
        return sp.sqrt(value)

    def _at(self, value: Any) -> Any:
        return sp.sympify(value).subs(self.near)

    def absolute(self, value: Any) -> Any:
        if isinstance(value, Entries):
            return Entries(tuple(map(self.absolute, value.entries)))
        return value if self._at(value) >= 0 else -value

    def sign(self, value: Entries) -> Entries:
        return Entries(tuple(sp.sign(self._at(entry)) for entry in value.entries))

    def largest(self, *values: Any) -> Any:
        entries = values[0].entries if isinstance(values[0], Entries) else values
        return max(entries, key=self._at)


@dataclass(frozen=True)
class Derived:
    """z, its gradient v and Hessian B of the composed loss, and the names that they are functions of."""

    names: Mapping[str, Any]
    v: Column
    B: list[Column]


def derived(
    definition: str, y: Sequence[Any], eps: Any = 0, given: Mapping[str, Any] | None = None
) -> Derived:
    """v and B of a definition in one batch, at rational y; operators that it declares are diagonal.

    given: exact g, H, gamma and beta in the place of symbols.
    """
    m = len(y)
    free = sp.symbols(f"y:{m}", real=True)
    near = dict(zip(free, map(sp.Rational, y), strict=True))
    known = given or {}
    g = Entries(tuple(map(sp.Rational, known["g"])) if "g" in known else sp.symbols(f"g:{m}", real=True))
    H = [[sp.Symbol(f"h{min(i, j)}_{max(i, j)}", real=True) for j in range(m)] for i in range(m)]
    if "H" in known:
        H = [[sp.Rational(entry) for entry in row] for row in known["H"]]
    base: dict[str, Any] = {
        "one": Entries((sp.Integer(1),) * m),
        "m": sp.Integer(m),
        "y": Entries(free),
        "gamma": sp.Rational(known["gamma"]) if "gamma" in known else sp.Symbol("gamma", real=True),
        "beta": sp.Rational(known["beta"]) if "beta" in known else sp.Symbol("beta", real=True),
        "eps": sp.sympify(eps),
    }
    names = _defined(definition, base, near, m)
    z0 = Entries(tuple(sp.sympify(entry).subs(near) for entry in names["z"].entries))
    d = names["z"] - z0
    operator = Entries(tuple(map(tuple, H)), rows=True)
    loss = g @ d + d @ (operator @ d) / 2
    first = [sp.diff(loss, entry) for entry in free]
    v = [slope.subs(near) for slope in first]
    B = [[sp.diff(slope, entry).subs(near) for entry in free] for slope in first]
    at = {name: _placed(value, near) for name, value in names.items()}
    return Derived({**at, "g": g, "H": operator}, v, B)


def _placed(value: Any, near: Mapping[Any, Any]) -> Any:
    if not isinstance(value, Entries):
        return sp.sympify(value).subs(near)
    if value.rows:
        return value
    return Entries(tuple(sp.sympify(entry).subs(near) for entry in value.entries))


def _defined(text: str, base: dict[str, Any], near: Mapping[Any, Any], m: int) -> dict[str, Any]:
    names = dict(base)
    for name, tree in lines(text):
        for other in sorted(names_in(tree) - names.keys()):
            entries = sp.symbols(f"{other}:{m}", real=True)
            diagonal = tuple(tuple(entries[i] if i == j else 0 for j in range(m)) for i in range(m))
            names[other] = Entries(diagonal, rows=True) if other[:1].isupper() else Entries(entries)
        names[name] = walk(tree, Symbols(names, near))
    return names
