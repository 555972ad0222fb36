"""Statements in the grammar, asked of every group of a layer in a running training, first order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.layers import Family
from bnverify.numerics.audit.table.room import LayerRoom, NotMeasured, Vector
from bnverify.numerics.audit.table.rows import measured_table
from bnverify.numerics.measure.tolerance import allowance, resolution, roundings, unit_roundoff
from bnverify.theory import sorts
from bnverify.theory.grammar import Node, names_in
from bnverify.theory.normalisations import names_of, normalisation
from bnverify.theory.room import walk

from bnverify.base.errors import InputError

KNOWN = ("one", "y", "yhat", "z", "g", "v", "m", "gamma", "sigma", "s", "eps", "mu", "rho")
"""What is known of a layer while a training runs: no H and no B, which need second derivatives."""


@dataclass(frozen=True)
class Statement:
    """A text of the grammar and its tree."""

    text: str
    tree: Node


def statements(texts: Sequence[str]) -> tuple[Statement, ...]:
    """Read the texts.

    Raises:
        GrammarError: a text is not in the grammar. InputError: it names what a running training does not measure.
    """
    names = names_of(normalisation("batch-norm"))
    found = []
    for text in texts:
        tree = sorts.statement(text, names)
        unknown = sorted(set(names_in(tree)) - set(KNOWN))
        if unknown or tree.head in ("psd",):
            raise InputError(
                f"{text!r} cannot be recorded: a training measures no {', '.join(unknown) or 'operators'}; it knows "
                f"{', '.join(KNOWN)}"
            )
        found.append(Statement(text, tree))
    return tuple(found)


def room_of(call: Call) -> LayerRoom:
    """The room of a call, with y from what it was divided by and what was taken off."""
    table = measured_table(call)
    names = LayerRoom(table).names
    y = names["yhat"] * names["s"]
    if call.spec is not None and call.spec.family is not Family.RMS:
        y = y + names["one"] * names["mu"]
    return LayerRoom(table, {"y": y})


def asked(call: Call, statement: Statement) -> dict[str, int] | None:
    """How many groups a statement holds in, is violated in, and is not decided in; None where it cannot be asked."""
    room = room_of(call)
    try:
        left, right = walk(statement.tree, room)
    except (NotMeasured, NotImplementedError, KeyError, TypeError):
        return None
    vectors = [side for side in (left, right) if isinstance(side, Vector)]
    if vectors:  # the only number beside a vector is 0
        gap = vectors[0] - vectors[1] if len(vectors) == 2 else vectors[0]
        left, right = gap @ gap, room.number(0)
    relation = statement.tree.head
    symbols = room.table.symbols
    cond = 1 + symbols["mu"].abs() / symbols["s"]
    allowed = allowance(cond, left, right)
    if torch.finfo(call.dtype).eps > torch.finfo(allowed.dtype).eps:
        allowed = allowed + unit_roundoff(call.dtype) * roundings(1, 1) * cond * (left.scale + right.scale)
    slack = right.value - left.value
    if relation in (">=", ">"):
        slack = -slack
    near, finite = slack.abs() <= allowed, torch.isfinite(slack) & room.table.defined
    if relation in ("==", "!="):
        # Agreement supports an equality only where a relative error of sqrt(u) would have been seen.
        size = (
            left.scale if not bool(right.scale.any()) else torch.maximum(left.value.abs(), right.value.abs())
        )
        seen = near & (allowed < resolution(call.dtype) * size)
        holds, violated = (seen, ~near) if relation == "==" else (~near, seen)
    else:
        holds, violated = slack > allowed, slack < -allowed
    counts = {
        "holds": int((holds & finite).sum()),
        "violated": int((violated & finite).sum()),
    }
    return counts | {"undecided": len(slack) - sum(counts.values())}
