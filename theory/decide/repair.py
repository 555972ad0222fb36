"""What is true instead: a refuted statement with one symbol, factor, power or hypothesis changed, most natural first.

Each candidate is decided like any other conjecture; only one that the kernel proves, and whose hypotheses something
satisfies, is a repair. Among changes of one kind the weakest change wins: the one whose statement is an equality, else
the first in the printed order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from bnverify.theory.certify import proofs
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.decide.decision import Decision, combined
from bnverify.theory.decide.settle import Settling, certified, find_example
from bnverify.theory.decide.solvers import Portfolio
from bnverify.theory.grammar import RELATIONS, Node, names_in, nodes, parse, put, unparse
from bnverify.theory.points import instances
from bnverify.theory.points.script import replaced

from bnverify.base.errors import InputError

HYPOTHESES = (
    "gamma > 0",
    "gamma**2 <= sigma**2",
    "g @ yhat >= 0",
    "gamma*(g @ yhat) >= 0",
    "psd(H)",
    "v @ H @ v <= g @ H @ g",
    "v @ H @ v >= 0",
    "g @ H @ g >= 0",
    "one @ g == 0",
    "g @ yhat == 0",
    "m >= 3",
    "m >= 4",
)
"""Hypotheses that are tried, in this order; then two of them together."""


MOST = 3000


LOOKS = 250
"""Instances of each batch size that are drawn against a candidate."""


@dataclass(frozen=True)
class Repair:
    """A true statement near a false one: what was changed, in words, and what it says now."""

    change: str
    statement: str
    given: tuple[str, ...]
    decision: Decision

    def to_json(self) -> dict[str, Any]:
        """The fields, with the certificate."""
        return {
            "change": self.change,
            "statement": self.statement,
            "given": list(self.given),
            "certificate": self.decision.to_json()["certificate"],
        }


def repair(asked: Conjecture, portfolio: Portfolio, seed: int = 0) -> Repair | None:
    """The first candidate that is proved; an equality among the changes of the formula is preferred."""
    first: Repair | None = None
    tried = 0
    for change, candidate in candidates(asked):
        if portfolio.left() < 0.5 or tried > MOST:
            break
        if first is not None and change.partition(":")[0] != first.change.partition(":")[0]:
            return first
        tried += 1
        found = attempt(candidate, portfolio, seed)
        if found is None:
            continue
        made = Repair(change, candidate.statement, candidate.given, found)
        if found.tight:
            return made
        first = first or made
    return first


def attempt(candidate: Conjecture, portfolio: Portfolio, seed: int) -> Decision | None:
    """The decision of a candidate if a first look finds no instance against it and a first attempt a certificate."""
    found = []
    with Portfolio(min(4.0, portfolio.left()), names=()) as short:
        try:
            questions = cases(candidate)
        except InputError:
            return None
        for case in questions:
            low = case.claim.min_m
            zero = case.formal.is_zero(case.goal[0]) and case.goal[1] in {"==", "<="}
            if not zero and any(
                True for _ in instances.candidates(case, (low, low + 1, low + 2), LOOKS, seed)
            ):
                return None
            work = Settling(case, short, seed)
            if case.claim.hypotheses and (find_example(work) is not None or work.example is None):
                return None
            outcome = certified(work, proofs.quick)
            if outcome is None:
                return None
            found.append(outcome)
    return combined(candidate, found)


def candidates(asked: Conjecture) -> Iterator[tuple[str, Conjecture]]:
    """The printed family: changes of the formula, a hypothesis, two changes, two hypotheses."""
    tree = parse(asked.statement, logic=True)
    edits = list(edited(tree))
    for change, changed in edits:
        if changed.args[0] != changed.args[-1]:  # not the same on both sides
            yield f"formula: {change}", replace(asked, statement=unparse(changed))
    for text in fitting(asked):
        yield f"hypothesis: {text}", replace(asked, given=(*asked.given, text))
    if (changes := homogeneous(tree)) is not None:
        said, even = changes
        yield f"units: {said}", replace(asked, statement=unparse(even))
        for change, changed in edited(even):
            if not mismatches(changed):
                yield f"units and one change: {said}; {change}", replace(asked, statement=unparse(changed))
    for change, changed in edits:
        for other, twice in edited(changed):
            if unparse(twice) != unparse(tree):
                yield f"two changes: {change}; {other}", replace(asked, statement=unparse(twice))
    for i, text in enumerate(fitting(asked)):
        for other in fitting(asked)[i + 1 :]:
            yield f"two hypotheses: {text}; {other}", replace(asked, given=(*asked.given, text, other))


SCALINGS: tuple[dict[str, int], ...] = (
    {"X": 1, "T": 1, "lam": 1},
    {"g": 1, "H": 1, "v": 1, "B": 1},
    {"y": 1, "sigma": 1, "s": 1, "mu": 1, "c": 1, "v": -1, "B": -2},
    {"gamma": 1, "beta": 1, "z": 1, "g": -1, "H": -2},
)
"""Units: how names change where the inputs' bound, the loss, y, or z is measured in another unit."""


