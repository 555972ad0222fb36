"""What is true instead: a refuted statement with one symbol, factor, power or hypothesis changed, most natural first.

Each candidate is decided like any other conjecture; only one that the kernel proves, and whose hypotheses something
satisfies, is a repair. Among changes of one kind the weakest change wins: the one whose statement is an equality, else
the first in the printed order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations, permutations
from typing import Any

import numpy as np
from bnverify.theory.certify import proofs
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.decide.decision import Decision, combined
from bnverify.theory.decide.edits import at_orthogonal, edited
from bnverify.theory.decide.looks import Seen, contradicted, missing_factor, rooms, slacks
from bnverify.theory.decide.settle import Settling, certified, find_example
from bnverify.theory.decide.solvers import Portfolio
from bnverify.theory.grammar import Node, names_in, parse, unparse
from bnverify.theory.points import instances

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
    """The first candidate that is proved; among the changes of one kind an equality, or else the sharpest."""
    first: Repair | None = None
    tried = 0
    try:
        seen = rooms(cases(asked)[0], seed)
    except InputError:  # it divides by what only a hypothesis excludes
        seen = []
    for change, candidate in candidates(asked, seen):
        if portfolio.left() < 0.5 or tried > MOST:
            break
        if first is not None and change.partition(":")[0] != first.change.partition(":")[0]:
            return first
        more = [text for text in candidate.given if text not in asked.given]
        if contradicted(seen, candidate.statement, more) or says_nothing(candidate.statement):
            continue
        tried += 1
        found = attempt(candidate, portfolio, seed)
        if found is None:
            continue
        made = Repair(change, candidate.statement, candidate.given, found)
        if found.tight:
            return made
        if first is None or sharper(seen, made.statement, first.statement):
            first = made
    return first


def says_nothing(statement: str) -> bool:
    """Whether a statement compares a square or a length with 0, and is true of any."""
    tree = parse(statement, logic=True)
    low, high = tree.args[:: -1 if tree.head in {">=", ">"} else 1]
    square = high.head == "norm" or (
        high.head == "@" and len(high.args) == 2 and high.args[0] == high.args[1]
    )
    return tree.head in {"<=", ">="} and low == Node("number", (0,)) and square


def sharper(seen: list[Seen], one: str, other: str) -> bool:
    """Whether an inequality leaves less room than another at every instance, and clearly less at some."""
    new, old = slacks(seen, one), slacks(seen, other)
    if new is None or old is None:
        return False
    small = 1e-9 * (1 + np.abs(old))
    return bool((new <= old + small).all() and (new < old - small).any())


def attempt(candidate: Conjecture, portfolio: Portfolio, seed: int) -> Decision | None:
    """The decision of a candidate if no small instance is against it and a first attempt finds a certificate."""
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


def candidates(asked: Conjecture, seen: list[Seen]) -> Iterator[tuple[str, Conjecture]]:
    """The printed family: changes of the formula, a factor solved for, a hypothesis, two of these."""
    tree = parse(asked.statement, logic=True)

    def said(changed: Node, *more: str) -> Conjecture:
        return replace(asked, statement=unparse(changed), given=(*asked.given, *more))

    def with_factor(node: Node) -> Iterator[tuple[str, Conjecture]]:
        if (factor := missing_factor(seen, node, asked.numbers)) is not None:
            left, right = node.args
            right = Node("*", (parse(factor), right))
            yield f"{factor} times the right side", said(Node("==", (left, right)))

    edits = [(change, changed) for change, changed in edited(tree) if changed.args[0] != changed.args[-1]]
    texts, ordered = fitting(asked), of_numbers(asked)
    for change, candidate in with_factor(tree):
        yield f"formula: {change}", candidate
    for change, changed in edits:
        yield f"formula: {change}", said(changed)
    for text in texts:
        yield f"hypothesis: {text}", said(tree, text)
    if (plain := at_orthogonal(tree)) != tree:
        change = "at X X' = lam**2 I, where the maxima stood"
        yield f"inputs: {change}", said(plain)
        if plain.head in {"<", ">"}:
            yield (
                f"inputs: {change}; {plain.head}= for {plain.head}",
                said(Node(f"{plain.head}=", plain.args)),
            )
    if (changes := homogeneous(tree)) is not None:
        unit, even = changes
        yield f"units: {unit}", said(even)
        for change, changed in edited(even):
            if not mismatches(changed):
                yield f"units and one change: {unit}; {change}", said(changed)
    for change, changed in edits:
        for factor, candidate in with_factor(changed):
            yield f"a change and a factor: {change}; {factor}", candidate
    for change, changed in edits:
        for text in texts:
            yield f"a change and a hypothesis: {change}; {text}", said(changed, text)
    for change, changed in edits:
        for text, more in combinations(ordered, 2):
            yield f"a change and two hypotheses: {change}; {text}; {more}", said(changed, text, more)
    for change, changed in edits:
        for other, twice in edited(changed):
            if unparse(twice) != unparse(tree):
                yield f"two changes: {change}; {other}", said(twice)
    for text, more in combinations(texts, 2):
        yield f"two hypotheses: {text}; {more}", said(tree, text, more)


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
    used = set().union(*map(names_in, asked.trees()))
    second = bool({"H", "B"} & used)
    plain = asked.norm != "identity" or not asked.numbers
    family = [*(HYPOTHESES if plain else ()), *of_numbers(asked)]
    known = set(asked.given)
    return [text for text in family if text not in known and (second or "H" not in names_in(parse(text)))]


def of_numbers(asked: Conjecture) -> list[str]:
    """Signs of the free numbers of a statement, and their order."""
    free = [x for x in asked.numbers if x in names_in(parse(asked.statement, logic=True))][:4]
    return [f"{x} {sign} 0" for sign in (">=", ">") for x in free] + [
        f"{one} <= {other}" for one, other in permutations(free, 2)
    ]
