"""The kill table: every mutant of a statement against the numbers and against exact points.

A mutant is provably false where the kernel's arithmetic convicts it at a point; then the numbers must see it too, where
the setting has a room of numbers. It is equivalent or weaker where a certificate says so; then nothing may convict it.
What is neither is listed as open.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from bnverify.numerics.measure.batch import Absent, Batch
from bnverify.numerics.measure.points import batch_of, measure, shape
from bnverify.numerics.measure.sides import Finding, judge, met, sides
from bnverify.numerics.tester.drawing import Data, draw
from bnverify.numerics.tester.exact_points import Points, Value, point, spoken, value
from bnverify.theory import kernel
from bnverify.theory.claim import Claim
from bnverify.theory.grammar import Node, parse
from bnverify.theory.mutate import Mutant, Statement, certified, mutants, statements
from torch import Tensor

SIZES = (3, 2, 4, 5)
INSTANCES = 240
EXACT_ONLY = {"==": 12, "<=": 40, "<": 40}
"""Exact points of a statement that has no room of numbers, by its relation."""
ADJUDICATED = 6
"""Suspect points of one mutant that are put to the kernel before it is called open."""


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant.

    proof: ``false`` (an exact point convicts it), ``equivalent`` or ``weaker`` (by certificate), ``open``.
    numbers: whether the numbers convict it; None where the setting has no room of numbers.
    why: the point, the certificate, or what is missing.
    """

    mutant: Mutant
    proof: str
    numbers: bool | None
    why: str

    @property
    def sound(self) -> bool:
        """A false mutant is caught by the numbers too, a true one by neither."""
        return self.numbers is None or self.numbers == (self.proof == "false")


@dataclass(frozen=True)
class Row:
    """One statement of the table.

    convicted: whether a room convicts the statement itself. skipped: why its mutants were put to exact points alone,
    or to none.
    """

    statement: Statement
    verdicts: tuple[Verdict, ...]
    convicted: bool
    skipped: str = ""

    def count(self, proof: str) -> int:
        return sum(verdict.proof == proof for verdict in self.verdicts)

    @property
    def killed(self) -> int:
        """False mutants that every room of the statement's setting caught."""
        return sum(verdict.proof == "false" and verdict.numbers is not False for verdict in self.verdicts)

    @property
    def exact_alone(self) -> int:
        """False mutants that exact points caught where there is no room of numbers."""
        return sum(verdict.proof == "false" and verdict.numbers is None for verdict in self.verdicts)

    @property
    def sound(self) -> bool:
        """Every false mutant caught by both rooms, no true one and not the statement itself by either."""
        return not self.convicted and all(verdict.sound for verdict in self.verdicts)


class Pool:
    """Random points of a statement, one by one for the kernel and together as rooms of numbers."""

    def __init__(self, statement: Statement, seed: int, size: int) -> None:
        self.asked = statement.asked
        rng = random.Random(seed)
        groups: dict[Any, list[Data]] = {}
        for number in range(size):
            m = max(SIZES[number % len(SIZES)], self.asked.min_m)
            data = draw(rng, self.asked, m)
            groups.setdefault(shape(data), []).append(data)
        hypotheses = [parse(text) for text in (*self.asked.needs, *self.asked.hypotheses)]
        self.rooms: list[tuple[list[Data], Batch, Tensor]] = []
        for points in groups.values():
            room = batch_of(self.asked.definition, points)
            self.rooms.append((points, room, met(hypotheses, room)))
        self.exact: dict[int, kernel.Point | None] = {}

    @property
    def clearly_inside(self) -> bool:
        """Whether the numbers see an instance inside the hypotheses."""
        return any(bool(allowed.any()) for _, _, allowed in self.rooms)

    def suspects(self, tree: Node) -> Iterator[list[Data]]:
        """Room by room, the points at which the numbers violate the statement, those that the kernel knows first."""
        for points, room, allowed in self.rooms:
            codes = judge(sides(tree, room), room)
            violated = (codes == Finding.VIOLATED).expand(len(points)) & allowed
            found = [points[i] for i in torch.nonzero(violated).flatten().tolist()]
            if found:
                yield sorted(found, key=lambda data: (id(data) not in self.exact, measure(data)))

    def convicts(self, tree: Node, data: Data) -> bool:
        """Whether the statement fails exactly at the point, inside the hypotheses."""
        if id(data) not in self.exact:
            self.exact[id(data)] = point(self.asked, data)
        place = self.exact[id(data)]
        return place is not None and value(tree, place) is Value.FALSE


