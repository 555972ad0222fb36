"""Search for a violation of a statement, shrink it, and let exact arithmetic convict.

Random instances with small rational numbers fill a room of floats; where a statement is violated beyond rounding
the instance is shrunk in the order m, non-zeros, height, each step judged by floats and the result by plain SymPy
differentiation. `smallest` enumerates in that order instead of drawing.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import torch
from bnverify.numerics.measure.drawing import Needs, draw, family_of, needs_of
from bnverify.numerics.measure.points import batch_of, measure, shape
from bnverify.numerics.tester.judged import Finding, judge, met, sides, terms
from bnverify.theory.claim import Corrected, Hypothesis, Instance, Reading, Says
from bnverify.theory.exact import Exact
from bnverify.theory.prove import compare, terms_nonzero
from bnverify.theory.rooms import FORMAL, POINTS, point
from bnverify.theory.said import WITNESSED

DRAWN = {"linear-loss", "weights-at-X", "weights-centred", "weights-eigen"}
"""Settings with a formal room of their own whose instances are BatchNorm's, drawn to satisfy what it assumes."""

SIZES = (2, 3, 4)
"""Batch sizes that are searched; a smaller counterexample is a better one."""


@dataclass(frozen=True)
class Target:
    """What is to be falsified: a statement under hypotheses, in a setting, at eps = 0 or eps > 0.

    generic: ask for an instance at which every additive term of both sides is non-zero.
    signed: multiples alpha of the activations may be negative.
    """

    says: Says
    hypotheses: tuple[Hypothesis, ...] = ()
    setting: str = "activations"
    eps: bool = False
    generic: bool = False
    signed: bool = False

    @property
    def needs(self) -> Needs:
        """The names that an instance must hold."""
        return needs_of(self.says, self.hypotheses)


def target_of(stated: Reading | Corrected, generic: bool = False) -> Target:
    """The target of a reading or a corrected statement; eps > 0 where its evidence is about that."""
    proof = stated.proof
    refutation = stated.refutation if isinstance(stated, Reading) else None
    points = (refutation.smallest, refutation.generic) if refutation is not None else ()
    eps = (proof is not None and proof.eps) or any(p is not None and Fraction(p.eps) != 0 for p in points)
    return Target(stated.says, stated.hypotheses, stated.setting, eps, generic, signed=refutation is not None)


def universal(stated: Reading | Corrected) -> str | None:
    """None for a statement about all instances that points can test, otherwise what it is instead."""
    if stated.proof is not None and stated.proof.at is not None:
        return "it says that there is an instance, and one is exhibited"
    if stated.setting not in WITNESSED:
        return f"the setting {stated.setting} is the kernel's alone"
    refutation = stated.refutation if isinstance(stated, Reading) else None
    if refutation is not None and refutation.smallest is None:
        return "it is refuted by a certificate or a citation, not by a point"
    return searchable(target_of(stated))


def searchable(target: Target) -> str | None:
    """None where the search knows how to draw instances of the setting, otherwise why it does not."""
    if target.setting not in WITNESSED:
        return f"the setting {target.setting} is the kernel's alone"
    if target.setting in POINTS or (target.setting in FORMAL and target.setting not in DRAWN):
        return f"the setting {target.setting} has its own rooms"
    return family_of(target.needs)[1]


def convicted_in(room: Exact, says: Says, hypotheses: Sequence[Hypothesis]) -> bool:
    """Whether every hypothesis holds exactly in the room and the statement fails there."""
    try:
        inside = all(compare(h.says(room), room)[0] == 1 for h in hypotheses)
        return inside and compare(says(room), room)[0] == -1
    except ArithmeticError:
        return False


def convicted(target: Target, instance: Instance) -> bool:
    """Whether every hypothesis holds exactly at the instance and the statement fails there."""
    room = point(target.setting, instance)
    fails = convicted_in(room, target.says, target.hypotheses)
    return fails and (not target.generic or terms_nonzero(target.says, room))


