"""Statements about m alone are decided in whole numbers, and no divisor is suspected that no whole m makes 0."""

import pytest
from bnverify.theory.decide.ask import decide
from bnverify.theory.decide.whole import failure, never_zero
from bnverify.theory.kernel import Claim, Number
from bnverify.theory.normalisations import BATCH_NORM

m, one = Number.atom(("number", "m")), Number.of(1)


def times(k: int) -> Number:
    return Number.of(k)


@pytest.mark.parametrize(
    ("gap", "relation", "first"),
    [
        ((m - times(13)) * (m - times(14)), "<", 13),
        ((m - times(13)) * (m - times(14)), "<=", None),  # no whole number lies between them
        ((m - times(13)) * (m - times(16)), "<=", 14),
        (times(500) - m, "<=", 501),
        (m * m - m - one, "<=", None),
        (times(2) * m - times(7), "!=", None),
        (m - times(1009), "!=", 1009),
        (Number.atom(("number", "x")) - m, "<=", None),
    ],
)
def test_the_first_failure_is_the_smallest_whole_m(gap, relation, first):
    assert failure(gap, relation, 2) == first


@pytest.mark.parametrize(
    ("text", "safe"),
    [
        ("2*m - 5", True),
        ("m*m - 2", True),
        ("m - 7", False),
        ("(m - 1)*(2*m - 9)", True),
        ("m - gamma", False),
    ],
)
def test_a_divisor_is_safe_where_no_whole_m_from_2_on_makes_it_0(text, safe):
    assert never_zero(text, Claim(BATCH_NORM, "0 <= 0")) is safe


def test_a_statement_fails_at_a_batch_too_large_to_be_tried_one_by_one():
    found = decide("(m - 109)**2 > 0")
    assert (found.answer, found.m, found.smallest) == ("refuted", 109, True)
    assert "  y = (0 (108 times), 1)" in found.lines()


def test_a_counterexample_too_large_to_build_is_named():
    found = decide("(m - 1009)**2 > 0")
    assert found.answer == "open"
    assert any("m = 1009" in text for text in found.tried)


def test_a_divisor_that_no_whole_m_makes_0_is_part_of_the_scope():
    found = decide("1/(2*m - 5) <= 1", detail=False)
    assert found.answer == "proved"
    assert "2*m - 5 != 0" in [text.replace(" * ", "*") for text in found.scope]


def test_a_divisor_of_the_statement_hides_no_scope_of_the_definition():
    made = decide("1/(2*m - 7) <= 1", norm="n = mean(abs(y)); z = y/n")
    assert (made.answer, made.scope) == ("proved", ("m >= 2", "2 * m - 7 != 0", "no entry of y 0"))
