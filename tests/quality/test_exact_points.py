"""Every equality at random exact points, m from 2 to 12."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace
from fractions import Fraction

import pytest
import sympy as sp
from bnverify.numerics.measure.coordinates import ROOMS, coordinates
from bnverify.numerics.measure.dual import Dual
from bnverify.numerics.tester.exact_points import (
    NOTHING,
    SIZES,
    at_points,
    cornered,
    drawn,
    points_of,
)
from bnverify.numerics.tester.kills import POINTS
from bnverify.theory.exact import tidy
from bnverify.theory.mutate import Statement, statements
from bnverify.theory.registry import registry
from bnverify.theory.rooms import POINTS as PLAIN
from bnverify.theory.rooms import point

EQUALITIES = [name for name, claim in registry().items() if claim.readings]


def equalities(identifier: str) -> list[Statement]:
    return [s for s in statements(registry()[identifier]) if s.op == "eq" and s.at is None]


@pytest.mark.parametrize("identifier", ["thm-4.1", "thm-4.2.1", "thm-4.4"])
def test_the_equalities_of_the_theorems_hold_at_a_hundred_exact_points(identifier: str) -> None:
    for statement in equalities(identifier):
        found = at_points(statement, POINTS)
        assert found.points == POINTS
        assert found.differs is None
        assert found.telling >= POINTS // 2


@pytest.mark.parametrize("identifier", EQUALITIES)
def test_every_equality_holds_at_an_exact_point_of_every_size(identifier: str) -> None:
    for statement in equalities(identifier):
        found = at_points(statement, len(SIZES))
        assert found.points == len(SIZES), found.redrawn
        assert found.differs is None, statement.about


def wrong(identifier: str) -> Statement:
    """The first equality of a claim with twice its right side."""
    (statement, *_) = equalities(identifier)
    return replace(statement, rhs=statement.rhs * 2)


@pytest.mark.parametrize("identifier", ["thm-4.1", "eq-28", "ext-unbiased.gradient", "ext-layer.blocks"])
def test_a_false_equality_differs_at_a_point(identifier: str) -> None:
    found = at_points(wrong(identifier), 30)
    assert found.differs is not None
    assert found.points < 30


def test_points_have_every_size_and_gammas_outside_the_rationals() -> None:
    (statement, *_) = equalities("thm-4.1")
    points = [point for point, _ in itertools.islice(points_of(statement), 44)]
    assert {found.m for found in points} == set(SIZES)
    assert 5 < sum(found.gamma is not None for found in points) < 40


def _symbolic(value: Dual) -> sp.Expr:
    parts = (sp.Rational(c.numerator, c.denominator) * sp.sqrt(d) for d, c in value.a.terms.items())
    return sum(parts, sp.Integer(0))


@pytest.mark.parametrize("setting", ["activations", *(name for name in ROOMS if name in PLAIN)])
def test_coordinates_and_plain_differentiation_give_the_same_gradient_and_hessian(setting: str) -> None:
    """Two derivations of v and of B at one point: dual numbers on coordinates, and SymPy."""
    made = drawn(random.Random(1), 2, setting, False, NOTHING)
    room, plain = coordinates(setting, made.instance), point(setting, made.instance)
    assert [tidy(_symbolic(x) - y) for x, y in zip(room.v_, plain.v_, strict=True)] == [0] * plain.size
    bent = zip(room.op("B", room.g), plain.B_ * plain.g_, strict=True)
    assert [tidy(_symbolic(x) - y) for x, y in bent] == [0] * plain.size


def test_a_corner_keeps_the_batch_and_moves_the_gradient_and_the_sizes() -> None:
    (statement, *_) = equalities("ext-eps.gradient")
    rng, orthogonal = random.Random(3), 0
    for found, _ in itertools.islice(points_of(statement), 30):
        made = cornered(rng, found)
        assert made.instance.y == found.instance.y
        assert Fraction(made.instance.eps) > 0
        room = coordinates(made.setting, made.instance)
        orthogonal += not (room.dot(room.g, room.yhat)).a.terms
    assert orthogonal >= 10


def test_dual_numbers_carry_both_derivatives_and_the_mixed_one() -> None:
    from bnverify.theory.surds import Surd

    one = Surd.of(1)
    x, y = Dual(Fraction(9, 4), one), Dual(3, None, one)
    root = (x * y**2).sqrt()
    assert root == Fraction(9, 2)
    assert Dual(root.b) == 1
    assert Dual(root.c) == Fraction(3, 2)
    assert Dual(root.d) == Fraction(1, 3)
    assert Dual((1 / x).b) == -Fraction(16, 81)
    assert (-x).absolute() == Fraction(9, 4)