def suspects(target: Target, instances: Sequence[Instance]) -> list[Instance]:
    """Those of the instances at which the numbers may violate the statement inside its hypotheses, in order.

    A strict inequality is also suspect where its sides agree to rounding.
    """
    found: dict[int, Instance] = {}
    groups: dict[Any, list[int]] = {}
    for number, instance in enumerate(instances):
        groups.setdefault(shape(instance), []).append(number)
    for numbers in groups.values():
        room = batch_of([instances[i] for i in numbers])
        relation = sides(target.says, room)
        codes = judge(relation, room)
        fails = codes == Finding.VIOLATED
        if relation.op == "lt":
            fails = fails | (codes == Finding.WITHIN_ROUNDOFF)
        if target.hypotheses:
            fails = fails & met(target.hypotheses, room)
        if target.generic:
            fails = fails & terms(target.says, room).nonzero.all(0)
        for position in torch.nonzero(fails.expand(len(numbers))).flatten().tolist():
            found[numbers[position]] = instances[numbers[position]]
    return [found[i] for i in sorted(found)]


def _draw(rng: random.Random, m: int, target: Target) -> Instance:
    return draw(rng, m, target.needs, target.eps, target.setting, target.signed)


def find(
    target: Target, rng: random.Random, trials: int = 600, sizes: Iterable[int] = SIZES
) -> Instance | None:
    """A convicted instance among ``trials`` random ones of each size, the smallest size first; None if none is."""
    for m in sizes:
        drawn = [_draw(rng, m, target) for _ in range(trials)]
        for instance in sorted(suspects(target, drawn), key=measure)[:4]:
            if convicted(target, instance):
                return instance
    return None


