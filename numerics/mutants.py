"""The kill table: every mutant of a statement against the numbers and against the exact room.

A mutant is provably false where exact arithmetic convicts it at a point; then the numbers must see it too. It is
equivalent or weaker where a certificate says so; then nothing may convict it. What is neither is listed as open.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import torch
from bnverify.numerics.drawing import draw, family_of, needs_of
from bnverify.numerics.falsify import Target, convicted_in, searchable
from bnverify.numerics.findings import Finding, judge, met, sides
from bnverify.numerics.observe import Batch
from bnverify.numerics.points import batch_of, measure, shape
from bnverify.theory.claim import Claim, Instance
from bnverify.theory.exact import Exact
from bnverify.theory.mutate import Mutant, Statement, certified, mutants, statements
from bnverify.theory.prove import compare
from bnverify.theory.rooms import point
from torch import Tensor

SIZES = (3, 2, 4, 5)
INSTANCES = 240
EXACT_ONLY = 3
ADJUDICATED = 6
"""Suspect points of one mutant that are put to the exact room before it is called open."""


@dataclass(frozen=True)
class Verdict:
    """What became of one mutant.

    proof: ``false`` (an exact point convicts it), ``equivalent`` or ``weaker`` (by certificate), ``open``.
    numbers: whether the numbers convict it; None where the setting has no room of numbers.
    why: the point or the certificate.
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

    convicted: whether a room convicts the statement itself. skipped: why its mutants were put to the exact room
    alone, or to none.
    """

    statement: Statement
    verdicts: tuple[Verdict, ...]
    convicted: bool
    skipped: str = ""

    def count(self, proof: str) -> int:
        return sum(verdict.proof == proof for verdict in self.verdicts)

    @property
    def killed(self) -> int:
        """False mutants that both rooms caught."""
        return sum(verdict.proof == "false" and verdict.numbers is True for verdict in self.verdicts)

    @property
    def sound(self) -> bool:
        """Every false mutant caught by both rooms, no true one and not the statement itself by either."""
        return not self.convicted and all(verdict.sound for verdict in self.verdicts)


class Pool:
    """Random instances of a statement's setting, as rooms of numbers and, one by one, as exact rooms."""

    def __init__(self, target: Target, seed: int, size: int) -> None:
        self.target = target
        rng = random.Random(seed)
        needs = target.needs
        drawn = [
            draw(rng, m, needs, target.eps, target.setting) for m in SIZES for _ in range(size // len(SIZES))
        ]
        groups: dict[Any, list[Instance]] = {}
        for instance in drawn:
            groups.setdefault(shape(instance), []).append(instance)
        self.rooms: list[tuple[list[Instance], Batch, Tensor]] = []
        for instances in groups.values():
            room = batch_of(instances)
            inside = met(target.hypotheses, room) if target.hypotheses else None
            self.rooms.append(
                (instances, room, torch.ones(len(instances), dtype=torch.bool) if inside is None else inside)
            )
        self.exact: dict[Instance, Exact] = {}

    def suspects(self, says: Any) -> list[Instance]:
        """The instances at which the numbers violate the statement, those with an exact room first."""
        found: list[Instance] = []
        for instances, room, inside in self.rooms:
            codes = judge(sides(says, room), room)
            violated = (codes == Finding.VIOLATED).expand(len(instances)) & inside
            found += [instances[i] for i in torch.nonzero(violated).flatten().tolist()]
        return sorted(found, key=lambda i: (i not in self.exact, measure(i)))

    def convicts(self, says: Any, instance: Instance) -> bool:
        """Whether the statement fails exactly at the instance, inside the hypotheses."""
        if instance not in self.exact:
            self.exact[instance] = point(self.target.setting, instance)
        return convicted_in(self.exact[instance], says, self.target.hypotheses)


def _judged(mutant: Mutant, pools: Sequence[Callable[[], Pool]]) -> Verdict:
    """Exact conviction where a pool holds a point for it, else a certificate, else a larger pool."""
    seen = False
    for number, made in enumerate(pools):
        pool = made()
        suspects = pool.suspects(mutant.says)
        seen = seen or bool(suspects)
        for instance in suspects[:ADJUDICATED]:
            if pool.convicts(mutant.says, instance):
                return Verdict(mutant, "false", True, _spoken(instance))
        for instance in list(pool.exact):
            if pool.convicts(mutant.says, instance):
                return Verdict(mutant, "false", seen, _spoken(instance))
        proof = certified(mutant) if number == 0 else None
        if proof is not None:
            return Verdict(mutant, proof[0], seen, proof[1])
    return Verdict(mutant, "open", seen, "no certificate, no point")


def _exact_rooms(statement: Statement, seed: int) -> dict[Instance, Exact]:
    """Exact rooms of a setting that the numbers do not have, at points where the statement itself can be asked."""
    rng = random.Random(seed)
    needs = replace(needs_of(statement.says, statement.hypotheses), heads=frozenset(), operators=frozenset())
    rooms: dict[Instance, Exact] = {}
    for _ in range(EXACT_ONLY):
        instance = draw(rng, 3, needs, statement.proof.eps, statement.setting)
        try:
            room = point(statement.setting, instance)
            compare(statement.says(room), room)
        except (ArithmeticError, LookupError, TypeError, ValueError):
            continue
        rooms[instance] = room
    return rooms


def _judged_exactly(statement: Statement, made: Sequence[Mutant], reason: str, seed: int) -> Row:
    rooms = _exact_rooms(statement, seed) if statement.op == "eq" else {}
    says, hypotheses = statement.says, statement.hypotheses
    if not rooms or any(convicted_in(room, says, hypotheses) for room in rooms.values()):
        return Row(statement, (), False, f"not mutated: {reason}")
    verdicts: list[Verdict] = []
    for mutant in made:
        where = next((i for i, room in rooms.items() if convicted_in(room, mutant.says, hypotheses)), None)
        if where is not None:
            verdicts.append(Verdict(mutant, "false", None, _spoken(where)))
        else:
            proof, why = certified(mutant) or ("open", "no certificate, no point")
            verdicts.append(Verdict(mutant, proof, None, why))
    return Row(statement, tuple(verdicts), False, f"exact room alone: {reason}")


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
    reason = searchable(target) or next(
        (r for r in (family_of(needs_of(m.says))[1] for m in made) if r is not None), None
    )
    if reason is not None:
        return _judged_exactly(statement, made, reason, seed)
    pools = (cache(partial(Pool, target, seed, size)), cache(partial(Pool, target, seed + 1, 10 * size)))
    convicted = bool(pools[0]().suspects(statement.says))
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
        counted["killed by both"] += row.killed
        counted["exact alone"] += sum(v.proof == "false" and v.numbers is None for v in row.verdicts)
    return counted
