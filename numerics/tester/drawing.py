"""Random exact instances of a claim with small rational numbers, built so that its hypotheses can hold.

An instance is the data of `bnverify.theory.kernel.Point`: exact texts, lists and tables of such. Few are thrown away:
what a hypothesis says of a single name is put there, weights are made stationary for the plain loss, and a second
weight that is the optimum of the BatchNorm loss is solved for.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from bnverify.theory import kernel
from bnverify.theory.grammar import names_in, parse, unparse

Numbers = tuple[Fraction, ...]
Data = dict[str, Any]
CORNERS = 0.4
"""The share of instances in a corner: g at right angles to 1 or to y-hat, other sizes of gamma and eps."""


@lru_cache(maxsize=512)
def mentioned(claim: Any) -> frozenset[str]:
    """The names that a claim, in the form of `key`, speaks of."""
    return frozenset().union(*(names_in(parse(text)) for text in claim))


def texts(claim: kernel.Claim) -> tuple[str, ...]:
    """Statement, hypotheses and needs."""
    return (claim.statement, *claim.hypotheses, *claim.needs)


def whole(rng: random.Random, size: int, most: int = 2) -> Numbers:
    """Small whole numbers, zeros more often."""
    return tuple(Fraction(rng.choice((0, rng.randint(-most, most)))) for _ in range(size))


def activations(rng: random.Random, m: int, signed: bool = False) -> Numbers:
    """A batch that is not constant; ``signed``: one that has no 0 and one entry of largest size alone."""
    y = list(whole(rng, m, 3))
    if signed:
        y = [Fraction(rng.choice((-2, -1, 1, 2))) for _ in range(m)]
        y[rng.randrange(m)] *= 3
        return tuple(y)
    if len(set(y)) == 1:
        y[rng.randrange(m)] += rng.choice((-1, 1))
    return tuple(y)


def gradient(rng: random.Random, y: Numbers) -> Numbers:
    """g: small whole numbers; in a corner parallel or at right angles to 1, to y-hat, or to both together."""
    g = whole(rng, len(y), 3)
    if rng.random() > CORNERS:
        return g
    mean = sum(y, Fraction(0)) / len(y)
    centred, ones = [value - mean for value in y], [Fraction(1)] * len(y)
    if rng.random() < 0.4:
        along, shift = Fraction(rng.choice((0, -1, 1, 2))), Fraction(rng.choice((0, 1, -1)))
        return tuple(along * value + shift for value in centred)
    off: Sequence[Fraction] = g
    for direction in rng.choice(((ones,), (centred,), (ones, centred))):
        square = sum((b * b for b in direction), Fraction(0))
        rate = sum((a * b for a, b in zip(off, direction, strict=True)), Fraction(0)) / (square or 1)
        off = [a - rate * b for a, b in zip(off, direction, strict=True)]
    return tuple(off)


def hessian(rng: random.Random, m: int, definite: bool = False) -> tuple[Numbers, ...]:
    """H: zero, a multiple of I, of rank one, diagonal, or any symmetric matrix; ``definite``: of the form A'A."""
    kind = rng.randrange(5)
    if definite:
        A = [whole(rng, m) for _ in range(m)]
        return tuple(tuple(sum((r[i] * r[j] for r in A), Fraction(0)) for j in range(m)) for i in range(m))
    diagonal = whole(rng, m, 3) if kind == 3 else (Fraction(rng.choice((-1, 1, 2, 3))),) * m
    H = [[diagonal[i] if i == j and kind in (1, 3) else Fraction(0) for j in range(m)] for i in range(m)]
    if kind == 2:
        u, sign = whole(rng, m), rng.choice((-1, 1))
        H = [[sign * a * b for b in u] for a in u]
    if kind in (0, 4):
        for i in range(m):
            for j in range(i, m):
                H[i][j] = H[j][i] = whole(rng, 1)[0] + (kind == 4)
    return tuple(map(tuple, H))


def scale(rng: random.Random) -> Fraction:
    """gamma: either sign, above and below the usual sigma; in a corner far from it."""
    size = Fraction(rng.choice((1, 1, 2, 3, 4, 8)), rng.choice((1, 1, 2, 4)))
    corner = Fraction(2) ** rng.randint(-6, 6) if rng.random() < CORNERS else 1
    return rng.choice((-1, 1, 1, 1)) * size * corner


def _texts(value: Any) -> Any:
    return [_texts(item) for item in value] if isinstance(value, tuple | list) else str(value)


