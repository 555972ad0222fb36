"""The unknowns of reduced polynomials, and the inner products that a formal number rests on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bnverify.theory.kernel import Formal, Number, Vector, mirror

UNKNOWN = "number"  # the kind of every atom of a reduced polynomial


def unknown(name: str) -> Number:
    """The polynomial that is one unknown."""
    return Number.atom((UNKNOWN, name))


class Irreducible(Exception):
    """Why a statement is outside the reach of the reduction."""


def evaluated(number: Number, power_of: Callable[[Any, int], Number]) -> Number:
    """A formal number with polynomials for the powers of its atoms."""
    total = Number({})
    for monomial, c in number.parts.items():
        term = Number.of(c)
        for atom, power in monomial:
            term = term * power_of(atom, power)
        total = total + term
    return total


def raised(base: Number, power: int) -> Number:
    """A power of a polynomial.

    Raises:
        Irreducible: a negative one of a sum.
    """
    if power >= 0:
        return base.power(power)
    if len(base.parts) != 1:
        raise Irreducible("divides by a sum")
    ((monomial, c),) = base.parts.items()
    return Number({tuple((atom, p * power) for atom, p in monomial): c**power})


def names_of(poly: Number) -> set[str]:
    """The unknowns of a polynomial."""
    return {atom[1] for atom in poly.atoms()}


def inner_products(value: Number | Vector, formal: Formal) -> set[tuple[str, tuple[str, ...], str]]:
    """The inner products that a formal number or vector rests on, through roots and parts; a vector brings
    its own words."""
    found: set[tuple[str, tuple[str, ...], str]] = set()
    stack: list[Any] = []
    if isinstance(value, Vector):
        for (word, name), c in value.parts.items():
            found.add((name, word, name) if len(word) < 2 else (name, word[:-1] + mirror(word)[1:], name))
            stack += c.atoms()
    else:
        stack += value.atoms()
    seen: set[Any] = set()
    while stack:
        atom = stack.pop()
        if atom in seen:
            continue
        seen.add(atom)
        if atom[0] == "dot":
            found.add(atom[1:])
        elif atom in formal.meaning:
            stack += formal.meaning[atom].atoms()
    return found
