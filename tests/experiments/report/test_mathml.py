"""Rendered mathematics is well formed, complete, and carries no foreign markup."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest
from bnverify.experiments.report.mathml import ascii_math, displayed, inline, mathml, prose
from bnverify.theory.latex import written
from bnverify.theory.registry import registry

FORMULAS = (
    r"\left\|\nabla_{y_j}\widehat{\mathcal{L}}\right\|^2 \leq \frac{\gamma^2}{\sigma_j^2}",
    r"\operatorname{sign}(x) \boldsymbol{H}_{jj}",
    r"\begin{aligned} a &= b \\ &= c \end{aligned}",
    r"\max_{\|X\| \le \lambda} \|X^\top u\|",
    r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
    r"\underbrace{a + b}_{c} \qquad \hat{\bm{y}}_j",
)


def tags(markup: str) -> list[str]:
    return [node.tag for node in ET.fromstring(markup).iter()]


@pytest.mark.parametrize("latex", FORMULAS)
@pytest.mark.parametrize("display", [False, True])
def test_a_formula_becomes_mathml_and_keeps_its_source(latex: str, display: bool) -> None:
    root = ET.fromstring(mathml(latex, display))
    assert root.tag == "math"
    assert root.attrib == {"display": "block" if display else "inline", "alttext": latex}


def test_bold_letters_are_characters_since_browsers_ignore_mathvariant() -> None:
    markup = mathml(r"\mathbf{1} + \boldsymbol{H} + \boldsymbol{\mu}")
    assert {"𝟏", "𝑯", "𝝁"} <= set(markup)
    assert "mathvariant" not in markup


def test_bounds_stand_under_a_maximum_in_display_and_beside_it_in_a_line() -> None:
    assert "munder" in tags(mathml(r"\max_{x} f", display=True))
    assert "munder" not in tags(mathml(r"\max_{x} f"))


def test_an_alignment_is_a_table_without_ampersands() -> None:
    markup = mathml(r"\begin{aligned} a &= b \\ &= c \end{aligned}")
    assert "mtable" in tags(markup)
    assert "&amp;" not in ET.tostring(ET.fromstring(markup), encoding="unicode").partition(">")[2]


def test_an_equation_number_stands_beside_the_equation() -> None:
    assert ET.fromstring(mathml(r"a = b \tag{17}"))[-1].text == "(17)"


@pytest.mark.parametrize("fragment", [r"- \left( a", r"a \right]", r"\left[ \left( a \right)"])
def test_a_fragment_with_an_open_bracket_is_still_mathematics(fragment: str) -> None:
    assert tags(mathml(fragment))[0] == "math"


@pytest.mark.parametrize(
    "hostile",
    [
        r"\href{javascript:alert(1)}{x}",
        r"\text{<script>alert(1)</script>}",
        r"<script>alert(1)</script>",
        r"\style{background:url(x)}{x}",
        r"\class{a}{x}",
    ],
)
def test_no_markup_comes_in_with_a_formula(hostile: str) -> None:
    markup = displayed(hostile)
    found = ET.fromstring(markup)
    assert {node.tag for node in found.iter()} <= {
        "div",
        "code",
        *["math", "mrow", "mi", "mo", "mn", "mtext", "mspace", "mstyle"],
    }
    assert not {key for node in found.iter() for key in node.attrib} & {"href", "style", "onclick", "src"}


def test_a_sign_in_front_of_a_number_stands_close_to_it() -> None:
    signs = [node for node in ET.fromstring(mathml("(-1, -2) - 3")).iter("mo") if node.text == "−"]
    assert [node.get("form") for node in signs] == ["prefix", "prefix", None]


def test_double_bars_are_one_sign() -> None:
    assert mathml("||X||").count("‖") == 2


def test_what_cannot_be_converted_is_shown_as_its_source() -> None:
    assert mathml(r"\begin{array}") == r"<code>\begin{array}</code>"


def test_prose_escapes_its_text_and_sets_its_mathematics() -> None:
    markup = prose("If $a < b$ & so on:\n$$c = d$$ <b>end</b>")
    assert "&lt;b&gt;end" in markup
    assert "&amp; so on" in markup
    assert markup.count("<math") == 2
    assert 'class="display"' in markup


@pytest.mark.parametrize(
    ("written_as", "shown"),
    [
        ("v'Hv <= g'Hg", "vᵀHv ≤ gᵀHg"),
        ("gamma != 0, sigma > 0", "γ ≠ 0, σ > 0"),
        ("1/sqrt(m) should be 1/m", "1/√m should be 1/m"),
        ("sigma_j > 0, (g'Hg - v'Hv)", "σⱼ > 0, (gᵀHg − vᵀHv)"),
        ("<g,yhat>^2 / m", "⟨g, ŷ⟩² / m"),
        ("sigma^2/s^2 and y-hat", "σ²/s² and ŷ"),
        ("the paper's own point", "the paper's own point"),
        ("beta-smoothness", "beta-smoothness"),
    ],
)
def test_ascii_mathematics_is_shown_in_unicode(written_as: str, shown: str) -> None:
    assert ascii_math(written_as) == shown


def test_a_line_of_bare_latex_may_end_in_words() -> None:
    markup = inline(r"v^\top H v \ge 0: the order is preserved")
    assert markup.startswith("<math")
    assert markup.endswith(": the order is preserved")


def test_bare_latex_between_words_leaves_the_words_alone() -> None:
    markup = inline(r"as before, and \mu_{g_j} is the mean of \lambda g")
    assert markup.startswith("as before, and <math")
    assert "is the mean of" in markup
    assert markup.count("<math") == 2


@pytest.mark.parametrize("claim", registry().values(), ids=registry())
def test_everything_a_claim_prints_can_be_rendered(claim) -> None:  # type: ignore[no-untyped-def]
    assert "<code>" not in prose(claim.quotation)
    for stated in (*claim.readings, *((claim.corrected,) if claim.corrected else ())):
        assert "<code>" not in mathml(written(stated.says))
        for hypothesis in stated.hypotheses:
            assert "<code>" not in inline(hypothesis.text)
