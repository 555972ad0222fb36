"""Exact points of the l_p normalisations: there is none where the norm has no derivative."""

from __future__ import annotations

import pytest
import sympy as sp
from bnverify.theory.claim import Instance
from bnverify.theory.lp_points import LpPoint
from bnverify.theory.rooms import FORMAL, POINTS, formal, point


def test_an_entry_zero_has_no_l1_derivative() -> None:
    with pytest.raises(ValueError, match="entry 0"):
        LpPoint(Instance(y=(0, 1), g=(0, 1)), p="1").sym("n")


def test_a_tie_has_no_linf_derivative() -> None:
    with pytest.raises(ValueError, match="tie"):
        LpPoint(Instance(y=(-1, 1), g=(0, 1)), p="inf").sym("n")


@pytest.mark.parametrize(
    ("p", "average", "expected"),
    [
        ("1", "unit", sp.Rational(4)),
        ("2", "unit", sp.Integer(5)),
        ("inf", "unit", sp.Integer(7)),
    ],
)
def test_the_divisor_of_one_unit_is_its_power_mean(p: str, average: str, expected: sp.Expr) -> None:
    assert LpPoint(Instance(y=(1, -7), g=(0, 1)), p=p, average=average).sym("n") == expected


@pytest.mark.parametrize(
    ("p", "average", "expected"),
    [
        ("1", "layer", sp.Rational(11, 2)),
        ("1", "sample", sp.Integer(11)),
        ("2", "layer", sp.Rational(15, 2)),
        ("inf", "layer", sp.Rational(21, 2)),
        ("inf", "sample", sp.Integer(8)),
    ],
)
def test_one_divisor_for_two_units_averages_as_it_says(p: str, average: str, expected: sp.Expr) -> None:
    instance = Instance(y=(1, -7, 2, 14), g=(0, 0, 0, 1), extra=(("units", 2),))
    if p == "1":
        instance = Instance(y=(1, -7, 2, 12), g=(0, 0, 0, 1), extra=(("units", 2),))
    assert LpPoint(instance, p=p, average=average).sym("n") == expected


def test_every_setting_with_exact_points_of_its_own_makes_them() -> None:
    two = Instance(y=(1, 7, 2, 14), g=(0, 0, 0, 1), extra=(("scale", (1, 1)), ("units", 2)))
    one = Instance(y=(1, 7, 2), g=(0, 1, 0), extra=(("scale", (1, 1, 1)),))
    for setting in POINTS:
        shared = setting in {"layer", "shared-affine"} or setting.endswith(("layer", "sample"))
        q = point(setting, two if shared else one)
        assert q.v_.rows == (4 if shared else 3)


@pytest.mark.parametrize("setting", sorted(FORMAL))
def test_a_formal_room_of_its_own_has_a_gradient_at_either_eps(setting: str) -> None:
    for eps in (False, True):
        q = formal(setting, eps)
        name = "v_j" if setting in {"layer", "group-norm"} else "v"
        assert q.vec(name).terms
