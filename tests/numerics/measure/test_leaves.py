"""What an equality that holds has said: a batch shows all leaves of what is proved, and none of what rounding hides."""

from __future__ import annotations

import pytest
import torch
from bnverify.numerics.check.statements import stated
from bnverify.numerics.measure.instances import draw
from bnverify.numerics.measure.leaves import Leaves, leaves
from bnverify.numerics.measure.sides import Finding, judge, met, sides
from bnverify.theory.grammar import parse
from bnverify.theory.registry import registry


@pytest.mark.parametrize(
    "name",
    ["eq-8", "eq-44", "eq-46", "thm-4.1", "thm-4.2.1", "ext-eps.thm-4.2.1", "def-2.1.first-order"],
)
def test_a_batch_shows_every_leaf_of_what_is_proved(name: str) -> None:
    """Also where a leaf meets a vector that is orthogonal to it, is 0, or is not there in a third derivative."""
    for statement in stated(registry()[name]):
        if statement.verdict != "proved" or statement.kind is None:
            continue
        drawn = draw(statement.kind, statement.kind.losses[-1], 8, 1, 0, rows=16)
        room = drawn.batch(slice(None), torch.device("cpu"), torch.float64)
        inside = met(statement.hypotheses, room)
        holds = inside & (judge(sides(statement.tree, room), room, statement.as_equality) == Finding.HOLDS)
        seen = Leaves(statement.tree, statement.hypotheses, statement.as_equality)
        seen.look(room, holds, inside)
        assert bool(holds.any())
        assert not seen.drowned + seen.unmet, statement.slug


def test_leaves_are_names_and_numbers_and_what_moves_is_none() -> None:
    found = list(leaves(parse("d(y @ y, y, 2*a) + 0*at(v @ g, y, t*y) == d(L, y, a)**2")))
    assert [str(leaf.node) for leaf in found] == ["y", "y", "2", "a", "v", "g", "t", "y", "d(L, y, a)", "a"]
    assert [leaf.inside for leaf in found] == [True, True, False, False, True, True, *[False] * 4]
