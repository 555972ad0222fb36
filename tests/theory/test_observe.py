"""The derivation for every m agrees with plain SymPy differentiation, entry by entry, at m = 2, 3, 4."""

from __future__ import annotations

import pytest
from bnverify.theory.crosscheck import differing_entries, symbolic_point
from bnverify.theory.observe import Gram, Syntax
from bnverify.theory.syntax import Scalar, Vector


@pytest.mark.parametrize(
    ("y", "eps"),
    [
        ((0, 1), 0),
        ((1, "5/2"), "1/3"),
        ((0, 1, 3), 0),
        (("-1/2", 2, 7), 0),
        ((0, 1, 3), "1/2"),
        ((0, 1, 3, -1), 0),
    ],
    ids=str,
)
def test_every_entry_of_v_B_and_the_jacobians_is_that_of_plain_differentiation(y: tuple, eps: object) -> None:
    assert differing_entries(Gram(eps=eps != 0), symbolic_point(y, eps)) == []


def test_the_cross_check_sees_a_wrong_entry() -> None:
    room = Gram()
    v = room.vec("v")
    room._images["v"] = v + room.base("yhat") * (room.sym("gamma") / room.sym("m"))
    assert differing_entries(room, symbolic_point((0, 1, 3)))


def test_the_syntax_room_builds_trees() -> None:
    q = Syntax()
    assert q.dot(q.g, q.H(q.g)) == Scalar(
        "dot", (Vector("vec", ("g",)), Vector("op", ("H", Vector("vec", ("g",)))))
    )


def test_weight_space_forms_are_the_pulled_back_ones() -> None:
    q = Gram()
    W = q.base("W")
    first = q.vec("dW") - q.vec("v").apply("T")
    assert all(c == 0 for c in first.terms.values())
    difference = q.op("HW", W) - q.op("B", W.apply("X")).apply("T")
    assert all(c.expand() == 0 for c in difference.terms.values())
