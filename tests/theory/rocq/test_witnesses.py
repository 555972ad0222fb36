"""The list of what Rocq checked is that of the files, and cannot be made to say more."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.theory.registry import registry
from bnverify.theory.rocq.compile import ALLOWED, theorems
from bnverify.theory.rocq.files import library
from bnverify.theory.rocq.generate import Written
from bnverify.theory.rocq.witnesses import BY_HAND, FILE, asked, listed, text, witnesses, written


def test_the_stored_list_claims_no_more_than_is_generated(made: Written) -> None:
    stored = json.loads(FILE.read_text(encoding="utf-8"))
    assert {claim: names for claim, (_, _, *names) in stored["claims"].items()} == listed(made), (
        "run `make rocq` and commit theory/rocq/witnesses.json"
    )
    assert set(stored["axioms"]) <= ALLOWED


def test_every_theorem_by_hand_exists() -> None:
    sources = library()
    for theorem in BY_HAND:
        assert theorem.claim in registry()
        assert theorem.name in theorems(sources[theorem.file])


@pytest.fixture(scope="module")
def stored(made: Written, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that `make rocq` would write now."""
    file = tmp_path_factory.mktemp("witnesses") / "witnesses.json"
    file.write_text(text("8.16.1", sorted(ALLOWED), made), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    "claim", ["thm-4.1", "thm-4.2.1", "thm-4.2.2", "thm-4.4", "thm-C.1", "lem-4.5", "fact-C.1", "fact-C.2"]
)
def test_the_named_theorems_of_the_paper_have_witnesses(claim: str, stored: Path) -> None:
    assert witnesses(claim, stored).theorems


def test_a_claim_that_nothing_is_proved_of_has_none(stored: Path) -> None:
    assert witnesses("fig-1a", stored).theorems == ()
    assert witnesses("no-such-claim", stored).theorems == ()


def test_a_theorem_that_a_hand_added_is_not_believed(stored: Path) -> None:
    data = json.loads(stored.read_text(encoding="utf-8"))
    data["claims"]["thm-4.1"].append("Thm_4_1.thm_4_1_printed_true")
    data["claims"]["fig-1a"] = [*data["claims"]["thm-4.1"][:2], "Thm_4_1.thm_4_1_corrected"]
    other = stored.with_name("added.json")
    other.write_text(json.dumps(data), encoding="utf-8")
    assert witnesses("thm-4.1", other).theorems == ()
    assert witnesses("fig-1a", other).theorems == ()
    assert witnesses("thm-4.2.1", other).theorems


@pytest.mark.parametrize(
    ("field", "value"), [("axioms", []), ("axioms", ["Classical.classic"]), ("rocq", "9.0")]
)
def test_axioms_or_a_version_that_a_hand_changed_are_not_believed(
    stored: Path, field: str, value: object
) -> None:
    data = json.loads(stored.read_text(encoding="utf-8"))
    other = stored.with_name("changed.json")
    other.write_text(json.dumps(data | {field: value}), encoding="utf-8")
    assert witnesses("thm-4.1", other).theorems == ()


def test_a_claim_that_changed_has_no_witness_until_it_is_checked_again() -> None:
    claim = registry()["thm-4.1"]
    changed = replace(claim, corrected=None)
    for digest in (asked, written):
        assert len({digest(claim, ["a"]), digest(changed, ["a"]), digest(changed, ["b"])}) == 3


def test_a_change_that_leaves_the_theorems_alone_keeps_the_witness(stored: Path) -> None:
    data = json.loads(stored.read_text(encoding="utf-8"))
    data["claims"]["thm-4.1"][0] = "0" * 16
    other = stored.with_name("other.json")
    other.write_text(json.dumps(data), encoding="utf-8")
    assert witnesses("thm-4.1", other).theorems
    data["claims"]["thm-4.1"][1] = "0" * 16
    third = stored.with_name("third.json")
    third.write_text(json.dumps(data), encoding="utf-8")
    assert witnesses("thm-4.1", third).theorems == ()


@pytest.mark.parametrize(
    "damage", ["", "{", "[]", '{"rocq": 1}', '{"rocq": "8", "axioms": [], "claims": []}']
)
def test_a_damaged_list_is_no_witness(tmp_path: Path, damage: str) -> None:
    file = tmp_path / "witnesses.json"
    file.write_text(damage, encoding="utf-8")
    assert witnesses("thm-4.1", file).theorems == ()


def test_a_claim_lists_its_own_theorems_once(made: Written) -> None:
    for names in listed(made).values():
        assert len(set(names)) == len(names)
