"""Squares: of differences that bring forth a monomial without a sign, and of a quadratic form by elimination."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from bnverify.theory.certify.algebra import Algebra
from bnverify.theory.certify.terms import ONE, Term, defined, has_sign, quotient
from bnverify.theory.kernel import Number


def binomials(algebra: Algebra, monomials: list[Any], target: Number) -> Iterator[Term]:
    """Squares of differences that bring forth a monomial without a sign, or one that the target has with a minus,
    also inside lengths and psd forms."""
    squares = [m for m in monomials if has_sign(algebra, m)]
    others = [m for m in monomials if not has_sign(algebra, m) or target.parts.get(m, 0) < 0]
    for wanted in others:
        mixed = [
            (atom, power)
            for atom, power in wanted
            if power == 1 and (_pair := crossing(algebra, atom[1])) is not None
        ]
        for atom, _ in mixed:
            word, i, j = crossing(algebra, atom[1])  # type: ignore[misc]
            rest = tuple(item for item in wanted if item[0] != atom)
            yield from cross_forms(algebra, word, i, j, rest, squares)
        for square in squares:
            odd = tuple((atom, 1) for atom, power in square if power % 2)
            half = tuple((atom, power // 2) for atom, power in quotient(square, odd))
            other = quotient(quotient(wanted, odd), half)
            if not (defined(algebra, other) and defined(algebra, half)) or other == half:
                continue
            one, two = Number({half: Fraction(1)}), Number({other: Fraction(1)})
            front = f"{algebra.monomial(odd)}*" if odd else ""
            for ratio in (Fraction(1), Fraction(2), Fraction(1, 2)):
                for sign in (1, -1):
                    inside = one + two * Number.of(ratio * sign)
                    poly = algebra.clean(inside * inside * Number({odd: Fraction(1)}))
                    if poly:
                        yield Term(poly, f"{front}({algebra.text(inside)})**2")


def squares_by_elimination(algebra: Algebra, target: Number) -> list[tuple[Fraction, Term]] | None:
    """A target that is a quadratic form in monomials h_i, as sum d_i (h_i + sum l_ij h_j)^2 with d_i >= 0, and what
    has a sign beside it."""
    halves_of = {
        tuple((atom, power // 2) for atom, power in monomial): monomial
        for monomial, c in target.parts.items()
        if all(power % 2 == 0 for _, power in monomial) and defined(algebra, monomial)
    }
    halves_ = sorted(halves_of)
    form: dict[tuple[int, int], Fraction] = {}
    rest: list[tuple[Fraction, Term]] = []
    for monomial, c in target.parts.items():
        pairs = ((i, j) for i in range(len(halves_)) for j in range(i, len(halves_)))
        pair = next((p for p in pairs if Number.times(halves_[p[0]], halves_[p[1]])[0] == monomial), None)
        if pair is not None and (pair[0] == pair[1] or c < 0 or not has_sign(algebra, monomial)):
            form[pair] = c if pair[0] == pair[1] else c / 2
        elif c > 0 and has_sign(algebra, monomial):
            rest.append((c, Term(Number({monomial: Fraction(1)}), algebra.monomial(monomial) or "1")))
        else:
            return None
    n = len(halves_)
    table = [[form.get((min(i, j), max(i, j)), Fraction(0)) for j in range(n)] for i in range(n)]
    found = []
    for i in range(n):
        pivot = table[i][i]
        if pivot < 0 or (not pivot and any(table[i][i + 1 :])):
            return None
        if not pivot:
            continue
        inside = Number({halves_[j]: table[i][j] / pivot for j in range(i, n) if table[i][j]})
        found.append((pivot, Term(algebra.clean(inside * inside), f"({algebra.text(inside)})**2")))
        for j in range(i + 1, n):
            for k in range(i + 1, n):
                table[j][k] -= table[i][j] * table[i][k] / pivot
    return [*found, *rest]


def crossing(algebra: Algebra, name: str) -> tuple[tuple[str, ...], int, int] | None:
    """The word and the two axes of an unknown that is a mixed form of a length or psd operator."""
    if name in algebra.forms:
        word, i, j = algebra.forms[name]
        return (word, i, j) if i != j and algebra.is_psd(word) else None
    if name.startswith("G_") and len(name) == 4 and name[2] != name[3]:
        return (), int(name[2]) - 1, int(name[3]) - 1
    return None


def cross_forms(
    algebra: Algebra, word: tuple[str, ...], i: int, j: int, rest: Any, squares: list[Any]
) -> Iterator[Term]:
    """kappa * x @ word @ x with x = p u_i +- q u_j whose mixed part is the wanted monomial."""
    own = algebra.form({i: ONE}, word, {i: ONE})
    if len(own.parts) != 1:
        return
    ((unit, _),) = own.parts.items()
    choices = [quotient(square, unit) for square in squares]
    for square in [(), *choices]:
        if not has_sign(algebra, square):
            continue
        odd = tuple((atom, 1) for atom, power in square if power % 2)
        half = tuple((atom, power // 2) for atom, power in quotient(square, odd))
        other = quotient(quotient(rest, odd), half)
        if not (defined(algebra, other) and defined(algebra, half)):
            continue
        for ratio in (Fraction(1), Fraction(2), Fraction(1, 2)):
            for sign in (1, -1):
                one, two = Number({half: Fraction(1)}), Number({other: ratio * sign})
                row = {i: one, j: two}
                poly = algebra.clean(algebra.form(row, word, row) * Number({odd: Fraction(1)}))
                left = f"{algebra.text(one)}*{algebra.axes[i].text}" if half else algebra.axes[i].text
                vector = f"({left} + {algebra.text(two)}*{algebra.axes[j].text})".replace("+ -", "- ")
                front = f"{algebra.monomial(odd)}*" if odd else ""
                yield Term(poly, f"{front}({' @ '.join((vector, *word, vector))})")