def _judged(mutant: Mutant, pools: Sequence[Callable[[], Pool]]) -> Verdict:
    """Exact conviction where a pool holds a point for it, else a certificate, else a larger pool."""
    seen = False
    for number, made in enumerate(pools):
        pool = made()
        for suspects in pool.suspects(mutant.tree):
            seen = True
            for data in suspects[:ADJUDICATED]:
                if pool.convicts(mutant.tree, data):
                    return Verdict(mutant, "false", True, spoken(data))
        for place in filter(None, pool.exact.values()):
            if value(mutant.tree, place) is Value.FALSE:
                return Verdict(mutant, "false", seen, spoken(place.data))
        proof = certified(mutant) if number == 0 else None
        if proof is not None:
            return Verdict(mutant, proof[0], seen, proof[1])
    return Verdict(mutant, "open", seen, "no certificate, no point")


def _places(statement: Statement, seed: int) -> list[kernel.Point]:
    """Exact points at which the statement has a value."""
    if statement.at is not None:
        return [kernel.Point(statement.asked, statement.at)]
    wanted = EXACT_ONLY[statement.op]
    points = itertools.islice(Points(statement.asked, SIZES, seed), 4 * wanted)
    known = (place for place in points if value(statement.tree, place) is not Value.UNDECIDED)
    return list(itertools.islice(known, wanted))


def _judged_exactly(statement: Statement, made: Sequence[Mutant], reason: str, seed: int) -> Row:
    places = _places(statement, seed)
    if not places:
        return Row(statement, (), False, "not mutated: no exact point lies inside the hypotheses")
    convicted = any(value(statement.tree, place) is Value.FALSE for place in places)
    verdicts = tuple(_judged_at(mutant, places) for mutant in made)
    return Row(statement, verdicts, convicted, f"exact points alone: {reason}")


def _judged_at(mutant: Mutant, places: Sequence[kernel.Point]) -> Verdict:
    found: set[Value] = set()
    for place in places:
        found.add(value(mutant.tree, place))
        if Value.FALSE in found:
            return Verdict(mutant, "false", None, spoken(place.data))
    if found == {Value.VOID}:
        return Verdict(mutant, "false", None, "it has no value at any of the points")
    if mutant.statement.at is not None and found == {Value.TRUE}:
        return Verdict(mutant, "weaker", None, "the exhibited point shows it too")
    proof = None if mutant.statement.at is not None else certified(mutant)
    return Verdict(
        mutant, *((proof[0], None, proof[1]) if proof else ("open", None, "no certificate, no point"))
    )


def _without_numbers(statement: Statement, pool: Callable[[], Pool]) -> str:
    """Why a statement is put to exact points alone; empty where there is a room of numbers."""
    if statement.at is not None:
        return "it is about the point that is exhibited"
    if "smooth(" in statement.asked.definition:
        return "its divisor is any smooth function"
    try:
        sides(statement.tree, pool().rooms[0][1])
    except (Absent, NotImplementedError) as error:
        return str(error)
    return "" if pool().clearly_inside else "no random batch lies clearly inside the hypotheses"


def judge_statement(
    statement: Statement, seed: int = 0, chosen: Sequence[Mutant] | None = None, size: int = INSTANCES
) -> Row:
    """The row of one statement.

    Args:
        chosen: the mutants to judge; all by default.
        size: random instances in the pool.
    """
    made = mutants(statement) if chosen is None else tuple(chosen)
    pools = (
        cache(partial(Pool, statement, seed, size)),
        cache(partial(Pool, statement, seed + 1, 10 * size)),
    )
    reason = _without_numbers(statement, pools[0])
    if reason:
        return _judged_exactly(statement, made, reason, seed)
    convicted = any(pools[0]().suspects(statement.tree))
    places = cache(partial(_places, statement, seed))
    verdicts = []
    for mutant in made:
        try:
            verdicts.append(_judged(mutant, pools))
        except (Absent, NotImplementedError):  # such as the rate of v
            verdicts.append(_judged_at(mutant, places()))
    return Row(statement, tuple(verdicts), convicted)


def table(claims: Sequence[Claim], seed: int = 0) -> Iterator[Row]:
    """The rows of every statement of the claims that is proved for every m."""
    for claim in claims:
        for statement in statements(claim):
            yield judge_statement(statement, seed)


def totals(rows: Sequence[Row]) -> Counter[str]:
    """Mutants by what became of them, over all rows."""
    counted: Counter[str] = Counter()
    for row in rows:
        for verdict in row.verdicts:
            counted[verdict.proof] += 1
        counted["killed by both"] += row.killed - row.exact_alone
        counted["exact alone"] += row.exact_alone
    return counted
