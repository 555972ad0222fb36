"""Random instances with small rational numbers, built so that the hypotheses of a statement can hold.

Nothing is filtered: where weights must be stationary for the plain loss, or a second weight must be the optimum of
the BatchNorm loss, the numbers are solved for.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from bnverify.theory.claim import Hypothesis, Instance, Says
from bnverify.theory.observe import Syntax
from bnverify.theory.syntax import Vector, scalar, walk

OWN_VECTORS = {"1", "yhat", "g", "v", "y", "z", "g_own", "yhat_scaled"}
WEIGHT_VECTORS = {"W", "dW", "dW_plain", "dW_hat", "dW_other"}
WEIGHT_SPACE = {"W0", "Wstar", "What", "u", "w"}
OPERATORS = {"H", "B", "Dyhat", "Dz"}
WEIGHT_OPERATORS = {"HW", "HW_plain", "HW_other", "X", "T"}
OWN_SYMBOLS = {"m", "gamma", "beta", "mu", "sigma", "s", "eps", "rho", "lam", "frobenius_other"}
HEADS = {"num", "sym", "vec", "op", "dot", "add", "sub", "mul", "div", "pow", "neg", "sqrt", "abs"}
HEADS |= {"vadd", "vsub", "vneg", "scale", "max_grad", "max_form"}


@dataclass(frozen=True)
class Needs:
    """The names in a statement and its hypotheses, by sort.

    heads: the kinds of expression. weights: the vectors of the space of W. vector: whether an equation is one of
    vectors. stationary: whether the plain gradient in W is spoken of.
    """

    vectors: frozenset[str]
    operators: frozenset[str]
    symbols: frozenset[str]
    heads: frozenset[str]
    weights: frozenset[str]
    vector: bool
    stationary: bool

    @property
    def names(self) -> frozenset[str]:
        return self.vectors | self.operators | self.symbols


def needs_of(says: Says, hypotheses: Iterable[Hypothesis] = ()) -> Needs:
    """Collect the names by walking the trees."""
    q = Syntax()
    found: dict[str, set[str]] = {"vec": set(), "op": set(), "sym": set()}
    heads: set[str] = set()
    relations = [says(q), *(h.says(q) for h in hypotheses)]
    for relation in relations:
        for side in (relation.lhs, relation.rhs):
            for _, node in walk(side if isinstance(side, Vector) else scalar(side)):
                heads.add(node.head)
                if node.head in found:
                    found[node.head].add(node.args[0])
    assumed = "dW_plain" in found["vec"]
    return Needs(
        frozenset(found["vec"]),
        frozenset(found["op"]),
        frozenset(found["sym"]),
        frozenset(heads),
        frozenset(_weight_space(relations)),
        any(relation.vector for relation in relations),
        assumed,
    )


def _weight_space(relations: list[Any]) -> set[str]:
    """The names that must lie in the space of W, from what they are added to, multiplied with or mapped by."""
    found = set(WEIGHT_SPACE)

    def visit(node: Any, expected: bool | None) -> bool | None:
        """Whether a vector lies in weight space (None: not known yet), told what its surroundings ask for."""
        match node.head:
            case "vec":
                name = node.args[0]
                if expected and name not in OWN_VECTORS | WEIGHT_VECTORS:
                    found.add(name)
                return name in WEIGHT_VECTORS or name in found or (False if name in OWN_VECTORS else None)
            case "op":
                inner = {"X": True, "T": False}.get(node.args[0], node.args[0].startswith("HW"))
                visit(node.args[1], inner)
                return {"X": False, "T": True}.get(node.args[0], inner)
            case "dot" | "vadd" | "vsub":
                known = [visit(arg, expected) for arg in node.args]
                either = expected or next((k for k in known if k is not None), None)
                for arg in node.args:
                    visit(arg, either)
                return None if node.head == "dot" else either
        sides = [
            visit(arg, expected if node.head in {"scale", "vneg"} else None)
            for arg in node.args
            if hasattr(arg, "head")
        ]
        return sides[-1] if node.head in {"scale", "vneg"} else None

    for relation in relations:
        known = [
            visit(side if isinstance(side, Vector) else scalar(side), None)
            for side in (relation.lhs, relation.rhs)
        ]
        if relation.vector and True in known:
            found.add("a")
            for side in (relation.lhs, relation.rhs):
                visit(side, True)
    return found


def family_of(needs: Needs) -> tuple[str, str | None]:
    """(family, None), or ("", why no instances can be drawn)."""
    unknown = sorted(needs.heads - HEADS) + sorted(needs.operators - OPERATORS - WEIGHT_OPERATORS)
    unknown += sorted(needs.symbols & {"lambda_min_H"})
    if unknown:
        return "", f"it speaks of {', '.join(unknown)}"
    if "dW_hat" in needs.vectors:
        return "least-squares", None
    if needs.names & {"dW_other", "HW_other", "frobenius_other"}:
        return "inputs", None
    if needs.names & (WEIGHT_VECTORS | WEIGHT_OPERATORS):
        return "weights", None
    return "batches", None


def whole(rng: random.Random, size: int, most: int = 2) -> tuple[Fraction, ...]:
    """Small whole numbers, zeros more often."""
    return tuple(Fraction(rng.choice((0, rng.randint(-most, most)))) for _ in range(size))


def activations(rng: random.Random, m: int) -> tuple[Fraction, ...]:
    """A batch that is not constant."""
    y = list(whole(rng, m, 3))
    if len(set(y)) == 1:
        y[rng.randrange(m)] += rng.choice((-1, 1))
    return tuple(y)


def gradient(rng: random.Random, y: tuple[Fraction, ...]) -> tuple[Fraction, ...]:
    """g: small whole numbers; sometimes parallel to 1, or to y-hat, or to both together."""
    corner = rng.random()
    if corner < 0.8:
        return whole(rng, len(y), 3)
    mean = sum(y, Fraction(0)) / len(y)
    along, shift = Fraction(rng.choice((0, -1, 1, 2))), Fraction(rng.choice((0, 1, -1)))
    return tuple(along * (value - mean) + shift for value in y)


def hessian(rng: random.Random, m: int) -> tuple[tuple[Fraction, ...], ...]:
    """H: zero, a multiple of I, of rank one, diagonal, or any symmetric matrix of small whole numbers."""
    kind = rng.randrange(5)
    diagonal = whole(rng, m, 3) if kind == 3 else (Fraction(rng.choice((-1, 1, 2, 3))),) * m
    H = [[diagonal[i] if i == j and kind in (1, 3) else Fraction(0) for j in range(m)] for i in range(m)]
    if kind == 2:
        u, sign = whole(rng, m), rng.choice((-1, 1))
        H = [[sign * a * b for b in u] for a in u]
    if kind == 4:
        for i in range(m):
            for j in range(i, m):
                H[i][j] = H[j][i] = whole(rng, 1)[0]
    return tuple(map(tuple, H))


def scale(rng: random.Random) -> Fraction:
    """gamma: either sign, above and below the usual sigma."""
    return rng.choice((-1, 1, 1, 1)) * Fraction(rng.choice((1, 1, 2, 3, 4, 8)), rng.choice((1, 1, 2, 4)))


def _texts(values: Any) -> Any:
    if isinstance(values, tuple | list):
        return tuple(_texts(value) for value in values)
    return str(values)


def draw(
    rng: random.Random,
    m: int,
    needs: Needs,
    eps: bool = False,
    setting: str = "activations",
    signed: bool = False,
) -> Instance:
    """One instance that holds every name of ``needs``.

    Args:
        m: the batch size, at least 2.
        eps: take eps > 0.
        setting: ``weights-with-bias`` asks for a constant feature and a matched minimum of the plain loss (m >= 3),
            ``weights-centred`` for X'1 = 0, ``weights-eigen`` for that and X'X W parallel to W (m >= 3),
            ``linear-loss`` for H = 0; ``weights-at-X`` mixes the kinds of X.
        signed: let alpha be negative.
    """
    family, reason = family_of(needs)
    if reason is not None:
        raise ValueError(reason)
    if setting.startswith("weights") and family == "batches":
        family = "weights"
    made = _batch(rng, m) if family == "batches" else _weights(rng, m, family, needs, setting)
    if setting == "linear-loss":
        made["H"] = None
    made["eps"] = Fraction(rng.choice((1, 2, 4)), rng.choice((1, 2, 8))) if eps else Fraction(0)
    made["lam"] = made.get("lam", Fraction(rng.choice((1, 1, 2, 3)), rng.choice((1, 1, 2, 4))))
    extra = made.pop("extra", {})
    width = len(made["W"]) if "W" in made else len(made["y"])
    vectors = needs.vectors | ({"a"} if needs.vector else set())
    for name in sorted(vectors - OWN_VECTORS - WEIGHT_VECTORS - set(extra)):
        size, parts = width if name in needs.weights else len(made["y"]), rng.choice((1, 1, 2))
        extra[name] = tuple(value / parts for value in whole(rng, size, 3))
    for name in sorted(needs.symbols - OWN_SYMBOLS - set(extra)):
        extra[name] = Fraction(rng.choice((1, 2, 3, 5)), rng.choice((1, 2, 3)))
    if needs.vectors & {"yhat_scaled"}:
        extra["alpha"] = Fraction(rng.choice((2, 3, 1)), rng.choice((1, 2, 5)))
        extra["alpha"] *= rng.choice((1, -1)) if signed else 1
    texts: dict[str, Any] = {name: None if value is None else _texts(value) for name, value in made.items()}
    return Instance(**texts, extra=tuple((name, _texts(value)) for name, value in sorted(extra.items())))


def _batch(rng: random.Random, m: int) -> dict[str, Any]:
    y = activations(rng, m)
    size, bend = (Fraction(rng.choice((1, 1, 1, 8)), rng.choice((1, 1, 1, 8))) for _ in range(2))
    return {
        "y": y,
        "g": tuple(size * value for value in gradient(rng, y)),
        "H": tuple(tuple(bend * value for value in row) for row in hessian(rng, m)),
        "gamma": scale(rng),
        "beta": Fraction(rng.choice((0, 0, 1, -1, 2))),
    }


def _product(X: Any, W: Any) -> tuple[Fraction, ...]:
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


def projected_off(X: Any, u: tuple[Fraction, ...]) -> tuple[Fraction, ...] | None:
    """u minus its projection on the range of X, so that X'u = 0; None where X has dependent columns."""
    columns = list(zip(*X, strict=True))
    gram = [[sum((a * b for a, b in zip(p, q, strict=True)), Fraction(0)) for q in columns] for p in columns]
    right = [sum((a * b for a, b in zip(p, u, strict=True)), Fraction(0)) for p in columns]
    k = solve(gram, right)
    if k is None:
        return None
    along = _product(X, k)
    return tuple(a - b for a, b in zip(u, along, strict=True))


