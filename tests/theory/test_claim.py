"""Statuses are computed from evidence; numbers are exact."""

from __future__ import annotations

from dataclasses import fields, replace
from fractions import Fraction

import pytest
from bnverify.theory.claim import (
    STATES,
    Claim,
    Evidence,
    Instance,
    Reading,
    Status,
    rational,
    status_of,
)
from bnverify.theory.registry import registry


def evidence(slug: str, proved: bool = False, refuted: bool = False) -> Evidence:
    return Evidence(slug, proved, refuted, False, ())


def claim(*admitted: bool) -> Claim:
    readings = tuple(
        Reading(slug=str(i), summary="", says="m == m", admitted=ok) for i, ok in enumerate(admitted)
    )
    return Claim(id="x", title="", where="", kind="theorem", quotation="", readings=readings)


def test_refuted_only_if_every_admitted_reading_is() -> None:
    both = (evidence("0", refuted=True), evidence("1", refuted=True))
    assert status_of(claim(True, True), both) is Status.REFUTED


def test_readings_that_differ_make_it_conditional() -> None:
    found = (evidence("0", proved=True), evidence("1", refuted=True))
    assert status_of(claim(True, True), found) is Status.CONDITIONAL


def test_a_reading_that_is_not_admitted_does_not_count() -> None:
    found = (evidence("0", proved=True), evidence("1", refuted=True))
    assert status_of(claim(True, False), found) is Status.PROVED


def test_a_reading_without_evidence_leaves_it_open() -> None:
    assert status_of(claim(True, True), (evidence("0", proved=True), evidence("1"))) is Status.OPEN
    assert status_of(claim(), ()) is Status.OPEN


def test_proved_and_refuted_at_once_is_a_contradiction() -> None:
    with pytest.raises(ArithmeticError, match="contradicts itself"):
        evidence("0", proved=True, refuted=True).status  # noqa: B018


@pytest.mark.parametrize("word", [*sorted(set(Status) - set(STATES)), "maybe", "Open", " "])
def test_no_claim_types_in_a_verdict_that_evidence_decides(word: str) -> None:
    with pytest.raises(ValueError, match="expected one of definition, open, absent"):
        replace(claim(), state=word)


@pytest.mark.parametrize("word", STATES)
def test_a_claim_may_say_that_no_evidence_is_asked_for(word: str) -> None:
    assert status_of(replace(claim(), state=word), ()) == (word or "open")


def test_what_runs_judge_has_no_state_of_its_own() -> None:
    with pytest.raises(ValueError, match="where evidence decides"):
        replace(claim(), state="open", measured="the loss")


def test_floats_are_refused() -> None:
    with pytest.raises(TypeError, match=r"exact rooms refuse the float 0\.5"):
        rational(0.5)  # type: ignore[arg-type]
    assert rational("1/3") == Fraction(1, 3)


def test_every_exact_number_in_the_registry_is_exact() -> None:
    for item in registry().values():
        for reading in item.readings:
            refutation = reading.refutation
            for instance in (refutation.smallest, refutation.generic) if refutation else ():
                if instance is not None:
                    for field in fields(Instance):
                        assert "." not in str(getattr(instance, field.name)) or field.name == "note"


def test_batch_size_is_the_number_of_activations() -> None:
    instance = Instance(y=(0, 1, 2), g=(0, 0, 0))
    assert instance.m == 3
    assert replace(instance, y=(0, 1)).m == 2
