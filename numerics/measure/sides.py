"""Both sides of a statement in a room of numbers, and what rounding lets one say of each instance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Any

import torch
from bnverify.numerics.measure.extremum import Interval
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector, resolution
from bnverify.theory.grammar import Node
from bnverify.theory.room import walk
from torch import Tensor


class Finding(IntEnum):
    """Only HOLDS supports a statement."""

    HOLDS = 0
    VIOLATED = 1
    WITHIN_ROUNDOFF = 2
    OUTSIDE_ASSUMPTIONS = 3
    ERROR = 4


@dataclass(frozen=True)
class Sides:
    """Both sides of a relation as intervals (a point unless they are maxima), `Measured` with (N,) values."""

    op: str
    low: Measured
    high: Measured
    floor: Measured
    ceiling: Measured


@lru_cache(maxsize=4096)
def shared(tree: Node) -> Node:
    """The tree made of nodes that equal trees share, so that a room which keeps what it walked meets them again."""
    args = tuple(shared(inside) if isinstance(inside, Node) else inside for inside in tree.args)
    return Node(tree.head, args, tree.column)


def sides(tree: Node, room: Any) -> Sides:
    """The relation in the room: left in [low, high], right in [floor, ceiling].

    An equation of vectors becomes |left - right| == 0, formed from what both sides are formed from; psd(A) becomes
    0 <= the least eigenvalue of A.
    """
    return related(shared(tree), room)


def related(tree: Node, room: Any) -> Sides:
    """The same of a tree as it is, which shares nodes already."""
    if tree.head == "psd":
        zero, least = room.number(0), walk(tree, room)
        return Sides("<=", zero, zero, least, least)
    left, right = walk(tree, room)
    op = {">=": "<=", ">": "<"}.get(tree.head, tree.head)
    if op != tree.head:
        left, right = right, left
    if isinstance(left, MeasuredVector) or isinstance(right, MeasuredVector):
        gap = left - right
        off = Measured(gap.norm, gap.scale, 0, gap.error)
        zero = Measured(torch.zeros_like(off.value), torch.zeros_like(off.value), 0.0)
        return Sides(op, off, off, zero, zero)
    ends = []
    for side in (left, right):
        ends += [side.attained, side.bound] if isinstance(side, Interval) else [side, side]
    return Sides(op, *ends)


def judge(relation: Sides, room: Any, as_equality: bool = False) -> Tensor:
    """The `Finding` of each instance, (N,) int8, hypotheses left aside.

    An inequality holds or is violated where its slack is beyond what rounding explains. An equality, and an
    inequality that is known to be one (``as_equality``), is violated where the sides differ by more than that,
    and holds where they do not and a relative error of `resolution` would have been seen; an equality with the
    number 0 is judged relative to what its left side is formed from.
    """
    slack = relation.floor.value - relation.high.value
    reach = relation.ceiling.value - relation.low.value
    allowed = room.allowance(relation.low, relation.high, relation.floor, relation.ceiling) / 2
    slack, reach, allowed, _ = torch.broadcast_tensors(slack, reach, allowed, room.cond)
    if relation.op == "!=":
        violated = torch.zeros_like(slack, dtype=torch.bool)
        holds = slack.abs() > allowed
    elif relation.op == "==" or as_equality:
        zero = not bool(relation.floor.scale.any())
        left, right = relation.low.value.abs(), relation.floor.value.abs()
        seen = relation.low.scale if zero else torch.maximum(left, right)
        violated = torch.maximum(slack, -reach) > allowed
        holds = ~violated & (allowed < resolution(allowed.dtype) * seen)
    else:
        violated = reach < -allowed
        holds = slack > allowed
    codes = torch.full_like(slack, Finding.WITHIN_ROUNDOFF, dtype=torch.int8)
    codes[holds] = Finding.HOLDS
    codes[violated] = Finding.VIOLATED
    codes[~(slack.isfinite() & reach.isfinite()) | allowed.isnan()] = Finding.ERROR
    return codes


def met(hypotheses: Sequence[Node], room: Any) -> Tensor:
    """Where every hypothesis holds clearly, (N,) bool."""
    inside = torch.ones_like(room.cond, dtype=torch.bool)
    for hypothesis in hypotheses:
        inside = inside & (judge(sides(hypothesis, room), room) == Finding.HOLDS)
    return inside
