"""Every identity of the extensions at random exact points, m from 2 to 12, by second-order dual numbers over Q.

The points have rational s (or rational l_p norms), so that a point costs milliseconds; irrational ones are those of
the counterexamples. The dual numbers run the definition on coordinates and share nothing with Gram algebra.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from math import isqrt
from typing import Any

import pytest
from bnverify.theory.batchnorm import standardise
from bnverify.theory.claim import Claim, Corrected, Reading
from bnverify.theory.mutate import certified, mutants, statements
from bnverify.theory.registry import registry
from bnverify.theory.rooms import FORMAL
from bnverify.theory.settings import Setting

UNITS = ("j", "k")


class Irrational(ArithmeticError):
    """A root that is not in Q; no identity asks for one, but a mutant can."""


def root(value: Fraction) -> Fraction:
    """The exact square root of a square."""
    if (
        value < 0
        or isqrt(value.numerator) ** 2 * value.denominator != value.numerator * isqrt(value.denominator) ** 2
    ):
        raise Irrational(str(value))
    return Fraction(isqrt(value.numerator), isqrt(value.denominator))


class Dual:
    """a + b e1 + c e2 + d e1 e2"""

    __slots__ = ("parts",)

    def __init__(self, a: Any, b: Any = 0, c: Any = 0, d: Any = 0) -> None:
        self.parts = (a, b, c, d)

    @staticmethod
    def of(value: Any) -> Dual:
        return value if isinstance(value, Dual) else Dual(value)

    def __add__(self, other: Any) -> Dual:
        return Dual(*(x + y for x, y in zip(self.parts, Dual.of(other).parts, strict=True)))

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(*(-x for x in self.parts))

    def __sub__(self, other: Any) -> Dual:
        return self + -Dual.of(other)

    def __mul__(self, other: Any) -> Dual:
        a, b, c, d = self.parts
        if not isinstance(other, Dual):
            return Dual(a * other, b * other, c * other, d * other)
        p, q, r, s = other.parts
        return Dual(a * p, a * q + b * p, a * r + c * p, a * s + b * r + c * q + d * p)

    __rmul__ = __mul__

    def inverse(self) -> Dual:
        a, b, c, d = self.parts
        i = 1 / Fraction(a)
        return Dual(i, -b * i * i, -c * i * i, 2 * b * c * i**3 - d * i * i)

    def __truediv__(self, other: Any) -> Dual:
        return self * (other.inverse() if isinstance(other, Dual) else 1 / Fraction(other))

    def sqrt(self) -> Dual:
        a, b, c, d = self.parts
        r = root(Fraction(a))
        return Dual(r, b / (2 * r), c / (2 * r), d / (2 * r) - b * c / (4 * r**3))

    def size(self) -> Dual:
        assert self.parts[0] != 0
        return self if self.parts[0] > 0 else -self


class Row(list[Any]):
    """A vector; its entries are fractions or dual numbers."""

    def __add__(self, other: Any) -> Row:
        return Row(x + y for x, y in zip(self, other, strict=True))

    def __sub__(self, other: Any) -> Row:
        return Row(x + -y for x, y in zip(self, other, strict=True))

    def __neg__(self) -> Row:
        return Row(-x for x in self)

    def __mul__(self, factor: Any) -> Row:
        return Row(x * factor for x in self)

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Row:
        return Row(x / factor for x in self)


def dot(u: Row, w: Row) -> Any:
    total: Any = Fraction(0)
    for x, y in zip(u, w, strict=True):
        total = total + x * y
    return total


def applied(matrix: list[Row], u: Row) -> Row:
    return Row(dot(row, u) for row in matrix)


def centred(y: Row) -> Row:
    mean = sum(y, Fraction(0)) / len(y)
    return Row(x + -mean for x in y)


class Numbers:
    """A stream of small rational numbers."""

    def __init__(self, seed: str) -> None:
        self.rng = random.Random(seed)

    def one(self, low: int = -4, high: int = 4) -> Fraction:
        return Fraction(self.rng.randint(low, high), self.rng.randint(1, 3))

    def row(self, size: int) -> Row:
        return Row(self.one() for _ in range(size))

    def symmetric(self, size: int) -> list[Row]:
        rows = [self.row(size) for _ in range(size)]
        return [Row(rows[min(i, j)][max(i, j)] for j in range(size)) for i in range(size)]

    def reflected(self, x: Row, mean: bool) -> Row:
        """x in a mirror: another vector of its length, with its mean where ``mean``."""
        w = centred(self.row(len(x))) if mean else self.row(len(x))
        square = dot(w, w)
        return x - w * (2 * dot(w, x) / square) if square else x


SUMS = {
    2: (1, -1), 3: (2, -1, -1), 4: (1, 1, -1, -1), 5: (4, -1, -1, -1, -1), 6: (1, -1) * 3,
    7: (3, -3, 2, -2, 1, -1, 0), 8: (1, -1) * 4, 9: (3, -3, 3, -3, 0, 0, 0, 0, 0), 10: (1, -1) * 5,
    11: (3, -3, 3, -3, 2, -2, 0, 0, 0, 0, 0), 12: (1, -1) * 6,
}  # fmt: skip
"""Sum 0, and mean square a square; none exists for m = 3, where eps makes up for it."""
UNBIASED = {
    3: (1, -1, 0), 4: (3, -1, -1, -1), 5: (1, 1, -1, -1, 0), 6: (3, -3, 1, -1, 0, 0),
    7: (1, -1, 1, -1, 1, -1, 0), 8: (3, -3, 2, -2, 1, -1, 0, 0), 9: (2, -2, 0, 0, 0, 0, 0, 0, 0),
    10: (3, -3, 3, -3, 0, 0, 0, 0, 0, 0), 11: (2, -2, 1, -1, 0, 0, 0, 0, 0, 0, 0),
    12: (3, -3, 3, -3, 2, -2, 0, 0, 0, 0, 0, 0),
}  # fmt: skip
"""Sum 0, and the sum of squares m - 1 times a square."""


class Point(Setting):
    """The vocabulary at one rational point of a setting."""

    def __init__(self, setting: str, eps: bool, seed: int) -> None:
        setting = "weights-at-X" if setting == "weights" else setting
        draw = self.draw = Numbers(f"{setting}/{eps}/{seed}")
        self.setting = setting
        self.units = 2 if setting in {"layer", "group-norm", "lp-2-layer"} else 1
        self.each = draw.rng.choice([2, 4, 5, 6] if self.units == 2 else list(range(2, 13)))
        if not eps and self.each == 3 and setting != "unbiased":
            self.each = 4
        self.each = max(self.each, {"unbiased": 3, "weights-eigen": 4, "weights-centred": 4}.get(setting, 2))
        self.p = draw.rng.choice(["1", "2", "inf"])
        if setting in {"lp-1", "lp-2", "lp-inf"}:
            self.p = setting[3:]
        self.lp = setting.startswith("lp-") and setting != "lp-2-centred"
        self.given = Row(x for _ in range(self.units) for x in self._unit())
        self.eps_ = self._eps() if eps else Fraction(0)
        size = self.each * self.units
        self.g_ = draw.row(size)
        self.H_ = [Row([Fraction(0)] * size)] * size if setting == "linear-loss" else draw.symmetric(size)
        self.gammas = [draw.rng.choice((Fraction(3, 2), Fraction(-2))), Fraction(-5, 3)]
        self.scale = draw.row(size)
        self.base = self.net(self.given)
        self.letters: dict[str, Row] = {}

    def _unit(self) -> Row:
        m, draw = self.each, self.draw
        if self.lp:
            if self.p != "2":
                return Row(
                    Fraction(s * draw.rng.choice((-1, 1)), 2) for s in draw.rng.sample(range(1, 2 * m), m)
                )
            return draw.reflected(Row([Fraction(draw.rng.randint(1, 3))] * m), mean=False)
        if self.setting == "rms-norm":
            return draw.reflected(Row([Fraction(draw.rng.randint(2, 3))] * m), mean=False)
        table = UNBIASED if self.setting == "unbiased" else SUMS
        y = draw.reflected(Row(map(Fraction, table[m])), mean=True) * draw.rng.choice((-2, 3))
        if self.setting in {"weights-centred", "weights-eigen"}:
            return y
        return y + Row([draw.one()] * m)

    def _square(self, y: Row) -> Fraction:
        """What eps is added to."""
        y = y if self.lp or self.setting == "rms-norm" else centred(y)
        return dot(y, y) / (self.each - 1 if self.setting == "unbiased" else self.each)

    def _eps(self) -> Fraction:
        """Some eps > 0 that keeps s rational, the same for every unit where they have one variance."""
        square = self._square(self._part(self.given, 0))
        if self.units == 2:
            first = self._part(self.given, 0)
            self.given = Row([*first, *(self.draw.reflected(first, mean=True))])
        return Fraction(int(square) + self.draw.rng.randint(1, 2)) ** 2 - square

    def _part(self, stacked: Row, unit: int) -> Row:
        return Row(stacked[unit * self.each : (unit + 1) * self.each])

    def _standardised(self, y: Row) -> Any:
        def square_root(value: Any) -> Any:
            return value.sqrt() if isinstance(value, Dual) else root(value)

        if self.setting == "rms-norm":
            s = square_root(dot(y, y) / self.each + self.eps_)
            return s, y / s
        one = Row([Fraction(1)] * self.each)
        count = self.each - 1 if self.setting == "unbiased" else None
        out = standardise(y, one, self.each, self.eps_, dot, square_root, count)
        return out.s, out.yhat

    def _norm(self, y: Row) -> Any:
        match self.p:
            case "1":
                return sum((Dual.of(x).size() for x in y), Dual(Fraction(0))) / self.each
            case "2":
                return Dual.of(dot(y, y) / self.each + self.eps_).sqrt()
        return max((Dual.of(x).size() for x in y), key=lambda x: x.parts[0])

    def divisor(self, y: Row) -> Dual:
        parts = [self._norm(self._part(y, unit)) for unit in range(self.units)]
        return sum(parts, Dual(Fraction(0))) / self.units

    def net(self, y: Row) -> Row:
        units = [self._part(y, unit) for unit in range(self.units)]
        if self.lp:
            n = self.divisor(y)
            return Row(Dual.of(x) / n * self.gammas[0] for unit in units for x in centred(unit))
        yhats = [self._standardised(unit)[1] for unit in units]
        if self.setting in {"layer-norm", "rms-norm", "group-norm"}:
            return Row(x * d for x, d in zip([x for yhat in yhats for x in yhat], self.scale, strict=True))
        return Row(x * gamma for yhat, gamma in zip(yhats, self.gammas, strict=False) for x in yhat)

    def _loss(self, z: Row) -> Any:
        d = Row(Dual.of(x) - Dual.of(b).parts[0] for x, b in zip(z, self.base, strict=True))
        return dot(self.g_, d) + dot(d, applied(self.H_, d)) / 2

    def _derivatives(self, f: Callable[[Row], Any], u: Row | None, part: int) -> Row:
        out = Row()
        for i in range(len(self.given)):
            moved = Row(Dual(y, int(k == i), 0 if u is None else u[k]) for k, y in enumerate(self.given))
            out.append(Dual.of(f(moved)).parts[part])
        return out

    @cached_property
    def v_(self) -> Row:
        return self._derivatives(lambda y: dot(self.g_, self.net(y)), None, 1)

    def _hessian(self, u: Row) -> Row:
        """The e1 e2 part of L(z), that is <g, z12> + z1'H z2: L is quadratic around z."""
        along = Row(Dual(y, x) for y, x in zip(self.given, u, strict=True))
        bent = applied(self.H_, Row(Dual.of(z).parts[1] for z in self.net(along)))
        return self._derivatives(lambda y: dot(self.g_, self.net(y)), u, 3) + self._derivatives(
            lambda y: dot(bent, self.net(y)), None, 1
        )

    @cached_property
    def X(self) -> list[Row]:
        other = self.draw.row(self.each)
        if self.setting != "weights-at-X":
            other = centred(other)
        y = self.given
        if self.setting == "weights-eigen":
            return [Row(pair) for pair in zip(y / 2, other - y * (dot(y, other) / dot(y, y)), strict=True)]
        return [Row((a - b, b)) for a, b in zip(y, other, strict=True)]

    def _stacked(self, u: Row, unit: str) -> Row:
        other = Row([Fraction(0)] * self.each)
        return Row([*u, *other]) if unit == "j" else Row([*other, *u])

    def vec(self, name: str) -> Row:
        if name not in self.letters:
            self.letters[name] = self._vec(name)
        return self.letters[name]

    def _vec(self, name: str) -> Row:
        letter, _, unit = name.partition("_")
        if unit in UNITS:
            index = UNITS.index(unit)
            if letter == "yhat":
                return self._standardised(self._part(self.given, index))[1]
            return self._part({"g": self.g_, "v": self.v_}[letter], index)
        match name:
            case "1":
                return Row([Fraction(1)] * self.each)
            case "g":
                return self.g_
            case "v":
                return self.v_
            case "y":
                return self.given
            case "yhat" if self.lp:
                n = self.divisor(self.given).parts[0]
                return Row(x / n for unit in range(self.units) for x in centred(self._part(self.given, unit)))
            case "yhat":
                return self._standardised(self.given)[1]
            case "W":
                return Row(map(Fraction, (2, 0) if self.setting == "weights-eigen" else (1, 1)))
            case "dW":
                return self.op("T", self.v_)
            case "nu":
                return self._derivatives(self.divisor, None, 1)
            case "sgn":
                return Row(Fraction(1 if x > 0 else -1) for x in self.given)
            case "top":
                top = max(range(self.each), key=lambda i: abs(self.given[i]))
                return Row(Fraction((x > 0) - (x < 0)) * int(i == top) for i, x in enumerate(self.given))
            case "a" | "b" if self.setting.startswith("weights"):
                return self.draw.row(2)
            case "a" | "b":
                return self.draw.row(self.each * self.units if self.lp else self.each)
        raise KeyError(name)

    def op(self, name: str, u: Row) -> Row:
        letter, _, units = name.partition("_")
        if units and letter == "D":
            return Row(x * d for x, d in zip(u, self._part(self.scale, UNITS.index(units)), strict=True))
        if units:
            return self._part(self.op(letter, self._stacked(u, units[1])), UNITS.index(units[0]))
        match name:
            case "H":
                return applied(self.H_, u)
            case "B":
                return self._hessian(u)
            case "C":
                return Row(x for unit in range(self.units) for x in centred(self._part(u, unit)))
            case "D":
                return Row(x * d for x, d in zip(u, self.scale, strict=True))
            case "N":
                return self._derivatives(self.divisor, u, 3)
            case "Dyhat":
                moved = Row(Dual(y, 0, x) for y, x in zip(self.given, u, strict=True))
                return Row(x.parts[2] for x in self._standardised(moved)[1])
            case "X":
                return applied(self.X, u)
            case "T":
                return Row(dot(Row(column), u) for column in zip(*self.X, strict=True))
            case "HW":
                return self.op("T", self.op("B", self.op("X", u)))
        raise KeyError(name)

    def dot(self, u: Row, w: Row) -> Fraction:
        return dot(u, w)

    def sym(self, name: str) -> Any:
        letter, _, unit = name.partition("_")
        index = UNITS.index(unit) if unit in UNITS else 0
        if name == "m":
            return Fraction(self.each)
        if letter == "gamma":
            return self.gammas[index]
        if name in {"dgamma", "dscale"}:
            along = self.vec("yhat") if name == "dgamma" else self.base
            return self._along(along)
        if name in {"dbeta", "dshift"}:
            return self._along(self.vec("1") if name == "dbeta" else self.scale)
        if self.lp and name == "rho":
            return 1 - self.eps_ / self.divisor(self.given).parts[0] ** 2
        if self.lp:
            return self.divisor(self.given).parts[0]
        s = self._standardised(self._part(self.given, index))[0]
        match letter:
            case "s":
                return s
            case "sigma":
                return root(s * s - self.eps_)
            case "rho":
                return 1 - self.eps_ / s**2
            case "mu":
                return sum(self.given) / self.each
            case "lam" | "t":
                return Fraction(3, 2)
        raise KeyError(name)

    def _along(self, direction: Row) -> Fraction:
        """The derivative of the loss where z moves along ``direction``."""
        moved = Row(Dual(Dual.of(z).parts[0], d) for z, d in zip(self.base, direction, strict=True))
        return self._loss(moved).parts[1]

    def sqrt(self, value: Any) -> Fraction:
        return root(Fraction(value))

    def num(self, value: Fraction) -> Fraction:
        return value

    def max_grad(self, u: Row) -> Fraction:
        """At X = lambda u e'/|u|, where the maximum is attained."""
        return self.sym("lam") ** 2 * dot(u, u)


