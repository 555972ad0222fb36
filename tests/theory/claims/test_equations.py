"""Equations (1) to (62): steps, slips and corrections; their verdicts are those of the golden table."""

import pytest
from bnverify.theory.claim import Status
from bnverify.theory.equation import STEP, equation
from bnverify.theory.registry import registry
from bnverify.theory.store import load

IDS = [f"eq-{number}" for number in range(1, 63)]
REFUTED = ("eq-9", "eq-10", "eq-17", "eq-18", "eq-34", "eq-57", "eq-58")
FALSE_STEPS = {"eq-9": "step", "eq-34": "step", "eq-38": "step-from-34-as-printed"}
SLIPS = {2, 4, 11, 16, 18, 19, 20, 21, 23, 24, 31, 37, 38, 40, 42, 45, 47, 49, 52, 53, 61}


@pytest.fixture(scope="module")
def evidence():
    return {identifier: entry.evidence for identifier, entry in load(IDS).items()}


def test_every_number_from_1_to_62_has_an_entry_and_no_other_has():
    assert sorted(name for name in registry() if name.startswith("eq-")) == sorted(IDS)


def test_a_number_that_the_paper_does_not_have_is_refused():
    with pytest.raises(ValueError, match="from 1 to 62, got 63"):
        equation(63, "", "")


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


@pytest.mark.parametrize("identifier", REFUTED)
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
