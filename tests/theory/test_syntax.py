"""Expression trees: written once, evaluated anywhere, stored and restored without loss."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from bnverify.theory.observe import Gram, Syntax, simplified
from bnverify.theory.registry import registry
from bnverify.theory.said import WITNESSED
from bnverify.theory.syntax import Scalar, Vector, dump, evaluate, load, replace, scalar, walk

q = Syntax()
TREE = q.gamma**2 / q.sigma**2 * (q.grad_sq - q.grad_sum**2 / q.m) - Fraction(1, 3)


STATEMENTS = {
    f"{claim.id}/{reading.slug}": reading.says
    for claim in registry().values()
    for reading in claim.readings
    if reading.setting in WITNESSED
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_every_statement_survives_storing_and_loading(name: str) -> None:
    relation = STATEMENTS[name](q)
    for side in (relation.lhs, relation.rhs):
        tree = side if isinstance(side, Vector) else scalar(side)
        assert load(json.loads(json.dumps(dump(tree)))) == tree


def test_evaluating_a_tree_is_evaluating_the_statement() -> None:
    room = Gram()
    direct = room.gamma**2 / room.sigma**2 * (room.grad_sq - room.grad_sum**2 / room.m) - room.num(
        Fraction(1, 3)
    )
    assert simplified(evaluate(TREE, room) - direct) == 0


def test_floats_are_refused() -> None:
    with pytest.raises(TypeError, match="exact numbers only"):
        scalar(0.5)  # type: ignore[arg-type]


def test_walk_and_replace_reach_every_node() -> None:
    for path, node in walk(TREE):
        changed = replace(TREE, path, node)
        assert changed == TREE
        assert replace(TREE, path, scalar(7)) != TREE or node == scalar(7)


def test_an_unknown_head_is_no_node() -> None:
    with pytest.raises(ValueError, match="no such node: cube"):
        evaluate(Scalar("cube", (scalar(2),)), Gram())