def _stated(claim: Claim) -> list[Reading | Corrected]:
    stated: list[Reading | Corrected] = [item for item in claim.readings if item.proof is not None]
    return stated + ([claim.corrected] if claim.corrected is not None else [])


IDENTITIES = [
    pytest.param(item, id=f"{name}:{getattr(item, 'slug', 'corrected')}")
    for name, claim in registry().items()
    if name.startswith("ext-") and name != "ext-spectrum.linear-loss"
    for item in _stated(claim)
    if item.proof is not None and (item.proof.terms, item.proof.lemma, item.proof.at) == (None, None, None)
]


def _holds(stated: Reading | Corrected, seed: int) -> None:
    assert stated.proof is not None
    q = Point(stated.setting, stated.proof.eps, seed)
    for says in (stated.says, *(step.says for step in stated.proof.steps if step.says is not None)):
        lhs, rhs = says(q).sides(q)
        assert lhs == rhs


@pytest.mark.parametrize("stated", IDENTITIES)
def test_an_identity_holds_at_random_exact_points(stated: Reading | Corrected) -> None:
    for seed in range(2):
        _holds(stated, seed)


@pytest.mark.slow
@pytest.mark.parametrize("stated", IDENTITIES)
def test_an_identity_holds_at_a_hundred_random_exact_points(stated: Reading | Corrected) -> None:
    for seed in range(100):
        _holds(stated, seed)


OWN = sorted(
    name
    for name, claim in registry().items()
    if name.startswith("ext-")
    and name != "ext-spectrum.linear-loss"
    and any(item.op == "eq" and item.source.setting in FORMAL for item in statements(claim))
)


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_false_mutants_of_an_identity_of_another_normalisation_are_caught_at_exact_points(name: str) -> None:
    killed = 0
    for statement in statements(registry()[name]):
        if statement.op != "eq" or statement.source.setting not in FORMAL:
            continue
        points = [Point(statement.source.setting, statement.proof.eps, seed) for seed in range(1, 4)]
        made = mutants(statement)
        for mutant in made[:: max(1, len(made) // 12)]:
            found = _fails(mutant, points)
            if found is None or (not found and certified(mutant) is not None):
                continue
            assert found, mutant.text
            killed += 1
    assert killed >= 5


def _fails(mutant: Any, points: list[Point]) -> bool | None:
    """Whether a mutant is false at one of the points; None where it is outside the language of the setting."""
    try:
        sides = [mutant.says(q).sides(q) for q in points]
    except (Irrational, KeyError, ValueError, TypeError, AttributeError):
        return None
    return any(lhs != rhs for lhs, rhs in sides)
