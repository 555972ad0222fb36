"""Every claim of the registry, one by one: its evidence verifies from nothing and is what is stored."""

import pytest
from bnverify.theory import derive, store
from bnverify.theory.items import PROMISED
from bnverify.theory.registry import registry

IDS = sorted(registry(), key=store.position)
VERDICTS = {
    "proved",
    "refuted",
    "conditional",
    "reproduced",
    "partly",
    "not-reproduced",
    "definition",
    "open",
    "absent",
}
KINDS = {"theorem", "lemma", "fact", "equation", "prose", "figure", "definition", "extension"}


@pytest.fixture(scope="module")
def derived():
    """Evidence derived once for all tests of this module that run in this process."""
    found = {}

    def of(identifier):
        if identifier not in found:
            found[identifier] = derive.derive(identifier)
        return found[identifier]

    return of


@pytest.mark.parametrize("identifier", IDS)
def test_every_certificate_and_counterexample_verifies(identifier, derived):
    assert derived(identifier).failures == ()


@pytest.mark.parametrize("identifier", IDS)
def test_the_stored_evidence_is_what_is_derived(identifier, derived):
    stored = store.load().get(identifier)
    assert stored is not None, f"run `bnverify prove {identifier}` and commit theory/evidence.json"
    assert not stored.stale, f"run `bnverify prove {identifier}` and commit theory/evidence.json"
    assert (stored.item, stored.detail) == (
        derived(identifier).stored.item,
        derived(identifier).stored.detail,
    )


@pytest.mark.parametrize("identifier", IDS)
def test_the_item_is_well_formed(identifier, derived):
    item = derived(identifier).stored.item
    assert tuple(item) == PROMISED
    assert item["verdict"] in VERDICTS
    assert item["kind"] in KINDS
    assert item["quotation"].strip() or item["kind"] == "extension"
    assert item["where"].strip()


@pytest.mark.parametrize("identifier", IDS)
def test_a_verdict_of_proved_or_refuted_rests_on_evidence(identifier, derived):
    item = derived(identifier).stored.item
    admitted = [reading["verdict"] for reading in item["readings"] if reading["admitted"]]
    if item["verdict"] in {"proved", "refuted"}:
        assert set(admitted) == {item["verdict"]}
    if item["verdict"] == "refuted":
        assert item["counterexample"] is not None
    if item["verdict"] == "conditional":
        assert len(set(admitted)) > 1
        assert item["assumptions"]


@pytest.mark.parametrize("identifier", IDS)
def test_two_readings_that_differ_in_data_differ_in_formula_or_evidence(identifier, derived):
    detail = derived(identifier).stored.detail["readings"]
    data = [reading["data"] for reading in derived(identifier).stored.item["readings"]]
    for i, first in enumerate(detail):
        for j, second in enumerate(detail[:i]):
            if data[i] != data[j]:
                a = {key: value for key, value in first.items() if key != "slug"}
                b = {key: value for key, value in second.items() if key != "slug"}
                assert a != b


def test_nothing_is_stored_that_is_not_claimed():
    assert set(store.load()) <= set(IDS)
