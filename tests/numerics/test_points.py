"""An exact point and its room of floats are the same."""

from __future__ import annotations

import random

import pytest
import torch
from bnverify.numerics.measure.points import approximate, batch_of, measure, number
from bnverify.numerics.measure.sides import Finding, judge, sides
from bnverify.numerics.tester.drawing import draw
from bnverify.numerics.tester.exact_points import Value, value
from bnverify.theory import kernel
from bnverify.theory.cases import asked
from bnverify.theory.grammar import parse
from bnverify.theory.mutate import statements
from bnverify.theory.normalisations import BATCH_NORM, IN_WEIGHTS, text_of, two_units
from bnverify.theory.registry import registry

torch.set_num_threads(1)

WEIGHTS = {
    "X": [["1", "2"], ["0", "1"], ["3", "-1"]],
    "W": ["1", "1/2"],
    "g": ["1", "-2", "3"],
    "H": [["1", "2", "0"], ["2", "0", "1"], ["0", "1", "-1"]],
    "gamma": "2",
    "What": ["1", "1"],
}
CLAIM = kernel.Claim(IN_WEIGHTS, "What @ What == dW @ dW", vectors=("What in weights",))


def floats(column: kernel.Column, size: int) -> list[float]:
    return [approximate(column.parts.get(i, kernel.Exact({}))) for i in range(size)]


@pytest.mark.parametrize("name", ["yhat", "z", "g", "v", "g_own", "dW", "dW_plain"])
def test_vectors_are_those_of_the_exact_point(name: str) -> None:
    exact = floats(kernel.Point(CLAIM, dict(WEIGHTS)).look(name), 2 if name[:2] == "dW" else 3)
    room = batch_of(CLAIM.definition, [WEIGHTS])
    assert room.names[name].value[0].tolist() == pytest.approx(exact, rel=1e-12, abs=1e-12)


@pytest.mark.parametrize(
    "norm", ["batch-norm", "unbiased", "rms-norm-elementwise", "l1-norm", "linf-norm", two_units(BATCH_NORM)]
)
def test_curvature_is_that_of_the_exact_point(norm: str) -> None:
    text = "v_j @ B_jk @ v_k == one @ v_j" if "z_j" in norm else "v @ B @ v == one @ v"
    extra = {"vectors": ("bias",), "operators": ("D",)} if norm == "rms-norm-elementwise" else {}
    claim = kernel.Claim(text_of(norm), text, **extra)
    points = [draw(random.Random(seed), claim, 3) for seed in range(6)]
    left, right = sides(parse(text), batch_of(claim.definition, points)), []
    for data in points:
        place = kernel.Point(claim, data)
        right.append(approximate(kernel.walk(kernel.parse(text.partition(" == ")[0]), place)))
    assert left.low.value.tolist() == pytest.approx(right, rel=1e-10, abs=1e-11)


def test_numbers_and_exact_points_judge_alike() -> None:
    claim = registry()["thm-4.1"]
    question = asked(claim.readings[0], claim)
    rng, tree = random.Random(5), parse(question.statement)
    drawn = [draw(rng, question, 3) for _ in range(40)]
    room = batch_of(question.definition, drawn)
    for data, code in zip(drawn, judge(sides(tree, room), room).tolist(), strict=True):
        exact = value(tree, kernel.Point(question, data))
        assert (code == Finding.VIOLATED) <= (exact is Value.FALSE)
        assert (code == Finding.HOLDS) <= (exact is Value.TRUE)


def test_rounding_in_y_does_not_convict_where_the_gradient_is_zero() -> None:
    (statement, *_) = statements(registry()["ext-weight-fixed-X.scale-invariance-eps"])
    point = {
        "X": [["0", "-2/3"], ["1", "-2/3"], ["-1", "4/3"]],
        "W": ["1", "2"],
        "g": ["0", "0", "0"],
        "H": [["-1", "0", "0"], ["0", "-1", "0"], ["0", "0", "-1"]],
        "gamma": "-1",
        "beta": "1",
        "eps": "1/2",
    }
    room = batch_of(statement.asked.definition, [point])
    assert Finding.VIOLATED not in judge(sides(statement.tree, room), room).tolist()


def test_points_are_ordered_by_size_then_non_zeros_then_height() -> None:
    small, tall = {"y": ["0", "1"], "gamma": "1"}, {"y": ["0", "1"], "gamma": "3"}
    long = {"y": ["0", "0", "1"], "gamma": "1"}
    full = {"y": ["2", "1"], "gamma": "1"}
    assert sorted([long, full, tall, small], key=measure) == [small, tall, full, long]


def test_an_exact_text_becomes_the_nearest_float() -> None:
    assert number("1/3") == 1 / 3
    assert number("2 - 1/2*sqrt(6)") == pytest.approx(2 - 6**0.5 / 2, rel=1e-15)
