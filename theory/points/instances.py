"""Small exact instances: many are drawn with small whole entries and looked at in float64; the kernel judges the few
that seem to serve, the smallest first (in m, then non-zero entries, then height).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
from bnverify.theory import kernel
from bnverify.theory.kernel import EPS, Claim, Formal, Number, Point, Refused, check_example, judge
from bnverify.theory.points.batch import Array, Batch, short, with_signs
from bnverify.theory.points.case import Case
from bnverify.theory.points.maxima import certificate_at

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
            only = rng.random(count) < (1.0 if "diagonal" in kind else 0.4)
            data[name] = np.where(only[:, None, None], diagonal, data[name])
            data[name] = np.abs(data[name]) if kind == "diagonal psd" else data[name]
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
    if claim.eps == "positive":  # as if eps were nearly 0
        far = np.flatnonzero(rng.random(count) < 0.04)
        for name in (name for name in vectors if name == "y" or name.startswith("y_")):
            data[name][far] = 1000 * data[name][far]
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


def expected(claim: Claim) -> tuple[dict[str, str], list[tuple[str, str, str, str]], list[str]]:
    """What a point of a claim holds: vectors with their spaces, operators with kind, source and target, numbers."""
    return kernel.expected(claim, Formal(replace(claim, hypotheses=(), needs=())))


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


def with_example(case: Case, example: dict[str, Any]) -> Case:
    """The case whose claim has this example."""
    return replace(case, claim=replace(case.claim, example=example))


def exemplified(case: Case, sizes: tuple[int, ...], count: int, seed: int) -> Case | None:
    """The case with a small instance as an example of its hypotheses; None where none was drawn."""
    example = satisfied(case, candidates(case, sizes, count, seed, broken=False))
    return None if example is None else with_example(case, example)


def exactly(value: Any, bottom: int) -> Any:
    """A float, or an array of such, as short exact texts."""
    return [exactly(x, bottom) for x in value] if np.ndim(value) else short(float(value), bottom)


def is_meant(case: Case, point: dict[str, Any]) -> bool:
    """Whether the operators that stand for diag(gamma) are diagonal; the kernel knows only that they are symmetric."""
    names = [name for name, kind in case.operators.items() if "diagonal" in kind and name in point]
    rest = (x for name in names for i, row in enumerate(point[name]) for j, x in enumerate(row) if i != j)
    return not any(kernel.exact(x) for x in rest)


def convicted(case: Case, points: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first of the points at which the kernel sees the hypotheses hold and the statement fail."""
    for point in (point for point in points if is_meant(case, point)):
        try:
            judge(case.claim, certificate_at(case.claim, point))
        except Refused:
            continue
        return point
    return None


def satisfied(case: Case, points: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> dict[str, Any] | None:
    """The first of the points that the kernel takes as an example of the hypotheses, else the first where they hold."""
    spare = None
    for point in (point for point in points if is_meant(case, point)):
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
