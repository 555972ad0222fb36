"""Sharp constants and repairs."""

from fractions import Fraction

import pytest
from bnverify.theory.decide.ask import decide

from bnverify.base.errors import InputError

CONSTANTS = [
    ("v @ v <= c*gamma**2/sigma**2*(g @ g)", (), "min c", "1", 2),
    ("c*((one @ g)**2 + (g @ yhat)**2) <= g @ g", (), "max c", "1/m", 2),
    ("m*(v @ v) <= c*(m - 1)*gamma**2/sigma**2*(g @ g)", (), "min c", "m/(m - 1)", 3),  # v = 0 at m = 2
]
MORE = [
    ("(one @ g)**2 <= c*(g @ g)", (), "min c", "m", 2),  # Cauchy and Schwarz with |1|^2 = m
    ("c*(one @ g)*(g @ yhat) <= m*(g @ g)", (), "max c", "2", 2),
    ("v @ v <= c*(g @ g)", ("abs(gamma) <= 2*sigma",), "min c", "4", 2),
]


def sharp(statement, given, best, value, start):
    found = decide(statement, given, best=best, timeout=60, detail=False)
    assert found.answer == "proved"
    assert (found.best["value"], found.best["from_m"]) == (value, start)
    assert found.best["proved"]
    assert found.best["beyond"] is not None
    assert found.best["instance"]["left"] == found.best["instance"]["right"] != "0"


@pytest.mark.parametrize(("statement", "given", "best", "value", "start"), CONSTANTS[1:])
def test_the_best_constant_is_exact_proved_attained_and_refuted_beyond(statement, given, best, value, start):
    sharp(statement, given, best, value, start)


@pytest.mark.parametrize(("statement", "given", "best", "value", "start"), [CONSTANTS[0], *MORE])
def test_further_constants_are_exact(statement, given, best, value, start):
    sharp(statement, given, best, value, start)


def test_a_supremum_at_eps_to_0_is_exact_and_not_attained():
    found = decide("yhat @ yhat <= c*m", ("eps > 0",), "rms-norm", best="min c", timeout=60, detail=False)
    assert (found.best["value"], found.best["proved"], found.best["attained"]) == ("1", True, False)


def test_a_supremum_that_is_not_attained_has_a_sequence():
    found = decide("v @ v <= c*(g @ g)", ("gamma < 2*sigma", "gamma >= 0"), best="min c", timeout=60)
    assert (found.best["value"], found.best["instance"]) == ("4", None)
    constants = [4 - 4 * Fraction(1, 10**power) for power in (1, 2, 3)]
    points = zip(found.best["sequence"], constants, strict=True)
    ratios = [Fraction(point["left"]) / Fraction(point["right"]) * c for point, c in points]
    assert len(ratios) == 3
    assert all(ratio < 4 for ratio in ratios)
    assert ratios[-1] > Fraction(399, 100)


def test_an_inexact_constant_lies_between_certified_ends():
    found = decide("31*(one @ g)*(g @ yhat) + 7*(one @ g)**2 <= c*m*(g @ g)", best="min c", timeout=60)
    low, high = Fraction(found.best["low"]), Fraction(found.best["high"])
    assert found.best["certified"]
    assert (2 * low - 7) ** 2 < 1010 < (2 * high - 7) ** 2
    assert high - low < Fraction(1, 10**4)


@pytest.mark.parametrize(("statement", "best"), [
    ("(c**2 - 1)*(v @ v) >= 0", "min c"),  # every c <= -1 serves too
    ("(c**2 - 1)*(v @ v) >= 0", "max c"),
    ("c**2*(v @ v) >= abs(c)*(v @ v)", "min c"),
])  # fmt: skip
def test_a_constant_with_others_beyond_it_is_not_called_the_best(statement, best):
    found = decide(statement, best=best, timeout=60, detail=False)
    assert (found.best["value"], found.best["low"], found.best["none"]) == (None, None, None)


def test_the_best_of_constants_that_are_no_half_line_is_still_found():
    found = decide("c**2*(v @ v) <= v @ v", best="max c", timeout=60, detail=False)
    assert (found.best["value"], found.best["proved"]) == ("1", True)


def test_where_no_constant_serves_none_is_named():
    found = decide("v @ v <= c*(g @ g)", best="min c", timeout=60)
    assert found.answer == "refuted"
    assert found.best["none"] == "1000"
    assert found.best["value"] is found.best["low"] is None


@pytest.mark.parametrize(
    ("statement", "best", "words"),
    [
        ("v @ v <= c*(g @ g)", "c", "'max c' or 'min c'"),
        ("v @ v <= c*(g @ g)", "max q", "does not mention q"),
        ("v @ v <= c*(g @ g)", "most c", "'max c' or 'min c'"),
        ("v @ v <= c*(g @ g)*d", "max c", "d is free too"),
    ],
)
def test_a_constant_that_is_not_there_is_refused(statement, best, words):
    with pytest.raises(InputError, match=words):
        decide(statement, best=best)


REPAIRS = [
    (
        "v @ v <= gamma**2/sigma**2*(g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
        (),
        "formula: m for sqrt(m)",
    ),
    (
        "max((T @ v) @ (T @ v), norm(X) <= lam) <= gamma**2/sigma**2*(max((T @ g) @ (T @ g), norm(X) <= lam)**2 "
        "- m*mean(g)**2 - lam**2*(g @ yhat)**2)",
        (),
        "units and one change: max((T @ g) @ (T @ g), norm(X) <= lam) for max((T @ g) @ (T @ g), norm(X) <= lam)**2; "
        "lam**2 times m*mean(g)**2; 1/m times lam**2 * (g @ yhat)**2",
    ),
    ("v @ v <= g @ g", (), "hypothesis: gamma**2 <= sigma**2"),
    ("v @ v == gamma**2/sigma**2*(g @ g)", (), "formula: <= for =="),
]
LONGER = [
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
]


def mended(statement, given, change):
    numbers = ("lam",) if "lam" in statement else ()
    found = decide(statement, given, numbers=numbers, repair=True, timeout=90, detail=False)
    assert found.answer == "refuted"
    assert found.repair["change"] == change
    again = decide(found.repair["statement"], found.repair["given"], numbers=numbers, detail=False)
    assert again.answer == "proved"


@pytest.mark.parametrize(("statement", "given", "change"), REPAIRS[:2])
def test_a_refuted_statement_is_repaired_as_the_corrections_of_the_paper_do(statement, given, change):
    mended(statement, given, change)


@pytest.mark.parametrize(("statement", "given", "change"), [*REPAIRS[2:], *LONGER])
def test_further_statements_are_repaired(statement, given, change):
    mended(statement, given, change)
