"""Maxima over inputs of a form with an operator: float64 against brute force, and what certifies them."""

import numpy as np
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.kernel import judge
from bnverify.theory.points.batch import ball_maximum
from bnverify.theory.points.maxima import certificate_at


def test_the_maximum_over_the_ball_is_the_one_that_brute_force_finds():
    rng = np.random.default_rng(0)
    a, centre = rng.normal(size=(120, 3, 3)), rng.normal(size=(120, 3))
    centre[:30, 0] = 0
    table = a + a.transpose(0, 2, 1)
    best, w, _ = ball_maximum(table, centre)
    directions = rng.normal(size=(8000, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    for i in range(120):
        ball = centre[i] / 2 + np.linalg.norm(centre[i]) / 2 * directions
        seen = max(np.einsum("ni,ij,nj->n", ball, table[i], ball).max(), 0.0)
        assert seen - 1e-9 <= best[i] <= 1.03 * seen + 0.03
        assert w[i] @ (centre[i] - w[i]) >= -1e-7 * (1 + centre[i] @ centre[i])


def test_an_attained_value_and_a_bound_let_the_kernel_convict():
    statement = "max((X @ T @ v) @ H @ (X @ T @ v), norm(X) <= lam) <= lam**4*(v @ H @ v)"
    (case,) = cases(Conjecture(statement, numbers=("lam",)))
    table = [["1", "0", "0"], ["0", "0", "0"], ["0", "0", "0"]]
    point = {"y": ["0", "0", "1"], "g": ["0", "1", "0"], "H": table, "gamma": "2", "lam": "1"}
    found = certificate_at(case.claim, point)
    assert len(found["maxima"]) == 1
    assert judge(case.claim, found).verdict == "refuted"
