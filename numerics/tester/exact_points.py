"""Equalities at random exact points: every m from 2 to 12, rational y, g and H, gamma in Q(sqrt d).

Statements are evaluated on coordinates (`coordinates.coordinates`), whose derivatives are dual numbers.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

from bnverify.numerics.measure.coordinates import ROOMS, Coordinates, coordinates
from bnverify.numerics.measure.drawing import (
    OWN_SYMBOLS,
    OWN_VECTORS,
    WEIGHT_OPERATORS,
    Needs,
    activations,
    draw,
    family_of,
    gradient,
    hessian,
    needs_of,
    scale,
    whole,
)
from bnverify.numerics.measure.dual import Dual
from bnverify.theory.claim import Instance
from bnverify.theory.mutate import Statement
from bnverify.theory.observe import Syntax
from bnverify.theory.prove import additive_terms
from bnverify.theory.surds import Surd
from bnverify.theory.syntax import Scalar, evaluate, scalar

SIZES = tuple(range(2, 13))
_NO_NAMES: frozenset[str] = frozenset()
NOTHING = Needs(_NO_NAMES, _NO_NAMES, _NO_NAMES, _NO_NAMES, _NO_NAMES, vector=False, stationary=False)
"""Of settings with rooms of their own every point holds all names."""
PAIRED = {"layer", "group-norm"}
"""Settings of two units, one below the other."""


@dataclass(frozen=True)
class Drawn:
    """An exact point of a setting: BatchNorm's own where the setting has no other room.

    gamma: a number of Q(sqrt d) in the place of the instance's rational one, or None.
    """

    setting: str
    instance: Instance
    gamma: Surd | None = None

    @property
    def m(self) -> int:
        """The size of a batch, or of a group."""
        return self.instance.m // 2 if self.setting in PAIRED else self.instance.m


@dataclass(frozen=True)
class Tested:
    """What exact points said of an equality.

    points: how many it was evaluated at. sizes: those of each m. telling: those at which a term was not 0.
    redrawn: points without a value, by their reason. differs: the first at which the sides differ, None: nowhere.
    """

    points: int
    sizes: tuple[tuple[int, int], ...]
    telling: int
    redrawn: tuple[tuple[str, int], ...]
    differs: Drawn | None


def _own(rng: random.Random, m: int, setting: str, eps: bool) -> Instance:
    """A point of a setting with rooms of its own: all that its rooms can ask for."""
    paired = setting in PAIRED
    size = 2 * m if paired else m
    y: list[Fraction] = []
    while len(y) < size:
        y += activations(rng, m)
    width = m if setting in {"layer", "group-norm"} else size
    extra = {name: whole(rng, width, 3) for name in ("a", "b")}
    extra["scale"] = tuple(scale(rng) for _ in range(size))
    extra["gammas"] = (scale(rng), scale(rng))
    H = hessian(rng, size)
    if paired:  # blocks between the units are what statements about two of them are about
        H = tuple(tuple(H[i][j] + (i + j) % 3 - (i * j) % 2 for j in range(size)) for i in range(size))
    given: list[tuple[str, Any]] = [(name, tuple(map(str, values))) for name, values in extra.items()]
    return Instance(
        y=tuple(map(str, y)),
        g=tuple(map(str, gradient(rng, tuple(y)))),
        H=tuple(tuple(map(str, line)) for line in H),
        gamma=str(scale(rng)),
        beta=str(rng.choice((0, 1, -1))),
        eps=str(Fraction(rng.choice((1, 2, 4)), rng.choice((1, 2, 8)))) if eps else 0,
        extra=(*given, ("units", 2 if paired else 1)),
    )


def shared(needs: Needs) -> Needs:
    """The same needs for all statements that the same points serve."""
    if family_of(needs)[0] != "batches" or "yhat_scaled" in needs.vectors:
        return needs
    vectors, symbols = needs.vectors - OWN_VECTORS, needs.symbols - OWN_SYMBOLS
    return replace(needs, vectors=vectors, symbols=symbols, operators=frozenset(), heads=frozenset())


def drawn(rng: random.Random, m: int, setting: str, eps: bool, needs: Needs) -> Drawn:
    """A random point of a setting; every other gamma is p + q sqrt(d)."""
    instance = _own(rng, m, setting, eps) if setting in ROOMS else draw(rng, m, needs, eps, setting)
    gamma = None
    if rng.random() < 0.5 and instance.gamma != "s":
        root = Surd({rng.choice((2, 3, 5)): Fraction(rng.choice((-1, 1, 2)), rng.choice((1, 2)))})
        gamma = root + Fraction(instance.gamma)
    return Drawn(setting, instance, gamma)


class Points:
    """Random points of a setting without end, the batch sizes in turn, each with its room; kept for the next reader."""

    def __init__(self, setting: str, eps: bool, needs: Needs, seed: int) -> None:
        self.setting, self.eps, self.needs = setting, eps, needs
        self.rng = random.Random(seed)
        self.found: list[tuple[Drawn, Coordinates]] = []

    def __iter__(self) -> Iterator[tuple[Drawn, Coordinates]]:
        for number in itertools.count():
            if number == len(self.found):
                m = SIZES[number % len(SIZES)]
                point = drawn(self.rng, m, self.setting, self.eps, self.needs)
                self.found.append((point, coordinates(point.setting, point.instance, point.gamma)))
            yield self.found[number]


_points = lru_cache(maxsize=6)(Points)


def points_of(statement: Statement, seed: int = 0) -> Points:
    """The points of a statement's setting."""
    if statement.setting in ROOMS:
        return _points(statement.setting, statement.proof.eps, NOTHING, seed)
    needs = shared(plain(needs_of(statement.says)))
    return _points(
        statement.setting, statement.proof.eps, replace(needs, vectors=needs.vectors | {"a", "b"}), seed
    )


