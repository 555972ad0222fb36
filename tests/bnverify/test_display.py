"""Letters and numbers on a terminal are written as people write them."""

import pytest
from bnverify.theory.writing.difference import marked
from bnverify.theory.writing.words import exact_text, plain, scope_text


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("gamma != 0", "γ ≠ 0"),
        ("sigma > 0 and eps = 0", "σ > 0 and ε = 0"),
        ("m >= 2", "m ≥ 2"),
        ("1/sqrt(m) should be 1/m", "1/√m should be 1/m"),
        ("a missing lambda^2", "a missing λ²"),
        ("the gamma-ray, a program", "the γ-ray, a program"),
    ],
)
def test_letters_are_greek_and_signs_are_signs(text, written):
    assert plain(text) == written


def test_words_that_hold_a_letters_name_stay_words():
    assert plain("album, multiple, betas") == "album, multiple, betas"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("3*sqrt(2)/4 - 1", "3√2/4 − 1"),
        ("-sqrt(14)/14", "−√14/14"),
        ("81/16", "81/16"),
        ("sqrt(2)*sqrt(3)", "√2√3"),
    ],
)
def test_exact_numbers_have_exact_text(value, written):
    assert exact_text(value) == written


def test_a_scope_is_one_line():
    assert scope_text({"m": ">= 2", "gamma": "any real"}) == "m ≥ 2, γ any real"


def test_latex_in_running_words_is_plain():
    assert plain(r"v^\top H v \le g^\top H g") == "vᵀH v ≤ gᵀH g"


def test_a_formula_between_dollars_stays_latex():
    assert plain(r"sigma^2, see $\frac{\gamma}{m\sigma^2}$") == r"σ², see $\frac{\gamma}{m\sigma^2}$"


def test_what_differs_between_two_lines_is_marked():
    pieces = marked("g − h/m", "g − h/√m")
    assert "".join(text for text, _ in pieces) == "g − h/m"
    assert [text for text, new in pieces if new] == ["m"]
