"""Equations (1) to (62): every verdict, and a second look at each by plain differentiation at exact points."""

import random
from fractions import Fraction

import pytest
import sympy as sp
from bnverify.theory.claim import Instance, Status, status_of
from bnverify.theory.equation import STEP, equation
from bnverify.theory.exact import Exact
from bnverify.theory.judged import evidence_of
from bnverify.theory.prove import compare
from bnverify.theory.registry import registry
from bnverify.theory.said import WITNESSED

IDS = [f"eq-{number}" for number in range(1, 63)]
VERDICTS = {
    "eq-9": "refuted",
    "eq-10": "refuted",
    "eq-17": "refuted",
    "eq-18": "refuted",
    "eq-34": "refuted",
    "eq-41": "absent",
    "eq-51": "conditional",
    "eq-55": "absent",
    "eq-56": "definition",
    "eq-57": "refuted",
    "eq-58": "refuted",
}
FALSE_STEPS = {"eq-9": "step", "eq-34": "step", "eq-38": "step-from-34-as-printed"}
SLIPS = {2, 4, 11, 16, 18, 19, 20, 21, 23, 24, 31, 37, 38, 40, 42, 45, 47, 49, 52, 53, 61}


def rational(draw, nonzero=False):
    value = 0
    while value == 0 and (nonzero or draw.random() < 0.9):
        value = Fraction(draw.randint(-4, 4), draw.randint(1, 3))
    return str(value)


def random_point(m, seed, matched=False):
    """A random exact point with two inputs and every vector that an equation asks for."""
    draw = random.Random(seed)
    X = tuple(tuple(rational(draw) for _ in range(2)) for _ in range(m))
    W = tuple(rational(draw, nonzero=True) for _ in range(2))
    y = tuple(str(sum(Fraction(x) * Fraction(w) for x, w in zip(row, W, strict=True))) for row in X)
    if len(set(y)) == 1:
        return random_point(m, seed + 1000, matched)
    entries = {(i, j): rational(draw) for i in range(m) for j in range(i, m)}
    M = {(i, j): rational(draw) for i in range(2) for j in range(i, 2)}
    inner = (("x", 2), ("u", 2), ("w", 2), ("W0", 2), ("Wstar", 2), ("a", m), ("b", m))
    named = tuple((name, tuple(rational(draw, nonzero=True) for _ in range(n))) for name, n in inner)
    symmetric = tuple(tuple(M[min(i, j), max(i, j)] for j in range(2)) for i in range(2))
    largest = max(sp.Matrix(symmetric).applyfunc(sp.Rational).eigenvals(), key=lambda value: value.evalf())
    return Exact(
        Instance(
            y=y,
            g=tuple(rational(draw) for _ in range(m)),
            H=tuple(tuple(entries[min(i, j), max(i, j)] for j in range(m)) for i in range(m)),
            gamma="s" if matched else rational(draw, nonzero=True),
            beta="mu" if matched else rational(draw),
            lam=draw.choice(("1/2", 1, 3)),
            X=X,
            W=W,
            extra=(("M", symmetric), ("X_other", X), *named, ("lambda0", largest)),
        )
    )


SMALL = [random_point(2, 0), random_point(3, 1), random_point(2, 10, matched=True)]
LARGER = [random_point(4, 2), random_point(5, 3), random_point(3, 11, matched=True)]


@pytest.fixture(scope="module")
def evidence():
    return {identifier: evidence_of(registry()[identifier]) for identifier in IDS}


def test_every_number_from_1_to_62_has_an_entry_and_no_other_has():
    assert sorted(name for name in registry() if name.startswith("eq-")) == sorted(IDS)


def test_a_number_that_the_paper_does_not_have_is_refused():
    with pytest.raises(ValueError, match="from 1 to 62, got 63"):
        equation(63, "", "")


@pytest.mark.parametrize("identifier", IDS)
def test_the_verdict_follows_from_evidence_that_verifies(identifier, evidence):
    found = evidence[identifier]
    assert [check for item in found for check in item.checks if not check.holds] == []
    assert status_of(registry()[identifier], found) == VERDICTS.get(identifier, "proved")