def _features(rng: random.Random, m: int, setting: str) -> tuple[Any, tuple[Fraction, ...]]:
    """X (m x 1 at m = 2, else m x 2) and W as the setting asks for."""
    width = 1 if m == 2 else 2
    X: Any = tuple(whole(rng, width) for _ in range(m))
    W = tuple(Fraction(rng.choice((1, 1, -1, 2, 0))) for _ in range(width))
    if setting == "weights-with-bias":
        X = tuple((row[0], Fraction(1)) for row in X)
    if setting in {"weights-centred", "weights-eigen"}:
        means = [sum(column, Fraction(0)) / m for column in zip(*X, strict=True)]
        X = tuple(tuple(x - mu for x, mu in zip(row, means, strict=True)) for row in X)
    if setting == "weights-eigen" and width == 2:
        first = tuple((row[0],) for row in X)
        second = projected_off(first, tuple(row[1] for row in X)) or (Fraction(0),) * m
        X, W = tuple((row[0], x) for (row, x) in zip(X, second, strict=True)), (W[0], Fraction(0))
    return X, W


def _weights(rng: random.Random, m: int, family: str, needs: Needs, setting: str) -> dict[str, Any]:
    """y = X W with one or two features; where the plain gradient is spoken of, W is stationary for it."""
    bias = setting == "weights-with-bias"
    m = max(m, 3) if bias or setting == "weights-eigen" else m
    kinds = ("weights-at-X", "weights-centred", "weights-eigen")
    X, W = _features(rng, m, rng.choice(kinds) if setting == "weights-at-X" else setting)
    y = _product(X, W)
    off = projected_off(X, whole(rng, m, 3))
    if len(set(y)) == 1 or off is None:
        return _weights(rng, m, family, needs, setting)
    made: dict[str, Any] = {"X": X, "W": W, "y": y, "g": whole(rng, m, 3), "H": hessian(rng, m)}
    made |= {"gamma": scale(rng), "beta": Fraction(rng.choice((0, 1)))}
    identity = tuple(tuple(Fraction(int(i == j)) for j in range(m)) for i in range(m))
    if needs.stationary or bias:
        matched = bias or rng.random() < 0.5
        made |= (
            {"g": off, "H": identity, "gamma": "s", "beta": "mu"} if matched else _stationary(rng, X, W, off)
        )
    if family == "inputs":
        other = tuple(
            tuple(Fraction(x) / rng.choice((1, 4, 16)) for x in whole(rng, len(W))) for _ in range(m)
        )
        size = sum((x * x for row in other for x in row), Fraction(0))
        made |= {"lam": Fraction(int(size) + 1), "extra": {"X_other": other}}
        if len(set(_product(other, W))) == 1:
            return _weights(rng, m, family, needs, setting)
    if family == "least-squares":
        found = _least_squares(rng, X, W, off)
        if found is None:
            return _weights(rng, m, family, needs, setting)
        made |= {"g": off, "H": identity, "gamma": "s", "beta": "mu", "extra": found}
    return made


