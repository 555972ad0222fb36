"""Two derivations of the same derivatives, entry by entry: Gram algebra against plain SymPy differentiation.

The Gram room expands nilpotent coefficients for every m; the exact room differentiates the composed loss at one
m. They share the definition of BatchNorm and no derivative, so a slip in either shows here: v, every entry of B,
and the Jacobians of y-hat and z. Rational y, with g, H and gamma symbolic where the exact room has them so.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import reduce
from typing import Any

import sympy as sp
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact

VECTORS = ("v",)
OPERATORS = ("B", "Dyhat", "Dz")


def symbolic_point(y: tuple[Any, ...], eps: Any = 0) -> Exact:
    """The exact room at a rational y with free symbols for g, H and gamma."""
    size = len(y)
    g = sp.Matrix(sp.symbols(f"g1:{size + 1}", real=True))
    entries = {(i, j): sp.Symbol(f"H{i + 1}{j + 1}", real=True) for i in range(size) for j in range(i, size)}
    H = sp.Matrix(size, size, lambda i, j: entries[min(i, j), max(i, j)])
    instance = Instance(y=y, g=(0,) * size, eps=eps)
    return Exact(instance, g=g, H=H, gamma=sp.Symbol("gamma", real=True))


def _image(point: Exact, word: tuple[str, ...], base: sp.Matrix) -> sp.Matrix:
    return reduce(lambda u, letter: point.op(letter, u), reversed(word), base)


def evaluated(vector: Any, room: Any, point: Exact, probe: sp.Matrix) -> sp.Matrix:
    """A formal vector of the Gram room at a point, with ``probe`` for the free vector b.

    Args:
        vector: a `bnverify.theory.gram.GramVector`.
        room: the `bnverify.theory.observe.Gram` it was made in.
        point: the exact room.
        probe: a column with m entries.
    """

    def base(name: str) -> sp.Matrix:
        return probe if name == "b" else point.vec(name)

    values = {
        symbol: point.sym(name)
        for name, symbol in room.symbols.items()
        if isinstance(symbol, sp.Symbol) and name in {"m", "s", "sigma", "rho", "gamma", "beta", "mu"}
    }
    for symbol, (left, word, right) in room.table.keys.items():
        if "§p" not in (left, right):
            values[symbol] = point.dot(base(left), _image(point, word, base(right)))
    total = sp.zeros(point.size, 1)
    for (word, name), coefficient in vector.terms.items():
        total += _image(point, word, base(name)) * sp.sympify(coefficient).subs(values)
    return total


def _columns(room: Any, point: Exact) -> Iterator[tuple[str, sp.Matrix, sp.Matrix]]:
    for name in VECTORS:
        yield name, evaluated(room.vec(name), room, point, point.one_), point.vec(name)
    for name in OPERATORS:
        formal = room.op(name, room.base("b"))
        for k in range(point.size):
            unit = sp.eye(point.size)[:, k]
            yield f"{name}[.,{k + 1}]", evaluated(formal, room, point, unit), point.op(name, unit)


def _differences(room: Any, point: Exact) -> Iterator[str]:
    for name, formal, plain in _columns(room, point):
        for row, difference in enumerate(formal - plain):
            if sp.expand(sp.radsimp(sp.expand(difference))) != 0:
                yield f"{name} row {row + 1}"


def differing_entries(room: Any, point: Exact) -> list[str]:
    """The entries of v, B and the Jacobians in which the two derivations differ at this point.

    An equality of entries is one of polynomials in the free symbols over Q(sqrt d).
    """
    return list(_differences(room, point))


def first_difference(room: Any, point: Exact) -> str | None:
    """The first such entry, None where there is none."""
    return next(_differences(room, point), None)
