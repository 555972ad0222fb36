"""The exact room: plain differentiation at a point, exact numbers, exact signs."""

from __future__ import annotations

import math

import pytest
import sympy as sp
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact, number, sign, tidy

H = ((2, 1, 0), (1, -1, 3), (0, 3, 1))
POINT = Instance(y=(0, 1, 3), g=(1, -2, "1/2"), H=H, gamma="3/2", beta=1)


def floats(matrix: sp.Matrix) -> list[float]:
    return [float(x) for x in matrix]


def loss(y: list[float]) -> float:
    """The composed loss of POINT in plain floats."""

    def through(values: list[float]) -> list[float]:
        mu = sum(values) / 3
        s = math.sqrt(sum((a - mu) ** 2 for a in values) / 3)
        return [1.5 * (a - mu) / s + 1 for a in values]

    d = [a - b for a, b in zip(through(y), through([0.0, 1.0, 3.0]), strict=True)]
    g = [1, -2, 0.5]
    return sum(a * b for a, b in zip(g, d, strict=True)) + sum(
        H[i][j] * d[i] * d[j] / 2 for i in range(3) for j in range(3)
    )


def moved(*steps: tuple[int, float]) -> list[float]:
    y = [0.0, 1.0, 3.0]
    for i, h in steps:
        y[i] += h
    return y


def test_v_is_the_gradient_of_the_composed_loss() -> None:
    h = 1e-6
    quotient = [(loss(moved((i, h))) - loss(moved((i, -h)))) / (2 * h) for i in range(3)]
    assert floats(Exact(POINT).vec("v")) == pytest.approx(quotient, abs=1e-8)


def test_B_is_its_hessian() -> None:
    h = 1e-4
    quotient = [
        (
            loss(moved((i, h), (j, h)))
            - loss(moved((i, h), (j, -h)))
            - loss(moved((i, -h), (j, h)))
            + loss(moved((i, -h), (j, -h)))
        )
        / (4 * h * h)
        for i in range(3)
        for j in range(3)
    ]
    assert floats(Exact(POINT).B_) == pytest.approx(quotient, abs=1e-6)


def test_the_plain_gradient_at_the_networks_own_output_is_g_plus_H_times_the_shift() -> None:
    q = Exact(POINT)
    assert q.vec("g_own").applyfunc(tidy) == (q.g_ + q.H_ * (q.y - q.z)).applyfunc(tidy)


def test_the_matched_network_gives_back_its_activations() -> None:
    q = Exact(Instance(y=(0, 1, 3), g=(1, 0, 0), gamma="s", beta="mu"))
    assert q.z == q.y


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (sp.sqrt(2) - sp.Rational(665857, 470832), -1),
        (sp.sqrt(2) * sp.sqrt(3) - sp.sqrt(6), 0),
        (1 / (sp.sqrt(2) - 1) - sp.sqrt(2) - 1, 0),
        (sp.Integer(3), 1),
    ],
)
def test_signs_are_exact(value: sp.Expr, expected: int) -> None:
    assert sign(value) == expected


@pytest.mark.parametrize("value", [sp.Float("0.5"), sp.Symbol("x"), sp.I])
def test_what_is_no_exact_real_number_has_no_sign(value: sp.Expr) -> None:
    with pytest.raises(ArithmeticError, match="not an exact real number"):
        sign(value)


def test_floats_are_refused() -> None:
    with pytest.raises(TypeError, match="exact rooms refuse the float"):
        number(0.5)


def test_an_asymmetric_hessian_is_no_instance() -> None:
    with pytest.raises(ValueError, match="not symmetric"):
        Exact(Instance(y=(0, 1), g=(0, 1), H=((0, 1), (0, 0)))).H_  # noqa: B018


def test_weights_must_give_the_activations() -> None:
    with pytest.raises(ValueError, match="X W is another vector"):
        Exact(Instance(y=(0, 1), g=(0, 1), X=((1,), (1,)), W=(1,)))
