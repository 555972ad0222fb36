"""Hypotheses that are equations, used to shorten what is to be proved."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bnverify.theory.certify.algebra import Algebra
from bnverify.theory.certify.unknowns import raised
from bnverify.theory.kernel import Number


class Equations:
    """Hypotheses that name the value of an unknown, x == expression, put in everywhere and paid back at the end."""

    def __init__(self, algebra: Algebra, target: Number) -> None:
        self.algebra = algebra
        self.solved: list[tuple[Any, Number, Fraction, str]] = []
        case = algebra.case
        numbers = [
            (algebra.value(gap), relation, label)
            for (gap, relation), label in zip(case.given, case.labels, strict=True)
            if isinstance(gap, Number)
        ]
        for poly, relation, label in numbers:
            if relation != "==":
                continue
            poly = self.reduced(poly)
            others = [target, *(other for other, _, name in numbers if name != label)]
            for monomial, c in sorted(poly.parts.items(), key=str, reverse=True):
                if len(monomial) != 1 or monomial[0][1] != 1:
                    continue
                atom = monomial[0][0]
                rest = Number({key: x for key, x in poly.parts.items() if key != monomial})
                wholes = all(dict(key).get(atom, 0) >= 0 for other in others for key in other.parts)
                constant = not rest.atoms()
                if atom in rest.atoms() or not (wholes or (constant and rest and atom[1] in algebra.nonzero)):
                    continue
                if atom[1] == "m" and not constant:
                    continue
                self.solved.append((atom, rest * Number.of(-1 / c), c, label))
                break

    def reduced(self, poly: Number) -> Number:
        """The polynomial with the values put in."""
        for atom, value, _, _ in self.solved:
            total = Number({})
            for monomial, c in poly.parts.items():
                power = dict(monomial).get(atom, 0)
                term = Number({monomial: c})
                if power > 0 or not value.atoms():
                    term = term * Number.atom(atom, -power) * raised(value, power)
                total = total + term
            poly = self.algebra.clean(total)
        return poly

    def repaid(self, rest: Number) -> list[str] | None:
        """Multiples of the hypotheses that add up to the rest."""
        texts = []
        for atom, value, lead, label in self.solved:
            share = Number({})
            lowest = min((dict(k).get(atom, 0) for k in rest.parts), default=0)
            rest = rest * Number.atom(atom, -min(lowest, 0))
            while (top := max((dict(k).get(atom, 0) for k in rest.parts), default=0)) > 0:
                head = Number({k: c for k, c in rest.parts.items() if dict(k).get(atom, 0) == top})
                step = head * Number.atom(atom, -1)
                share = share + step
                rest = self.algebra.clean(rest - step * (Number.atom(atom) - value))
            share = self.algebra.clean(share * Number.of(1 / lead) * Number.atom(atom, min(lowest, 0)))
            rest = self.algebra.clean(rest * Number.atom(atom, min(lowest, 0)))
            if share:
                texts.append(f"({self.algebra.text(share)})*{label}")
        return None if rest else texts

    def names(self) -> set[str]:
        """The hypotheses that are put in."""
        return {label for _, _, _, label in self.solved}
