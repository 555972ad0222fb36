"""Many instances of one batch size at once: formal numbers and vectors have arrays of float64 as values."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from bnverify.theory.kernel import PROBE, Formal, Number, Operator, Vector, image_form, walk
from bnverify.theory.kernel import parse as kernel_parse
from bnverify.theory.points.case import Case

Array = np.ndarray


ROUNDING = 1e-10
"""Relative to the sum of the absolute terms; what it passes is still judged exactly."""


class Batch:
    """Many instances of one batch size at once; formal numbers have arrays of float64 as values."""

    def __init__(self, formal: Formal, size: int, data: dict[str, Array]) -> None:
        self.formal, self.size, self.data = formal, size, data
        self.count = len(next(iter(data.values())))
        self.known: dict[Any, Array] = {}

    def vector(self, word: tuple[str, ...], name: str) -> Array:
        if (word, name) not in self.known:
            if word:
                image = np.einsum("nij,nj->ni", self.letter(word[0]), self.vector(word[1:], name))
                self.known[word, name] = image
            else:
                self.known[word, name] = self.base(name)
        return self.known[word, name]

    def letter(self, letter: str) -> Array:
        """The tables of an operator, or of a transposed one."""
        name = {"X'": "X", "H_own'": "H"}.get(letter.rstrip("<>!"), letter.rstrip("<>!"))
        table = self.data[name]
        return np.transpose(table, (0, 2, 1)) if letter.endswith("<") else table

    def base(self, name: str) -> Array:
        """A vector that formal vectors are made of."""
        match name:
            case "one":
                return np.ones((self.count, self.size))
            case "g_own'":  # the gradient of the quadratic loss at the plain network's own output
                off = self.row(self.formal.names["y"]) - self.row(self.formal.names["z"])
                return self.data["g"] + np.einsum("nij,nj->ni", self.data["H"], off)
            case "y" if self.formal.weights:
                return np.einsum("nij,nj->ni", self.data["X"], self.data["W"])
        return self.data[name] if name in self.data else self.data[name.rstrip("'")]

    def row(self, vector: Vector) -> Array:
        """The values of a formal vector."""
        total = np.zeros((self.count, self.width(vector.space)))
        for (word, name), c in vector.parts.items():
            total = total + self.value(c)[0][:, None] * self.vector(word, name)
        return total

    def table(self, operator: Operator) -> Array:
        """The values of a formal operator on one space."""
        form = operator(Vector.base(PROBE, operator.source))
        width = self.width(operator.source)
        images = []
        for j in range(width):
            along = np.zeros((self.count, width))
            along[:, j] = 1
            images.append(Batch(self.formal, self.size, self.data | {PROBE: along}).row(form))
        return np.stack(images, axis=2)

    def width(self, space: str) -> int:
        """The dimension of a space."""
        spaces = {"batch": self.size} | {
            where: self.data[name].shape[1] for name, where in self.formal.claim.declared_vectors().items()
        }
        return spaces[space] if space in spaces else self.data["W"].shape[1]

    def atom(self, atom: Any) -> Array:
        if atom not in self.known:
            match atom:
                case ("number", "m"):
                    value = np.full(self.count, float(self.size))
                case ("number", name):
                    value = self.data[name]
                case ("dot", a, word, b):
                    value = np.einsum("ni,ni->n", self.vector((), a), self.vector(word, b))
                case ("part", _):
                    value = self.value(self.formal.meaning[atom])[0]
                case ("root", _):
                    value, size = self.value(self.formal.meaning[atom])
                    value = np.sqrt(np.where(np.abs(value) <= ROUNDING * size, 0.0, value))
                case ("smooth", _):
                    value = self.data["smooth"]
                case ("max", inside, lam):
                    value = self.maximum(inside, lam)
                case _:
                    raise KeyError(atom)
            self.known[atom] = value
        return self.known[atom]

    def maximum(self, inside: str, lam: str) -> Array:
        """max over ||X|| <= lam of (X X'u) @ K @ (X X'u)."""
        return ball_maximum(*self.ball(inside, lam))[0]

    def ball(self, inside: str, lam: str) -> tuple[Array, Array]:
        """K and lam^2 u of such a maximum."""
        u, form = image_form(kernel_parse(inside), kernel_parse(lam))
        bound = self.value(walk(kernel_parse(lam), self.formal))[0]
        centre = self.row(walk(u, self.formal)) * bound[:, None] ** 2
        assert form is not None  # the maximum of a square has its value in the room of every m
        table = self.table(walk(form, self.formal))
        return (table + np.transpose(table, (0, 2, 1))) / 2, centre

    def value(self, number: Number) -> tuple[Array, Array]:
        """The value of a formal number at every instance, and the sum of its absolute terms."""
        total, size = np.zeros(self.count), np.zeros(self.count)
        for monomial, c in number.parts.items():
            term = np.full(self.count, float(c))
            for atom, power in monomial:
                term = term * self.atom(atom) ** power
            total, size = total + term, size + np.abs(term)
        return total, size

    def definite(self, text: str) -> Array:
        """Where psd(A) holds, or nearly so."""
        table = self.table(walk(kernel_parse(text), self.formal))
        table = (table + np.transpose(table, (0, 2, 1))) / 2
        low = np.linalg.eigvalsh(np.where(np.isfinite(table), table, 0.0))[:, 0]
        return low >= -ROUNDING * (1 + np.abs(table).max(axis=(1, 2)))

    def size_of(self, gap: Number | Vector) -> Array:
        """The sum of the absolute terms of a number or of the entries of a vector's terms."""
        if isinstance(gap, Number):
            return self.value(gap)[1]
        total = np.zeros(self.count)
        for (word, name), c in gap.parts.items():
            total = total + np.abs(self.value(c)[0][:, None] * self.vector(word, name)).sum(axis=1)
        return total

    def no_term_is_zero(self, gap: Number | Vector) -> Array:
        """Where every monomial differs from 0."""
        good = np.ones(self.count, dtype=bool)
        numbers = gap.parts.values() if isinstance(gap, Vector) else [gap]
        for number in numbers:
            for monomial in number.parts:
                for atom, _ in monomial:
                    good &= self.atom(atom) != 0
        return good

    def holds(self, gap: Number | Vector, relation: str) -> Array:
        """Where ``gap relation 0`` is so or nearly so; what cannot be computed does not hold."""
        if isinstance(gap, Vector):
            parts: Any = 0.0
            scale = np.zeros(self.count)
            for (word, name), c in gap.parts.items():
                term = self.value(c)[0][:, None] * self.vector(word, name)
                parts, scale = parts + term, scale + np.abs(term).max(axis=1)
            total = np.abs(parts).max(axis=1) if gap.parts else np.zeros(self.count)
            size = scale
        else:
            total, size = self.value(gap)
        zero = np.abs(total) <= ROUNDING * size
        table = {"==": zero, "!=": ~zero, "<=": (total > 0) | zero, "<": (total > 0) & ~zero}
        return table[relation] & np.isfinite(total)

    def broken(self, gap: Number | Vector, relation: str) -> Array:
        """Where ``gap relation 0`` is not so, beyond rounding."""
        whole = self.holds(gap, "==") | self.holds(gap, "!=")
        return whole & ~self.holds(gap, relation)


