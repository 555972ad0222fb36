"""The item of ``--json`` has the promised fields, computed from evidence."""

import json
from dataclasses import replace
from fractions import Fraction

import pytest
from bnverify.theory import judged, shelf
from bnverify.theory.claim import Claim, Data, Instance, Proof, Reading, Refutation, promised
from bnverify.theory.derive import failures_of
from bnverify.theory.items import detail_of, item_of
from bnverify.theory.registry import registry

PROMISED = tuple(promised(registry()["thm-4.1"]))

LOOSE = "v @ v <= gamma**2/sigma**2 * (g @ g)"
FALSE = "v @ v == g @ g"


def evidence_of(claim):
    return judged.evidence_of(claim, shelf.items_of(claim))


POINT = Instance(y=(0, 1, 3), g=(1, 0, "1/2"), gamma=2, note="a note")
CLAIM = Claim(
    id="ext-example",
    title="An example",
    where="here",
    kind="extension",
    quotation="to the letter",
    readings=(Reading("only", "the only one", FALSE, Data(), refutation=Refutation(POINT, POINT)),),
    scope=(("m", ">= 2"),),
    why="it is not so",
)


def item(claim):
    return item_of(claim, evidence_of(claim))


def test_the_fields_are_the_promised_ones_in_their_order():
    assert tuple(item(CLAIM)) == PROMISED
    assert PROMISED[:6] == ("id", "title", "where", "kind", "verdict", "tight")


@pytest.mark.parametrize(
    ("sides", "floats"),
    [
        ("3*sqrt(2)/4 - 1", "0.0606602"),
        ("between 1 and 2", "1"),
        ("(0, -9/8 + -3/8*sqrt(2))", "(0, -1.65533)"),
    ],
)
def test_the_floats_of_a_side_are_its_own(sides, floats):
    assert judged._float(sides) == floats


def test_a_counterexample_is_exact_strings_with_both_sides():
    point = item(CLAIM)["counterexample"]
    assert (point["m"], point["y"], point["g"], point["gamma"]) == (
        3,
        ["0", "1", "3"],
        ["1", "0", "1/2"],
        "2",
    )
    assert Fraction(point["rhs"]) == Fraction(5, 4)
    assert float(point["rhs_float"]) == pytest.approx(1.25)
    assert point["lhs"] != point["rhs"]
    assert point["generic"]["lhs"] == point["lhs"]
    assert point["relation"] == "eq"


def test_an_item_survives_json():
    data = [item(CLAIM), detail_of(CLAIM, evidence_of(CLAIM))]
    assert json.loads(json.dumps(data)) == data


def test_a_reading_that_is_not_admitted_is_shown_and_does_not_count():
    proved = Reading("true", "true", "m == m", proof=Proof())
    claim = replace(CLAIM, readings=(proved, replace(CLAIM.readings[0], admitted=False)))
    assert item(claim)["verdict"] == "proved"
    assert item(claim)["counterexample"] is None
    assert [reading["verdict"] for reading in item(claim)["readings"]] == ["proved", "refuted"]


def test_readings_that_differ_make_a_conditional():
    proved = Reading("true", "true", "m == m", assumptions=("sigma = 1",), proof=Proof())
    claim = replace(CLAIM, readings=(proved, CLAIM.readings[0]))
    assert item(claim)["verdict"] == "conditional"
    assert item(claim)["assumptions"] == ["sigma = 1"]
    assert not item(claim)["tight"]


def test_a_point_at_which_the_statement_holds_refutes_nothing():
    parallel = Instance(y=(0, 1), g=(0, 0))
    claim = replace(CLAIM, readings=(replace(CLAIM.readings[0], refutation=Refutation(parallel)),))
    assert item(claim)["verdict"] == "open"
    assert failures_of(evidence_of(claim))


def test_a_false_statement_is_not_proved():
    claim = replace(CLAIM, readings=(Reading("only", "", LOOSE, proof=Proof()),))
    assert item(claim)["verdict"] == "open"
    assert failures_of(evidence_of(claim))


def test_a_definition_has_the_verdict_of_its_kind():
    assert item(replace(CLAIM, readings=(), state="definition"))["verdict"] == "definition"


def test_a_worked_counterexample_gives_every_name_of_the_statement():
    (point,) = detail_of(CLAIM, evidence_of(CLAIM))["readings"][0]["points"]
    values = {row["plain"]: row["value"] for row in point["values"]}
    assert values["g"] == "(1, 0, 1/2)"
    assert values["‖g‖²"] == "5/4"
    assert values["‖v‖²"] == item(CLAIM)["counterexample"]["lhs"]
