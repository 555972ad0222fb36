"""The one walker: the value of a tree in a room, which binds the names to values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from bnverify.theory.grammar import RELATIONS, Node


class Room:
    """A set of names with values. Values know ``+ - * / @`` and powers; a room knows numbers, roots and the rest.

    A room of ours overrides what it can: `sqrt`, `absolute`, `sign`, `smallest`, `largest`, `psd`, `rate`, `placed`,
    `maximum`, `smooth`. What it cannot say it refuses with NotImplementedError.
    """

    memory: dict[int, tuple[Node, Any]] | None = None
    """Of a room that keeps what it has walked: the values of nodes by identity, and the nodes, which stay alive."""

    def __init__(self, names: Mapping[str, Any]) -> None:
        self.names = dict(names)

    def number(self, whole: int) -> Any:
        """A whole number."""
        return whole

    def power(self, value: Any, power: Fraction) -> Any:
        """value**power, where the power is whole or a half."""
        if power.denominator == 2:
            value = self.sqrt(value)
        return value**power.numerator

    def sqrt(self, value: Any) -> Any:
        raise NotImplementedError("this room takes no roots")

    def absolute(self, value: Any) -> Any:
        """|x| of a number, or of every entry of a vector."""
        raise NotImplementedError("this room takes no absolute values")

    def sign(self, value: Any) -> Any:
        raise NotImplementedError("this room takes no signs")

    def smallest(self, left: Any, right: Any) -> Any:
        raise NotImplementedError("this room takes no minima")

    def largest(self, *values: Any) -> Any:
        """The larger of two numbers, or the largest entry of a vector."""
        raise NotImplementedError("this room takes no maxima")

    def psd(self, operator: Any) -> Any:
        raise NotImplementedError("this room does not judge operators")

    def smooth(self, value: Any) -> Any:
        raise NotImplementedError("this room has no smooth divisor")

    def rate(self, inside: Node, moved: str, along: Any) -> Any:
        """d(expr, x, u), or d(expr, t) where ``along`` is None."""
        raise NotImplementedError("this room does not differentiate statements")

    def placed(self, inside: Node, moved: str, value: Any) -> Any:
        """at(expr, x, value)"""
        raise NotImplementedError("this room holds one batch")

    def maximum(self, inside: Node, moved: str, bound: Any) -> Any:
        """max(expr, norm(X) <= lam)"""
        raise NotImplementedError("this room takes no maxima over inputs")


def walk(node: Node, room: Room) -> Any:
    """The value of an expression in a room; of a relation, both sides."""
    if room.memory is None:
        return _value(node, room)
    held = room.memory.get(id(node))
    if held is None:
        held = room.memory[id(node)] = node, _value(node, room)
    return held[1]


def _value(node: Node, room: Room) -> Any:
    head, args = node.head, node.args
    match head:
        case "number":
            return room.number(args[0])
        case "name":
            return room.names[args[0]]
        case "neg":
            return -walk(args[0], room)
        case "+":
            return walk(args[0], room) + walk(args[1], room)
        case "-":
            return walk(args[0], room) - walk(args[1], room)
        case "*":
            return walk(args[0], room) * walk(args[1], room)
        case "/":
            return walk(args[0], room) / walk(args[1], room)
        case "**":
            return room.power(walk(args[0], room), args[1])
        case "@":
            value = walk(args[-1], room)
            for item in reversed(args[:-1]):
                value = walk(item, room) @ value
            return value
        case "d":
            return room.rate(args[0], args[1].args[0], walk(args[2], room) if len(args) == 3 else None)
        case "at":
            return room.placed(args[0], args[1].args[0], walk(args[2], room))
        case "maximum":
            return room.maximum(args[0], args[1].args[0], walk(args[2], room))
        case "norm":
            value = walk(args[0], room)
            return room.sqrt(value @ value)
        case "mean":
            return room.names["one"] @ walk(args[0], room) / room.names["m"]
    if head in RELATIONS.values():
        return walk(args[0], room), walk(args[1], room)
    functions: dict[str, Callable[..., Any]] = {
        "sqrt": room.sqrt,
        "abs": room.absolute,
        "sign": room.sign,
        "min": room.smallest,
        "max": room.largest,
        "psd": room.psd,
        "smooth": room.smooth,
    }
    return functions[head](*(walk(inside, room) for inside in args))
