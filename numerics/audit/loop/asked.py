"""Statements in the grammar, asked of every group of a layer in a running training, first order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.layers import Family
from bnverify.numerics.audit.table.rows import layer_setting
from bnverify.numerics.audit.table.setting import Combination, LayerSetting, NotMeasured
from bnverify.numerics.measure.tolerance import Measured, allowance, roundings, unit_roundoff
from bnverify.theory import sorts
from bnverify.theory.grammar import Node, names_in
from bnverify.theory.normalisations import names_of, normalisation
from bnverify.theory.room import Room, walk

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


@dataclass(frozen=True)
class Vector:
    """A combination of measured vectors, in the setting that knows their inner products."""

    terms: Combination
    room: LayerSetting

    def __matmul__(self, other: Any) -> Any:
        return self.room.dot(self.terms, other.terms) if isinstance(other, Vector) else NotImplemented

    def __add__(self, other: Vector) -> Vector:
        return Vector(self.terms + other.terms, self.room)

    def __sub__(self, other: Vector) -> Vector:
        return Vector(self.terms - other.terms, self.room)

    def __neg__(self) -> Vector:
        return Vector(-self.terms, self.room)

    def __mul__(self, factor: Any) -> Vector:
        return Vector(self.terms * factor, self.room)

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Vector:
        return Vector(
            self.terms * (1 / factor if isinstance(factor, Measured) else Fraction(1, factor)), self.room
        )


class LayerRoom(Room):
    """A layer's groups: names of the grammar bound to what was measured."""

    def __init__(self, call: Call) -> None:
        setting = layer_setting(call)
        vectors = {name: Vector(setting.vec(word), setting) for name, word in _WORDS.items()}
        numbers = {name: setting.sym(name) for name in ("m", "gamma", "sigma", "s", "eps", "mu", "rho")}
        self.setting = setting
        y = vectors["yhat"] * numbers["s"]
        if call.spec is not None and call.spec.family is not Family.RMS:
            y = y + vectors["one"] * numbers["mu"]
        super().__init__(vectors | numbers | {"y": y})

    def number(self, whole: int) -> Any:
        return whole

    def sqrt(self, value: Any) -> Any:
        return self.setting.sqrt(value)

    def absolute(self, value: Any) -> Any:
        if isinstance(value, Vector):
            raise NotMeasured("the absolute values of a vector's entries")
        return self.setting.absolute(value)


_WORDS = {"one": "1", "yhat": "yhat", "g": "g", "v": "v"}


def asked(call: Call, statement: Statement) -> dict[str, int] | None:
    """How many groups a statement holds in, is violated in, and is not decided in; None where it cannot be asked."""
    room = LayerRoom(call)
    try:
        left, right = (
            room.setting.num(Fraction(x)) if isinstance(x, int) else x for x in walk(statement.tree, room)
        )
    except (NotMeasured, NotImplementedError, KeyError, TypeError):
        return None
    if isinstance(left, Vector) or isinstance(right, Vector):
        gap = left - right
        left, right = gap @ gap, room.setting.num(Fraction(0))  # type: ignore[operator]
    relation = statement.tree.head
    symbols = room.setting.symbols
    cond = 1 + symbols["mu"].abs() / symbols["s"]
    allowed = allowance(cond, left, right)
    if torch.finfo(call.dtype).eps > torch.finfo(allowed.dtype).eps:
        allowed = allowed + unit_roundoff(call.dtype) * roundings(1, 1) * cond * (left.scale + right.scale)
    slack = right.value - left.value
    if relation in (">=", ">"):
        slack = -slack
    near, finite = slack.abs() <= allowed, torch.isfinite(slack) & room.setting.defined
    if relation in ("==", "!="):
        holds, violated = (near, ~near) if relation == "==" else (~near, near)
    else:
        holds, violated = slack > allowed, slack < -allowed
    counts = {
        "holds": int((holds & finite).sum()),
        "violated": int((violated & finite).sum()),
    }
    return counts | {"undecided": len(slack) - sum(counts.values())}