@pytest.mark.parametrize("identifier", IDS)
def test_only_the_value_of_a_line_counts(identifier):
    for reading in registry()[identifier].readings:
        if reading.slug.startswith("step"):
            assert not reading.admitted
            assert reading.why == STEP
        assert reading.admitted or reading.why


@pytest.mark.parametrize("identifier", FALSE_STEPS)
def test_steps_that_do_not_follow_are_shown_as_refuted(identifier, evidence):
    found = {item.reading: item.status for item in evidence[identifier]}
    assert found[FALSE_STEPS[identifier]] == Status.REFUTED


def test_the_step_to_17_follows_from_the_theorem_as_printed(evidence):
    assert {item.reading: str(item.status) for item in evidence["eq-17"]}["step"] == "proved"


@pytest.mark.parametrize("identifier", [name for name, verdict in VERDICTS.items() if verdict == "refuted"])
def test_every_false_line_has_a_corrected_one_and_an_instance_with_all_terms_non_zero(identifier, evidence):
    claim = registry()[identifier]
    assert claim.corrected is not None
    assert evidence[identifier][-1].proved
    for reading in claim.readings:
        if reading.admitted:
            assert reading.refutation is not None
            assert reading.refutation.generic is not None


@pytest.mark.parametrize("number", sorted(SLIPS))
def test_slips_of_notation_are_named(number):
    assert registry()[f"eq-{number}"].notation


def test_fragments_name_the_expression_that_they_are_part_of():
    parts = {name: registry()[name].part_of for name in IDS if registry()[name].part_of}
    for first, last, whole in ((20, 21, "(20)-(21)"), (34, 37, "(34)-(37)"), (48, 49, "(48)-(49)")):
        assert {parts.pop(f"eq-{number}") for number in range(first, last + 1)} == {whole}
    assert {int(name[3:]) for name in parts} == {22, 23, 31, 32, 38, 39, 40, 41, 42}


def stated(claim):
    """What was proved about a line: readings with a proof, and the corrected line."""
    yield from (
        item
        for item in (*claim.readings, *((claim.corrected,) if claim.corrected else ()))
        if item.proof is not None and item.setting in WITNESSED
    )


PROVED = [name for name in IDS if any(stated(registry()[name]))]


def hold_at(identifier, points):
    """Counts the points at which what is proved holds; a point where a hypothesis fails does not count."""
    tested = 0
    for item in stated(registry()[identifier]):
        for q in points:
            if all(compare(hypothesis.says(q), q)[0] == 1 for hypothesis in item.hypotheses):
                assert compare(item.says(q), q)[0] >= 0, (identifier, q.instance)
                tested += 1
    return tested


@pytest.mark.parametrize("identifier", PROVED)
def test_what_is_proved_for_every_m_holds_at_random_exact_points(identifier):
    assert hold_at(identifier, SMALL)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", PROVED)
def test_what_is_proved_for_every_m_holds_at_larger_random_exact_points(identifier):
    assert hold_at(identifier, LARGER)


@pytest.mark.parametrize("identifier", ["eq-9", "eq-18", "eq-34", "eq-57"])
def test_what_is_false_fails_at_a_random_exact_point(identifier):
    for reading in registry()[identifier].readings:
        if reading.admitted:
            assert compare(reading.says(SMALL[1]), SMALL[1])[0] == -1, reading.slug


def symbolic_point():
    """m = 4, a batch with sigma = 1, and symbols for g, H, gamma and the probes."""
    g = sp.Matrix(sp.symbols("g1:5", real=True))
    H = sp.Matrix(4, 4, lambda i, j: sp.Symbol(f"H{min(i, j)}{max(i, j)}", real=True))
    return Exact(Instance(y=(-1, -1, 1, 1), g=(0,) * 4), g=g, H=H, gamma=sp.Symbol("gamma", nonzero=True))


@pytest.mark.parametrize("number", [19, 20, 22, 31, 34, 38, 40])
def test_every_entry_of_the_hessian_is_that_of_plain_differentiation(number):
    claim = registry()[f"eq-{number}"]
    q = symbolic_point()
    says = claim.readings[0].says if number != 34 else claim.corrected.says
    lhs, rhs = says(q).sides(q)
    assert sp.expand(sp.cancel(sp.expand(rhs - lhs))) == 0
