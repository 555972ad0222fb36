"""The inner-product table rests on nothing but the definition."""

import sympy as sp
from bnverify.theory import gram
from bnverify.theory.batchnorm import affine, standardise
from bnverify.theory.gram import GramVector, Table
from bnverify.theory.observe import simplified


def _standardised(eps: sp.Expr) -> tuple[GramVector, GramVector, sp.Expr]:
    """y-hat of a formal batch y of which only <1,1> = m is known."""
    table = Table({("1", (), "1"): gram.m})
    one = GramVector(table, {((), "1"): sp.Integer(1)})
    y = GramVector(table, {((), "y"): sp.Integer(1)})
    out = standardise(y, one, gram.m, eps, lambda u, w: u.dot(w), sp.sqrt)
    return one, out.yhat, out.s


def test_yhat_has_mean_zero_by_definition() -> None:
    one, yhat, _ = _standardised(sp.Integer(0))
    assert simplified(one.dot(yhat)) == 0


def test_yhat_has_squared_norm_m_by_definition() -> None:
    _, yhat, _ = _standardised(sp.Integer(0))
    assert simplified(yhat.dot(yhat)) == gram.m


def test_with_eps_the_squared_norm_is_m_times_variance_over_s_squared() -> None:
    eps = sp.Symbol("eps", positive=True)
    _, yhat, s = _standardised(eps)
    assert sp.simplify(yhat.dot(yhat) - gram.m * (s**2 - eps) / s**2) == 0


def test_affine_is_gamma_yhat_plus_beta() -> None:
    one, yhat, _ = _standardised(sp.Integer(0))
    gamma, beta = sp.symbols("gamma beta")
    z = affine(yhat, one, gamma, beta)
    assert simplified(one.dot(z) - beta * gram.m) == 0
