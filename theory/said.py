"""Text read in the rooms that still compute with a `Setting`: a statement, and the terms of a certificate."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from bnverify.theory.grammar import Node, parse
from bnverify.theory.settings import Setting
from bnverify.theory.syntax import Scalar, Vector, evaluate, scalar

_VECTORS = """
one y yhat z g v a b u w x e f g_own W dW dW_plain W0 Wstar What dW_hat dW_other zstar Jb nu sgn top
g_j g_k v_j v_k yhat_j yhat_k
"""
_OPERATORS = "H B X T M D C N HW HW_plain HW_other H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk D_j D_k"
VECTORS = frozenset(_VECTORS.split())
OPERATORS = frozenset(_OPERATORS.split())


def _apply(name: str, value: Vector) -> Vector:
    return Vector("op", (name, value))


def tree(node: Node) -> Any:
    """The node as a tree of `syntax`; a relation is its two sides."""
    head, args = node.head, node.args
    match head:
        case "number":
            return scalar(args[0])
        case "name":
            if args[0] in OPERATORS:
                return args[0]
            return (
                Vector("vec", ("1" if args[0] == "one" else args[0],))
                if args[0] in VECTORS
                else Scalar("sym", args)
            )
        case "neg":
            return -tree(args[0])
        case "+":
            return tree(args[0]) + tree(args[1])
        case "-":
            return tree(args[0]) - tree(args[1])
        case "*":
            return tree(args[0]) * tree(args[1])
        case "/":
            return tree(args[0]) / tree(args[1])
        case "**":
            return tree(args[0]) ** int(args[1])
        case "@":
            return _chain([tree(item) for item in args])
        case "mean":
            return Scalar("dot", (Vector("vec", ("1",)), tree(args[0]))) / Scalar("sym", ("m",))
        case "sqrt" | "abs":
            return Scalar(head, (tree(args[0]),))
        case "d" if len(args) == 3 and args[1].args[0] in ("y", "z", "yhat", "W") and args[0].head != "d":
            return _rate(tree(args[0]), args[1].args[0], tree(args[2]))
        case "at" if args[:2] == (Node("name", ("yhat",)), Node("name", ("y",))):
            return Vector("vec", ("yhat_scaled",))
        case "maximum":
            inside = args[0].args
            return (
                Scalar("max_form", (tree(inside[-1]), inside[1].args[0]))
                if inside[0].args[0] == Node("name", ("X",))
                else Scalar("max_grad", (tree(inside[-1]),))
            )
    raise ValueError(f"the old rooms have no {head}")


def _chain(items: list[Any]) -> Any:
    items = [Vector("vec", item.args) if isinstance(item, Scalar) else item for item in items]
    value = items[-1]
    for item in reversed(items[:-1]):
        value = _apply(item, value) if isinstance(item, str) else Scalar("dot", (item, value))
    return value


def _rate(value: Any, moved: str, along: Vector) -> Any:
    if moved == "y" and value in (Vector("vec", ("yhat",)), Vector("vec", ("z",))):
        return _apply("Dyhat" if value.args[0] == "yhat" else "Dz", along)
    return type(value)("derivative", (value, along, moved))


@cache
def read(text: str) -> tuple[Any, str, Any]:
    """Left side, relation and right side of a statement; the number 0 beside a vector is the zero vector."""
    node = parse(text)
    left, right = tree(node.args[0]), tree(node.args[1])
    if isinstance(left, Vector) and not isinstance(right, Vector):
        right = Vector("vec", ("1",)) * 0
    return left, {"<=": "le", "<": "lt", "==": "eq"}[node.head], right


@dataclass(frozen=True)
class Said:
    """A statement as text; called with a setting it gives its relation there."""

    text: str

    def __call__(self, q: Setting) -> Any:
        from bnverify.theory.claim import Relation

        left, op, right = read(self.text)
        vector = isinstance(left, Vector)
        return Relation(evaluate(left, q), op, evaluate(right, q), vector=vector)


@dataclass(frozen=True)
class Terms:
    """The terms of a certificate as texts, in which given0, given1, ... are the slacks of the hypotheses."""

    texts: tuple[str, ...]