def _stationary(rng: random.Random, X: Any, W: Any, off: tuple[Fraction, ...]) -> dict[str, Any]:
    """H = I, a batch with a rational s, gamma and beta any: g at z is the gradient at y plus z - y."""
    y = _product(X, W)
    mean = sum(y, Fraction(0)) / len(y)
    square = sum(((v - mean) ** 2 for v in y), Fraction(0)) / len(y)
    s = _rational_root(square)
    identity = tuple(tuple(Fraction(int(i == j)) for j in range(len(y))) for i in range(len(y)))
    if s is None:
        return {"g": off, "H": identity, "gamma": "s", "beta": "mu"}
    gamma, beta = scale(rng), Fraction(rng.choice((0, 1, -1)))
    z = [gamma * (v - mean) / s + beta for v in y]
    g = tuple(a + b - c for a, b, c in zip(off, z, y, strict=True))
    return {"g": g, "H": identity, "gamma": gamma, "beta": beta}


def _rational_root(x: Fraction) -> Fraction | None:
    from math import isqrt

    p, q = isqrt(x.numerator), isqrt(x.denominator)
    return Fraction(p, q) if p * p == x.numerator and q * q == x.denominator else None


def _least_squares(rng: random.Random, X: Any, W: Any, off: tuple[Fraction, ...]) -> dict[str, Any] | None:
    """L(u) = |u - t|^2/2 with its minimum at W on the range of X; What is the BatchNorm optimum closest to W0.

    The BatchNorm loss with gamma, beta > 0 fixed falls with <y-hat, t>, which is largest where the centered X w
    is the projection of t: one ray.
    """
    t = tuple(a - b for a, b in zip(_product(X, W), off, strict=True))
    means = [sum(column, Fraction(0)) / len(column) for column in zip(*X, strict=True)]
    centered = [[x - mu for x, mu in zip(row, means, strict=True)] for row in X]
    columns = list(zip(*centered, strict=True))
    gram = [[sum((a * b for a, b in zip(p, q, strict=True)), Fraction(0)) for q in columns] for p in columns]
    right = [sum((a * b for a, b in zip(p, t, strict=True)), Fraction(0)) for p in columns]
    ray = solve(gram, right)
    if ray is None or not any(ray):
        return None
    W0 = tuple(w + d for w, d in zip(W, whole(rng, len(W), 1), strict=True))
    k = sum((a * b for a, b in zip(ray, W0, strict=True)), Fraction(0)) / sum(a * a for a in ray)
    if k <= 0:
        return None
    return {"W0": W0, "Wstar": W, "What": tuple(k * a for a in ray)}
