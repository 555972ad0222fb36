"""Statements about m alone: which whole m they fail at, and which divisors no whole m makes 0."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bnverify.theory.kernel import Claim, Formal, M, Number, Refused, walk
from bnverify.theory.kernel import parse as kernel_parse

MOST = 100_000
"""The most values of m that are tried."""

HOLDS = {"==": lambda x: x == 0, "!=": lambda x: x != 0, "<=": lambda x: x >= 0, "<": lambda x: x > 0}
"""Whether ``left relation right`` holds, by right minus left."""


def coefficients(value: Any) -> dict[int, Fraction] | None:
    """The coefficients of a polynomial in m by power; None of anything else."""
    if not isinstance(value, Number) or value.atoms() - {M}:
        return None
    found = {monomial[0][1] if monomial else 0: c for monomial, c in value.parts.items()}
    return found if min(found, default=0) >= 0 else None


def at(polynomial: dict[int, Fraction], m: int) -> Fraction:
    """The value at m."""
    return sum((c * m**power for power, c in polynomial.items()), Fraction(0))


def furthest_root(polynomial: dict[int, Fraction]) -> int:
    """A whole number above all roots: 1 + max |c_i/c_n|, by Cauchy."""
    lead = polynomial[max(polynomial)]
    return 2 + int(max(abs(c / lead) for c in polynomial.values()))


def failure(gap: Any, relation: str, least: int) -> int | None:
    """The smallest m from ``least`` on at which ``gap`` is not as the relation says; None where there is none up to
    `MOST`, or more than m in the gap."""
    polynomial = coefficients(gap)
    if not polynomial:
        return None
    last = min(max(furthest_root(polynomial), least), MOST)
    return next((m for m in range(least, last + 1) if not HOLDS[relation](at(polynomial, m))), None)


def never_zero(text: str, claim: Claim) -> bool:
    """Whether a text is a polynomial in m that no whole m of the claim makes 0."""
    try:
        room = Formal(Claim(claim.definition, "0 <= 0", operators=claim.operators, vectors=claim.vectors))
        polynomial = coefficients(room.normal(walk(kernel_parse(text), room)))
    except (Refused, AttributeError):
        return False
    if not polynomial or (last := furthest_root(polynomial)) > MOST:
        return False
    return all(at(polynomial, m) for m in range(claim.min_m, last + 1))


def instance(claim: Claim, m: int) -> dict[str, Any]:
    """A batch of m samples of which one is 1 and the others 0, under a loss without slope and curvature."""
    zeros = ["0"] * m
    data: dict[str, Any] = {"y": [*zeros[:-1], "1"], "g": zeros, "gamma": "1", "beta": "0", "H": [zeros] * m}
    data |= dict.fromkeys(claim.declared_vectors(), zeros) | dict.fromkeys(claim.numbers, "1")
    return data | ({"eps": "1"} if claim.eps == "positive" else {})
