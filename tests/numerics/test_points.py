"""An exact instance and its room of floats are the same point."""

from __future__ import annotations

import random

import pytest
import torch
from bnverify.numerics.measure.drawing import draw, needs_of
from bnverify.numerics.measure.points import batch_of
from bnverify.numerics.tester.exact_points import at_points
from bnverify.numerics.tester.judged import Finding, judge, sides
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact
from bnverify.theory.mutate import Statement, mutants, statements
from bnverify.theory.registry import registry

torch.set_num_threads(1)

WEIGHTS = Instance(
    X=((1, 2), (0, 1), (3, -1)),
    W=(1, "1/2"),
    y=(2, "1/2", "5/2"),
    g=(1, -2, 3),
    H=((1, 2, 0), (2, 0, 1), (0, 1, -1)),
    gamma=2,
    lam=3,
    extra=(("What", (1, 1)), ("X_other", ((1, 0), (0, 1), (2, 2)))),
)


@pytest.mark.parametrize("name", ["yhat", "z", "g", "v", "g_own", "dW", "dW_plain", "dW_hat", "dW_other"])
def test_vectors_agree_with_exact_differentiation(name: str) -> None:
    exact = [float(x) for x in Exact(WEIGHTS).vec(name)]
    assert batch_of([WEIGHTS]).vec(name).value[0].tolist() == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize("gamma", [2, "s"])
def test_curvature_agrees_with_exact_differentiation(gamma: object) -> None:
    point = Instance(y=(0, 1, 3), g=(1, 2, 0), H=((1, 0, 2), (0, 1, 0), (2, 0, 0)), gamma=gamma, beta="mu")
    room, exact = batch_of([point, point]), Exact(point)
    found = room.op("B", room.vec("v")).value[1].tolist()
    assert found == pytest.approx([float(x) for x in exact.B_ * exact.v_], rel=1e-10, abs=1e-12)


def equality(identifier: str) -> Statement:
    return next(s for s in statements(registry()[identifier]) if s.op == "eq")


@pytest.mark.parametrize("identifier", ["thm-4.1", "thm-4.2.1", "fact-C.1", "ext-eps.gradient"])
def test_an_equality_holds_at_exact_points(identifier: str) -> None:
    found = at_points(equality(identifier), 11)
    assert found.points == 11
    assert found.differs is None


def test_a_false_equality_differs_at_the_first_generic_point() -> None:
    statement = equality("thm-4.1")
    wrong = mutants(statement)[-1]
    changed = Statement(**{**statement.__dict__, "lhs": wrong.lhs, "rhs": wrong.rhs})
    assert at_points(changed, 11).differs is not None


def test_numbers_and_exact_points_judge_alike() -> None:
    reading = registry()["thm-4.1"].readings[0]
    rng = random.Random(5)
    drawn = [draw(rng, 3, needs_of(reading.says)) for _ in range(12)]
    room = batch_of(drawn)
    codes = judge(sides(reading.says, room), room).tolist()
    from bnverify.theory.prove import compare

    for instance, code in zip(drawn, codes, strict=True):
        q = Exact(instance)
        verdict = compare(reading.says(q), q)[0]
        assert (code == Finding.VIOLATED) <= (verdict == -1)
        assert (code == Finding.HOLDS) <= (verdict == 1)


def test_rounding_in_y_does_not_convict_where_the_gradient_is_zero() -> None:
    reading = registry()["ext-weight-fixed-X.scale-invariance-eps"].readings[0]
    instance = Instance(
        X=((0, "-2/3"), (1, "-2/3"), (-1, "4/3")),
        W=(1, 2),
        y=("-4/3", "-1/3", "5/3"),
        g=(0, 0, 0),
        H=((-1, 0, 0), (0, -1, 0), (0, 0, -1)),
        gamma=-1,
        beta=1,
        eps="1/2",
    )
    room = batch_of([instance])
    assert Finding.VIOLATED not in judge(sides(reading.says, room), room).tolist()
