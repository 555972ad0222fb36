"""The claims that together say the same as one."""

from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.decide.pieces import by_signs

RARE = "(one @ y)*at(abs(one @ y), y, w) <= {}*(one @ w) + 10000*(one @ w + (one @ y)/97)**2"
"""False at one @ y = 97, one @ w = -1, and at nothing that is drawn."""


def test_the_sign_of_a_number_here_is_not_its_sign_elsewhere() -> None:
    for statement in (RARE.format("sqrt((one @ y)**2)"), RARE.format("abs(one @ y)")):
        (case,) = cases(Conjecture(statement, norm="identity", vectors=("w",)))
        assert list(by_signs(case)) == []


def test_what_stands_in_an_absolute_value_beside_it_has_two_signs() -> None:
    (case,) = cases(Conjecture("at(one @ y, y, w) <= abs(one @ w)", norm="identity", vectors=("w",)))
    ((above, below),) = by_signs(case)
    assert (above.claim.hypotheses, below.claim.hypotheses) == (("one @ w >= 0",), ("one @ w <= 0",))
