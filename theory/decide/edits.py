"""Changes of a formula as slips of the pen make them: a root, a power, a sign, a factor, a bracket, another vector."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from bnverify.theory.grammar import RELATIONS, Node, names_in, nodes, parse, put, unparse
from bnverify.theory.points.script import replaced


def edited(tree: Node) -> Iterator[tuple[str, Node]]:
    """Trees with one change: a root of m, a power, a sign, a missing factor, a vector, a bracket, the relation."""
    yield from _at_nodes(tree)
    if tree.head == "==":
        for relation in ("<=", ">="):
            yield f"{relation} for ==", Node(relation, tree.args, tree.column)
    if tree.head in {"<", ">"}:
        yield f"{tree.head}= for {tree.head}", Node(f"{tree.head}=", tree.args, tree.column)
    if tree.head in {"<=", ">=", "<", ">"}:
        turned = {"<=": ">=", ">=": "<=", "<": ">", ">": "<"}[tree.head]
        yield f"{turned} for {tree.head}", Node(turned, tree.args, tree.column)


def _at_nodes(tree: Node) -> Iterator[tuple[str, Node]]:
    m = Node("name", ("m",))
    seen: set[Node] = set()
    places = [node for node in nodes(tree) if isinstance(node, Node)]
    for node in places:
        if node in seen:
            continue
        seen.add(node)
        for new in _variants(node, m):
            yield _said(node, new), replaced(tree, node, new)
    if tree.head == "==":
        yield from exchanged(tree)
        yield from centred(tree)
    yield from bracketed(tree)
    terms = [
        node
        for node in places
        if node.head in {"*", "/", "**"} or (node.head == "@" and node in _summands(tree))
    ]
    for factor in ("lam**2", "gamma**2/sigma**2", "sigma", "m", "1/m", "2", "m/(m - 1)"):
        value = parse(factor)
        if not names_in(value) <= names_in(tree) | {"m"}:
            continue
        for node in _summands(tree):
            if node in terms:
                yield f"{factor} times {unparse(node)}", replaced(tree, node, Node("*", (value, node)))


def at_orthogonal(tree: Node) -> Node:
    """The tree with every maximum over norm(X) <= lam replaced by what it says at inputs with X X' = lam^2 I."""
    if tree.head != "maximum":
        args = tuple(at_orthogonal(x) if isinstance(x, Node) else x for x in tree.args)
        return Node(tree.head, args, tree.column)
    inside, _, lam = tree.args
    left = ([*x.args] if x.head == "@" else [x] for x in (inside.args if inside.head == "@" else (inside,)))
    kept, count, factors = [], 0, [x for part in left for x in part]
    for x in factors:
        if x.head == "name" and x.args[0] in {"X", "T"}:
            count += 1
        else:
            kept.append(x)
    if count % 2 or len(kept) < 2:
        return tree
    return Node("*", (Node("**", (lam, Fraction(count))), Node("@", tuple(kept))))


def bracketed(tree: Node) -> Iterator[tuple[str, Node]]:
    """A bracket that closes one term later, ``c*(a) + b`` to ``c*(a + b)``, or one term earlier."""
    for path, node in spots(tree):
        if node.head not in {"+", "-"}:
            continue
        left, term = node.args
        before, product = (left.args[0], left.args[1]) if left.head in {"+", "-"} else (None, left)
        if product.head == "*" and product.args[1].head in {"+", "-"}:
            factor, inside = product.args
            new = Node("*", (factor, Node(node.head, (inside, term))))
            yield (
                f"the bracket closes after {unparse(term)}",
                _put_at(tree, path, new if before is None else Node(left.head, (before, new))),
            )
    for path, node in spots(tree):
        for i, product in enumerate(node.args if node.head in {"+", "-", *RELATIONS.values()} else ()):
            if product.head != "*" or product.args[1].head not in {"+", "-"}:
                continue
            factor, inside = product.args
            kept, term = Node("*", (factor, inside.args[0])), inside.args[1]
            # What leaves a bracket after a minus keeps the sign that is printed.
            if i and node.head in {"+", "-"}:
                new = Node(inside.head, (Node(node.head, (node.args[0], kept)), term))
            else:
                new = _put_at(node, (i,), Node(inside.head, (kept, term)))
            yield f"the bracket closes before {unparse(term)}", _put_at(tree, path, new)


