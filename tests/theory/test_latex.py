"""Statements read as the paper's mathematics, in LaTeX and in plain Unicode."""

from fractions import Fraction

import pytest
from bnverify.theory.claim import eq, le, lt, veq
from bnverify.theory.latex import LATEX, PLAIN, legend, written
from bnverify.theory.observe import Syntax
from bnverify.theory.registry import registry
from latex2mathml.converter import convert

q = Syntax()


def theorem(q):
    return le(
        q.bn_grad_sq,
        q.gamma**2 / q.sigma**2 * (q.grad_sq - q.grad_sum**2 / q.m - q.grad_proj**2 / q.sqrt(q.m)),
    )


def curvature(q):
    return le(q.bn_hess_bn, q.gamma**2 / q.sigma**2 * q.hess_bn - q.grad_proj * q.bn_grad_sq)


def test_theorem_4_1_reads_as_in_the_paper():
    assert written(theorem) == (
        r"\left\|\nabla_{y}\widehat{\mathcal{L}}\right\|^{2} \le \frac{\gamma^{2}}{\sigma^{2}}\, "
        r"\left(\left\|g\right\|^{2} - \frac{1}{m}\, \left\langle \mathbf{1}, g\right\rangle^{2}"
        r" - \frac{1}{\sqrt{m}}\, \left\langle g, \hat{y}\right\rangle^{2}\right)"
    )


def test_theorem_4_1_fits_on_a_line_of_unicode():
    assert written(theorem, PLAIN) == "‖v‖² ≤ γ²/σ² (‖g‖² − ⟨𝟏, g⟩²/m − ⟨g, ŷ⟩²/√m)"


def test_an_inequality_that_was_found_to_be_an_equality_can_be_written_as_one():
    assert written(theorem, PLAIN, equal=True).startswith("‖v‖² = ")


def test_a_form_brackets_a_transposed_gradient():
    assert written(curvature).startswith(
        r"\left(\nabla_{y}\widehat{\mathcal{L}}\right)^{\top} \frac{\partial^{2}"
    )
    assert written(curvature, PLAIN) == "vᵀBv ≤ γ²/σ² vᵀHv − ⟨g, ŷ⟩ ‖v‖²"


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (q.hess_grad * q.yhat, "(gᵀHg) ŷ"),
        (q.sqrt(q.grad_sq) * q.grad_sum, "‖g‖ ⟨𝟏, g⟩"),
        (q.sqrt(q.grad_sq) ** 3, "‖g‖³"),
        (q.grad_sq**2, "‖g‖⁴"),
        (q.hess_grad**2, "(gᵀHg)²"),
        ((q.m + 1) ** 2, "(m + 1)²"),
        (-(q.m - 1), "−m + 1"),
        (q.m - (q.gamma - q.sigma), "m − γ + σ"),
        (q.m * (q.gamma - q.sigma), "m (γ − σ)"),
        (q.num(Fraction(-3, 2)) * q.m, "−3 m/2"),
        (2 * q.num(Fraction(3)), "2·3"),
        (1 / q.sigma * q.g, "1/σ g"),
        (q.gamma / (q.m * q.sigma**2), "γ/(m σ²)"),
        (q.m / (q.gamma + q.sigma), "m/(γ + σ)"),
        (q.dot(q.op("X", q.g), q.op("X", q.g)), "‖Xg‖²"),
        (q.dot(q.g, q.H(q.B(q.v))), "gᵀHBv"),
        (q.dot(q.g, q.H(q.g + q.v)), "gᵀH(g + v)"),
        (q.absolute(q.grad_sum), "|⟨𝟏, g⟩|"),
        (q.max_grad(q.g), "max(‖X‖ ≤ λ) ‖Xᵀg‖²"),
        (q.num(Fraction(0)), "0"),
    ],
)
def test_brackets_stand_where_they_are_needed_and_nowhere_else(node, text):
    assert PLAIN.write(node) == text


def test_a_quotient_of_norms_is_one_fraction():
    assert LATEX.write(q.grad_proj**2 / q.grad_sq).startswith(
        r"\frac{\left\langle g, \hat{y}\right\rangle^{2}}"
    )


def test_a_strict_relation_and_an_equation_keep_their_sign():
    assert written(lambda q: lt(0, q.grad_sq), PLAIN) == "0 < ‖g‖²"
    assert written(lambda q: eq(q.m, 2), PLAIN) == "m = 2"
    assert written(lambda q: veq(q.B(q.b), q.H(q.b)), PLAIN) == "Bb = Hb"


def test_the_legend_names_what_occurs_and_nothing_else():
    names = [name for name, _ in legend([theorem])]
    assert names == ["v", "g", "ŷ", "𝟏", "σ"]


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
