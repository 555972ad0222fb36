"""Small exact instances: many are drawn with small whole entries and looked at in float64; the kernel judges the few
that seem to serve, the smallest first (in m, then non-zero entries, then height)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from bnverify.theory.decide import replay
from bnverify.theory.decide.conjecture import Case
from bnverify.theory.grammar import nodes, parse, unparse
from bnverify.theory.kernel import (
    EPS,
    PROBE,
    Claim,
    Formal,
    Number,
    Operator,
    Point,
    Refused,
    Vector,
    check_example,
    image_form,
    walk,
)
from bnverify.theory.kernel import parse as kernel_parse

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
        total: Any = 0.0
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
        table = {
            "==": zero,
            "!=": ~zero,
            "<=": (total > 0) | zero,
            "<": (total > 0) & ~zero,
        }
        return table[relation] & np.isfinite(total)

    def broken(self, gap: Number | Vector, relation: str) -> Array:
        """Where ``gap relation 0`` is not so, beyond rounding."""
        whole = self.holds(gap, "==") | self.holds(gap, "!=")
        return whole & ~self.holds(gap, relation)


Y_PATTERNS: dict[int, list[tuple[int, ...]]] = {
    2: [(0, 1), (1, -1), (0, 2), (2, 0)],
    3: [(0, 0, 1), (1, -1, 0), (1, 0, -1), (1, -2, 1), (0, 1, 0), (0, 1, 1), (0, 1, 2), (0, 1, 3), (1, 1, 2)],
    4: [
        (1, 1, -1, -1),
        (1, -1, 1, -1),
        (0, 0, 2, 2),
        (2, 0, 2, 0),
        (0, 0, 0, 1),
        (0, 1, 1, 2),
        (1, -1, 0, 0),
    ],
}
NUMBERS: list[Any] = [
    1,
    -1,
    2,
    -2,
    Fraction(1, 2),
    0,
    3,
    Fraction(1, 3),
    Fraction(-1, 2),
    Fraction(1, 10),
    10,
]
LIKELY = [0.3, 0.12, 0.12, 0.08, 0.1, 0.08, 0.06, 0.05, 0.03, 0.03, 0.03]


def draw(case: Case, size: int, count: int, rng: np.random.Generator, wide: int = 2) -> dict[str, Array]:
    """Instances with small entries as numerators over 1, or one of the numbers; arrays of dtype object
    hold them exactly.

    ``wide`` is the dimension of the other spaces. Half of them are sparse: one or two entries of each vector and
    table are not 0.
    """
    claim = case.claim
    vectors, operators, numbers = expected(claim)
    widths = {"batch": size}

    def entries(*shape: int) -> Array:
        dense = rng.choice([0, 1, -1, 2, -2, 3], p=[0.4, 0.22, 0.16, 0.1, 0.06, 0.06], size=(count, *shape))
        flat = dense.reshape(count, -1)
        keep = rng.random(flat.shape) < rng.choice([0.25, 0.5, 1.0], size=(count, 1))
        return (flat * keep).reshape(count, *shape)

    def values_of_y() -> Array:
        y = entries(size)
        if pattern := Y_PATTERNS.get(size):
            chosen = np.array(pattern)[rng.integers(len(pattern), size=count)]
            y = np.where((rng.random(count) < 0.7)[:, None], chosen, y)
        if case.signs:
            shift = (y == 0) & (rng.random(count) < 0.8)[:, None]
            y = np.where(shift, rng.choice([1, -1, 2], size=y.shape), y)
        return y

    data: dict[str, Array] = {}
    for name, space in vectors.items():
        like_y = name == "y" or name.startswith("y_")
        data[name] = values_of_y() if like_y else entries(widths.setdefault(space, wide))
    for name in data:
        if name == "g" or name.startswith("g_"):
            own, likeness = data.get("y" + name[1:]), rng.random(count)
            if own is not None:
                along = rng.choice([1, -1], size=(count, 1)) * own
                data[name] = np.where((likeness < 0.12)[:, None], along, data[name])
    for name, form, source, target in operators:
        kind = case.operators.get(name, "symmetric")
        height, width = widths.setdefault(target, wide), widths.setdefault(source, wide)
        if form == "!":
            data[name] = np.eye(size, dtype=int) * (rng.random((count, 1, size)) < 0.7)
        elif form == ">":
            data[name] = entries(height, width)
            if name == "X'" and height >= width:  # often the patterns of y themselves
                plain = np.where(rng.random((count, 1)) < 0.5, values_of_y(), data[name][:, :, 0])
                data[name][:, :, 0] = plain
        elif kind == "psd":
            low = np.tril(entries(height, width)) * (rng.random((count, 1, height)) < 0.6)
            data[name] = np.einsum("nij,nkj->nik", low, low)
        else:
            up = np.triu(entries(height, width))
            data[name] = up + np.transpose(np.triu(up, 1), (0, 2, 1))
            diagonal = np.einsum("nii->ni", data[name])[:, :, None] * np.eye(height, dtype=int)
            only = rng.random(count) < (1.0 if kind == "diagonal" else 0.4)
            data[name] = np.where(only[:, None, None], diagonal, data[name])
    if "X'" in data:
        data["X"] = data.pop("X'")
    for name in numbers:
        chosen = rng.choice(len(NUMBERS), p=LIKELY, size=count)
        if name.startswith("beta"):
            chosen = np.where(rng.random(count) < 0.8, 5, chosen)
        values = np.array([float(x) for x in NUMBERS])[chosen]
        data[f"{name}'"] = chosen
        data[name] = np.abs(values) + (values == 0) if name == "eps" else values
    halved = (rng.random(count) < 0.1)[:, None]
    for name in claim.declared_vectors():
        data[name] = np.where(halved, data[name] / 2, data[name])
    if "dW_plain" in " ".join(claim.hypotheses):
        stationary(case, size, data, entries(size), rng)
    round_rows = np.flatnonzero(rng.random(count) < 0.06)  # every vector is an eigenvector of a multiple of 1
    for name, form, _, _ in operators:
        if form == "" and "dW_plain" not in " ".join(claim.hypotheses):
            data[name][round_rows] = 2 * np.eye(data[name].shape[1], dtype=int)
    for name in claim.numbers:
        data[name][round_rows], data[f"{name}'"][round_rows] = 2.0, NUMBERS.index(2)
    return data


def stationary(case: Case, size: int, data: dict[str, Array], rest: Array, rng: np.random.Generator) -> None:
    """Let the plain network's gradient in its weights be 0, mostly: g = H (z - y) + r with X'r = 0."""
    count = len(rest)
    chosen = rng.random(count) < 0.9
    data["H"] = np.where(chosen[:, None, None], np.eye(size, dtype=int), data["H"])
    with np.errstate(all="ignore"):
        batch = Batch(case.formal, size, {name: np.asarray(x, dtype=float) for name, x in data.items()})
        off = batch.row(case.formal.names["z"]) - batch.row(case.formal.names["y"])
    free = np.abs(np.einsum("nij,ni->nj", data["X"], rest)).max(axis=1) == 0
    g = off + rest * free[:, None]
    exact = np.abs(g * 12 - np.round(g * 12)).max(axis=1) < 1e-9  # with the root of a square in it
    data["g"] = np.where((chosen & exact)[:, None], g, data["g"])


def size_of(point: dict[str, Any]) -> int:
    """The batch size of an exact point."""
    return len(next(point[name] for name in ("y", "y_j", "X", "g", "g_j") if name in point))


def expected(claim: Claim) -> tuple[dict[str, str], list[tuple[str, str, str, str]], list[str]]:
    """What a point of a claim holds: vectors with their spaces, operators with kind, source and target, numbers."""
    blank = object.__new__(Point)
    blank.claim, blank.formal = claim, Formal(replace(claim, hypotheses=(), needs=()))
    return blank.expected()


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


def certificate_at(claim: Claim, point: dict[str, Any]) -> dict[str, Any]:
    """A point as a certificate, with what each maximum over inputs attains there and a bound on it."""
    if "norm(X)" not in claim.statement.replace(" ", "").replace("norm(X)<=", "norm(X)"):
        return {"point": point}
    found = []
    formal = Formal(replace(claim, hypotheses=(), needs=()))
    data = {name: np.array([floats(value)]) for name, value in point.items()}
    batch = Batch(formal, size_of(point), data)
    for node in nodes(parse(claim.statement)):
        if node.head != "maximum":
            continue
        inside, lam = unparse(node.args[0]), unparse(node.args[2])
        try:
            if image_form(kernel_parse(inside), kernel_parse(lam))[1] is None:
                continue
            with np.errstate(all="ignore"):
                table, centre = batch.ball(inside, lam)
        except Refused:
            continue
        if not (np.isfinite(table).all() and np.isfinite(centre).all()):
            continue
        (best,), (w,), (t,) = ball_maximum(table, centre)
        inner = centre[0] / 2 + (1 - 1e-4) * (w - centre[0] / 2)
        entry: dict[str, Any] = {"of": f"max({inside}, norm(X) <= {lam})"}
        entry["attained"] = [short(x, 10**5) for x in inner]
        known = max(np.abs(table[0]).sum(axis=1).max(), 0.0) * (
            centre[0] @ centre[0]
        )  # the kernel's own bound
        if known > best + 1e-6 * (1 + abs(best)):
            above = abs(t) * 1.001 + 1e-6
            c = np.linalg.eigh(table[0])[1].T @ centre[0] / 2
            bound = float(((above * c) ** 2 / (above - np.linalg.eigvalsh(table[0]))).sum())
            entry["bound"] = short(bound + 1e-4 * (1e-3 + abs(bound)), 10**6)
            entry["multiplier"] = short(above + 1e-7, 10**8)
        found.append(entry)
    return {"point": point, "maxima": found} if found else {"point": point}


def short(value: float, largest: int) -> str:
    """A rational near a float."""
    return str(Fraction(float(value)).limit_denominator(largest))


def floats(value: Any) -> Any:
    """An exact text, or a list or table of such, in float64."""
    return [floats(entry) for entry in value] if isinstance(value, list) else replay.number(value)


def texts(data: dict[str, Array], row: int) -> dict[str, Any]:
    """One drawn instance as the kernel's exact data."""
    out: dict[str, Any] = {}
    for name, values in data.items():
        if name.endswith("'"):
            continue
        if f"{name}'" in data:
            exact = NUMBERS[data[f"{name}'"][row]]
            exact = (abs(exact) or 1) if name == "eps" else exact
            out[name] = str(exact)
        elif values.ndim == 2:
            out[name] = [short(x, 64) for x in values[row]]
        else:
            out[name] = [[short(x, 64) for x in line] for line in values[row]]
    return out


