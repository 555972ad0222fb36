"""Statements read as the paper's mathematics, in LaTeX and in plain Unicode."""

import pytest
from bnverify.theory.grammar import parse
from bnverify.theory.latex import legend, written
from bnverify.theory.registry import registry
from bnverify.theory.script import LATEX, PLAIN
from latex2mathml.converter import convert

THEOREM = "v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))"
CURVATURE = "v @ B @ v <= gamma**2/sigma**2 * (v @ H @ v) - (g @ yhat)*(v @ v)"


def test_theorem_4_1_reads_as_in_the_paper():
    assert written(THEOREM) == (
        r"\left\|\nabla_{y}\widehat{\mathcal{L}}\right\|^{2} \le \frac{\gamma^{2}}{\sigma^{2}}\, "
        r"\left(\left\|g\right\|^{2} - \frac{1}{m}\, \left\langle \mathbf{1}, g\right\rangle^{2}"
        r" - \frac{1}{\sqrt{m}}\, \left\langle g, \hat{y}\right\rangle^{2}\right)"
    )


def test_theorem_4_1_fits_on_a_line_of_unicode():
    assert written(THEOREM, PLAIN) == "‖v‖² ≤ γ²/σ² (‖g‖² − ⟨𝟏, g⟩²/m − ⟨g, ŷ⟩²/√m)"


def test_an_inequality_that_was_found_to_be_an_equality_can_be_written_as_one():
    assert written(THEOREM, PLAIN, equal=True).startswith("‖v‖² = ")


def test_a_form_brackets_a_transposed_gradient():
    assert written(CURVATURE).startswith(
        r"\left(\nabla_{y}\widehat{\mathcal{L}}\right)^{\top} \frac{\partial^{2}"
    )
    assert written(CURVATURE, PLAIN) == "vᵀBv ≤ γ²/σ² vᵀHv − ⟨g, ŷ⟩ ‖v‖²"


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("(g @ H @ g)*yhat", "(gᵀHg) ŷ"),
        ("norm(g)*(one @ g)", "‖g‖ ⟨𝟏, g⟩"),
        ("sqrt(g @ g)**3", "‖g‖³"),
        ("(g @ g)**2", "‖g‖⁴"),
        ("(g @ H @ g)**2", "(gᵀHg)²"),
        ("(m + 1)**2", "(m + 1)²"),
        ("-(m - 1)", "−m + 1"),
        ("m - (gamma - sigma)", "m − γ + σ"),
        ("m*(gamma - sigma)", "m (γ − σ)"),
        ("-3/2*m", "−3 m/2"),
        ("2*3", "2·3"),
        ("g/sigma", "1/σ g"),
        ("gamma/(m*sigma**2)", "γ/(m σ²)"),
        ("m/(gamma + sigma)", "m/(γ + σ)"),
        ("(X @ dW) @ (X @ dW)", "‖Xŵ‖²"),
        ("g @ H @ B @ v", "gᵀHBv"),
        ("g @ H @ (g + v)", "gᵀH(g + v)"),
        ("(v - g) @ H @ (v - g)", "(v − g)ᵀH(v − g)"),
        ("(T @ g) @ M @ (T @ g)", "(Xᵀg)ᵀM(Xᵀg)"),
        ("abs(one @ g)", "|⟨𝟏, g⟩|"),
        ("max((T @ g) @ (T @ g), norm(X) <= lam)", "max(‖X‖ ≤ λ) ‖Xᵀg‖²"),
        ("max(gamma, -beta)", "max(γ, −β)"),
        ("mean(g)", "⟨𝟏, g⟩/m"),
        ("mean(g*v)", "⟨g, v⟩/m"),
        ("g - mean(g)*one - (yhat @ (g - mean(g)*one))/m*yhat", "Pg"),
        ("d(n, y, g - v)", "∂[n]/∂y·(g − v)"),
        ("d(z, y, b)", "∂z/∂y b"),
        ("d(L, gamma)", "∂[L]/∂γ"),
        ("at(dW @ dW, X, K)", "(‖ŵ‖² at X = K)"),
        ("psd(lam**2*I - K @ K_T)", "λ² I − KKᵀ ⪰ 0"),
        ("v != 0", "v ≠ 0"),
        ("B_jk @ v_k == 0", "B_jk v_k = 0"),
        ("0", "0"),
    ],
)
def test_brackets_stand_where_they_are_needed_and_nowhere_else(text, plain):
    assert PLAIN.write(parse(text)) == plain


def test_a_quotient_of_norms_is_one_fraction():
    assert LATEX.write(parse("(g @ yhat)**2/(g @ g)")).startswith(
        r"\frac{\left\langle g, \hat{y}\right\rangle^{2}}"
    )


def test_a_strict_relation_and_an_equation_keep_their_sign():
    assert written("0 < g @ g", PLAIN) == "0 < ‖g‖²"
    assert written("m == 2", PLAIN) == "m = 2"
    assert written("B @ b == H @ b", PLAIN) == "Bb = Hb"


def test_the_legend_names_what_occurs_and_nothing_else():
    names = [name for name, _ in legend([THEOREM])]
    assert names == ["m", "𝟏", "γ", "ŷ", "g", "v", "σ"]


STATEMENTS = [
    pytest.param(stated.says, id=f"{claim.id}-{name}")
    for claim in registry().values()
    for name, stated in [
        *((reading.slug, reading) for reading in claim.readings),
        *([("corrected", claim.corrected)] if claim.corrected else []),
    ]
]


@pytest.mark.parametrize("says", STATEMENTS)
def test_every_statement_of_the_registry_becomes_mathml_without_a_stray_command(says):
    text = written(says)
    assert text.count("{") == text.count("}")
    assert "\\" not in convert(text)


@pytest.mark.parametrize("says", STATEMENTS)
def test_every_statement_of_the_registry_reads_in_unicode_without_latex(says):
    text = written(says, PLAIN)
    assert "\\" not in text
    assert "^" not in text
