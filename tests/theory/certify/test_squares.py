"""Quadratic forms as sums of squares with rational coefficients, as the kernel reads them."""

import pytest
from bnverify.theory.certify import proofs
from bnverify.theory.certify.texts import literal
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.kernel import Refused, judge


def proved(statement):
    (case,) = cases(Conjecture(statement))
    for certificate in proofs.quick(case, lambda: 20.0):
        try:
            return judge(case.claim, certificate).verdict
        except Refused:
            continue
    return None


@pytest.mark.parametrize(("c", "verdict"), [("26607424/1372205", "proved"), ("80904583/4172441", None)])
def test_the_largest_eigenvalue_of_a_form_is_told_from_a_millionth_less(c, verdict):
    # (7 + sqrt(1010))/2 = 19.390252..., the larger root of (c - 7) c = (31/2)^2
    assert proved(f"31*(one @ g)*(g @ yhat) + 7*(one @ g)**2 <= {c}*m*(g @ g)") == verdict


@pytest.mark.parametrize(
    "statement",
    ["2*norm(g)*norm(y) <= g @ g + y @ y", "4*sigma*gamma**2 <= 9*sigma**2 + 4/9*gamma**4"],
)
def test_a_square_whose_mixed_term_has_a_sign_is_found(statement):
    assert proved(statement) == "proved"


@pytest.mark.parametrize("n", [0, 7, 10**9, 10**9 + 1, 123456789012345678901])
def test_a_long_number_is_written_with_short_literals(n):
    assert eval(literal(n)) == n
