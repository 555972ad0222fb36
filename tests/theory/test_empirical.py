"""The verdict of an empirical claim follows from stored results of runs, and is never typed in."""

import json
import re

import pytest
from bnverify.theory import empirical, empirical_items
from bnverify.theory.claim import Status, promised
from bnverify.theory.registry import registry
from bnverify.theory.results import fixed, results

PROMISED = tuple(promised(registry()["thm-4.1"]))

MEASURED = {name: claim for name, claim in registry().items() if claim.measured}


def evidence(made, *said):
    """What runs of the given (verdict, scale) say of fig-4a."""
    for number, one in enumerate(said):
        made.result(f"run{number}", fig_4a=one)
    return empirical.measured_for("fig-4a", results(made.folder))


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ([], Status.NOT_RUN),
        ([("not-run", "S2")], Status.NOT_RUN),
        ([("reproduced", "S0")], Status.REPRODUCED),
        ([("reproduced", "S0"), ("opposite", "S1")], Status.OPPOSITE),
        ([("opposite", "S0"), ("too-small", "S2"), ("reproduced", "S1")], Status.TOO_SMALL),
        ([("reproduced", "S1"), ("underpowered", "S2")], Status.REPRODUCED),
        ([("underpowered", "S1"), ("underpowered", "S2")], Status.UNDERPOWERED),
        ([("reproduced", "S1"), ("no-effect", "S1")], Status.MIXED),
        ([("reproduced", "S1"), ("reproduced", "S1")], Status.REPRODUCED),
    ],
)
def test_the_largest_scale_that_decides_has_the_word(made, said, verdict):
    assert empirical.overall(evidence(made, *said)) is verdict


def item_and_detail(made, *said):
    found = evidence(made, *said)
    claim = MEASURED["fig-4a"]
    return empirical_items.item_of(claim, found), empirical_items.detail_of(claim, found)


def test_the_item_has_the_promised_fields_and_survives_json(made):
    item, detail = item_and_detail(made, ("too-small", "S1"), ("underpowered", "S2"))
    assert tuple(item) == PROMISED
    assert json.loads(json.dumps([item, detail], allow_nan=False)) == [item, detail]
    assert (item["verdict"], item["counterexample"], item["tight"]) == ("too-small", None, False)
    assert item["scope"]["judged on"] == "run1 (S2), run0 (S1)"


def test_a_reading_gives_badge_scale_seeds_what_would_change_it_and_what_made_it(made):
    item, detail = item_and_detail(made, ("reproduced", "S1"))
    (reading,) = item["readings"]
    assert reading["summary"] == "reproduced ×48 [20, 110] (×1.5 counts) at S1"
    data = reading["data"]
    assert (data["scale"], data["seeds"], data["asked"]) == ("S1", 24, 24)
    assert data["change"] == "An interval that reached 1."
    assert (data["command"], data["date"]) == ("bnverify reproduce --preset desk", "2026-01-02")
    assert [cell["name"] for cell in data["parts"]] == ["first tenth"]
    assert detail["why"] == f"{reading['summary']} (run0)"
    assert detail["measured"]["argued"].startswith("The sentence stresses the initial phases")


def test_what_the_first_rules_said_stands_beside_it():
    claim = MEASURED["fig-4a"]
    assert ["quick-cifar10", "partly"] in empirical_items.detail_of(claim, ())["measured"]["earlier"]
    new = MEASURED["prose-4.2-mean-term"]
    assert empirical_items.detail_of(new, ())["measured"]["earlier"] == []


def test_claims_and_preregistration_list_the_same_ids():
    assert set(MEASURED) == set(fixed())


def test_a_claim_without_results_is_not_run():
    for claim in MEASURED.values():
        item = empirical_items.item_of(claim, ())
        assert (item["verdict"], item["readings"]) == ("not-run", [])


def test_a_claim_for_which_nothing_was_fixed_says_so():
    claim = empirical.empirical("fig-99", "a title", "Figure 99", "words", "something", "networks")
    assert "no endpoint was fixed" in empirical_items.detail_of(claim, ())["why"]


def words(text):
    """The words of a sentence alone: how formulas, quotation marks and hyphens are written does not count."""
    return re.findall(r"[a-z]{3,}", text.lower().replace("\\ell", "").replace("\\", " "))


LOOSE = {"hat", "langle", "rangle", "partial", "worse", "works", "eta", "times"}


@pytest.mark.parametrize("identifier", sorted(MEASURED))
def test_the_quotation_holds_the_words_that_were_registered(identifier):
    claim, rule = MEASURED[identifier], fixed()[identifier]
    if identifier.startswith("ext-"):
        assert claim.quotation == ""
        return
    printed = [word for word in words(claim.quotation) if word not in LOOSE]
    position = 0
    for word in (word for word in words(rule["quote"]) if word not in LOOSE):
        assert word in printed[position:], word
        position = printed.index(word, position) + 1


@pytest.mark.parametrize("identifier", sorted(MEASURED))
def test_kind_and_place_follow_the_id(identifier):
    claim = MEASURED[identifier]
    kinds = {"fig": "figure", "prose": "prose", "ext": "extension"}
    expected = "extension" if ":" in identifier else kinds[identifier.partition("-")[0]]
    assert claim.kind == expected
    if ":" in identifier:
        name, year = re.match(r"([a-z]+)-(\d+):", identifier).groups()
        assert name.capitalize() in claim.where
        assert year in claim.where
        return
    section = re.match(r"prose-([\d.a]+)-", identifier)
    if section:
        assert section[1].upper() in claim.where
    figure = re.match(r"fig-(\d+)([abc]?)", identifier)
    unnamed = ("fig-3.dln", "fig-3.dln-standard", "fig-6.not-gaussian")
    if figure and not identifier.startswith(unnamed):
        panel = f"({figure[2]})" if figure[2] else ""
        assert f"Figure {figure[1]}{panel}" in claim.where


def test_every_endpoint_is_written_in_words_and_as_a_formula():
    for rule in fixed().values():
        endpoint = rule["primary"]
        assert f"{endpoint['size']:g}" in empirical_items.plain(endpoint)
        formula = empirical_items.latex(endpoint)
        assert formula.count("{") == formula.count("}")