def exchanged(tree: Node) -> Iterator[tuple[str, Node]]:
    """Equations with one vector in another's place, once or on one side, or with a and b exchanged in a term."""
    for path, node in spots(tree):
        if node.head == "name" and node.args[0] in VECTORS:
            for other in VECTORS:
                if other != node.args[0]:
                    yield f"{other} for {node.args[0]}, once", _put_at(tree, path, Node("name", (other,)))
    for name in VECTORS:
        for side in tree.args:
            if isinstance(side, Node) and name in names_in(side):
                for other in VECTORS:
                    if other != name:
                        there = put(side, {name: Node("name", (other,))})
                        yield f"{other} for {name} on one side", replaced(tree, side, there)
    for node in _summands(tree):
        if {"a", "b"} <= names_in(node):
            turned = put(node, {"a": Node("name", ("b",)), "b": Node("name", ("a",))})
            yield f"a and b exchanged in {unparse(node)}", replaced(tree, node, turned)


def centred(tree: Node) -> Iterator[tuple[str, Node]]:
    """The equation with the mean taken from g or from v, wherever it stands outside of mean(...)."""
    for name in ("g", "v"):
        if name in names_in(tree):
            less = parse(f"{name} - mean({name})*one")
            for side in tree.args:
                if name in names_in(side):
                    yield (
                        f"{unparse(less)} for {name} on one side",
                        replaced(tree, side, put(side, {name: less})),
                    )


VECTORS = ("g", "v", "yhat")
"""Vectors that are taken for each other."""


def spots(tree: Node, path: tuple[int, ...] = ()) -> Iterator[tuple[tuple[int, ...], Node]]:
    """Every node with its place."""
    yield path, tree
    for i, inside in enumerate(tree.args):
        if isinstance(inside, Node):
            yield from spots(inside, (*path, i))


def _put_at(tree: Node, path: tuple[int, ...], new: Node) -> Node:
    """The tree with the node at a place replaced."""
    if not path:
        return new
    i, *rest = path
    args = tuple(_put_at(x, tuple(rest), new) if k == i else x for k, x in enumerate(tree.args))
    return Node(tree.head, args, tree.column)


def _said(old: Node, new: Node) -> str:
    """A change in words; of a sum only the sign that changed."""
    if {old.head, new.head} == {"+", "-"}:
        return f"{new.head} for {old.head} before {unparse(old.args[1])}"
    if old.head == "-" and new == old.args[0]:
        return f"without the term {unparse(old.args[1])}"
    return f"{unparse(new)} for {unparse(old)}"


def _summands(tree: Node) -> list[Node]:
    """The terms of sums, on both sides and in brackets."""
    found: list[Node] = []

    def walk(node: Node) -> None:
        if node.head in {"+", "-"}:
            for part in node.args:
                walk(part)
        elif node.head == "neg":
            walk(node.args[0])
        else:
            found.append(node)
            if node.head in {"*", "/"}:
                for part in node.args:
                    if part.head in {"+", "-"}:
                        walk(part)

    for side in tree.args:
        if isinstance(side, Node):
            walk(side)
    return found


def _variants(node: Node, m: Node) -> Iterator[Node]:
    """What could stand in the place of a node."""
    match node:
        case Node(head="sqrt", args=(inside,)):
            yield inside
            yield Node("-", (inside, Node("number", (1,))))
        case Node(head="name", args=("m",)):
            yield Node("-", (m, Node("number", (1,))))
        case Node(head="**", args=(base, power)) if power.denominator == 1:
            if power == 2:
                yield base
            yield Node("**", (base, power + 1))
            if power > 2:
                yield Node("**", (base, power - 1))
        case Node(head="/", args=(top, bottom)) if bottom == m:
            yield Node("/", (top, Node("**", (m, Fraction(2)))))
            yield Node("/", (top, Node("sqrt", (m,))))
            yield top
        case Node(head="+", args=(left, right)):
            yield Node("-", (left, right))
        case Node(head="-", args=(left, right)):
            yield Node("+", (left, right))
            yield left
        case Node(head="neg", args=(inside,)):
            yield inside
        case Node(head="abs" | "norm", args=(inside,)):
            yield Node("**", (inside if node.head == "abs" else node, Fraction(2)))
        case Node(head="*", args=(factor, Node(head="+" | "-") as inside)):
            yield Node("*", (factor, Node("**", (inside, Fraction(2)))))
