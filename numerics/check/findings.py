"""What the numbers say of a statement at each instance of a room, and of each of its terms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import torch
from bnverify.numerics.measure.batch import Batch
from bnverify.numerics.measure.extremum import Interval
from bnverify.numerics.measure.sides import Finding, judge, met, shared, sides
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector
from bnverify.theory.grammar import Node, additive_terms
from bnverify.theory.room import walk
from torch import Tensor


@dataclass(frozen=True)
class Terms:
    """The additive terms of both sides: values, a vector's by its norm, and which are beyond rounding, both (T, N)."""

    values: Tensor
    nonzero: Tensor


@lru_cache(maxsize=4096)
def term_nodes(tree: Node) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The additive terms of the left and of the right side; psd(A) has A alone, on the right."""
    if tree.head == "psd":
        return (), (shared(tree),)
    left, right = (tuple(map(shared, additive_terms(side))) for side in tree.args)
    return left, right


def terms(tree: Node, room: Batch) -> Terms:
    """The additive terms of both sides of a statement, in the room."""
    values, nonzero = [], []
    left, right = term_nodes(tree)
    for node in left + right:
        value = walk(node, room)
        value = value.attained if isinstance(value, Interval) else value
        if isinstance(value, MeasuredVector):
            value = Measured(value.norm, value.scale, 0, value.error)
        values.append(value.value.expand_as(room.cond))
        nonzero.append((value.value.abs() > room.allowance(value)).expand_as(room.cond))
    return Terms(torch.stack(values), torch.stack(nonzero))


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


def observe(tree: Node, room: Batch, hypotheses: Sequence[Node] = (), as_equality: bool = False) -> Observed:
    """Judge a statement at every instance of the room.

    Raises:
        Absent: the room does not hold a vector, operator or number of the statement.
        NotImplementedError: no batch can do what the statement asks for.
    """
    relation = sides(tree, room)
    codes = judge(relation, room, as_equality)
    inside = met(hypotheses, room)
    codes = torch.where(inside, codes, torch.full_like(codes, Finding.OUTSIDE_ASSUMPTIONS))
    parts = terms(tree, room)
    nonzero = parts.nonzero.all(0)
    if relation.op == "==" and not bool(relation.floor.scale.any()):
        nonzero = (relation.low.scale > 0).expand_as(inside)
    lhs, rhs, _ = torch.broadcast_tensors(relation.low.value, relation.ceiling.value, room.cond)
    allowed = room.allowance(relation.low, relation.ceiling)
    return Observed(codes, ~(inside & nonzero), lhs, rhs, rhs - lhs, allowed, parts)
