"""Search for a violation of a statement, shrink it, and let the kernel convict.

Random points with small rational numbers fill a room of floats; where a statement is violated beyond rounding the point
is shrunk in the order m, non-zeros, height, each step judged by floats and the result by the kernel.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import torch
from bnverify.numerics.measure.batch import Absent
from bnverify.numerics.measure.points import batch_of, measure, shape
from bnverify.numerics.measure.sides import Finding, judge, met, sides
from bnverify.numerics.tester.drawing import Data, draw, settled, texts
from bnverify.theory import kernel
from bnverify.theory.cases import asked
from bnverify.theory.claim import Claim, Corrected, Reading
from bnverify.theory.grammar import Node, names_in, parse
from bnverify.theory.judged import every_term_counts

SIZES = (2, 3, 4)
"""Batch sizes that are searched; a smaller counterexample is a better one."""


@dataclass(frozen=True)
class Target:
    """What is to be falsified. generic: ask for a point at which every additive term of both sides is non-zero."""

    claim: kernel.Claim
    generic: bool = False

    @cached_property
    def tree(self) -> Node:
        return parse(self.claim.statement)

    @cached_property
    def hypotheses(self) -> list[Node]:
        """The hypotheses, and what an instance must satisfy."""
        return [parse(text) for text in (*self.claim.needs, *self.claim.hypotheses)]


def target_of(claim: Claim, stated: Reading | Corrected, generic: bool = False) -> Target:
    """The target of a reading or a corrected statement; eps > 0 where its evidence is about that."""
    refutation = stated.refutation if isinstance(stated, Reading) else None
    point_ = None if refutation is None else refutation.smallest
    eps = "" if point_ is None else "zero" if str(point_.eps) == "0" else "positive"
    return Target(asked(stated, claim, eps=eps), generic)


def universal(claim: Claim, stated: Reading | Corrected) -> str | None:
    """None for a statement about all instances that points can test, otherwise what it is instead."""
    return particular(stated) or searchable(target_of(claim, stated))


def particular(stated: Reading | Corrected) -> str | None:
    """Why a statement is not about all instances, or not refuted by one; None where it is."""
    if getattr(stated, "quantifier", "all") == "exists" or (stated.proof is not None and stated.proof.at):
        return "it says that there is an instance, and one is exhibited"
    refutation = stated.refutation if isinstance(stated, Reading) else None
    if refutation is not None and refutation.smallest is None:
        return "it is refuted by a certificate, not by a point"
    return None


def searchable(target: Target) -> str | None:
    """None where the search can draw instances and see them in floats, otherwise why it cannot."""
    if "smooth(" in target.claim.definition:
        return "its divisor is any smooth function"
    try:
        points = [draw(random.Random(0), target.claim, max(3, target.claim.min_m))]
        room = batch_of(target.claim.definition, points)
        sides(target.tree, room)
        met(target.hypotheses, room)
    except (Absent, NotImplementedError) as error:
        return str(error)
    return None


def convicted(target: Target, data: Data) -> bool:
    """Whether the kernel sees every hypothesis hold at the point and the statement fail there."""
    try:
        if kernel.judge(target.claim, {"point": data}).verdict != "refuted":
            return False
    except kernel.Refused:
        return False
    return not target.generic or every_term_counts(target.claim, {"point": data})


def sides_at(target: Target, data: Data) -> tuple[str, str]:
    """Both sides at a convicted point, exactly."""
    found = kernel.judge(target.claim, {"point": data}).sides
    assert found is not None
    return found


def suspects(target: Target, points: Sequence[Data]) -> list[Data]:
    """Those of the points at which the numbers may violate the statement inside its hypotheses, in order.

    A strict inequality is also suspect where its sides agree to rounding.
    """
    found: dict[int, Data] = {}
    groups: dict[Any, list[int]] = {}
    for number, data in enumerate(points):
        groups.setdefault(shape(data), []).append(number)
    for numbers in groups.values():
        room = batch_of(target.claim.definition, [points[i] for i in numbers])
        relation = sides(target.tree, room)
        codes = judge(relation, room)
        fails = codes == Finding.VIOLATED
        if relation.op == "<":
            fails = fails | (codes == Finding.WITHIN_ROUNDOFF)
        for hypothesis in target.hypotheses:
            held = judge(sides(hypothesis, room), room)
            fails = fails & (held != Finding.VIOLATED) & (held != Finding.ERROR)
        for place in torch.nonzero(fails.expand(len(numbers))).flatten().tolist():
            found[numbers[place]] = points[numbers[place]]
    return [found[i] for i in sorted(found)]


def find(target: Target, rng: random.Random, trials: int = 600, sizes: Iterable[int] = SIZES) -> Data | None:
    """A convicted point among ``trials`` random ones of each size, the smallest size first; None if none is."""
    for m in sizes:
        if m < target.claim.min_m:
            continue
        drawn = [draw(rng, target.claim, m) for _ in range(trials)]
        for data in sorted(suspects(target, drawn), key=measure)[: 40 if target.generic else 12]:
            if convicted(target, data):
                return data
    return None


def _simpler(text: str) -> Iterator[str]:
    """Simpler numbers, the simplest first."""
    try:
        x = Fraction(text)
    except ValueError:
        yield from ("0", "1")
        return
    sign = -1 if x < 0 else 1
    for y in (Fraction(0), Fraction(1), Fraction(-1), Fraction(sign * (abs(x) // 2)), Fraction(round(x))):
        if (max(abs(y.numerator), y.denominator), y < 0, y != 0) < (
            max(abs(x.numerator), x.denominator),
            x < 0,
            x != 0,
        ) or (y == 0 and x != 0):
            yield str(y)


def _spaces(claim: kernel.Claim) -> dict[str, tuple[str, ...]]:
    """The space of every vector, and target and source of every operator, that data may hold."""
    found: dict[str, tuple[str, ...]] = {name: (space,) for name, space in claim.declared_vectors().items()}
    found |= {name: (target, source) for name, _, source, target in claim.declared_operators()}
    for unit in ("", "_j", "_k"):
        found |= {f"y{unit}": ("batch",), f"g{unit}": ("batch",)}
    found |= dict.fromkeys(("H", "H_jj", "H_jk", "H_kk", "N"), ("batch", "batch"))
    return found | {"nu": ("batch",), "X": ("batch", "weights"), "W": ("weights",)}


def _without(claim: kernel.Claim, data: Data, k: int) -> Data | None:
    """The point without sample k; None where a projector depends on how many there are."""
    if "C" in data:
        return None
    spaces, found = _spaces(claim), dict(data)
    for name, value in data.items():
        if isinstance(value, list):
            if spaces[name][0] == "batch":
                value = [*value[:k], *value[k + 1 :]]
            if spaces[name][1:] == ("batch",):
                value = [[*row[:k], *row[k + 1 :]] for row in value]
            found[name] = value
    return found


def _put(value: list[Any], place: int, new: Any) -> list[Any]:
    return [*value[:place], new, *value[place + 1 :]]


def neighbours(target: Target, data: Data) -> Iterator[Data]:
    """Points with one number made simpler, or one sample fewer."""
    size = measure(data)[0]
    if size > max(2, target.claim.min_m):
        for k in range(size):
            smaller = _without(target.claim, data, k)
            if smaller is not None:
                yield smaller
    for name, value in data.items():
        if isinstance(value, str):
            for new in _simpler(value):
                if new != "0" or not name.startswith(("eps", "lam", "gamma")):
                    yield data | {name: new}
        elif isinstance(value[0], str):
            for k, entry in enumerate(value):
                for new in _simpler(entry):
                    yield data | {name: _put(value, k, new)}
        elif name != "C":
            yield from (
                data | {name: table}
                for table in _tables(value, symmetric=name not in ("X", "K", "A", "H_jk"))
            )


def _tables(table: list[list[str]], symmetric: bool) -> Iterator[list[list[str]]]:
    for i, row in enumerate(table):
        for j in range(i if symmetric else 0, len(row)):
            for new in _simpler(row[j]):
                changed = _put(table, i, _put(row, j, new))
                yield _put(changed, j, _put(changed[j], i, new)) if symmetric and i != j else changed


def shrink(target: Target, data: Data, steps: int = 60) -> Data:
    """A convicted point that none of its `neighbours` beats, or the best after ``steps`` steps."""
    names = frozenset().union(*(names_in(parse(text)) for text in texts(target.claim)))
    for _ in range(steps):
        near_by = list(neighbours(target, data))
        put = [settled(near, target.claim, names) for near in near_by]
        near_by += [near for near, before in zip(put, near_by, strict=True) if near != before]
        closer = [near for near in near_by if measure(near) < measure(data)]
        better = sorted(suspects(target, closer), key=measure) if closer else []
        best = next((near for near in better if convicted(target, near)), None)
        if best is None:
            return data
        data = best
    return data


def falsify(target: Target, seed: int = 0, trials: int = 600) -> Data | None:
    """Find, shrink and convict; None where nothing was found.

    Raises:
        ValueError: the search cannot draw instances of this setting.
    """
    reason = searchable(target)
    if reason is not None:
        raise ValueError(reason)
    found = find(target, random.Random(seed), trials)
    return None if found is None else shrink(target, found)