def draw(rng: random.Random, claim: kernel.Claim, m: int) -> Data:
    """One instance with everything that the claim names; its hypotheses may hold or not."""
    definition, names = claim.definition, mentioned(texts(claim))
    units = ("_j", "_k") if "z_j" in definition else ("",)
    signed = bool(re.search(r"\b(abs|sign|max)\(", definition))
    weights = definition.startswith("y =")
    width = 2 if m > 2 else 1
    given: Data = {}
    if weights:
        given["X"], given["W"], y = _inputs(rng, m, width, claim)
        given["g"] = gradient(rng, y)
    else:
        for unit in units:
            y = activations(rng, m, signed)
            given |= {f"y{unit}": y, f"g{unit}": gradient(rng, y)}
    definite = any(text.replace(" ", "") == "psd(H)" for text in claim.hypotheses)
    if len(units) == 2:
        given |= {"H_jj": hessian(rng, m), "H_kk": hessian(rng, m)}
        given["H_jk"] = tuple(whole(rng, m) for _ in range(m))
    else:
        bend = Fraction(rng.choice((1, 1, 1, 8)), rng.choice((1, 1, 1, 8)))
        given["H"] = tuple(tuple(bend * x for x in row) for row in hessian(rng, m, definite))
    for unit in units:
        given |= {f"gamma{unit}": scale(rng), f"beta{unit}": Fraction(rng.choice((0, 0, 1, -1, 2)))}
    if claim.eps == "positive":
        size = Fraction(rng.choice((1, 4, 16)) if rng.random() < CORNERS else 1)
        given["eps"] = size * Fraction(rng.choice((1, 2, 4)), rng.choice((1, 2, 8)))
    if "smooth(" in definition:
        given |= {"nu": whole(rng, m), "N": hessian(rng, m), "smooth": Fraction(rng.choice((1, 2, 3)), 2)}
    for name, space in claim.declared_vectors().items():
        size_, parts = (width if space == "weights" else m), rng.choice((1, 1, 2))
        given[name] = tuple(value / parts for value in whole(rng, size_, 3))
    for name in claim.numbers:
        value = Fraction(rng.choice((1, 2, 3, 5)), rng.choice((1, 2, 3)))
        given[name] = value * (-1 if rng.random() < 0.3 and not _positive(name, claim) else 1)
    for name, kind, source, target in claim.declared_operators():
        if name != "I":
            given[name] = _operator(
                rng, name, kind, *((width if s == "weights" else m) for s in (target, source))
            )
            if name == "K" and "lam" in claim.numbers:
                square = sum((x * x for row in given[name] for x in row), Fraction(0))
                given["lam"] = Fraction(int(square) + 1)
    if claim.definition.replace(" ", "") == "z=y":
        kept = names | {name.split()[0] for name in (*claim.vectors, *claim.numbers)}
        given = {name: value for name, value in given.items() if name in kept or name in claim.operators}
    data = {name: _texts(value) for name, value in given.items()}
    if "What" in data and weights:
        data |= _optimum(given, names)
    return settled(data, claim, names)


def _positive(name: str, claim: kernel.Claim) -> bool:
    """Whether a hypothesis or a need says that a number is not negative, or it bounds a norm."""
    said = {text.replace(" ", "") for text in (*claim.hypotheses, *claim.needs)}
    return name == "lam" or bool(said & {f"0<{name}", f"0<={name}", f"{name}>=0", f"{name}>0"})


