"""The claims of the registry, decided anew: nothing is decided otherwise."""

import pytest
from bnverify.theory.decide.registered import Part, decided, parts
from bnverify.theory.decide.solvers import Portfolio
from bnverify.theory.kernel import Claim, judge
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.registry import registry

SLUGS = [
    "same-point",
    "own-point",
    "ratio-preserved",
    "mean-in-weight-space",
    "corrected",
    "value",
    "formula",
    "no-gain",
]
NAMED = [
    part
    for name in ("thm-4.1", "thm-4.2.2", "thm-4.4", "eq-12", "ext-layer.gradient", "blog-rescaling")
    for part in parts(registry()[name])
    if part.name in SLUGS
]


def word(part):
    with Portfolio(30, alarm=True) as portfolio:
        return decided(part, portfolio).word


@pytest.mark.parametrize("part", NAMED, ids=lambda part: f"{part.claim} {part.name}")
def test_the_theorems_of_the_paper_are_decided_as_they_are_registered(part):
    assert word(part) in {part.verdict, "decided" if part.verdict == "proved" else part.verdict}


@pytest.mark.slow
def test_no_registered_reading_is_decided_otherwise_and_few_stay_open():
    judged = [claim for claim in registry().values() if not (claim.measured or claim.state)]
    words = [(part, word(part)) for claim in judged for part in parts(claim)]
    assert len(words) >= 330
    wrong = {
        (part.claim, part.name, found)
        for part, found in words
        if found not in {part.verdict, "open"} and (found, part.verdict) != ("decided", "proved")
    }
    assert wrong == set()
    assert [found for _, found in words].count("open") <= 0.05 * len(words)


@pytest.mark.parametrize(
    ("statement", "word", "kind"),
    [
        ("v @ one < 0", "refuted", "terms"),
        ("g @ g < v @ v", "proved", "point"),
        ("g @ g < 0", "refuted", "terms"),
    ],
)
def test_that_something_exists_has_a_witness_or_a_proof_that_nothing_does(statement, word, kind):
    norm = NORMALISATIONS["batch-norm"]
    claim = Claim(norm.text, statement, needs=norm.needs, quantifier="exists")
    with Portfolio(20) as portfolio:
        found = decided(Part("none", "exists", claim, word), portfolio)
    assert (found.answer, found.to_json()["certificate"]["kind"]) == (word, kind)
    (item,) = found.certificate
    assert judge(claim, item["certificate"]).verdict == word
