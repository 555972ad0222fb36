"""Replay scripts: what torch says of weights, two units and maxima is what the kernel says."""

import pytest
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.kernel import Point
from bnverify.theory.points import instances
from bnverify.theory.points.script import script
from bnverify.theory.writing.words import number

from bnverify.base.errors import InputError

STATEMENTS = [
    ("dW @ HW @ dW <= v @ v", ()),
    ("v_j @ B_jk @ v_k + v_j @ v_j <= g_j @ g_j", ()),
    ("max((T @ v) @ (T @ v), norm(X) <= lam) <= g @ g", ("lam",)),
    ("dW_plain @ dW_plain <= W @ dW + rho", ()),
]


@pytest.mark.parametrize(("statement", "numbers"), STATEMENTS)
def test_torch_differentiates_to_the_sides_of_the_kernel(statement, numbers):
    torch = pytest.importorskip("torch")
    (case,) = cases(Conjecture(statement, numbers=numbers))
    point = next(instances.candidates(case, (3,), 400, 4, broken=False))
    _, exact = Point(case.claim, point).holds(case.claim.statement)
    names: dict = {}
    exec(script(case.claim, point), names)
    for side, said in zip(("left", "right"), exact, strict=True):
        assert float(torch.as_tensor(names[side]).detach()) == pytest.approx(
            number(said), rel=1e-9, abs=1e-12
        )


def test_what_torch_has_no_lines_for_is_said():
    statement = "max((X @ T @ v) @ H @ (X @ T @ v), norm(X) <= lam) <= 1"
    (case,) = cases(Conjecture(statement, numbers=("lam",)))
    point = next(instances.candidates(case, (2,), 400, 4, broken=False))
    with pytest.raises(InputError, match="no script"):
        script(case.claim, point)
