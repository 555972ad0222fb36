"""The verdict of an empirical claim follows from summaries of runs, and is never typed in."""

import json
import re

import pytest
from bnverify.theory import empirical, empirical_items
from bnverify.theory.claim import Status
from bnverify.theory.items import PROMISED
from bnverify.theory.preregistered import preregistration
from bnverify.theory.registry import registry
from bnverify.theory.summaries import summaries

HOLDS, FAILS, WIDE = (
    [-1.0, -1.1, -0.9, -1.05, -0.95],
    [1.0, 1.1, 0.9, 1.05, 0.95],
    [-3.0, 3.0, -2.0, 2.5, 0.1],
)
MEASURED = {name: claim for name, claim in registry().items() if claim.measured}

REPRODUCED, PARTLY, NOT, OPEN = [HOLDS, HOLDS], [HOLDS, FAILS], [FAILS, FAILS], [WIDE, WIDE]
NOTHING = [[], []]


def evidence(made, *on, identifier="fig-4a"):
    """The evidence from runs on (data set, log ratios) pairs."""
    for number, (data, cells) in enumerate(on):
        made.summary(f"{number}-{data}", data, **{identifier.replace("-", "_"): cells})
    return empirical.measured_for(identifier, summaries(made.folder, made.fixed))


@pytest.mark.parametrize(
    ("on", "verdict"),
    [
        ([], Status.OPEN),
        ([("cifar10", REPRODUCED)], Status.REPRODUCED),
        ([("cifar10", REPRODUCED), ("fashion-mnist", REPRODUCED)], Status.REPRODUCED),
        ([("cifar10", REPRODUCED), ("fashion-mnist", NOT)], Status.PARTLY),
        ([("cifar10", REPRODUCED), ("fashion-mnist", OPEN)], Status.PARTLY),
        ([("cifar10", PARTLY), ("fashion-mnist", NOT)], Status.PARTLY),
        ([("cifar10", NOT), ("fashion-mnist", NOT)], Status.NOT_REPRODUCED),
        ([("cifar10", NOT), ("fashion-mnist", OPEN)], Status.NOT_REPRODUCED),
        ([("cifar10", OPEN)], Status.OPEN),
        ([("cifar10", NOTHING)], Status.OPEN),
        ([("digits", REPRODUCED)], Status.OPEN),
        ([("digits", NOT), ("cifar10", REPRODUCED)], Status.REPRODUCED),
        ([("cifar10", REPRODUCED), ("fashion-mnist", NOTHING)], Status.REPRODUCED),
    ],
)
def test_the_verdict_over_data_sets(made, on, verdict):
    assert empirical.overall(evidence(made, *on)) is verdict


def test_one_decision_that_turns_changes_the_verdict(made):
    assert empirical.overall(evidence(made, ("cifar10", [HOLDS, HOLDS]))) is Status.REPRODUCED
    assert empirical.overall(evidence(made, ("cifar10", [HOLDS, FAILS]))) is Status.PARTLY


def test_data_that_must_not_judge_is_shown_and_does_not_count(made):
    found = evidence(made, ("digits", REPRODUCED), ("cifar10", NOTHING))
    assert [item.admitted for item in found] == [False, False]
    assert "too easy" in found[0].why
    assert found[1].why == empirical.NOT_MEASURED


def test_digits_judge_what_linear_networks_say(made):
    (found,) = evidence(made, ("digits", [FAILS, FAILS]), identifier="fig-9")
    assert (found.admitted, found.verdict) == (True, Status.REPRODUCED)


def item_and_detail(made, *on):
    found = evidence(made, *on)
    claim = MEASURED["fig-4a"]
    return empirical_items.item_of(claim, found), empirical_items.detail_of(claim, found)


def test_the_item_has_the_promised_fields_and_survives_json(made):
    item, detail = item_and_detail(made, ("cifar10", PARTLY), ("digits", NOT))
    assert tuple(item) == PROMISED
    assert json.loads(json.dumps([item, detail], allow_nan=False)) == [item, detail]
    assert (item["verdict"], item["counterexample"], item["corrected"], item["tight"]) == (
        "partly",
        None,
        None,
        False,
    )
    assert item["scope"]["judged on"] == "0-cifar10"


