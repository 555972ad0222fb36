"""What is true instead of registered statements that are false: the corrections that the registry has."""

import numpy as np
import pytest
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.decide.edits import at_orthogonal
from bnverify.theory.decide.looks import contradicted, missing_factor, rooms
from bnverify.theory.decide.registered import decided, mended, parts, same
from bnverify.theory.decide.solvers import Portfolio
from bnverify.theory.grammar import parse, unparse
from bnverify.theory.registry import registry

QUESTIONS = {
    # What the registry has in their place is another question, or a formula that no family of slips reaches.
    "blog-gd-bound": "a bound by another power under two hypotheses; a third true bound is found",
    "eq-10": "a claim about eigenvalues of symmetric matrices, with operators of its own",
    "eq-18 conclusion": "its correction is that of another line; Theorem 4.4's is found",
    "eq-21": "the same correction, as a form with a and b",
    "lem-4.5": "that k W* is an optimum needs a bias and matched gamma and beta",
    "obs-4.3": "an identity of the two losses",
    "prose-4.2-taylor": "the term of another expansion",
    "prose-C-scalar-multiple": "a positive multiple, of an equation of vectors",
    "thm-4.4 X-moves-everything": "a maximum in which y moves too, with operators of its own",
    "thm-C.1 X-moves-everything": "a maximum in which y moves too, with operators of its own",
    "thm-C.1 separation": "the corrected statement has the other separation",
    "ext-": "questions of this project, answered by formulas with further terms",
}
"""Why the registry's own correction is not what the search finds, by the beginning of a reading's name."""


def refuted(claim):
    """The refuted readings of a claim, and its correction."""
    asked = list(parts(claim))
    correction = next((part for part in asked if part.name == "corrected"), None)
    return [part for part in asked if part.verdict == "refuted" and part is not correction], correction


def repair(part, correction, seconds=90):
    with Portfolio(seconds, alarm=True) as portfolio:
        found = decided(part, portfolio)
    with Portfolio(seconds, alarm=True) as portfolio:
        return mended(part, found, correction, portfolio).repair


@pytest.mark.parametrize("name", ["eq-9 value", "eq-57 centred", "blog-lem-4.5 on-the-ray"])
def test_the_correction_of_a_registered_statement_is_found(name):
    identifier, reading = name.split(" ")
    readings, correction = refuted(registry()[identifier])
    (part,) = [part for part in readings if part.name == reading]
    assert repair(part, correction)["known"]


@pytest.mark.slow
def test_every_correction_of_the_paper_is_found_but_those_that_answer_another_question():
    for claim in registry().values():
        if claim.measured or claim.state:
            continue
        readings, correction = refuted(claim)
        for part in readings if correction else ():
            name = f"{part.claim} {part.name}"
            if not name.startswith(tuple(QUESTIONS)) and "g_own" not in part.asked.statement:
                assert repair(part, correction).get("known"), name


def test_two_relations_are_the_same_if_they_compare_the_same_difference():
    claim = next(part.asked for part in parts(registry()["thm-4.1"]) if part.name == "corrected")
    bound = "gamma**2/sigma**2*(g @ g - m*mean(g)**2 - (g @ yhat)**2/m)"
    assert same(f"v @ v <= {bound}", claim)
    assert same(f"{bound} >= v @ v", claim)
    assert not same(f"v @ v < {bound}", claim)
    assert not same(f"v @ v <= 2*{bound}", claim)
    assert not same("v == 0", claim)


# v = gamma/sigma p and |p|^2 = |g|^2 - (1.g)^2/m - (g.yhat)^2/m: what is left out is what must be found.
@pytest.mark.parametrize(
    ("statement", "factor"),
    [
        ("v @ v == g @ g - (one @ g)**2/m - (g @ yhat)**2/m", "gamma**2/sigma**2"),
        ("v == g - mean(g)*one - mean(g*yhat)*yhat", "gamma/sigma"),
        ("v @ v == gamma**2/sigma**2*(m*(g @ g) - (one @ g)**2 - (g @ yhat)**2)", "1/m"),
        ("B @ y == 2*v", "-1/2"),
        ("norm(yhat) == m", "1/sqrt(m)"),
        ("v @ v == g @ g", None),
        ("v @ one == 0", None),
    ],
)
def test_a_missing_factor_is_solved_for(statement, factor):
    seen = rooms(cases(Conjecture(statement))[0])
    assert missing_factor(seen, parse(statement), ()) == factor


def test_a_first_look_takes_no_true_statement_for_a_false_one():
    seen = rooms(cases(Conjecture("v == 0"))[0])
    assert len(seen) >= 60
    assert all(np.isfinite(room.names["v"]).all() for room in seen)
    true = (
        "v @ one == 0",
        "gamma*(g @ v) >= 0",
        "B @ y == -v",
        "v @ v <= gamma**2/sigma**2*(g @ g)",
        "psd(H @ H)",
    )
    assert not any(contradicted(seen, statement, []) for statement in true)
    assert contradicted(seen, "v @ v <= g @ g", [])
    assert not contradicted(seen, "v @ v <= g @ g", ["gamma**2 <= sigma**2"])
    assert (
        contradicted(seen, "v @ v < g @ g", ["gamma**2 <= sigma**2"]) is False
    )  # equality is left to the kernel


def test_maxima_over_inputs_have_their_value_at_orthogonal_inputs():
    tree = parse(
        "max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) <= max((T @ g) @ (T @ g), norm(X) <= lam)"
    )
    assert unparse(at_orthogonal(tree)) == "lam**4 * (v @ B @ v) <= lam**2 * (g @ g)"