def with_signs(case: Case, size: int, data: dict[str, Array]) -> tuple[dict[str, Array], Array]:
    """The data with the vectors of signs that the definition takes, and where no sign is one of 0."""
    data = dict(data)
    count = len(next(iter(data.values())))
    good = np.ones(count, dtype=bool)
    for name, text in case.signs:
        inside = Batch(case.formal, size, data).row(walk(kernel_parse(text), case.formal))
        if name.startswith("top'"):
            data[name] = np.eye(size)[np.abs(inside).argmax(axis=1)] * np.sign(inside)
            data["N"] = np.zeros((count, size, size))
        else:
            data[name] = np.sign(inside)
            good &= (inside != 0).all(axis=1)
    return data, good


def operator_of(case: Case, text: str) -> Operator:
    """The formal operator of a text."""
    return walk(kernel_parse(text), case.formal)


def ball_maximum(table: Array, centre: Array) -> tuple[Array, Array, Array]:
    """The largest w @ K @ w with w @ (c - w) >= 0, such a w, and the multiplier t of the bound, in a batch of them.

    With t >= 0 above the eigenvalues k of K, w @ K @ w <= sum t^2 c^2/(4 (t - k)) in their axes, least at the right t.
    """
    table, centre = (np.where(np.isfinite(x), x, 0.0) for x in (table, centre))
    values, axes = np.linalg.eigh(table)
    c = np.einsum("nij,ni->nj", axes, centre) / 2
    low = np.maximum(values[:, -1], 0.0)
    size = 1e-12 + np.abs(values).max(axis=1)
    start, end = low + 1e-9 * size, low + 4 * size

    def bound(t: Array) -> Array:
        return ((t[:, None] * c) ** 2 / (t[:, None] - values)).sum(axis=1)

    for _ in range(60):
        one, other = start + 0.382 * (end - start), start + 0.618 * (end - start)
        left = bound(one) <= bound(other)
        start, end = np.where(left, start, one), np.where(left, other, end)
    t = (start + end) / 2
    w = t[:, None] * c / (t[:, None] - values)
    short = np.maximum((c**2).sum(axis=1) - ((w - c) ** 2).sum(axis=1), 0.0)
    w[:, -1] += np.where(w[:, -1] >= c[:, -1], 1, -1) * (
        np.sqrt((w[:, -1] - c[:, -1]) ** 2 + short) - np.abs(w[:, -1] - c[:, -1])
    )
    return (values * w**2).sum(axis=1), np.einsum("nij,nj->ni", axes, w), t


def short(value: float, largest: int) -> str:
    """A rational near a float."""
    return str(Fraction(float(value)).limit_denominator(largest))


def size_of(point: dict[str, Any]) -> int:
    """The batch size of an exact point."""
    return len(next(point[name] for name in ("y", "y_j", "X", "g", "g_j") if name in point))
