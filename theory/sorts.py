"""The sorts of expressions: number, vector in a space, operator between spaces; a misfit is refused at its place."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from bnverify.theory.grammar import FUNCTIONS, RELATIONS, GrammarError, Node, lines, nearest, parse, unparse


@dataclass(frozen=True)
class Sort:
    """number, vector (in ``space``), operator (from ``source`` to ``space``), product (elementwise), or loss."""

    kind: str
    space: str = ""
    source: str = ""

    def __str__(self) -> str:
        match self.kind:
            case "operator":
                return (
                    "operator"
                    if self.space == self.source
                    else f"operator from {self.source} to {self.space}"
                )
            case "vector":
                return f"vector in {self.space}"
            case "product":
                return "elementwise product"
        return self.kind


def article(sort: Sort) -> str:
    """a number, an operator"""
    return f"{'an' if str(sort)[0] in 'aeiou' else 'a'} {sort}"


NUMBER, LOSS = Sort("number"), Sort("loss")


def vector(space: str = "batch") -> Sort:
    """The sort of a vector in a space."""
    return Sort("vector", space)


def operator(source: str = "batch", target: str = "batch") -> Sort:
    """The sort of a linear map from one space to another."""
    return Sort("operator", target, source)


def sort_of(node: Node, names: Mapping[str, Sort], text: str = "") -> Sort:
    """The sort of a tree whose names have these sorts.

    Raises:
        GrammarError: an unknown name, or something of the wrong sort, at its place.
    """
    return _Sorter(names, text or unparse(node)).sort(node)


def statement(text: str, names: Mapping[str, Sort], logic: bool = False) -> Node:
    """The tree of a statement: one relation between numbers, or an equation of vectors, or psd of an operator.

    Raises:
        GrammarError: the text is no such statement.
    """
    tree = parse(text, logic)
    _Sorter(names, text).statement(tree)
    return tree


DERIVED = frozenset({"g", "v", "H", "B", "L", "dgamma", "dbeta", "dW", "HW"})
"""What only a room makes, by differentiating L(z(y))."""


def definition(text: str, names: Mapping[str, Sort]) -> tuple[dict[str, Node], dict[str, Sort]]:
    """The lines of a definition that ends in the vector z, by name, and the sorts of all names after it.

    Raises:
        GrammarError: a line is not in the grammar, gives a name twice, or z is missing or no vector.
    """
    trees: dict[str, Node] = {}
    sorts = dict(names)
    for name, tree in lines(text):
        if name in DERIVED or re.fullmatch(r"(g|v|H|B|dgamma|dbeta)_[jk]{1,2}", name):
            reason = f"{name!r} is derived from the loss behind z; give what is computed here another name"
            raise GrammarError(text, text.find(name), reason)
        if name in sorts or name in FUNCTIONS:
            raise GrammarError(
                text, text.find(name), f"the name {name!r} is taken; every line gives a new name"
            )
        sorts[name] = _Sorter(sorts, text, defining=True).sort(tree)
        if sorts[name].kind in ("product", "loss"):
            raise GrammarError(
                text, tree.column, f"a line gives a number or a vector, not {article(sorts[name])}"
            )
        trees[name] = tree
    outputs = [name for name in ("z", "z_j", "z_k") if name in trees]
    if outputs not in (["z"], ["z_j", "z_k"]) or list(trees)[-1] != outputs[-1]:
        raise GrammarError(text, max(len(text) - 1, 0), "the last line of a definition gives z")
    for name in outputs:
        if sorts[name].kind != "vector":
            reason = f"{name} is {article(sorts[name])}; expected a vector, one entry a sample"
            raise GrammarError(text, text.rfind(name), reason)
    return trees, sorts


class _Sorter:
    def __init__(self, names: Mapping[str, Sort], text: str, defining: bool = False) -> None:
        self.names, self.text, self.defining = names, text, defining

    def refuse(self, node: Node, reason: str) -> GrammarError:
        return GrammarError(self.text, node.column, reason)

    def statement(self, node: Node) -> None:
        if node.head in ("or", "iff"):
            for inside in node.args:
                self.statement(inside)
            return
        if node.head == "psd":
            self.sort(node)
            return
        if node.head not in RELATIONS.values():
            raise self.refuse(node, "no relation here; expected one of <= < == >= > between two sides")
        left, right = node.args
        one, other = self.sort(left), self.sort(right)
        for side, sort in ((left, one), (right, other)):
            if sort.kind in ("operator", "product", "loss"):
                way = "; say what it does to a vector: B @ b == ..." if sort.kind == "operator" else ""
                raise self.refuse(side, f"a side is a number or a vector, not {article(sort)}{way}")
        zero = Node("number", (0,))
        if one != other and zero not in (left, right):
            raise self.refuse(right, f"the left side is {article(one)}, this side {article(other)}")
        if "vector" in (one.kind, other.kind) and node.head not in ("==", "!="):
            raise self.refuse(node, f"vectors are not ordered by {node.head}; compare their norms")

    def number(self, node: Node, where: str) -> Sort:
        sort = self.sort(node)
        if sort != NUMBER:
            raise self.refuse(node, f"{article(sort)} where {where} a number is due")
        return NUMBER

    def vector(self, node: Node, where: str) -> Sort:
        sort = self.sort(node)
        if sort.kind != "vector":
            raise self.refuse(node, f"{article(sort)} where {where} a vector is due")
        return sort

    def sort(self, node: Node) -> Sort:
        head, args = node.head, node.args
        match head:
            case "number":
                return NUMBER
            case "name":
                if args[0] not in self.names:
                    near = nearest(args[0], self.names)
                    raise self.refuse(node, f"there is no name {args[0]!r}{near}")
                return self.names[args[0]]
            case "neg":
                return self.value(args[0])
            case "+" | "-":
                left, right = self.value(args[0]), self.value(args[1])
                if left != right:
                    raise self.refuse(
                        args[1],
                        f"{article(right)} {'added to' if head == '+' else 'taken from'} {article(left)}",
                    )
                return left
            case "*":
                return self.product(*args)
            case "/":
                self.number(args[1], "below the line")
                return self.value(args[0])
            case "**":
                return self.number(args[0], "under a power")
            case "@":
                return self.chain(node)
        if head in RELATIONS.values() or head in ("or", "iff"):
            raise self.refuse(node, "a comparison inside an expression")
        return self.function(node)

    def value(self, node: Node) -> Sort:
        sort = self.sort(node)
        if sort == LOSS:
            raise self.refuse(node, "the loss itself; only its rates d(L, y, u) can be said")
        if sort.kind == "product":
            raise self.refuse(node, "an elementwise product; it stands inside mean(...) or against one alone")
        return sort

    def product(self, left: Node, right: Node) -> Sort:
        one, other = self.value(left), self.value(right)
        if one == NUMBER:
            return other
        if other == NUMBER:
            return one
        if one.kind == other.kind == "vector" and one == other:
            return Sort("product", one.space)
        raise self.refuse(
            right,
            f"{article(one)} times {article(other)}; an inner product, or an operator applied, is written @",
        )

    def chain(self, node: Node) -> Sort:
        """A row of operators between two vectors, either of which may be missing."""
        items = node.args
        sorts = [self.sort(item) for item in items]
        kinds = [sort.kind for sort in sorts]
        if "product" in kinds and len(items) == 2 and Node("name", ("one",)) in items:
            return NUMBER
        for item, sort in zip(items, sorts, strict=True):
            if sort.kind not in ("vector", "operator"):
                raise self.refuse(item, f"{article(sort)} beside @; numbers are multiplied with *")
        for item, sort in zip(items[1:-1], sorts[1:-1], strict=True):
            if sort.kind == "vector":
                raise self.refuse(
                    item, "a vector in the middle of a chain of @; put the inner product in brackets"
                )
        for item, left, right in zip(items[1:], sorts, sorts[1:], strict=False):
            wanted = left.source if left.kind == "operator" else left.space
            if wanted != right.space:
                raise self.refuse(
                    item, f"{article(right)} to the right of {article(left)}: {right.space} is not {wanted}"
                )
        if kinds[-1] == "vector":
            return NUMBER if kinds[0] == "vector" else vector(sorts[0].space)
        if kinds[0] == "vector":
            raise self.refuse(items[-1], "a row; it needs a vector to the right, as in v @ B @ g")
        return operator(sorts[-1].source, sorts[0].space)

    def function(self, node: Node) -> Sort:
        head, args = node.head, node.args
        match head:
            case "norm":
                self.vector(args[0], "inside norm")
                return NUMBER
            case "sqrt":
                return self.number(args[0], "under a root")
            case "abs":
                return self.number(args[0], "inside abs")
            case "mean" | "max" if len(args) == 1:
                inside = args[0].args[0] if args[0].head == "abs" else args[0]
                if head == "max" and args[0].head != "abs":
                    raise self.refuse(node, "max takes two numbers, or abs(u) of a vector")
                if self.sort(inside).kind != "product" or head == "max":
                    self.vector(inside, f"inside {head}")
                return NUMBER
            case "min" | "max":
                for inside in args:
                    self.number(inside, f"inside {head}")
                return NUMBER
            case "sign":
                return self.vector(args[0], "inside sign")
            case "smooth":
                if not self.defining:
                    raise self.refuse(node, "smooth(y) stands in a definition alone")
                self.vector(args[0], "inside smooth")
                return NUMBER
            case "psd":
                if (sort := self.sort(args[0])).kind != "operator" or sort.space != sort.source:
                    raise self.refuse(
                        args[0], f"{article(sort)} inside psd; expected an operator on one space"
                    )
                return NUMBER
            case "maximum":
                if self.sort(args[1]).kind != "operator":
                    raise self.refuse(args[1], "a maximum is over a ball of operators such as X")
                self.number(args[2], "as the bound")
                return self.number(args[0], "inside max")
        return self.moving(node)

    def moving(self, node: Node) -> Sort:
        """d(expr, x, u), d(expr, t) and at(expr, x, value)."""
        inside, moved, *rest = node.args
        if self.defining:
            raise self.refuse(node, f"{node.head}(...) stands in statements, not in definitions")
        if moved.head != "name":
            raise self.refuse(moved, f"the second argument of {node.head} is a name")
        sort, moves = self.sort(inside), self.sort(moved)
        if node.head == "at":
            given = self.sort(rest[0])
            if given != moves:
                raise self.refuse(rest[0], f"{article(given)} in the place of {article(moves)}")
            return sort
        if not rest and moves != NUMBER:
            raise self.refuse(moved, f"{article(moves)} moves along a vector: d(expr, {moved.args[0]}, u)")
        if rest and self.vector(rest[0], "as the direction") != moves:
            raise self.refuse(rest[0], f"a direction of {article(moves)} is due")
        return NUMBER if sort == LOSS else sort
