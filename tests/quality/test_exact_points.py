"""Every equality at random exact points, m from 2 to 12."""

from __future__ import annotations

import pytest
from bnverify.numerics.exact_points import at_points, why_not
from bnverify.theory.mutate import statements
from bnverify.theory.registry import registry


@pytest.mark.parametrize("identifier", ["thm-4.1", "thm-4.2.1", "thm-4.4"])
def test_the_equalities_of_the_theorems_hold_at_a_hundred_exact_points(identifier: str) -> None:
    for statement in statements(registry()[identifier]):
        if statement.op == "eq" and why_not(statement) is None:
            found = at_points(statement, 100)
            assert found.points == 100
            assert found.differs is None


@pytest.mark.slow
@pytest.mark.parametrize("identifier", registry())
def test_every_equality_holds_at_a_hundred_exact_points(identifier: str) -> None:
    made = [s for s in statements(registry()[identifier]) if s.op == "eq"]
    tested = [s for s in made if why_not(s) is None]
    if made and not tested:
        pytest.skip(str(why_not(made[0])))
    for statement in tested:
        found = at_points(statement, 100)
        assert found.points == 100
        assert found.differs is None, statement.about