def _simpler(value: Any) -> Iterator[Any]:
    """Simpler numbers, the simplest first; the batch's own s and mu stay."""
    if value in ("s", "mu"):
        return
    x = Fraction(value)
    sign = -1 if x < 0 else 1
    for y in (Fraction(0), Fraction(1), Fraction(-1), Fraction(sign * (abs(x) // 2)), Fraction(round(x))):
        if (max(abs(y.numerator), y.denominator), y < 0, y != 0) < (
            max(abs(x.numerator), x.denominator),
            x < 0,
            x != 0,
        ) or (y == 0 and x != 0):
            yield str(y)


def _row(values: Sequence[Any], position: int, new: Any) -> tuple[Any, ...]:
    return (*values[:position], new, *values[position + 1 :])


def _without(instance: Instance, k: int) -> Instance | None:
    """The instance without sample k; None where something else depends on the number of samples."""
    if instance.X is not None or any(isinstance(value, tuple | list) for _, value in instance.extra):
        return None

    def cut(row: Sequence[Any]) -> tuple[Any, ...]:
        return (*row[:k], *row[k + 1 :])

    H = None if instance.H is None else tuple(cut(row) for row in cut(instance.H))
    return replace(instance, y=cut(instance.y), g=cut(instance.g), H=H)


def _weights(instance: Instance, X: Any, W: Any) -> Instance:
    y = tuple(
        str(sum((Fraction(x) * Fraction(w) for x, w in zip(row, W, strict=True)), Fraction(0))) for row in X
    )
    return replace(instance, X=X, W=W, y=y)


def neighbours(instance: Instance) -> Iterator[Instance]:
    """Instances with one number made simpler, or one sample fewer."""
    if instance.m > 2:
        for k in range(instance.m):
            smaller = _without(instance, k)
            if smaller is not None:
                yield smaller
    if instance.X is None:
        for k, value in enumerate(instance.y):
            for new in _simpler(value):
                yield replace(instance, y=_row(instance.y, k, new))
    else:
        X, W = instance.X, instance.W or ()
        for i, row in enumerate(X):
            for j, value in enumerate(row):
                for new in _simpler(value):
                    yield _weights(instance, _row(X, i, _row(row, j, new)), W)
        for j, value in enumerate(W):
            for new in _simpler(value):
                yield _weights(instance, X, _row(W, j, new))
    for k, value in enumerate(instance.g):
        for new in _simpler(value):
            yield replace(instance, g=_row(instance.g, k, new))
    H = instance.H or ()
    for i in range(len(H)):
        for j in range(i, len(H)):
            for new in _simpler(H[i][j]):
                changed = _row(H, i, _row(H[i], j, new))
                yield replace(instance, H=_row(changed, j, _row(changed[j], i, new)))
    for name in ("gamma", "beta", "lam", "eps"):
        for new in _simpler(getattr(instance, name)):
            if new != "0" or name == "beta":
                yield replace(instance, **{name: new})
    for k, (name, value) in enumerate(instance.extra):
        if isinstance(value, tuple | list) and not isinstance(value[0], tuple | list):
            for i, entry in enumerate(value):
                for new in _simpler(entry):
                    yield replace(instance, extra=_row(instance.extra, k, (name, _row(value, i, new))))


def _constant(instance: Instance) -> bool:
    return len({Fraction(y) for y in instance.y}) == 1


def shrink(target: Target, instance: Instance, steps: int = 60) -> Instance:
    """A convicted instance that none of its `neighbours` beats, or the best after ``steps`` steps."""
    for _ in range(steps):
        closer = [n for n in neighbours(instance) if measure(n) < measure(instance) and not _constant(n)]
        better = sorted(suspects(target, closer), key=measure) if closer else []
        best = next((n for n in better if convicted(target, n)), None)
        if best is None:
            return instance
        instance = best
    return instance


def falsify(target: Target, seed: int = 0, trials: int = 600) -> Instance | None:
    """Find, shrink and convict; None where nothing was found.

    Raises:
        ValueError: the search cannot draw instances of this setting.
    """
    reason = searchable(target)
    if reason is not None:
        raise ValueError(reason)
    found = find(target, random.Random(seed), trials)
    return None if found is None else shrink(target, found)


def heights(limit: int) -> tuple[Fraction, ...]:
    """The non-zero rationals p/q with max(|p|, q) <= limit, the smallest height first, positive first."""
    found = {Fraction(p, q) for p in range(-limit, limit + 1) for q in range(1, limit + 1) if p}
    return tuple(sorted(found, key=lambda x: (max(abs(x.numerator), x.denominator), x < 0, x)))


@dataclass(frozen=True)
class Smallest:
    """The outcome of an enumeration.

    instance: the first convicted instance in the order m, non-zeros, height; None if there is none.
    searched: (m, non-zeros, height) of every stage that was searched to its end, with the number of instances.
    """

    instance: Instance | None
    searched: tuple[tuple[int, int, int, int], ...]


def _stage(m: int, nonzero: int, limit: int, eps: bool) -> Iterator[Instance]:
    """All instances of y, g, H, gamma, beta with that many non-zeros and largest height exactly ``limit``.

    Samples can be renumbered, so y is taken in ascending order.
    """
    pairs = [(i, j) for i in range(m) for j in range(i, m)]
    places = 2 * m + len(pairs) + 2
    values = heights(limit)
    tallest = {x for x in values if max(abs(x.numerator), x.denominator) == limit}
    for chosen in itertools.combinations(range(places), nonzero):
        if 2 * m + len(pairs) not in chosen and nonzero > 0:
            continue
        for entries in itertools.product(values, repeat=nonzero):
            if not tallest.intersection(entries):
                continue
            filled = [Fraction(0)] * places
            for place, entry in zip(chosen, entries, strict=True):
                filled[place] = entry
            y = filled[:m]
            if y[0] == y[-1] or any(a > b for a, b in itertools.pairwise(y)):
                continue
            H = [[Fraction(0)] * m for _ in range(m)]
            for (i, j), entry in zip(pairs, filled[2 * m : -2], strict=True):
                H[i][j] = H[j][i] = entry
            yield Instance(
                y=tuple(map(str, y)),
                g=tuple(map(str, filled[m : 2 * m])),
                H=tuple(tuple(map(str, row)) for row in H),
                gamma=str(filled[-2]),
                beta=str(filled[-1]),
                eps="1" if eps else 0,
            )


def smallest(
    target: Target, sizes: Iterable[int] = (2, 3), limit: int = 2, most: int = 400_000, chunk: int = 4096
) -> Smallest:
    """Enumerate instances with gamma != 0 in the order m, non-zeros, height up to ``limit``.

    A stage with more than ``most`` instances is left unfinished and ends the search.
    """
    searched: list[tuple[int, int, int, int]] = []
    for m in sizes:
        places = 2 * m + m * (m + 1) // 2 + 2
        for nonzero in range(1, places + 1):
            for height in range(1, limit + 1):
                count = 0
                for block in _blocks(_stage(m, nonzero, height, target.eps), chunk):
                    count += len(block)
                    for instance in suspects(target, block):
                        if convicted(target, instance):
                            return Smallest(instance, tuple(searched))
                    if count > most:
                        return Smallest(None, tuple(searched))
                searched.append((m, nonzero, height, count))
    return Smallest(None, tuple(searched))


def _blocks(instances: Iterator[Instance], size: int) -> Iterator[list[Instance]]:
    while block := list(itertools.islice(instances, size)):
        yield block
