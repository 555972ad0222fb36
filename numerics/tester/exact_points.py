"""Statements at exact points of the kernel, and equalities at random ones: every m from 2 to 12, gamma in Q(sqrt d)."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from functools import lru_cache
from typing import Any

from bnverify.numerics.tester.drawing import Data, draw, varied
from bnverify.theory import kernel
from bnverify.theory.grammar import Node, unparse
from bnverify.theory.mutate import Statement

SIZES = tuple(range(2, 13))
SHOWN = ("X", "W", "y", "y_j", "y_k", "g", "g_j", "g_k")


class Value(Enum):
    """What a statement is at an exact point. void: a division by 0, the sign of 0, or a rate that means nothing;
    undecided: a root of roots, a maximum without a certificate, or a rate of which nothing is known."""

    TRUE = auto()
    FALSE = auto()
    VOID = auto()
    UNDECIDED = auto()


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
    differs: Data | None


@lru_cache(maxsize=4096)
def _text(tree: Node) -> str:
    return unparse(tree)


def value(tree: Node, place: kernel.Point) -> Value:
    """A statement at an exact point."""
    try:
        return Value.TRUE if place.holds(_text(tree))[0] else Value.FALSE
    except kernel.Refused as reason:
        void = str(reason).startswith("outside the scope") or "is not said" in str(reason)
        return Value.VOID if void else Value.UNDECIDED
    except (TypeError, KeyError):
        return Value.UNDECIDED


def point(claim: kernel.Claim, data: Data) -> kernel.Point | None:
    """The exact point of these data, with needs and hypotheses satisfied; None where they are not."""
    try:
        place = kernel.Point(claim, data)
        inside = all(place.holds(text)[0] for text in (*claim.needs, *claim.hypotheses))
    except kernel.Refused:
        return None
    return place if inside else None


def with_root(rng: random.Random, data: Data) -> Data:
    """Every other time with gammas of the form p + q sqrt(d)."""
    roots = {
        name: f"{text} + {rng.choice((-1, 1, 2))}*sqrt({rng.choice((2, 3, 5))})"
        for name, text in data.items()
        if name.startswith("gamma") and "sqrt" not in text
    }
    return data | roots if rng.random() < 0.5 else data


class Points:
    """Random points of a claim inside its hypotheses, the batch sizes in turn; where drawing finds none, its example's
    neighbours."""

    def __init__(self, claim: kernel.Claim, sizes: tuple[int, ...], seed: int) -> None:
        self.claim, self.sizes = claim, sizes
        self.rng = random.Random(seed)
        self.found: list[kernel.Point] = []
        self.known: Iterator[Data] = varied(self.rng, claim, 40)

    def __iter__(self) -> Iterator[kernel.Point]:
        for number in itertools.count():
            if number == len(self.found):
                place = self._next(self.sizes[number % len(self.sizes)])
                if place is None:
                    return
                self.found.append(place)
            yield self.found[number]

    def _next(self, m: int) -> kernel.Point | None:
        for _ in range(24):
            place = point(
                self.claim, with_root(self.rng, draw(self.rng, self.claim, max(m, self.claim.min_m)))
            )
            if place is not None:
                return place
        return next((place for data in self.known if (place := point(self.claim, data)) is not None), None)


def at_points(statement: Statement, points: int = 100, seed: int = 0) -> Tested:
    """Both sides of an equality at ``points`` exact points, the batch sizes in turn.

    Points without a value are drawn again, three times at most.
    """
    sizes: Counter[int] = Counter()
    again: Counter[str] = Counter()
    telling = 0
    differs: Any = None
    for place in Points(statement.asked, SIZES, seed):
        if sizes.total() == points or sizes.total() + again.total() == 4 * points:
            break
        found = value(statement.tree, place)
        if found in (Value.VOID, Value.UNDECIDED):
            again[found.name.lower()] += 1
            continue
        sizes[place.size] += 1
        telling += any(place.live)
        if found is Value.FALSE:
            differs = place.data
            break
    return Tested(sizes.total(), tuple(sorted(sizes.items())), telling, tuple(again.items()), differs)


def spoken(data: Data) -> str:
    """A point in words: y, or X and W, and g."""
    names = [name for name in SHOWN if name in data] or list(data)
    return f"fails at {', '.join(f'{name} = {compact(data[name])}' for name in names)}"


def compact(value: Any) -> str:
    """Exact data on one line."""
    return f"({', '.join(map(compact, value))})" if isinstance(value, list) else str(value)
