"""Headings, search words and exact numbers of the report."""

from __future__ import annotations

import pytest
from bnverify.experiments.report.content import equations_in, find_text
from bnverify.experiments.report.html import capital
from bnverify.experiments.report.numbers import number, percent
from bnverify.theory.writing.claim_page import heading_of
from bnverify.theory.writing.points import given
from bnverify.theory.writing.words import exact_text
from bnverify.theory.writing.words import number as exact


def item(
    identifier: str, title: str = "title", where: str = "where", kind: str = "theorem"
) -> dict[str, str]:
    return {
        "id": identifier,
        "title": title,
        "where": where,
        "kind": kind,
        "quotation": "A gradient, its $x$.",
    }


@pytest.mark.parametrize(
    ("identifier", "heading"),
    [
        ("thm-4.1", "Theorem 4.1: title"),
        ("thm-4.2.1", "Theorem 4.2, part 1: title"),
        ("thm-C.1", "Theorem C.1: title"),
        ("eq-17", "Equation (17): title"),
        ("fig-8", "Figure 8: title"),
        ("fig-10c", "Figure 10(c): title"),
        ("fig-2.noise-on-standard", "Figure 2: title"),
        ("prose-4.2-psd", "title"),
        ("ext-eps.gradient", "title"),
    ],
)
def test_a_heading_carries_the_number_of_the_source(identifier: str, heading: str) -> None:
    assert heading_of(item(identifier)) == heading


def test_a_range_of_equations_is_all_of_them() -> None:
    assert equations_in("proved by (10) to (13) and (51)") == ["10", "11", "12", "13", "51"]


def test_a_statement_is_found_by_the_equations_that_prove_it() -> None:
    tokens = find_text(item("thm-4.4", where="proved by (10) to (18)"), "Theorem 4.4: title", "").split()
    assert "eq-17" in tokens
    assert "eq-19" not in tokens
    assert tokens[0] == "thm-4.4"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (0.001234, "0.00123"),
        (12345.6, "12,346"),
        (-2.5, "−2.50"),
        (3e-12, "3.0\N{NO-BREAK SPACE}·\N{NO-BREAK SPACE}10⁻¹²"),
        (1e-5, "10⁻⁵"),
        (float("inf"), "–"),
    ],
)
def test_numbers_are_written_with_three_digits(value: float, text: str) -> None:
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.99999, "99.99 %"),
        (0.97, "97 %"),
        (0.0123, "1.2 %"),
        (1e-7, "< 0.001 %"),
    ],
)
def test_less_than_all_is_never_written_as_all(share: float, text: str) -> None:
    assert percent(share) == text.replace(" %", "\N{NO-BREAK SPACE}%")


@pytest.mark.parametrize(
    ("text", "value"),
    [("1/2", 0.5), ("-3", -3.0), ("2 - 2*sqrt(2)", 2 - 2 * 2**0.5), ("-sqrt(2)/2", -(2**0.5) / 2)],
)
def test_an_exact_number_has_a_value(text: str, value: float) -> None:
    assert exact(text) == pytest.approx(value)


def test_a_claim_is_found_by_the_words_of_the_paper() -> None:
    assert "gradient predictiveness" in find_text(item("thm-4.1"), "Theorem 4.1: title", "")


def test_exact_numbers_keep_their_roots() -> None:
    assert exact_text("3*sqrt(2)/4 - 1") == "3√2/4 − 1"


def test_a_point_shows_its_matrix_and_what_is_unusual() -> None:
    point = {
        "y": ["0", "1"], "g": ["1/2", "0"], "H": [["1", "0"], ["0", "-1"]], "X": None, "W": None,
        "gamma": "s", "beta": "0", "eps": "0", "lam": "2",
        "extra": {"What": ["1", "2"], "inputs": [[["1"], ["0"]], [["0"], ["1"]]]},
    }  # fmt: skip
    latex = ", ".join(latex for latex, _ in given(point))
    assert r"\begin{pmatrix} 1 & 0 \\ 0 & -1 \end{pmatrix}" in latex
    assert r"\gamma = \sigma" in latex
    assert r"\lambda = 2" in latex
    assert r"\tfrac{1}{2}" in latex
    assert r"\beta" not in latex
    assert r"\widehat{W}^{*} = (1,\, 2)" in latex
    assert latex.count("pmatrix") == 6


@pytest.mark.parametrize("text", ["g_j is", "y-hat moves", "m = 3, every", "sigma is", "x_i and"])
def test_a_symbol_keeps_its_case_at_the_start_of_a_sentence(text: str) -> None:
    assert capital(text) == text


def test_a_word_starts_a_sentence_with_a_capital() -> None:
    assert capital("the statement") == "The statement"
    assert capital("a layer with a bias") == "A layer with a bias"
