"""The expression tree of a statement: scalars and vectors over the vocabulary of `settings`.

A statement is written once as a Python function of a setting. Evaluated in the syntax room it yields these
nodes; every other use (LaTeX, mutants, export, evaluation from a file) walks them.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

Number = int | Fraction


@dataclass(frozen=True)
class Scalar:
    """A scalar node. Heads: num, sym, dot, add, sub, mul, div, pow, neg, sqrt, max_grad, max_form, derivative."""

    head: str
    args: tuple[Any, ...]

    def __add__(self, other: ScalarLike) -> Scalar:
        return Scalar("add", (self, scalar(other)))

    def __radd__(self, other: ScalarLike) -> Scalar:
        return Scalar("add", (scalar(other), self))

    def __sub__(self, other: ScalarLike) -> Scalar:
        return Scalar("sub", (self, scalar(other)))

    def __rsub__(self, other: ScalarLike) -> Scalar:
        return Scalar("sub", (scalar(other), self))

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Vector):
            return other * self
        return Scalar("mul", (self, scalar(other)))

    def __rmul__(self, other: ScalarLike) -> Scalar:
        return Scalar("mul", (scalar(other), self))

    def __truediv__(self, other: ScalarLike) -> Scalar:
        return Scalar("div", (self, scalar(other)))

    def __rtruediv__(self, other: ScalarLike) -> Scalar:
        return Scalar("div", (scalar(other), self))

    def __pow__(self, power: int) -> Scalar:
        return Scalar("pow", (self, int(power)))

    def __neg__(self) -> Scalar:
        return Scalar("neg", (self,))


ScalarLike = Scalar | int | Fraction


def scalar(value: ScalarLike) -> Scalar:
    """Coerce an exact number to a node; floats are refused."""
    if isinstance(value, Scalar):
        return value
    if isinstance(value, int | Fraction):
        return Scalar("num", (Fraction(value),))
    raise TypeError(f"a statement holds exact numbers only, got {type(value).__name__}")


@dataclass(frozen=True)
class Vector:
    """A vector node. Heads: vec, op, vadd, vsub, vneg, scale, derivative."""

    head: str
    args: tuple[Any, ...]

    def __add__(self, other: Vector) -> Vector:
        return Vector("vadd", (self, other))

    def __sub__(self, other: Vector) -> Vector:
        return Vector("vsub", (self, other))

    def __neg__(self) -> Vector:
        return Vector("vneg", (self,))

    def __mul__(self, other: ScalarLike) -> Vector:
        return Vector("scale", (scalar(other), self))

    __rmul__ = __mul__

    def __truediv__(self, other: ScalarLike) -> Vector:
        return Vector("scale", (Scalar("div", (scalar(1), scalar(other))), self))


Node = Scalar | Vector


def evaluate(node: Node, room: Any) -> Any:
    """The value of ``node`` in ``room``, a `bnverify.theory.settings.Setting`."""
    head, args = node.head, node.args
    match head:
        case "num":
            return room.num(args[0])
        case "sym":
            return room.sym(args[0])
        case "vec":
            return room.vec(args[0])
        case "op":
            return room.op(args[0], evaluate(args[1], room))
        case "dot":
            return room.dot(evaluate(args[0], room), evaluate(args[1], room))
        case "add" | "vadd":
            return evaluate(args[0], room) + evaluate(args[1], room)
        case "sub" | "vsub":
            return evaluate(args[0], room) - evaluate(args[1], room)
        case "mul":
            return evaluate(args[0], room) * evaluate(args[1], room)
        case "scale":
            return evaluate(args[1], room) * evaluate(args[0], room)
        case "div":
            return evaluate(args[0], room) / evaluate(args[1], room)
        case "pow":
            return evaluate(args[0], room) ** args[1]
        case "neg" | "vneg":
            return -evaluate(args[0], room)
        case "sqrt":
            return room.sqrt(evaluate(args[0], room))
        case "max_grad":
            return room.max_grad(evaluate(args[0], room))
        case "max_form":
            return room.max_form(evaluate(args[0], room), args[1])
        case "abs":
            return room.absolute(evaluate(args[0], room))
        case "derivative":
            return room.derivative(lambda moved: evaluate(args[0], moved), evaluate(args[1], room), args[2])
    raise ValueError(f"no such node: {head}")


def walk(node: Any, path: tuple[int, ...] = ()) -> Any:
    """Every node below ``node`` with its path of argument positions, outermost first."""
    if isinstance(node, Scalar | Vector):
        yield path, node
        for index, arg in enumerate(node.args):
            yield from walk(arg, (*path, index))
