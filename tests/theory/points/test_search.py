"""The search in float64: it convicts what is false, and says its effort where it finds nothing."""

import numpy as np
import pytest
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.kernel import judge
from bnverify.theory.points import instances
from bnverify.theory.points.case import build, without
from bnverify.theory.points.maxima import certificate_at
from bnverify.theory.points.search import ascend, meant, start

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


@pytest.mark.parametrize("given", [(), ("psd(D)",), ("gamma > 0", "psd(D)", "m >= 2")])
def test_only_a_diagonal_table_stands_for_the_scales_of_a_layer(given):
    """D 1 = 0 leaves nothing of D = diag(gamma), and something of other symmetric tables, which the kernel takes."""
    (case,) = cases(Conjecture("v == 0", ("D @ one == 0", *given), "layer-norm"))
    full = {"y": [0, 1, 5], "g": [1, -1, 0], "D": [[2, -1, -1], [-1, 2, -1], [-1, -1, 2]], "bias": [0, 0, 0]}
    assert judge(case.claim, certificate_at(case.claim, full)).verdict == "refuted"
    assert instances.convicted(case, [full]) is None
    assert instances.satisfied(case, [full]) is None
    none = full | {"D": [[0] * 3] * 3}
    assert instances.satisfied(case, [full, none]) == none
    rebuilt = build(case.claim, case.operators)
    tables = [*meant(rebuilt, 3, start(rebuilt, 3, np.random.default_rng(0)))["D"]]
    tables += [*instances.draw(without(rebuilt, 0), 3, 50, np.random.default_rng(0))["D"]]
    assert all((table == table * np.eye(3)).all() for table in tables)
    assert "psd(D)" not in given or all((table >= 0).all() for table in tables)


def test_a_true_statement_stays_with_its_effort():
    (case,) = cases(Conjecture("v @ v <= gamma**2/sigma**2*(g @ g)"))
    effort = ascend(case, lambda: 60.0)
    assert effort.point is None
    assert effort.slack >= -1e-9
    assert "48 starts each at m = 2, 3, 4, 8" in str(effort)


def test_an_identity_of_vectors_leaves_nothing_to_climb():
    (case,) = cases(Conjecture("s*yhat + mu*one == y", ("v == g",)))
    assert ascend(case, lambda: 1.0).point is None
