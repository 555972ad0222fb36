"""The additive terms of a statement, as the rooms of numbers walk them."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from bnverify.theory.grammar import Node

_SIGNS = {"add": "+", "vadd": "+", "sub": "-", "vsub": "-", "mul": "*", "div": "/"}


def node_of(tree: Any) -> Node:
    """The grammar's node of a tree of `syntax`."""
    if isinstance(tree, str):
        return Node("name", (tree,))
    head, args = tree.head, tree.args
    match head:
        case "num":
            whole = Node("number", (abs(args[0].numerator),))
            value = (
                whole
                if args[0].denominator == 1
                else Node("/", (whole, Node("number", (args[0].denominator,))))
            )
            return Node("neg", (value,)) if args[0] < 0 else value
        case "sym":
            return Node("name", args)
        case "vec" if args[0] == "yhat_scaled":
            scaled = Node("*", (Node("name", ("alpha",)), Node("name", ("y",))))
            return Node("at", (Node("name", ("yhat",)), Node("name", ("y",)), scaled))
        case "vec":
            return Node("name", ("one" if args[0] == "1" else args[0],))
        case "op" if args[0] in ("Dyhat", "Dz"):
            return Node("d", (Node("name", (args[0][1:],)), Node("name", ("y",)), node_of(args[1])))
        case "op":
            return Node("@", (Node("name", (args[0],)), node_of(args[1])))
        case "dot":
            return Node("@", (node_of(args[0]), node_of(args[1])))
        case "scale":
            return Node("*", (node_of(args[1]), node_of(args[0])))
        case "neg" | "vneg":
            return Node("neg", (node_of(args[0]),))
        case "pow":
            return Node("**", (node_of(args[0]), Fraction(args[1])))
        case "sqrt" | "abs":
            return Node(head, (node_of(args[0]),))
        case "derivative":
            return Node("d", (node_of(args[0]), Node("name", (args[2],)), node_of(args[1])))
        case "max_grad":
            pulled = Node("@", (Node("name", ("T",)), node_of(args[0])))
            return _maximum(Node("@", (pulled, *pulled.args)))
        case "max_form":
            row = Node("@", (Node("name", ("X",)), Node("name", ("T",)), node_of(args[0])))
            return _maximum(Node("@", (row, Node("name", (args[1],)), *row.args)))
    return Node(_SIGNS[head], tuple(node_of(arg) for arg in args))


def _maximum(inside: Node) -> Node:
    return Node("maximum", (inside, Node("name", ("X",)), Node("name", ("lam",))))
