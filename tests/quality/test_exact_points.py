"""Every equality at random exact points, m from 2 to 12."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from bnverify.numerics.tester.drawing import draw, mentioned, projected_off, solve, texts
from bnverify.numerics.tester.exact_points import SIZES, Points, Value, at_points, point, value
from bnverify.theory.grammar import parse
from bnverify.theory.mutate import Statement, statements
from bnverify.theory.registry import registry

EQUALITIES = [name for name, claim in registry().items() if claim.readings]


def equalities(identifier: str) -> list[Statement]:
    return [s for s in statements(registry()[identifier]) if s.op == "==" and s.at is None]


@pytest.mark.parametrize("identifier", ["thm-4.1", "thm-4.2.1", "thm-4.4"])
def test_the_equalities_of_the_theorems_hold_at_exact_points_of_every_size(identifier: str) -> None:
    for statement in equalities(identifier):
        found = at_points(statement, 33)
        assert found.points == 33
        assert dict(found.sizes).keys() == set(SIZES)
        assert found.differs is None
        assert found.telling >= 16


@pytest.mark.parametrize("identifier", EQUALITIES)
def test_every_equality_holds_at_exact_points(identifier: str) -> None:
    for statement in equalities(identifier):
        found = at_points(statement, 3)
        assert found.points == 3, found.redrawn
        assert found.differs is None, statement.about


def wrong(identifier: str) -> Statement:
    """The first equality of a claim with twice its right side."""
    (statement, *_) = equalities(identifier)
    left, right = statement.tree.args
    return replace(statement, tree=parse(f"{left} == 2*({right})"))


@pytest.mark.parametrize("identifier", ["thm-4.1", "eq-28", "ext-unbiased.gradient", "ext-layer.blocks"])
def test_a_false_equality_differs_at_a_point(identifier: str) -> None:
    found = at_points(wrong(identifier), 30)
    assert found.differs is not None
    assert found.points < 30


def test_points_have_every_size_and_gammas_outside_the_rationals() -> None:
    (statement, *_) = equalities("thm-4.1")
    points = list(itertools.islice(Points(statement.asked, SIZES, 0), 44))
    assert {found.size for found in points} == set(SIZES)
    assert 5 < sum("sqrt" in found.data["gamma"] for found in points) < 40


def test_points_in_corners_have_gradients_at_right_angles_to_the_batch() -> None:
    (statement, *_) = equalities("ext-eps.gradient")
    points = itertools.islice(Points(statement.asked, (3, 4, 5), 3), 40)
    assert sum(value(parse("g @ yhat == 0"), place) is Value.TRUE for place in points) >= 5


@pytest.mark.parametrize(
    ("identifier", "about"), [("def-2.1.first-order", "gradient-descent"), ("eq-17", "step")]
)
def test_what_a_hypothesis_says_is_met(identifier: str, about: str) -> None:
    statement = next(s for s in statements(registry()[identifier]) if s.about == about)
    rng = random.Random(1)
    drawn = [draw(rng, statement.asked, 3) for _ in range(20)]
    assert any(point(statement.asked, data) is not None for data in drawn)
    assert mentioned(texts(statement.asked)) >= {"one" if identifier == "eq-17" else "r"}


def test_a_division_by_zero_is_void_and_a_root_of_roots_is_undecided() -> None:
    (statement, *_) = equalities("thm-4.1")
    place = next(iter(Points(statement.asked, (3,), 0)))
    assert value(parse("g @ g/(one @ yhat) == 0"), place) is Value.VOID
    assert value(parse("sqrt(1 + sqrt(2)) == 0"), place) is Value.UNDECIDED


def test_the_solver_and_the_projection_are_exact() -> None:
    from fractions import Fraction

    A, b = [[Fraction(2), Fraction(1)], [Fraction(1), Fraction(3)]], [Fraction(3), Fraction(5)]
    assert solve(A, b) == [Fraction(4, 5), Fraction(7, 5)]
    assert solve([[Fraction(1)] * 2] * 2, b) is None
    X, u = (
        [(Fraction(1), Fraction(0)), (Fraction(1), Fraction(1)), (Fraction(1), Fraction(2))],
        tuple(map(Fraction, (1, 0, 3))),
    )
    off = projected_off(X, u)
    assert off is not None
    assert all(sum(x * r for x, r in zip(column, off, strict=True)) == 0 for column in zip(*X, strict=True))
