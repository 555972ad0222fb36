"""Whatever the judge still proves of statements that were edited at random holds at random exact points."""

from __future__ import annotations

import ast
import random
from typing import Any

import pytest
from bnverify.theory import kernel
from bnverify.theory.kernel import Claim, Point, Refused, judge, usual_point

from tests.theory.kernel_table import PAPER, QUICK

NAMES = ["v", "g", "y", "yhat", "one", "z", "gamma", "s", "n", "m", "sigma", "a", "b", "lam"]
SOURCES = [entry for entry in QUICK + PAPER[:6] if entry[1] == "proved" and "terms" in entry[2]]
EDITS, POINTS = 250, 6


class Edit(ast.NodeTransformer):
    """One node of a tree exchanged, left out or changed."""

    def __init__(self, source: random.Random, place: int) -> None:
        self.source, self.place, self.seen = source, place, -1

    def visit(self, node: ast.AST) -> Any:
        node = super().generic_visit(node)
        if not isinstance(node, (ast.BinOp, ast.Constant, ast.Name, ast.Compare)):
            return node
        self.seen += 1
        if self.seen != self.place:
            return node
        match node:
            case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
                return ast.BinOp(left, ast.Sub() if isinstance(op, ast.Add) else ast.Add(), right)
            case ast.BinOp(left=left, right=right):
                return self.source.choice([left, right, ast.UnaryOp(ast.USub(), node)])
            case ast.Constant():
                return ast.Constant(self.source.randint(0, 4))
            case ast.Name():
                return ast.Name(self.source.choice(NAMES))
            case ast.Compare(left=left, comparators=[right]):
                return ast.Compare(
                    left, [self.source.choice([ast.Eq(), ast.LtE(), ast.Lt(), ast.GtE()])], [right]
                )


def edited(text: str, source: random.Random) -> str:
    tree = ast.parse(text, mode="eval").body
    places = sum(
        isinstance(node, (ast.BinOp, ast.Constant, ast.Name, ast.Compare)) for node in ast.walk(tree)
    )
    return ast.unparse(Edit(source, source.randrange(places)).visit(tree))


def shaken(value: Any, source: random.Random) -> Any:
    """Other exact data of the same shape; tables stay as they are, for some are symmetric and some projectors."""
    if not isinstance(value, list):
        return f"{source.randint(1, 5)}/{source.randint(1, 3)}"
    return value if isinstance(value[0], list) else [str(source.randint(-3, 4)) for _ in value]


@pytest.mark.property
def test_what_is_proved_after_an_edit_is_true() -> None:
    source, proved, held = random.Random(7), 0, 0
    for _ in range(EDITS):
        _, _, certificate, fields = source.choice(SOURCES)
        claim = Claim(**fields | {"statement": edited(fields["statement"], source)})
        try:
            judge(claim, certificate)
        except Refused:
            continue
        proved += 1
        for _ in range(POINTS):
            try:
                point = Point(claim, {name: shaken(x, source) for name, x in usual_point(claim).items()})
                if all(point.holds(text)[0] for text in (*claim.needs, *claim.hypotheses)):
                    assert point.holds(claim.statement)[0] != certificate.get("negation", False), (
                        claim.statement
                    )
                    held += 1
            except kernel.Refused:
                continue
    assert proved >= EDITS // 20
    assert held >= proved