def test_a_reading_gives_statistic_margin_seeds_interval_p_command_machine_and_date(made):
    item, _ = item_and_detail(made, ("cifar10", PARTLY))
    (reading,) = item["readings"]
    made_by = reading["data"]
    assert (made_by["data set"], made_by["date"]) == ("cifar10", "2026-01-02")
    assert made_by["command"] == "bnverify reproduce --preset quick"
    assert made_by["machine"].startswith("a chip")
    first, second = made_by["cells"]
    assert (first["statistic"], first["of"], first["against"]) == ("loss_range", "batchnorm", "none")
    assert (first["claim"], first["margin"], first["seeds"]) == ("below", 1.0, 5)
    assert first["interval"][0] < first["ratio"] < first["interval"][1] < 1
    assert first["p"] <= first["p_holm"] <= 0.05
    assert (first["decision"], second["decision"]) == ("holds", "fails")


def test_the_reason_names_every_data_set_and_where_it_holds(made):
    _, detail = item_and_detail(made, ("cifar10", PARTLY), ("fashion-mnist", NOT), ("digits", NOT))
    assert detail["why"] == (
        "0-cifar10: partly, 1 of 2 tests holds, 1 fails; holds for loss range (early). "
        "1-fashion-mnist: not-reproduced, 0 of 2 tests hold, 2 fail. "
        "2-digits: not judged on this data: the digits are too easy"
    )
    assert detail["readings"][0]["places"] == {
        "holds": ["loss range (early)"],
        "fails": ["loss range (late)"],
        "undecided": [],
    }


def test_an_interval_without_an_end_is_null(made):
    item, _ = item_and_detail(made, ("cifar10", [[-900.0, 900.0], WIDE]))
    assert item["readings"][0]["data"]["cells"][0]["interval"][1] is None


def test_claims_and_preregistration_list_the_same_ids():
    assert set(MEASURED) == set(preregistration())


def test_a_claim_without_summaries_is_open():
    for claim in MEASURED.values():
        item = empirical_items.item_of(claim, ())
        assert (item["verdict"], item["readings"]) == ("open", [])


def test_a_claim_for_which_nothing_was_fixed_is_open_and_says_so():
    claim = empirical.empirical("fig-99", "a title", "Figure 99", "words", "something", "networks")
    assert empirical_items.item_of(claim, ())["verdict"] == "open"
    assert "no statistic was fixed" in empirical_items.detail_of(claim, ())["why"]


def words(text):
    """The words of a sentence alone: how formulas, quotation marks and hyphens are written does not count."""
    return re.findall(r"[a-z]{3,}", text.lower().replace("\\ell", "").replace("\\", " "))


@pytest.mark.parametrize("identifier", sorted(MEASURED))
def test_the_quotation_holds_the_words_that_were_registered(identifier):
    claim, fixed = MEASURED[identifier], preregistration()[identifier]
    if claim.kind == "extension":
        assert claim.quotation == ""
        return
    printed = [word for word in words(claim.quotation) if word not in {"hat", "langle", "rangle"}]
    asked = [word for word in words(fixed.quote) if word != "hat"]
    position = 0
    for word in asked:
        assert word in printed[position:], word
        position = printed.index(word, position) + 1


@pytest.mark.parametrize("identifier", sorted(MEASURED))
def test_kind_and_place_follow_the_id(identifier):
    claim = MEASURED[identifier]
    kinds = {"fig": "figure", "prose": "prose", "ext": "extension"}
    assert claim.kind == kinds[identifier.partition("-")[0]]
    section = re.match(r"prose-([\d.a]+)-", identifier)
    if section:
        assert section[1].upper() in claim.where
    figure = re.match(r"fig-(\d+)([abc]?)", identifier)
    if figure and identifier != "fig-3.dln":
        panel = f"({figure[2]})" if figure[2] else ""
        assert f"Figure {figure[1]}{panel}" in claim.where


def test_every_test_of_the_preregistration_is_written_in_words_and_as_a_formula():
    for fixed in preregistration().values():
        for block in fixed.blocks:
            assert f"{block.bound:g}" in empirical_items.plain(block)
            assert empirical_items.latex(block).count("{") == empirical_items.latex(block).count("}")
