"""Every claim of the registry, one by one: its evidence verifies from nothing and is what is stored."""

from functools import cache

import pytest
from bnverify.theory import derive, judged, store, verdicts
from bnverify.theory.cases import cases
from bnverify.theory.claim import promised
from bnverify.theory.registry import registry
from bnverify.theory.results import WORDS

PROMISED = tuple(promised(registry()["thm-4.1"]))

IDS = sorted(registry(), key=store.position)
MEASURED = [name for name in IDS if registry()[name].measured]
STATED = [name for name in IDS if not registry()[name].measured]
VERDICTS = {
    "proved",
    "refuted",
    "conditional",
    "definition",
    "open",
    "absent",
    *WORDS,
}
KINDS = {"theorem", "lemma", "fact", "equation", "prose", "figure", "definition", "extension"}


@cache
def shelf():
    return store.load()


def stored(identifier):
    return shelf()[identifier]


@pytest.mark.parametrize("identifier", STATED)
def test_the_kernel_accepts_every_certificate_and_what_it_said_is_what_is_remembered(identifier):
    evidence = judged.evidence_of(registry()[identifier])
    assert derive.failures_of(evidence) == ()
    assert verdicts.recalled(registry()[identifier]) == evidence, (
        "run `bnverify prove` and commit theory/verdicts.json"
    )


@pytest.mark.parametrize("identifier", IDS)
def test_the_item_is_well_formed(identifier):
    item = stored(identifier).item
    assert tuple(item) == PROMISED
    assert item["verdict"] in VERDICTS
    assert item["kind"] in KINDS
    assert item["quotation"].strip() or item["kind"] == "extension"
    assert item["where"].strip()


@pytest.mark.parametrize("identifier", STATED)
def test_a_verdict_rests_on_evidence(identifier):
    item, detail = stored(identifier).item, stored(identifier).detail
    admitted = {reading["verdict"] for reading in item["readings"] if reading["admitted"]}
    if item["verdict"] in {"proved", "refuted"}:
        assert admitted == {item["verdict"]}
    if item["verdict"] == "conditional":
        assert len(admitted) > 1
    for reading, more in zip(item["readings"], detail["readings"], strict=True):
        if reading["verdict"] == "refuted":
            assert reading["counterexample"] is not None or more["contradictions"]
        if reading["verdict"] == "proved":
            assert more["proof"]


@pytest.mark.parametrize("identifier", MEASURED)
def test_an_empirical_verdict_is_that_of_a_result(identifier):
    item = stored(identifier).item
    said = {reading["verdict"] for reading in item["readings"]}
    assert item["verdict"] in WORDS
    assert item["verdict"] in said | {"mixed"} if said else item["verdict"] == "not-run"


@pytest.mark.parametrize("identifier", STATED)
def test_two_readings_that_differ_in_data_differ_in_formula_or_evidence(identifier):
    entry = stored(identifier)
    data = [reading["data"] for reading in entry.item["readings"]]
    evidence = [{key: more[key] for key in more if key != "slug"} for more in entry.detail["readings"]]
    for reading, more in zip(registry()[identifier].readings, evidence, strict=True):
        more["norm"] = reading.norm  # the same formula in another room is another formula
    for i in range(len(data)):
        for j in range(i):
            assert data[i] == data[j] or evidence[i] != evidence[j]


def test_there_is_no_certificate_of_what_is_not_claimed():
    asked = {(case.claim, case.label) for name in STATED for case in cases(registry()[name])}
    assert set(judged.shelved()) == asked
