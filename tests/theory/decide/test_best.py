"""Sharp constants and repairs."""

import pytest
from bnverify.theory.decide.ask import decide

from bnverify.base.errors import InputError

CONSTANTS = [
    ("v @ v <= c*gamma**2/sigma**2*(g @ g)", (), "min c", "1"),
    ("c*(one @ g)*(g @ yhat) <= m*(g @ g)", (), "max c", "2"),
    ("v @ v <= c*(g @ g)", ("abs(gamma) <= 2*sigma",), "min c", "4"),
    ("c*((one @ g)**2 + (g @ yhat)**2) <= g @ g", (), "max c", "1/m"),
]


@pytest.mark.parametrize(("statement", "given", "best", "value"), CONSTANTS)
def test_the_best_constant_is_exact_proved_and_refuted_beyond(statement, given, best, value):
    found = decide(statement, given, best=best, timeout=60, detail=False)
    assert found.answer == "proved"
    assert found.best["value"] == value
    assert found.best["proved"]
    assert found.best["beyond"] is not None


@pytest.mark.parametrize(
    ("best", "words"),
    [("c", "'max c' or 'min c'"), ("max q", "does not mention q"), ("most c", "'max c' or 'min c'")],
)
def test_a_constant_that_is_not_there_is_refused(best, words):
    with pytest.raises(InputError, match=words):
        decide("v @ v <= c*(g @ g)", best=best)


REPAIRS = [
    (
        "v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
        (),
        "formula: m for sqrt(m)",
    ),
    (
        "v @ B @ v <= gamma**2/sigma**2*(g @ H @ g - (g @ yhat)*(v @ v)/(m*gamma))",
        ("gamma != 0",),
        "hypothesis: v @ H @ v <= g @ H @ g",
    ),
    (
        "v @ B @ v == gamma**2/sigma**2*(v @ H @ v) + gamma/(m*sigma**2)*(g @ yhat)*(v @ v)",
        (),
        "formula: - for + before gamma/(m*sigma**2) * (g @ yhat) * (v @ v)",
    ),
    ("v @ v <= g @ g", (), "hypothesis: gamma**2 <= sigma**2"),
    ("v @ v == gamma**2/sigma**2*(g @ g)", (), "formula: <= for =="),
]


@pytest.mark.parametrize(("statement", "given", "change"), REPAIRS)
def test_a_refuted_statement_is_repaired_as_the_corrections_of_the_paper_do(statement, given, change):
    found = decide(statement, given, repair=True, timeout=90, detail=False)
    assert found.answer == "refuted"
    assert found.repair["change"] == change
    again = decide(found.repair["statement"], found.repair["given"], detail=False)
    assert again.answer == "proved"
