"""The search in float64: it convicts what is false, and says its effort where it finds nothing."""

import pytest
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.kernel import judge
from bnverify.theory.points.maxima import certificate_at
from bnverify.theory.points.search import ascend

FALSE = [
    ("1000*(v @ v) <= 999*gamma**2/sigma**2*(g @ g)", (), {}),
    ("(v @ a)**2 <= 99/100*(v @ v)*(a @ a)", (), {"vectors": ("a",)}),
    ("v @ B @ v <= gamma**2/sigma**2*(g @ H @ g)", ("psd(H)", "gamma*(g @ yhat) >= 0"), {}),
    ("dW @ dW <= v @ v", (), {}),
]


@pytest.mark.parametrize(("statement", "given", "more"), FALSE)
def test_a_false_statement_is_convicted_exactly(statement, given, more):
    (case,) = cases(Conjecture(statement, given, **more))
    effort = ascend(case, lambda: 60.0)
    assert effort.point is not None
    assert judge(case.claim, certificate_at(case.claim, effort.point)).verdict == "refuted"


def test_a_true_statement_stays_with_its_effort():
    (case,) = cases(Conjecture("v @ v <= gamma**2/sigma**2*(g @ g)"))
    effort = ascend(case, lambda: 60.0)
    assert effort.point is None
    assert effort.slack >= -1e-9
    assert "48 starts each at m = 2, 3, 4, 8" in str(effort)
