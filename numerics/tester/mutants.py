"""The kill table: every mutant of a statement against the numbers and against exact points.

A mutant is provably false where exact arithmetic convicts it at a point; then the numbers must see it too, where the
setting has a room of numbers. It is equivalent or weaker where a certificate says so; then nothing may convict it.
What is neither is listed as open.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import cache, lru_cache, partial
from typing import Any

import torch
from bnverify.numerics.measure.coordinates import Coordinates, coordinates
from bnverify.numerics.measure.drawing import Needs, draw, family_of, needs_of
from bnverify.numerics.measure.dual import Dual
from bnverify.numerics.measure.observe import Batch
from bnverify.numerics.measure.points import batch_of, measure, shape
from bnverify.numerics.tester.exact_points import Drawn, cornered, drawn, plain, shared
from bnverify.numerics.tester.falsify import Target, convicted, searchable
from bnverify.numerics.tester.judged import Finding, judge, met, sides
from bnverify.theory.claim import Claim, Hypothesis, Instance, Relation, Says
from bnverify.theory.mutate import Mutant, Statement, certified, mutants, statements
from torch import Tensor

SIZES = (3, 2, 4, 5)
INSTANCES = 240
EXACT_ONLY = {"eq": 12, "le": 40, "lt": 40}
"""Exact points of a statement that has no room of numbers, by its relation."""
ADJUDICATED = 6
"""Suspect points of one mutant that are put to the exact room before it is called open."""


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


def holds(relation: Relation, room: Coordinates) -> bool:
    """Whether a relation holds exactly at a point."""
    lhs, rhs = relation.sides(room)
    gap = (Dual.of(rhs) - lhs).sign()
    return {"eq": gap == 0, "le": gap >= 0, "lt": gap > 0}[relation.op]


def inside(hypotheses: Iterable[Hypothesis], room: Coordinates) -> bool:
    """Whether every hypothesis holds exactly at a point; False where one has no value there."""
    try:
        return all(holds(hypothesis.says(room), room) for hypothesis in hypotheses)
    except (ArithmeticError, NotImplementedError):
        return False


class Value(Enum):
    """What a statement is at an exact point. void: a division by 0, or a name or a sum that makes no sense there."""

    TRUE = auto()
    FALSE = auto()
    VOID = auto()
    UNDECIDED = auto()


def value(says: Says, room: Coordinates) -> Value:
    """A statement at an exact point; undecided where a root leaves the numbers of the room."""
    try:
        return Value.TRUE if holds(says(room), room) else Value.FALSE
    except NotImplementedError:
        return Value.UNDECIDED
    except (ArithmeticError, LookupError, ValueError):
        return Value.VOID


def fails(says: Says, room: Coordinates) -> bool:
    """Whether a statement is false exactly at a point."""
    return value(says, room) is Value.FALSE


class Batches:
    """Random instances as rooms of numbers, and one by one as exact points; half of them in a corner, if asked."""

    def __init__(
        self, needs: Needs, setting: str, eps: bool, seed: int, size: int, corners: bool = False
    ) -> None:
        self.setting = setting
        rng = random.Random(seed)
        groups: dict[Any, list[Instance]] = {}
        for m in SIZES:
            for number in range(size // len(SIZES)):
                instance = draw(rng, m, needs, eps, setting)
                if corners and number % 2:
                    instance = cornered(rng, Drawn(setting, instance)).instance
                groups.setdefault(shape(instance), []).append(instance)
        self.rooms = [(instances, batch_of(instances)) for instances in groups.values()]
        self.points: dict[Instance, Coordinates] = {}

    def point(self, instance: Instance) -> Coordinates:
        """The exact room at one of the instances, kept for the next question."""
        if instance not in self.points:
            self.points[instance] = coordinates(self.setting, instance)
        return self.points[instance]


_batches = lru_cache(maxsize=8)(Batches)


class Pool:
    """Random instances of a statement's setting inside its hypotheses."""

    def __init__(self, target: Target, seed: int, size: int, corners: bool = False) -> None:
        self.target = target
        self.drawn = _batches(shared(target.needs), target.setting, target.eps, seed, size, corners)
        self.rooms: list[tuple[list[Instance], Batch, Tensor]] = []
        for instances, room in self.drawn.rooms:
            met_here = met(target.hypotheses, room) if target.hypotheses else None
            everywhere = torch.ones(len(instances), dtype=torch.bool)
            self.rooms.append((instances, room, everywhere if met_here is None else met_here))
        self.exact: dict[Instance, Coordinates | None] = {}

    @property
    def clearly_inside(self) -> bool:
        """Whether the numbers see an instance inside the hypotheses."""
        return any(bool(allowed.any()) for _, _, allowed in self.rooms)

    def suspects(self, says: Says) -> Iterator[list[Instance]]:
        """Room by room, the instances at which the numbers violate the statement, those with an exact room first."""
        for instances, room, allowed in self.rooms:
            codes = judge(sides(says, room), room)
            violated = (codes == Finding.VIOLATED).expand(len(instances)) & allowed
            found = [instances[i] for i in torch.nonzero(violated).flatten().tolist()]
            if found:
                yield sorted(found, key=lambda i: (i not in self.exact, measure(i)))

    def convicts(self, says: Says, instance: Instance) -> bool:
        """Whether the statement fails exactly at the instance, inside the hypotheses."""
        if instance not in self.exact:
            room = self.drawn.point(instance)
            self.exact[instance] = room if inside(self.target.hypotheses, room) else None
        found = self.exact[instance]
        if found is None:
            return False
        outcome = value(says, found)
        if outcome is Value.UNDECIDED:
            return convicted(replace(self.target, says=says), instance)
        return outcome is Value.FALSE


