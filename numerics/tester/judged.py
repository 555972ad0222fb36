"""What the numbers say of a statement in the rooms that compute with a `Setting`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from bnverify.numerics.measure.sides import Finding
from bnverify.numerics.measure.tolerance import Measured, resolution
from bnverify.theory.claim import Hypothesis, Says
from bnverify.theory.observe import Syntax
from bnverify.theory.prove import additive_terms
from bnverify.theory.settings import Extremum
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
        value: Any = evaluate(node, q)
        value = value.attained if isinstance(value, Extremum) else value
        beyond = value.value.abs() > q.allowance(value)
        values.append(value.value.expand_as(q.cond))
        nonzero.append(beyond.expand_as(q.cond))
    return Terms(nodes, torch.stack(values), torch.stack(nonzero))