def _operator(rng: random.Random, name: str, kind: str, height: int, width: int) -> tuple[Numbers, ...]:
    if kind == "!":
        each = height // 2 if height % 2 == 0 and height > 2 else height
        return tuple(
            tuple(
                Fraction(int(i == j)) - (Fraction(1, each) if i // each == j // each else 0)
                for j in range(height)
            )
            for i in range(height)
        )
    if name == "D":
        return tuple(
            tuple(scale(rng) if i == j else Fraction(0) for j in range(height)) for i in range(height)
        )
    if kind == "" and height == width:
        return hessian(rng, height)
    return tuple(whole(rng, width) for _ in range(height))


# ---------------------------------------------------------------- what hypotheses ask for


def settled(data: Data, claim: kernel.Claim, names: frozenset[str]) -> Data:
    """The instance with what hypotheses say of a single name put there, as far as it can be computed."""
    if "dW_plain" in names and "H" in data and claim.definition.startswith("y ="):
        data = _stationary(data, claim)
    for text in claim.hypotheses:
        tree = parse(text)
        left = tree.args[0] if tree.args else tree
        if tree.head != "==" or left.head != "name" or left.args[0] not in data:
            continue
        name = str(left.args[0])
        if name in names_in(tree.args[1]):
            continue
        try:
            place = kernel.Point(replace(claim, hypotheses=(), needs=()), data)
            value = kernel.walk(kernel.parse(unparse(tree.args[1])), place)
        except kernel.Refused:
            continue
        data = data | {name: entries(value, place.size)}
    return data


def entries(value: Any, size: int) -> Any:
    """An exact number or column as texts."""
    if isinstance(value, kernel.Column):
        return [plain(value.parts.get(i, kernel.Exact({}))) for i in range(size)]
    return plain(value)


def plain(number: kernel.Exact) -> str:
    """The text of an exact number, in which the kernel reads it again."""
    return str(number).replace("+ -", "- ")


def _stationary(data: Data, claim: kernel.Claim) -> Data:
    """g such that the plain loss is stationary in W, and H positive definite: g = r + H (z - y) with X'r = 0."""
    m = len(data["X"])
    try:
        X = [[Fraction(x) for x in row] for row in data["X"]]
        off = projected_off(X, tuple(Fraction(x) for x in data["g"]))
    except ValueError:  # g holds roots: it is what this made of another g
        return data
    if off is None:
        return data
    identity = [[str(int(i == j)) for j in range(m)] for i in range(m)]
    data = data | {"H": identity, "g": ["0"] * m}
    try:
        place = kernel.Point(replace(claim, hypotheses=(), needs=()), data)
    except kernel.Refused:
        return data
    rest = place.look("z") - place.look("y") + kernel.column(list(map(str, off)))
    return data | {"g": entries(rest, m)}


def _optimum(given: Data, names: frozenset[str]) -> Data:
    """What = the point of the ray of optima of the BatchNorm loss |u - t|^2/2 that is closest to W0, with gamma > 0.

    With gamma, beta fixed that loss falls with <y-hat, t>, which is largest where the centred X w is the projection of
    t: one ray. Here t = y - r, r at right angles to the range of X, so that W is the plain optimum.
    """
    X, W = given["X"], given["W"]
    W0: Any = given.get("W0", W)
    off = projected_off(X, given["g"])
    if off is None:
        return {}
    t = tuple(a - b for a, b in zip(product(X, W), off, strict=True))
    means = [sum(column, Fraction(0)) / len(column) for column in zip(*X, strict=True)]
    centred = [[x - mu for x, mu in zip(row, means, strict=True)] for row in X]
    ray = solve_normal(centred, t)
    if ray is None or not any(ray):
        return {}
    k = sum((a * b for a, b in zip(ray, W0, strict=True)), Fraction(0)) / sum(a * a for a in ray)
    What = tuple((k if k > 0 else Fraction(1)) * a for a in ray)
    return {"What": _texts(What), "g": _texts(off), "gamma": str(abs(given["gamma"]))}


def _inputs(rng: random.Random, m: int, width: int, claim: kernel.Claim) -> tuple[Any, Numbers, Numbers]:
    """X (m x width), W and y = X W that is not constant; centred where a hypothesis says that X'1 = 0."""
    while True:
        X: Any = tuple(whole(rng, width) for _ in range(m))
        if any("T @ one == 0" in text for text in texts(claim)) or rng.random() < 0.2:
            means = [sum(column, Fraction(0)) / m for column in zip(*X, strict=True)]
            X = tuple(tuple(x - mu for x, mu in zip(row, means, strict=True)) for row in X)
        elif width == 2 and rng.random() < 0.2:
            X = tuple((row[0], Fraction(1)) for row in X)
        W = tuple(Fraction(rng.choice((1, 1, -1, 2, 0))) for _ in range(width))
        y = product(X, W)
        if len(set(y)) > 1:
            return X, W, y


def product(X: Any, W: Any) -> Numbers:
    """X W"""
    return tuple(sum((x * w for x, w in zip(row, W, strict=True)), Fraction(0)) for row in X)


def solve(A: list[list[Fraction]], b: list[Fraction]) -> list[Fraction] | None:
    """The solution of a square system, None where it is singular."""
    n = len(b)
    rows = [[*row, value] for row, value in zip(A, b, strict=True)]
    for i in range(n):
        pivot = next((k for k in range(i, n) if rows[k][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [x / rows[i][i] for x in rows[i]]
        for k in range(n):
            if k != i and rows[k][i]:
                rows[k] = [x - rows[k][i] * y for x, y in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def solve_normal(X: Any, u: Numbers) -> list[Fraction] | None:
    """The w for which X w is the projection of u on the range of X; None where X has dependent columns."""
    columns = list(zip(*X, strict=True))
    gram = [[sum((a * b for a, b in zip(p, q, strict=True)), Fraction(0)) for q in columns] for p in columns]
    return solve(gram, [sum((a * b for a, b in zip(p, u, strict=True)), Fraction(0)) for p in columns])


def projected_off(X: Any, u: Numbers) -> Numbers | None:
    """u minus its projection on the range of X, so that X'u = 0; None where X has dependent columns."""
    k = solve_normal(X, u)
    return None if k is None else tuple(a - b for a, b in zip(u, product(X, k), strict=True))


# ---------------------------------------------------------------- around an instance that is known


def varied(rng: random.Random, claim: kernel.Claim, count: int) -> Iterator[Data]:
    """Instances around the example of a claim: with a common factor on g and H, other betas, one entry changed."""
    example = claim.example
    if example is None:
        return
    for number in range(count):
        data = dict(example)
        name = rng.choice(sorted(data))
        if number and isinstance(data[name], str):
            data[name] = str(scale(rng))
        elif number and isinstance(data[name][0], str):
            place = rng.randrange(len(data[name]))
            data[name] = [*data[name][:place], str(whole(rng, 1, 3)[0]), *data[name][place + 1 :]]
        yield data