def _judged(mutant: Mutant, pools: Sequence[Callable[[], Pool]]) -> Verdict:
    """Exact conviction where a pool holds a point for it, else a certificate, else a larger pool."""
    seen = False
    for number, made in enumerate(pools):
        pool = made()
        for suspects in pool.suspects(mutant.says):
            seen = True
            for instance in suspects[:ADJUDICATED]:
                if pool.convicts(mutant.says, instance):
                    return Verdict(mutant, "false", True, _spoken(instance))
        for instance in list(pool.exact):
            if pool.convicts(mutant.says, instance):
                return Verdict(mutant, "false", seen, _spoken(instance))
        proof = certified(mutant) if number == 0 else None
        if proof is not None:
            return _by_certificate(mutant, proof, seen)
    return Verdict(mutant, "open", seen, "no certificate, no point")


def _by_certificate(mutant: Mutant, proof: tuple[str, str], seen: bool | None) -> Verdict:
    """What has no value for any m is false; the numbers have nothing to see there."""
    if proof[0] == "void":
        return Verdict(mutant, "false", None, proof[1])
    return Verdict(mutant, proof[0], seen, proof[1])


def _exact_rooms(statement: Statement, seed: int) -> dict[str, Coordinates]:
    """Exact points, by what is said of them, inside the hypotheses and where the statement has a value."""
    if statement.at is not None:
        return {_spoken(statement.at): coordinates(statement.source.setting, statement.at)}
    rng = random.Random(seed)
    needs = plain(needs_of(statement.says, statement.hypotheses))
    rooms: dict[str, Coordinates] = {}
    wanted = EXACT_ONLY[statement.op]
    for number in range(4 * wanted):
        point = drawn(rng, SIZES[number % len(SIZES)], statement.setting, statement.proof.eps, needs)
        if statement.op != "eq" and number % 2:
            point = cornered(rng, point)
        room = coordinates(point.setting, point.instance, point.gamma)
        try:
            holds(statement.says(room), room)
        except (ArithmeticError, NotImplementedError):
            continue
        if inside(statement.hypotheses, room):
            rooms[_spoken(point.instance)] = room
        if len(rooms) == wanted:
            break
    return rooms


def _judged_exactly(statement: Statement, made: Sequence[Mutant], reason: str, seed: int) -> Row:
    try:
        rooms = _exact_rooms(statement, seed)
    except LookupError as missing:
        return Row(statement, (), False, f"not mutated: no exact point holds {missing}")
    if not rooms:
        return Row(statement, (), False, "not mutated: no exact point lies inside the hypotheses")
    convicted = any(fails(statement.says, room) for room in rooms.values())
    verdicts = tuple(_judged_at(mutant, rooms) for mutant in made)
    return Row(statement, verdicts, convicted, f"exact points alone: {reason}")


def _judged_at(mutant: Mutant, rooms: dict[str, Coordinates]) -> Verdict:
    found: set[Value] = set()
    for spoken, room in rooms.items():
        found.add(value(mutant.says, room))
        if Value.FALSE in found:
            return Verdict(mutant, "false", None, spoken)
    if found == {Value.VOID}:
        return Verdict(mutant, "false", None, "it has no value at any of the points")
    if mutant.statement.at is not None and found == {Value.TRUE}:
        return Verdict(mutant, "weaker", None, "the exhibited point shows it too")
    proof = None if mutant.statement.at is not None else certified(mutant)
    if proof is not None:
        return _by_certificate(mutant, proof, None)
    return Verdict(mutant, "open", None, "no certificate, no point")


def _spoken(instance: Instance) -> str:
    return f"fails at y = ({', '.join(map(str, instance.y))}), g = ({', '.join(map(str, instance.g))})"


def judge_statement(
    statement: Statement, seed: int = 0, chosen: Sequence[Mutant] | None = None, size: int = INSTANCES
) -> Row:
    """The row of one statement.

    Args:
        chosen: the mutants to judge; all by default.
        size: random instances in the pool.
    """
    target = Target(statement.says, statement.hypotheses, statement.setting, statement.proof.eps)
    made = mutants(statement) if chosen is None else tuple(chosen)
    if statement.at is not None:
        return _judged_exactly(statement, made, "it is about the point that is exhibited", seed)
    reason = searchable(target) or next(
        (r for r in (family_of(needs_of(m.says))[1] for m in made) if r is not None), None
    )
    if reason is not None:
        return _judged_exactly(statement, made, reason, seed)
    pools = (
        cache(partial(Pool, target, seed, size)),
        cache(partial(Pool, target, seed + 1, 10 * size, True)),
    )
    if not pools[0]().clearly_inside:
        return _judged_exactly(statement, made, "no random batch lies clearly inside the hypotheses", seed)
    convicted = any(pools[0]().suspects(statement.says))
    return Row(statement, tuple(_judged(mutant, pools) for mutant in made), convicted)


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
