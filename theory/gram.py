"""Gram algebra: formal vectors with an inner-product table, exact for every batch size m.

A vector is a linear combination of basis elements ``(word, base)``: the operators of ``word`` applied to the
named vector ``base``. An inner product <w1 b1, w2 b2> is the symbol b1' w b2 with w = w1' w2, one symbol for
a word and its reversal. The only facts about BatchNorm in the table are <1,1> = m, <1,y-hat> = 0 and
<y-hat,y-hat> = m rho; they follow from the definition of mean and variance.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import sympy as sp

Word = tuple[str, ...]
Basis = tuple[Word, str]

_TRANSPOSE = {"X": "T", "T": "X", "H_jk": "H_kj", "H_kj": "H_jk"}

m = sp.Symbol("m", positive=True)
s = sp.Symbol("s", positive=True)
rho = sp.Symbol("rho", positive=True)


def transpose(word: Word) -> Word:
    """The word of the transposed operator; H, B and the other letters are symmetric."""
    return tuple(_TRANSPOSE.get(letter, letter) for letter in reversed(word))


@cache
def _symbol(left: str, word: Word, right: str) -> sp.Symbol:
    square = left == right and not word
    name = f"<{left}|{''.join(word)}|{right}>"
    return sp.Symbol(name, nonnegative=True) if square else sp.Symbol(name, real=True)


class Table:
    """Inner products of basis elements, with the facts that hold between the named vectors."""

    def __init__(self, facts: Mapping[tuple[str, Word, str], sp.Expr]) -> None:
        self.facts = dict(facts)
        self.keys: dict[sp.Symbol, tuple[str, Word, str]] = {}

    def inner(self, left: Basis, right: Basis) -> sp.Expr:
        word = transpose(left[0]) + right[0]
        key = (left[1], word, right[1])
        mirrored = (right[1], transpose(word), left[1])
        key = min(key, mirrored)
        if key in self.facts:
            return self.facts[key]
        symbol = _symbol(*key)
        self.keys[symbol] = key
        return symbol


def batch_facts(rho_value: sp.Expr) -> dict[tuple[str, Word, str], sp.Expr]:
    """<1,1> = m, <1,y-hat> = 0, <y-hat,y-hat> = m rho."""
    return {
        ("1", (), "1"): m,
        ("1", (), "yhat"): sp.Integer(0),
        ("yhat", (), "yhat"): m * rho_value,
    }


class GramVector:
    """A formal vector: basis element -> coefficient (a SymPy expression or a `Jet`)."""

    __slots__ = ("table", "terms")

    def __init__(self, table: Table, terms: Mapping[Basis, Any]) -> None:
        self.table = table
        self.terms = dict(terms)

    def __add__(self, other: GramVector) -> GramVector:
        terms = dict(self.terms)
        for basis, coefficient in other.terms.items():
            terms[basis] = terms[basis] + coefficient if basis in terms else coefficient
        return GramVector(self.table, terms)

    def __neg__(self) -> GramVector:
        return self * -1

    def __sub__(self, other: GramVector) -> GramVector:
        return self + (-other)

    def __mul__(self, factor: Any) -> GramVector:
        return GramVector(self.table, {basis: factor * value for basis, value in self.terms.items()})

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> GramVector:
        return GramVector(self.table, {basis: value / factor for basis, value in self.terms.items()})

    def apply(self, letter: str) -> GramVector:
        return GramVector(self.table, {((letter, *word), base): c for (word, base), c in self.terms.items()})

    def dot(self, other: GramVector) -> Any:
        total: Any = sp.Integer(0)
        for left, a in self.terms.items():
            for right, b in other.terms.items():
                total = total + a * b * self.table.inner(left, right)
        return total


def riesz(table: Table, functional: sp.Expr, probe: str) -> GramVector:
    """The vector u with <u, probe> = ``functional``, which is linear in the symbols that hold ``probe``."""
    expression = sp.expand(functional)
    terms: dict[Basis, sp.Expr] = {}
    rest = expression
    for symbol in expression.free_symbols:
        key = table.keys.get(symbol)
        if key is None or probe not in (key[0], key[2]):
            continue
        left, word, right = key
        basis = (word, right) if left == probe else (transpose(word), left)
        coefficient = sp.diff(expression, symbol)
        rest = rest - coefficient * symbol
        terms[basis] = terms.get(basis, sp.Integer(0)) + coefficient
    if sp.expand(rest) != 0:
        raise ValueError(f"not linear in {probe}: {sp.expand(rest)} is left over")
    return GramVector(table, terms)


class Jet:
    """A number c0 + c1 e1 + c2 e2 + c12 e1 e2 with e1^2 = e2^2 = 0: a value and two directional derivatives."""

    __slots__ = ("c0", "c1", "c2", "c12")

    def __init__(self, c0: Any, c1: Any = 0, c2: Any = 0, c12: Any = 0) -> None:
        self.c0, self.c1, self.c2, self.c12 = map(sp.sympify, (c0, c1, c2, c12))

    @staticmethod
    def of(value: Any) -> Jet:
        return value if isinstance(value, Jet) else Jet(value)

    def __add__(self, other: Any) -> Jet:
        o = Jet.of(other)
        return Jet(self.c0 + o.c0, self.c1 + o.c1, self.c2 + o.c2, self.c12 + o.c12)

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet(-self.c0, -self.c1, -self.c2, -self.c12)

    def __sub__(self, other: Any) -> Jet:
        return self + (-Jet.of(other))

    def __mul__(self, other: Any) -> Jet:
        o = Jet.of(other)
        return Jet(
            self.c0 * o.c0,
            self.c0 * o.c1 + self.c1 * o.c0,
            self.c0 * o.c2 + self.c2 * o.c0,
            self.c0 * o.c12 + self.c1 * o.c2 + self.c2 * o.c1 + self.c12 * o.c0,
        )

    __rmul__ = __mul__

    def __rsub__(self, other: Any) -> Jet:
        return -self + other

    def __pow__(self, power: int) -> Jet:
        out = Jet(1)
        for _ in range(abs(power)):
            out = out * self
        return out if power >= 0 else out.inverse()

    def taylor(self, value: sp.Expr, first: sp.Expr, second: sp.Expr) -> Jet:
        """f(self) from f, f', f'' at c0."""
        return Jet(value, first * self.c1, first * self.c2, first * self.c12 + second * self.c1 * self.c2)

    def inverse(self) -> Jet:
        return self.taylor(1 / self.c0, -1 / self.c0**2, 2 / self.c0**3)

    def __truediv__(self, other: Any) -> Jet:
        return self * Jet.of(other).inverse()

    def __rtruediv__(self, other: Any) -> Jet:
        return self.inverse() * other

    def sqrt(self) -> Jet:
        root = sp.sqrt(sp.factor(sp.cancel(self.c0)))
        return self.taylor(root, 1 / (2 * root), -1 / (4 * root**3))
