"""A hypothesis that is the statement itself, in other words or not: it would prove anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from bnverify.theory.grammar import RELATIONS, Node, unparse

from bnverify.base.errors import InputError

IMPLIED = {"<=": {"<=", "<", "=="}, "<": {"<"}, "==": {"=="}, "!=": {"!=", "<"}}
"""What a relation between the same sides is implied by."""


def refuse(statement: Node, given: Iterable[Node]) -> None:
    """Refuse a statement that one of its hypotheses says already.

    Raises:
        InputError: a hypothesis has the sides of the statement, its terms on whichever side, and implies it.
    """
    for node in given:
        if node == statement or _says(node, statement):
            raise InputError(
                f"the hypothesis {unparse(node)} is the statement itself; leave it out, it would prove anything"
            )


def _says(node: Node, statement: Node) -> bool:
    if not {node.head, statement.head} <= set(RELATIONS.values()):
        return False
    (one, gap), (other, wanted) = _gap(node), _gap(statement)
    same = gap == wanted or (one in ("==", "!=") and gap == _negative(wanted))
    turned = other == "!=" and gap == _negative(wanted)
    return (same or turned) and one in IMPLIED[other]


def _gap(node: Node) -> tuple[str, Counter[str]]:
    """The relation as <=, <, == or !=, and the terms of left minus right with how often each stands there."""
    left, right = node.args
    if node.head in (">=", ">"):
        left, right = right, left
    found: Counter[str] = Counter()
    _terms(left, 1, found)
    _terms(right, -1, found)
    return {">=": "<=", ">": "<"}.get(node.head, node.head), Counter({k: n for k, n in found.items() if n})


def _terms(node: Node, sign: int, found: Counter[str]) -> None:
    if node.head in ("+", "-"):
        _terms(node.args[0], sign, found)
        _terms(node.args[1], sign if node.head == "+" else -sign, found)
    elif node.head == "neg":
        _terms(node.args[0], -sign, found)
    elif node != Node("number", (0,)):
        found[unparse(node)] += sign


def _negative(gap: Counter[str]) -> Counter[str]:
    return Counter({term: -count for term, count in gap.items()})