def degree(node: Node, scaling: dict[str, int], uneven: list[Node]) -> Fraction | None:
    """The power of the unit in which a node is measured, None of 0; sums of different ones go into ``uneven``."""
    head, args = node.head, node.args
    below = [degree(x, scaling, uneven) if isinstance(x, Node) else None for x in args]
    match head:
        case "number":
            return None if args[0] == 0 else Fraction(0)
        case "name":
            return Fraction(scaling.get(args[0], 0))
        case "*" | "@":
            return None if None in below else sum((x for x in below if x is not None), Fraction(0))
        case "/":
            return None if None in below else below[0] - below[1]  # type: ignore[operator]
        case "**":
            return None if below[0] is None else below[0] * args[1]
        case "sqrt":
            return None if below[0] is None else below[0] / 2
        case "maximum" | "neg" | "abs" | "norm" | "mean":
            return below[0]
        case "sign":
            return Fraction(0)
    known = [x for x in below if x is not None]
    if head in {"+", "-", "<=", "<", "==", ">=", ">", "!=", "min", "max"} and len(set(known)) > 1:
        uneven.append(node)
    return known[0] if known else None


def mismatches(tree: Node) -> int:
    """How many sums of the tree add what is measured in different units."""
    uneven: list[Node] = []
    for scaling in SCALINGS:
        degree(tree, scaling, uneven)
    return len(uneven)


def homogeneous(tree: Node) -> tuple[str, Node] | None:
    """Changes after which every sum adds what is measured in the same unit, if up to three single ones do it."""
    said: list[str] = []
    for _ in range(3):
        now = mismatches(tree)
        if not now:
            return ("; ".join(said), tree) if said else None
        better = [
            (mismatches(changed), change, changed)
            for change, changed in edited(tree)
            if not change.startswith("without")
        ]
        least = min((count for count, _, _ in better), default=now)
        if least >= now:
            return None
        _, change, tree = next(entry for entry in better if entry[0] == least)
        said.append(change)
    return ("; ".join(said), tree) if said and not mismatches(tree) else None


def fitting(asked: Conjecture) -> list[str]:
    """The hypotheses of the family that speak of what the statement mentions."""
    used = names_in(parse(asked.statement, logic=True)).union(
        *(names_in(parse(text, logic=True)) for text in asked.given)
    )
    second = bool({"H", "B"} & used)
    known = set(asked.given)
    found = []
    for text in HYPOTHESES:
        names = names_in(parse(text))
        if text in known or ("H" in names and not second):
            continue
        found.append(text)
    return found


def edited(tree: Node) -> Iterator[tuple[str, Node]]:
    """Trees with one change: a root of m, a power, a sign, a missing factor, the relation."""
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
    yield from bracketed(tree)
    terms = [
        node
        for node in places
        if node.head in {"*", "/", "**"} or (node.head == "@" and node in _summands(tree))
    ]
    for factor in ("lam**2", "gamma**2/sigma**2", "sigma", "m", "1/m", "2"):
        value = parse(factor)
        if not names_in(value) <= names_in(tree) | {"m"}:
            continue
        for node in _summands(tree):
            if node in terms:
                yield f"{factor} times {unparse(node)}", replaced(tree, node, Node("*", (value, node)))


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
