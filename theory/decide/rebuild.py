"""From a model of the reduced problem to an exact instance: y, g, H and numbers as texts that the kernel reads.

At a given batch size the axes are whole, mutually orthogonal vectors, so that rational coordinates give rational
entries, and the divisor of the normalisation is the only root.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from typing import Any

from bnverify.theory.decide.reduce import Coordinates, Frame
from bnverify.theory.kernel import Exact, Number, Refused
from bnverify.theory.points.case import Case
from bnverify.theory.writing.words import approximate


@cache
def axes(size: int, count: int, variant: int = 0) -> tuple[tuple[int, ...], ...]:
    """``count`` whole orthogonal vectors of ``size`` entries, the first of them ones.

    Raises:
        Refused: there are no more than ``size`` of them.
    """
    if count > size:
        raise Refused("more axes than samples")
    found: list[tuple[int, ...]] = [(1,) * size]
    if size == 4 and variant == 0:
        found += [(1, 1, -1, -1), (1, -1, 1, -1), (1, -1, -1, 1)]
    elif size == 3 and variant == 0:
        found += [(1, -2, 1), (1, 0, -1)]
    elif size % 2 == 0 and variant == 0:
        half = size // 2
        found.append((1,) * half + (-1,) * half)
        for k in range(1, half):  # alike in both halves, or opposite in them
            row = (1,) * k + (-k,) + (0,) * (half - k - 1)
            found += [row + row, row + tuple(-x for x in row)]
    else:
        for k in range(1, size):
            found.append((1,) * k + (-k,) + (0,) * (size - k - 1))
    return tuple(found[:count])


def lengths(size: int, count: int, variant: int = 0) -> list[Fraction]:
    """The squared lengths of the axes."""
    return [Fraction(sum(x * x for x in axis)) for axis in axes(size, count, variant)]


def exact(text: str) -> Exact | None:
    """The number that a solver named, where it is rational or the root of a quadratic."""
    if text.startswith("about"):
        return between(*map(Fraction, text.split()[1:]))
    if not text.startswith("root"):
        return Exact.of(Fraction(text))
    *coefficients, _index, near = text.split()[1:]
    if len(coefficients) != 3:
        return None
    c, b, a = map(int, coefficients)
    inside = b * b - 4 * a * c
    for sign in (1, -1):
        root = Exact.of(Fraction(inside)).root() * Exact.of(Fraction(sign, 2 * a)) + Exact.of(
            Fraction(-b, 2 * a)
        )
        if abs(approximate(root) - float(Fraction(near))) < 1e-9 * (1 + abs(float(Fraction(near)))):
            return root
    return None


def between(low: Fraction, high: Fraction) -> Exact | None:
    """A short root of a rational in an interval, where there is one; the kernel judges what is made of it."""
    middle = (low + high) / 2
    for bottom in (10, 100, 1000, 10_000):
        square = (middle * middle).limit_denominator(bottom)
        if min(low * low, high * high) <= square <= max(low * low, high * high):
            return Exact.of(square).root() * Exact.of(1 if middle > 0 else -1)
    return None


def written(number: Exact) -> str:
    """The text of an exact number in the grammar of the kernel's points."""
    parts = []
    for d, c in sorted(number.parts.items()):
        if d == 1:
            parts.append(str(c))
            continue
        top = {1: "", -1: "-"}.get(c.numerator, f"{c.numerator}*")
        parts.append(f"{top}sqrt({d})" + (f"/{c.denominator}" if c.denominator > 1 else ""))
    return " + ".join(parts).replace("+ -", "- ") or "0"


def point(case: Case, frame: Frame, model: dict[str, str], variant: int = 0) -> dict[str, Any] | None:
    """The exact data of the instance that a model at a whole batch size describes, or None where they have
    no short text."""
    size = frame.size
    assert size is not None
    values: dict[str, Exact] = {}
    for name, text in model.items():
        number = exact(text)
        if number is None:
            return None
        values[name] = number

    def at(poly: Number) -> Exact:
        total = Exact({})
        for monomial, c in poly.parts.items():
            term = Exact.of(c)
            for atom, power in monomial:
                base = values.get(atom[1], Exact.of(int(atom[1] in frame.problem.positive)))
                term = term * (base if power > 0 else base.inverse()).power(abs(power))
            total = total + term
        return total

    basis = axes(size, frame.axes, variant)

    def entries(row: Coordinates) -> list[Exact]:
        found = {i: at(x) for i, x in row.items()}
        out = []
        for k in range(size):
            total = Exact({})
            for i, x in found.items():
                total = total + x * Exact.of(basis[i][k])
            out.append(total)
        return out

    claim = case.claim
    rest = [Exact.of(int(k == 0)) for k in range(size)]
    data: dict[str, Any] = {}
    for name in ("y", "g", *claim.vectors):
        found = entries(frame.vectors[name]) if name in frame.vectors else None
        if found is None:
            found = rest if name == "y" else [Exact({})] * size
        data[name] = [written(x) for x in found]
    for name in ("H", *claim.operators):
        table = frame.matrices.get(name)
        rows = []
        for k in range(size):
            line = []
            for other in range(size):
                total = Exact({})
                for (i, j), x in (table or {}).items():
                    share = basis[i][k] * basis[j][other]
                    if share:
                        total = total + at(x) * Exact.of(share)
                line.append(written(total))
            rows.append(line)
        data[name] = rows
    for name in ("gamma", "beta", *claim.numbers):
        number = values.get(name)
        data[name] = written(number) if number is not None else ("1" if name == "gamma" else "0")
    if claim.eps == "positive":
        data["eps"] = written(at(frame.values[("number", "eps")]))
    return data
