"""Statements and exact instances as plain data, for the tester that walks coordinates of its own."""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import (
    Instance,
    Relation,
)
from bnverify.theory.syntax import Vector, scalar

_SIGNS = {"add": "+", "vadd": "+", "sub": "-", "vsub": "-", "mul": "*", "scale": "*", "div": "/", "dot": "@"}


def source(node: Any) -> str:
    """An expression as the checker reads it: 'u' is a vector, u a number, @ the inner product, A(u) an operator.

    Raises:
        TypeError: ``node`` is no expression with exact numbers.
    """
    if not isinstance(node, Vector):
        node = scalar(node)
    head, args = node.head, node.args
    match head:
        case "num":
            number = f"{abs(args[0])}" if args[0].denominator == 1 else f"({abs(args[0])})"
            return number if args[0] >= 0 else f"neg({number})"
        case "sym":
            return str(args[0])
        case "vec":
            return f"'{args[0]}'"
        case "op":
            return f"{args[0]}({source(args[1])})"
        case "pow":
            power = f"({source(args[0])} ** {abs(args[1])})"
            return power if args[1] >= 0 else f"(1 / {power})"
        case "neg" | "vneg" | "sqrt" | "abs" | "max_grad":
            return f"{head.removeprefix('v')}({source(args[0])})"
        case "max_form":
            return f"max_form({source(args[0])}, {args[1]})"
        case "derivative":
            return f"derivative({source(args[0])}, {source(args[1])}, {args[2]})"
    return f"({source(args[0])} {_SIGNS[head]} {source(args[1])})"


def statement_data(relation: Relation) -> dict[str, str]:
    """A relation in the syntax room as plain data."""
    return {"lhs": source(relation.lhs), "op": relation.op, "rhs": source(relation.rhs)}


def _plain(value: Any) -> Any:
    """Nested tuples of exact numbers as nested lists of strings."""
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value)


def instance_data(instance: Instance) -> dict[str, Any]:
    """An exact instance as plain data, every number a string."""
    return {
        "y": _plain(instance.y),
        "g": _plain(instance.g),
        "H": None if instance.H is None else _plain(instance.H),
        "gamma": str(instance.gamma),
        "beta": str(instance.beta),
        "eps": str(instance.eps),
        "lam": str(instance.lam),
        "X": None if instance.X is None else _plain(instance.X),
        "W": None if instance.W is None else _plain(instance.W),
        "extra": [[name, _plain(value)] for name, value in instance.extra],
    }
