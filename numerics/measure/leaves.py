"""What an equality that holds on random batches has said: none of its leaves may drown in rounding on every batch.

A leaf is one occurrence of a name or of a number other than 0. It is seen at a batch where an error as large as itself
would make the bound on the difference of the sides more than twice what rounding makes it.
`notes/decisions/0006-what-a-tolerance-is.md` says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from bnverify.numerics.measure.batch import Batch
from bnverify.numerics.measure.extremum import Interval
from bnverify.numerics.measure.sides import Sides, related, shared
from bnverify.numerics.measure.tape import size_of
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector, unit_roundoff
from bnverify.theory.grammar import Node
from bnverify.theory.room import walk
from torch import Tensor

STEP = 2.0**-10
"""The part of its size by which every leaf is uncertain: small, so that powers stay linear; scaled up again."""
BEYOND = 2.0**200
"""An uncertainty that no other can hide, if the difference of the sides depends on a leaf at all."""


NOISE = 8
"""Roundings of a bound, so that the difference of two bounds is not one of them."""


@dataclass(frozen=True)
class Leaf:
    """An occurrence in a statement; path: the positions of the arguments that lead to it; inside: of a d or an at."""

    node: Node
    path: tuple[int, ...]
    inside: bool


def leaves(node: Node, path: tuple[int, ...] = (), inside: bool = False) -> Iterator[Leaf]:
    """The leaves of a tree, left to right; a maximum over inputs and a rate of the loss are one each."""
    whole = node.head == "maximum" or (node.head == "d" and node.args[0] == Node("name", ("L",)))
    if node.head == "name" or whole or (node.head == "number" and node.args[0]):
        yield Leaf(node, path, inside)
    if node.head in ("name", "number", "maximum"):
        return
    for i, argument in enumerate(node.args):
        moved = node.head in ("d", "at") and i < 2
        if isinstance(argument, Node) and not (moved and (i == 1 or whole)):
            yield from leaves(argument, (*path, i), inside or moved)


@dataclass
class _Asked:
    """An equality and the same with a name of its own for every leaf.

    depends: the leaves on which the difference was found to depend. clear: those that were not 0 to rounding at some
    batch. shown: of each batch, in any order, the leaves seen at it, and which of these were 0 to rounding there.
    """

    tree: Node
    named: Node
    leaves: tuple[Leaf, ...]
    depends: set[int] = field(default_factory=set)
    clear: set[int] = field(default_factory=set)
    shown: set[tuple[frozenset[int], frozenset[int]]] = field(default_factory=set)

    @property
    def done(self) -> bool:
        """Whether some batch has shown all leaves, each at a value that is not 0."""
        return not self.leaves or (frozenset(range(len(self.leaves))), frozenset()) in self.shown

    @property
    def drowned(self) -> list[Leaf]:
        """What the batch that shows most leaves does not show; a leaf that is 0 there has to be 0 everywhere."""
        if self.done:
            return []
        lacking = [self.depends - (seen - (zero & self.clear)) for seen, zero in self.shown]
        return [self.leaves[i] for i in sorted(min(lacking, key=len, default=()))]


def _asked(tree: Node, equality: bool) -> _Asked:
    found, named = tuple(leaves(tree)) if equality else (), tree
    for i, leaf in enumerate(found):
        named = _put(named, leaf.path, _name(leaf, f"~{i}"))
    return _Asked(shared(tree), shared(named), found)


class Leaves:
    """The leaves of a statement and of its hypotheses, and which of them batches have shown; inequalities have none.

    Args:
        tree, hypotheses: what is asked. as_equality: an inequality that is judged as the equality it is.
    """

    def __init__(self, tree: Node, hypotheses: Sequence[Node] = (), as_equality: bool = False) -> None:
        self._statement = _asked(tree, tree.head == "==" or as_equality)
        self._hypotheses = [_asked(one, one.head == "==") for one in hypotheses]

    def look(self, room: Batch, holds: Tensor, inside: Tensor) -> None:
        """Look at the batches of a room: where the statement holds, and where all hypotheses are met, (N,) bool."""
        for asked, where in ((self._statement, holds), *((one, inside) for one in self._hypotheses)):
            if not asked.done and bool(where.any()):
                _look(asked, room, where)

    @property
    def drowned(self) -> list[tuple[int, Leaf]]:
        """The leaves of the statement that rounding hides, each as (0, leaf)."""
        return [(0, leaf) for leaf in self._statement.drowned]

    @property
    def unmet(self) -> list[tuple[int, Leaf]]:
        """Those of hypotheses, each as (which hypothesis, from 1 on, leaf)."""
        return [(of, leaf) for of, asked in enumerate(self._hypotheses, 1) for leaf in asked.drowned]


def _look(asked: _Asked, room: Batch, where: Tensor) -> None:
    held = [room.number(1) if leaf.inside else walk(leaf.node, room) for leaf in asked.leaves]
    # Where a layer computes in fewer digits, bounds are far above the noise of their own arithmetic: the step can be
    # large; below 1, for a divisor that is uncertain by all of its size has no bound.
    step = STEP if room.unit == unit_roundoff(room.cond.dtype) else 0.25
    names = {f"={i}": value for i, value in enumerate(held)}
    names |= {f"~{i}": _uncertain(value, room, step) for i, value in enumerate(held)}
    names |= {f"?{i}": _uncertain(value, room, BEYOND) for i, value in enumerate(held)}
    there = room.let(names)
    there.unit = unit_roundoff(room.cond.dtype)  # that of the arithmetic, whatever a layer computes in
    allowed, whole = _bound(related(asked.tree, room), room), _bound(related(asked.named, there), there)

    def bound(i: int, sign: str) -> Tensor:
        leaf = asked.leaves[i]
        return _bound(related(_put(asked.named, leaf.path, _name(leaf, f"{sign}{i}")), there), there)

    seen, zero = (
        torch.ones(len(held), *where.shape, dtype=torch.bool),
        torch.zeros(len(held), *where.shape).bool(),
    )
    for i, value in enumerate(held):
        if not isinstance(value, Measured | MeasuredVector | Interval):
            continue  # an operator, which has a vector beside it
        without = bound(i, "=")
        seen[i] = (whole - without - NOISE * there.unit * whole) / step > allowed
        zero[i] = _lost(value, room)
        if bool((where & ~zero[i].to(where.device)).any()):
            asked.clear.add(i)
        if i not in asked.depends and bool((where & (bound(i, "?") != without)).any()):
            asked.depends.add(i)
    for column in torch.cat([seen, zero])[:, where.cpu()].unique(dim=1).T.tolist():
        shown = frozenset(i for i, one in enumerate(column[: len(held)]) if one)
        asked.shown.add((shown, frozenset(i for i, one in enumerate(column[len(held) :]) if one)))


def _bound(relation: Sides, room: Batch) -> Tensor:
    return room.allowance(relation.low, relation.high, relation.floor, relation.ceiling) / 2


def _name(leaf: Leaf, name: str) -> Node:
    """What stands in the place of a leaf: its value, or, where it moves, itself times a number 1."""
    named = Node("name", (name,))
    return Node("*", (leaf.node, named)) if leaf.inside else named


def _uncertain(value: Any, room: Batch, times: float) -> Any:
    """The value with an error of ``times`` its size, or of what it was formed from where it is 0 to rounding."""
    if isinstance(value, Interval):
        return Interval(_uncertain(value.attained, room, times), _uncertain(value.bound, room, times))
    if not isinstance(value, Measured | MeasuredVector):
        return value
    size = torch.where(_lost(value, room), value.scale, size_of(value))
    return replace(value, error=value.error + times * size / unit_roundoff(size.dtype) + 0 * room.cond)


def _lost(value: Any, room: Batch) -> Tensor:
    """Where a value is 0 to rounding."""
    value = value.bound if isinstance(value, Interval) else value
    return size_of(value) <= room.unit * value.error


def _put(tree: Node, path: tuple[int, ...], other: Node) -> Node:
    if not path:
        return other
    args = list(tree.args)
    args[path[0]] = _put(args[path[0]], path[1:], other)
    return Node(tree.head, tuple(args), tree.column)
