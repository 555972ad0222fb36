"""What the numbers say of a statement at each instance of a room."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from bnverify.numerics.check.terms import node_of
from bnverify.numerics.measure import sides as text
from bnverify.numerics.measure.batch import Batch
from bnverify.numerics.measure.interval import Interval
from bnverify.numerics.measure.sides import Finding
from bnverify.numerics.measure.tolerance import Measured, resolution
from bnverify.theory.claim import Hypothesis, Says
from bnverify.theory.grammar import parse
from bnverify.theory.observe import Syntax
from bnverify.theory.prove import additive_terms
from bnverify.theory.room import walk
from bnverify.theory.settings import Extremum, Setting
from bnverify.theory.syntax import Scalar, evaluate, scalar
from torch import Tensor


class Numbers(Protocol):
    """A room of measured numbers: a `Setting` with a tolerance."""

    cond: Tensor

    def allowance(self, *parts: Measured) -> Tensor: ...

    def num(self, value: Any) -> Measured: ...


@dataclass(frozen=True)
class Sides:
    """Both sides of a relation as intervals (a point unless they are maxima), `Measured` with (N,) values."""

    op: str
    low: Measured
    high: Measured
    floor: Measured
    ceiling: Measured


def sides(says: Says, q: Any) -> Sides:
    """The relation of a statement in the room ``q``; lhs in [low, high], rhs in [floor, ceiling]."""
    relation = says(q)
    ends = []
    for side in relation.sides(q):
        pair = (side.attained, side.bound) if isinstance(side, Extremum) else (side, side)
        ends += [end if isinstance(end, Measured) else q.num(end) for end in pair]
    return Sides(relation.op, *ends)


def judge(relation: Sides, q: Numbers, as_equality: bool = False) -> Tensor:
    """The `Finding` of each instance, (N,) int8, hypotheses left aside.

    An inequality holds or is violated where its slack is beyond what rounding explains. An equality, and an
    inequality that is known to be one (``as_equality``), is violated where the sides differ by more than that,
    and holds where they do not and a relative error of `resolution` would have been seen; an equality with the
    number 0 is judged relative to what its left side is formed from.
    """
    slack = relation.floor.value - relation.high.value
    reach = relation.ceiling.value - relation.low.value
    allowed = q.allowance(relation.low, relation.high, relation.floor, relation.ceiling) / 2
    ends = torch.broadcast_tensors(slack, reach, allowed, q.cond)
    slack, reach, allowed = ends[0], ends[1], ends[2]
    if relation.op == "eq" or as_equality:
        zero = not bool(relation.floor.scale.any())
        seen = (
            relation.low.scale
            if zero
            else torch.maximum(relation.low.value.abs(), relation.floor.value.abs())
        )
        violated = torch.maximum(slack, -reach) > allowed
        holds = ~violated & (allowed < resolution(allowed.dtype) * seen)
    else:
        violated = reach < -allowed
        holds = slack > allowed
    codes = torch.full_like(slack, Finding.WITHIN_ROUNDOFF, dtype=torch.int8)
    codes[holds] = Finding.HOLDS
    codes[violated] = Finding.VIOLATED
    codes[~(slack.isfinite() & reach.isfinite() & allowed.isfinite())] = Finding.ERROR
    return codes


def met(hypotheses: Sequence[Hypothesis], q: Any) -> Tensor:
    """Where every hypothesis holds clearly, (N,) bool."""
    inside = torch.ones_like(q.cond, dtype=torch.bool)
    for hypothesis in hypotheses:
        inside = inside & (judge(sides(hypothesis.says, q), q) == Finding.HOLDS)
    return inside


@dataclass(frozen=True)
class Terms:
    """The additive terms of both sides: nodes, values (T, N) and whether each is beyond rounding, (T, N)."""

    nodes: tuple[Scalar, ...]
    values: Tensor
    nonzero: Tensor


def term_nodes(says: Says) -> tuple[tuple[Scalar, ...], tuple[Scalar, ...]]:
    """The additive terms of the left and of the right side; a bare 0 is not a term."""
    syntax = Syntax()
    lhs, rhs = (additive_terms(scalar(side)) for side in says(syntax).sides(syntax))
    return tuple(n for n in lhs if n != scalar(0)), tuple(n for n in rhs if n != scalar(0))


def terms(says: Says, q: Any) -> Terms:
    """The additive terms of both sides of a statement, in the room."""
    lhs, rhs = term_nodes(says)
    nodes = lhs + rhs
    values, nonzero = [], []
    for node in nodes:
        value: Any = walk(node_of(node), q) if isinstance(q, Batch) else evaluate(node, q)
        value = value.attained if isinstance(value, Extremum | Interval) else value
        beyond = value.value.abs() > q.allowance(value)
        values.append(value.value.expand_as(q.cond))
        nonzero.append(beyond.expand_as(q.cond))
    return Terms(nodes, torch.stack(values), torch.stack(nonzero))


@dataclass(frozen=True)
class Observed:
    """A statement in a room of N instances.

    codes: `Finding` of each, (N,) int8. vacuous: a hypothesis fails, or a term is 0 to rounding, (N,) bool; an
    equation with the number 0 is vacuous where its left side is formed from zeros.
    lhs, rhs, slack, allowed: (N,); of a maximum the end that could convict. terms: see `Terms`.
    """

    codes: Tensor
    vacuous: Tensor
    lhs: Tensor
    rhs: Tensor
    slack: Tensor
    allowed: Tensor
    terms: Terms


def observe(
    says: Says, q: Setting | Batch, hypotheses: Sequence[Hypothesis] = (), as_equality: bool = False
) -> Observed:
    """Judge a statement at every instance of the room.

    Raises:
        KeyError: the room does not hold a vector, operator or symbol of the statement.
    """
    room: Any = q
    relation: Any
    if isinstance(q, Batch):
        trees = [parse(hypothesis.says.text) for hypothesis in hypotheses]
        relation = text.sides(parse(says.text), q)  # type: ignore[attr-defined]
        codes = text.judge(relation, q, as_equality)
        inside = text.met(trees, q)
    else:
        relation = sides(says, room)
        codes = judge(relation, room, as_equality)
        inside = met(hypotheses, room)
    codes = torch.where(inside, codes, torch.full_like(codes, Finding.OUTSIDE_ASSUMPTIONS))
    parts = terms(says, room)
    nonzero = parts.nonzero.all(0)
    if relation.op in ("eq", "==") and not bool(relation.floor.scale.any()):
        nonzero = (relation.low.scale > 0).expand_as(inside)
    vacuous = ~(inside & nonzero)
    lhs, rhs, _ = torch.broadcast_tensors(relation.low.value, relation.ceiling.value, room.cond)
    allowed = room.allowance(relation.low, relation.ceiling)
    return Observed(codes, vacuous, lhs, rhs, rhs - lhs, allowed, parts)
