"""What the kernel accepts and what it refuses."""

from __future__ import annotations

from fractions import Fraction

import pytest
from bnverify.theory.claim import (
    Hypothesis,
    Instance,
    Relation,
    Term,
    eq,
    le,
    lt,
    veq,
)
from bnverify.theory.exact import Exact
from bnverify.theory.observe import Gram
from bnverify.theory.prove import (
    compare,
    verify_relation,
)
from bnverify.theory.registry import registry
from bnverify.theory.settings import Extremum, Setting

CLAIMS = registry()
PRINTED = CLAIMS["thm-4.1"].readings[0]


def cauchy_schwarz(q: Setting) -> Relation:
    return le(q.grad_sum**2, q.m * q.grad_sq)


def by_cauchy(q: Setting) -> list[Term]:
    return [Term(q.num(Fraction(1)), "cauchy", (q.one, q.g))]


def test_an_identity_is_proved_and_known_to_be_one() -> None:
    check, equal = verify_relation(lambda q: eq(q.dot(q.one, q.yhat), 0), Gram())
    assert check.holds
    assert equal


def test_a_wrong_identity_is_refused_with_its_residual() -> None:
    check, _ = verify_relation(lambda q: eq(q.dot(q.yhat, q.yhat), q.m + 1), Gram())
    assert not check.holds
    assert dict(check.values)["residual"] == "1"


def test_a_strict_inequality_is_not_proved_by_equal_sides() -> None:
    check, _ = verify_relation(lambda q: lt(q.dot(q.one, q.one), q.m), Gram())
    assert not check.holds


def test_a_vector_equation_is_tested_along_a_free_probe() -> None:
    right, _ = verify_relation(lambda q: veq(q.center(q.one), q.one * 0), Gram())
    wrong, _ = verify_relation(lambda q: veq(q.center(q.g), q.g), Gram())
    assert right.holds
    assert not wrong.holds


def test_an_inequality_needs_terms_that_add_up() -> None:
    assert verify_relation(cauchy_schwarz, Gram(), by_cauchy)[0].holds
    assert not verify_relation(cauchy_schwarz, Gram())[0].holds
    twice = verify_relation(cauchy_schwarz, Gram(), lambda q: by_cauchy(q) * 2)[0]
    assert not twice.holds


def test_cauchy_schwarz_is_named_where_it_is_used() -> None:
    assert verify_relation(cauchy_schwarz, Gram(), by_cauchy)[0].lemmas == ("cauchy-schwarz",)


def test_a_negative_multiplier_is_refused() -> None:
    def reversed_(q: Setting) -> Relation:
        return le(q.grad_sq, 0)

    check, _ = verify_relation(reversed_, Gram(), lambda q: [Term(q.num(Fraction(-1)), "normsq", q.g)])
    assert dict(check.values)["residual"] == "0"
    assert not check.holds


def test_a_multiplier_of_unknown_sign_is_refused() -> None:
    def signed(q: Setting) -> Relation:
        return le(0, q.gamma * q.grad_sq)

    assert not verify_relation(signed, Gram(), lambda q: [Term(q.gamma, "normsq", q.g)])[0].holds


def test_a_hypothesis_may_be_used_only_if_it_is_assumed() -> None:
    assumed = Hypothesis("smaller", "|v| <= |g|", lambda q: le(q.bn_grad_sq, q.grad_sq))

    def statement(q: Setting) -> Relation:
        return le(q.bn_grad_sq, q.grad_sq)

    def terms(q: Setting) -> list[Term]:
        return [Term(q.num(Fraction(1)), "hypothesis", "smaller")]

    assert verify_relation(statement, Gram(), terms, (assumed,))[0].holds
    with pytest.raises(StopIteration):
        verify_relation(statement, Gram(), terms)


def test_a_maximum_is_an_interval_and_can_be_undecided() -> None:
    q = Exact(Instance(y=(0, 1), g=(0, 1)))
    wide = Extremum(q.num(Fraction(1)), q.num(Fraction(3)))
    two = q.num(Fraction(2))
    assert compare(le(wide, q.num(Fraction(3))), q)[0] == 1
    assert compare(le(wide, q.num(Fraction(1, 2))), q)[0] == -1
    assert compare(le(wide, two), q)[0] == 0
    assert compare(eq(wide, two), q)[0] == 0
    assert compare(lt(wide, q.num(Fraction(3))), q)[0] == 0
