"""Formal vectors, the inner-product table and nilpotent coefficients."""

from __future__ import annotations

import pytest
import sympy as sp
from bnverify.theory import gram
from bnverify.theory.gram import GramVector, Jet, Table, batch_facts, riesz, transpose


@pytest.fixture
def table() -> Table:
    return Table(batch_facts(sp.Integer(1)))


def vector(table: Table, name: str, *word: str) -> GramVector:
    return GramVector(table, {(word, name): sp.Integer(1)})


def test_the_table_holds_the_three_facts_and_nothing_else(table: Table) -> None:
    one, yhat, g = (vector(table, name) for name in ("1", "yhat", "g"))
    assert one.dot(one) == gram.m
    assert one.dot(yhat) == 0
    assert yhat.dot(yhat) == gram.m
    assert g.dot(one).is_Symbol
    assert g.dot(g).is_nonnegative


def test_an_inner_product_is_one_symbol_with_its_reversal(table: Table) -> None:
    g, a = vector(table, "g"), vector(table, "a")
    assert g.dot(a) == a.dot(g)
    assert g.apply("H").dot(a) == a.apply("H").dot(g)
    assert vector(table, "w", "X").dot(a) == a.apply("T").dot(vector(table, "w"))
    assert vector(table, "w", "X").dot(a) != vector(table, "w", "T").dot(a)


def test_transposition_reverses_words_and_exchanges_X_and_its_transpose() -> None:
    assert transpose(("H", "X")) == ("T", "H")
    assert transpose(transpose(("X", "H", "T"))) == ("X", "H", "T")


def test_riesz_recovers_the_vector_of_a_functional(table: Table) -> None:
    u = vector(table, "g") * gram.s + vector(table, "yhat", "H") * 3
    found = riesz(table, u.dot(vector(table, "p")), "p")
    assert len(found.terms) == 2
    assert all(c == 0 for c in (found - u).terms.values())


def test_riesz_refuses_what_is_not_linear(table: Table) -> None:
    p = vector(table, "p")
    with pytest.raises(ValueError, match="not linear in p"):
        riesz(table, p.dot(p) + p.dot(vector(table, "g")) + 1, "p")


x, h, k = sp.symbols("x h k", positive=True)
FUNCTIONS = {
    "product": (lambda t: t * t * t, lambda t: t**3),
    "inverse": (lambda t: 1 / t, lambda t: 1 / t),
    "quotient": (lambda t: (t + 2) / (t * t + 1), lambda t: (t + 2) / (t**2 + 1)),
    "sqrt": (lambda t: (t * t + 1).sqrt(), lambda t: sp.sqrt(t**2 + 1)),
    "power": (lambda t: t**-2, lambda t: t**-2),
    "difference": (lambda t: 3 - t, lambda t: 3 - t),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_jets_carry_the_value_both_first_derivatives_and_the_mixed_second(name: str) -> None:
    ours, plain = FUNCTIONS[name]
    jet = Jet.of(ours(Jet(x, h, k)))
    f = plain(x)
    expected = (f, f.diff(x) * h, f.diff(x) * k, f.diff(x, 2) * h * k)
    for found, wanted in zip((jet.c0, jet.c1, jet.c2, jet.c12), expected, strict=True):
        assert sp.simplify(found - wanted) == 0
