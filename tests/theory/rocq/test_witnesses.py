"""The list of what Rocq checked is that of the files."""

from __future__ import annotations

import json

import pytest
from bnverify.theory.registry import registry
from bnverify.theory.rocq.check import generated
from bnverify.theory.rocq.compile import theorems
from bnverify.theory.rocq.generate import Written
from bnverify.theory.rocq.library import library
from bnverify.theory.rocq.reader import propositions, read
from bnverify.theory.rocq.witnesses import BY_HAND, FILE, listed, text, witnesses


@pytest.fixture(scope="module")
def made() -> Written:
    return generated()


def test_the_stored_list_is_fresh(made: Written) -> None:
    stored = FILE.read_text(encoding="utf-8")
    assert stored == text(json.loads(stored)["rocq"], made), (
        "run `make rocq` and commit theory/rocq/witnesses.json"
    )


def test_every_theorem_listed_by_hand_exists() -> None:
    sources = library()
    for claim, files in BY_HAND.items():
        assert claim in registry()
        for file, names in files.items():
            assert set(names) <= set(theorems(sources[file]))


def test_the_named_theorems_of_the_paper_have_witnesses() -> None:
    for claim in (
        "thm-4.1",
        "thm-4.2.1",
        "thm-4.2.2",
        "thm-4.4",
        "thm-C.1",
        "lem-4.5",
        "fact-C.1",
        "fact-C.2",
    ):
        assert witnesses(claim)[1], claim
    assert witnesses("fig-1") == (witnesses("thm-4.1")[0], ())


def test_every_generated_theorem_reads_back_as_the_registrys_text(made: Written) -> None:
    assert len(made.theorems) > 100
    for (claim, label), (file, name, found) in made.theorems.items():
        back = read(name, propositions(made.files[file])[name])
        assert (back.says, back.given) == (found.says, found.given), (claim, label)


def test_a_claim_lists_its_own_theorems_once(made: Written) -> None:
    for names in listed(made).values():
        assert len(set(names)) == len(names)