def plain(needs: Needs) -> Needs:
    """The names alone, whatever kinds of expression they stand in."""
    return replace(needs, heads=frozenset(), operators=needs.operators & WEIGHT_OPERATORS)


def cornered(rng: random.Random, point: Drawn) -> Drawn:
    """The same batch in a corner: g at right angles to 1, to y-hat or to both, other sizes of gamma and of eps.

    Points of weight space, and of norms that are not the root of a mean square, are left as they are.
    """
    instance = point.instance
    if instance.X is not None or point.setting not in {"activations", "linear-loss", "affine", "unbiased"}:
        return point
    y, g = ([Fraction(value) for value in values] for values in (instance.y, instance.g))
    mean = sum(y, Fraction(0)) / len(y)
    ones, centred = [Fraction(1)] * len(y), [value - mean for value in y]
    square = sum((value * value for value in centred), Fraction(0))
    for direction in rng.choice(((), (ones,), (centred,), (ones, centred))):
        along = sum((a * b for a, b in zip(g, direction, strict=True)), Fraction(0))
        along /= sum((b * b for b in direction), Fraction(0))
        g = [a - along * b for a, b in zip(g, direction, strict=True)]
    made = replace(instance, g=tuple(map(str, g)))
    if instance.gamma != "s":
        made = replace(made, gamma=str(Fraction(instance.gamma) * Fraction(2) ** rng.randint(-6, 6)))
    if Fraction(instance.eps):
        made = replace(made, eps=str(square / len(y) * Fraction(rng.randint(1, 64), 16)))
    return replace(point, instance=made, gamma=None)


def _terms(statement: Statement) -> list[Scalar]:
    syntax = Syntax()
    both = (additive_terms(scalar(side)) for side in statement.says(syntax).sides(syntax))
    return [term for side in both for term in side]


def on_coordinates(statement: Statement, point: Drawn, room: Coordinates) -> tuple[Surd, bool]:
    """Right side minus left side on coordinates, and whether a term is not 0."""
    lhs, rhs = map(Dual.of, statement.says(room).sides(room))
    telling = bool(lhs.a.terms) or any(evaluate(term, room).a.terms for term in _terms(statement))
    return (rhs - lhs).a, telling


def at_points(
    statement: Statement,
    points: int = 100,
    seed: int = 0,
    difference: Callable[[Statement, Drawn, Coordinates], tuple[Surd, bool]] = on_coordinates,
) -> Tested:
    """Both sides of an equality at ``points`` exact points, the batch sizes in turn.

    Points without a value (a division by zero, a norm without a derivative, a root outside Q(sqrt d1, ...)) are
    drawn again, three times at most.
    """
    sizes: Counter[int] = Counter()
    again: Counter[str] = Counter()
    telling = 0
    for point, room in points_of(statement, seed):
        if sizes.total() == points or sizes.total() + again.total() == 4 * points:
            break
        try:
            gap, tells = difference(statement, point, room)
        except (ZeroDivisionError, NotImplementedError) as reason:
            again["a division by 0" if str(reason).startswith("Fraction(") else str(reason)] += 1
            continue
        sizes[point.m] += 1
        telling += tells
        if gap.terms:
            return Tested(sizes.total(), tuple(sizes.items()), telling, tuple(again.items()), point)
    return Tested(sizes.total(), tuple(sorted(sizes.items())), telling, tuple(again.items()), None)
