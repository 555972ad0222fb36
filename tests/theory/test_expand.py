"""What Gram algebra found is shown as it was found: the trees evaluate back to what they came from."""

import sympy as sp
from bnverify.theory.claim import Hypothesis, Term, le, veq
from bnverify.theory.expand import certificate, expanded, scalar_tree, vector_tree
from bnverify.theory.latex import PLAIN
from bnverify.theory.observe import Gram, simplified
from bnverify.theory.syntax import evaluate


def test_the_tree_of_a_canonical_form_has_its_value():
    q = Gram()
    for value in (q.bn_grad_sq, q.bn_hess_bn, q.grad_proj / q.sqrt(q.m)):
        tree = scalar_tree(sp.factor(simplified(value)), q)
        assert simplified(evaluate(tree, q) - value) == 0


def test_the_tree_of_a_formal_vector_is_that_vector():
    q = Gram()
    tree = vector_tree(q.v, q)
    assert simplified(q.dot(q.a, evaluate(tree, q)) - q.dot(q.a, q.v)) == 0


def test_the_squared_gradient_norm_is_shown_as_the_definition_gives_it():
    tree = expanded(lambda q: le(q.bn_grad_sq, q.grad_sq))
    assert PLAIN.write(tree) == "γ²/(m σ²) (m ‖g‖² − ⟨𝟏, g⟩² − ⟨g, ŷ⟩²)"


def test_a_vector_is_shown_as_a_vector():
    tree = expanded(lambda q: veq(q.v, q.g))
    assert PLAIN.write(tree) == "γ/σ g − γ/(m σ) ⟨𝟏, g⟩ 𝟏 − γ/(m σ) ⟨g, ŷ⟩ ŷ"


def test_an_expansion_that_nobody_would_read_is_not_shown():
    assert expanded(lambda q: le(q.bn_hess_bn**3, 0)) is None


def test_a_certificate_is_the_sum_of_its_terms():
    smaller = Hypothesis("smaller", "v'Hv <= g'Hg", lambda q: le(q.hess_bn, q.hess_grad))

    def terms(q):
        return [
            Term(q.gamma**2, "hypothesis", "smaller"),
            Term(1 / q.m, "square", q.grad_proj),
            Term(2, "normsq", q.g - q.v),
            Term(1, "cauchy", (q.g, q.v)),
        ]

    assert PLAIN.write(certificate(terms, (smaller,))) == (
        "γ² (gᵀHg − vᵀHv) + ⟨g, ŷ⟩²/m + 2 ‖g − v‖² + ‖g‖² ‖v‖² − ⟨g, v⟩²"
    )