def weights(data: dict[str, Array], rows: Array) -> tuple[Array, Array]:
    """How large drawn instances are, for a sort: the sum of all entries without signs, then the non-zero entries."""
    height, filled = np.zeros(len(rows)), np.zeros(len(rows))
    for name, values in data.items():
        if name.endswith("'"):
            continue
        flat = np.asarray(values[rows], dtype=float).reshape(len(rows), -1)
        height += np.abs(flat).sum(axis=1) + 0.5 * (flat < 0).sum(axis=1)
        height += 2 * (flat != np.round(flat)).sum(axis=1)
        filled += (flat != 0).sum(axis=1)
    return height, filled


def candidates(
    case: Case,
    sizes: tuple[int, ...],
    count: int,
    seed: int,
    broken: bool = True,
    goal: bool = False,
    terms: bool = False,
    apart: Number | None = None,
) -> Iterator[dict[str, Any]]:
    """Instances where the hypotheses hold, as far as float64 sees; smallest first.

    broken: the statement fails there; goal: it holds there; terms: every term of right - left differs from 0;
    apart: a formal number that does.
    """
    rng = np.random.default_rng(seed)
    formal = case.formal
    wides = (2, 1) if set(expected(case.claim)[0].values()) - {"batch"} else (2,)
    for size, wide in ((size, wide) for size in sizes for wide in wides):
        if size < case.claim.min_m:
            continue
        data = draw(case, size, count, rng, wide)
        floats = {name: np.asarray(values, dtype=float) for name, values in data.items()}
        floats, defined = with_signs(case, size, floats)
        with np.errstate(all="ignore"):
            batch = Batch(formal, size, floats)
            good = defined.copy()
            for gap, relation in case.given:
                good &= batch.holds(gap, relation)
            for text in case.definite:
                good &= batch.definite(text)
            for atom in formal.nonzero - {EPS}:
                good &= batch.holds(Number.atom(atom), "!=")
            gap, relation = case.goal
            if broken and not goal:
                good &= batch.broken(gap, relation)
            if goal:
                good &= batch.holds(gap, relation)
            if not (broken or goal):  # an example of the hypotheses is worth more where their terms are not 0
                live = good.copy()
                for gap, _ in case.given:
                    live &= batch.size_of(gap) > 0
                good = live if live.any() else good
            if apart is not None:
                good &= batch.holds(apart, "!=")
            if terms:
                good &= batch.no_term_is_zero(gap)
        rows = np.flatnonzero(good)
        if not len(rows):
            continue
        ordered = rows[np.lexsort(weights(data, rows))]
        places = list(range(12))
        if not (broken or goal):
            places += list(range(12, len(ordered), max(len(ordered) // 16, 1)))
        yield from (texts(data, ordered[place]) for place in places if place < len(ordered))


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


def exactly(value: Any, bottom: int) -> Any:
    """A float, or an array of such, as short exact texts."""
    return [exactly(x, bottom) for x in value] if np.ndim(value) else short(float(value), bottom)


def convicted(case: Case, points: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first of the points at which the kernel sees the hypotheses hold and the statement fail."""
    from bnverify.theory.kernel import judge

    for point in points:
        try:
            judge(case.claim, certificate_at(case.claim, point))
        except Refused:
            continue
        return point
    return None


def satisfied(case: Case, points: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first of the points that the kernel takes as an example of the hypotheses, else the first where they hold."""
    spare = None
    for point in points:
        try:
            check_example(replace(case.claim, example=point), expected=True)
            return point
        except Refused:
            pass
        try:
            place = Point(case.claim, point)
            if spare is None and all(
                place.holds(text)[0] for text in (*case.claim.needs, *case.claim.hypotheses)
            ):
                spare = point
        except Refused:
            continue
    return spare
