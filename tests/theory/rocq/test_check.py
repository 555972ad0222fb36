"""What a stranger might try: each is refused before Rocq is asked, with the claim's id."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from bnverify.theory.rocq import check as driver
from bnverify.theory.rocq.check import about, refusals
from bnverify.theory.rocq.files import library, words
from bnverify.theory.rocq.generate import Written
from bnverify.theory.rocq.witnesses import BY_HAND

PROOF = "Proof. open_layer. settle. Qed."
HIDDEN = 'Definition a := "(*"%string.\nAxiom bad : forall P : Prop, P.\nDefinition b := "*)"%string.\n'
EDITS = {
    "an axiom": ("Thm_4_1", PROOF, "Proof. apply bad. Qed.\nAxiom bad : forall P : Prop, P."),
    "a parameter": ("Thm_4_1", PROOF, PROOF + "\nParameter bad : forall P : Prop, P."),
    "a proof left open": ("Thm_4_1", PROOF, "Proof. Admitted."),
    "a gap in a proof": ("Thm_4_1", PROOF, "Proof. admit. Qed."),
    "universes unchecked": ("Thm_4_1", "Import ListNotations.", "Unset Universe Checking."),
    "a definition in the way": (
        "Thm_4_1",
        "Import ListNotations.",
        "Definition batch_norm (e a b : R) (y g v : vec) (H B : vec -> vec) := False.",
    ),
    "a module in the way": ("Thm_4_1", "Import ListNotations.", "Module BatchNorm.\nEnd BatchNorm."),
    "a function in the way": ("Thm_4_1", "Import ListNotations.", "Definition sqrt (x : R) : R := x."),
    "a notation": ("Thm_4_1", "Import ListNotations.", 'Local Notation "a <= b" := True.'),
    "another scope": ("Thm_4_1", "Import ListNotations.", "Open Scope vec_scope."),
    "an axiom between strings": ("Thm_4_1", "Import ListNotations.", HIDDEN),
    "another file": ("Thm_4_1", "Import ListNotations.", 'Load "bad".'),
    "another statement": ("Thm_4_1", "(g @ yhat) ^ 2 / sqrt m)).", "(g @ yhat) ^ 2 / m))."),
    "another normalisation": ("Thm_4_1", "  batch_norm 0 gamma", "  unbiased 0 gamma"),
    "no theorem of that name": ("Thm_4_1", "thm_4_1_corrected :", "thm_4_1_other :"),
    "the theorem in a comment": (
        "Thm_4_1",
        "Theorem thm_4_1_corrected",
        "(* *) (* Theorem thm_4_1_corrected",
    ),
}


@pytest.fixture
def made(made: Written) -> Written:
    """One claim's theorems, which are quick to compare; the files are all there."""
    return replace(
        made, theorems={key: entry for key, entry in made.theorems.items() if key[0].startswith("thm-4")}
    )


@pytest.mark.parametrize("trick", EDITS)
def test_a_trick_in_a_theorem_is_refused_with_its_claim(made: Written, trick: str) -> None:
    file, old, new = EDITS[trick]
    sources = library() | made.files
    assert old in sources[file]
    sources[file] = sources[file].replace(old, new, 1)
    assert any("thm-4.1" in line for line in refusals(sources, made))


def test_a_file_that_is_left_out_is_missed(made: Written) -> None:
    sources = library() | made.files
    del sources["Thm_4_1"]
    assert any("thm-4.1" in line for line in refusals(sources, made))


def test_a_generated_theorem_that_was_edited_is_named(made: Written) -> None:
    file, name, _ = made.theorems["thm-4.1", "corrected"]
    sources = library() | made.files
    sources[file] = sources[file].replace(f"Theorem {name} :", f"Theorem {name}_ :")
    assert any("thm-4.1" in line for line in refusals(sources, made))


def test_a_notation_in_the_library_concerns_every_claim(made: Written) -> None:
    sources = library() | made.files
    sources["Points"] += 'Notation "u @ w" := (dot u u) (at level 40).\n'
    assert any(line.startswith("every claim: Points.v says Notation") for line in refusals(sources, made))


def test_the_files_as_they_are_give_no_offence(made: Written) -> None:
    assert refusals(library() | made.files, made) == []


def test_a_file_is_told_by_its_claims(made: Written) -> None:
    assert about(made, "Thm_4_2") == ["thm-4.2.1", "thm-4.2.2"]
    assert about(made, "Thm_4_2", "thm_4_2_1") == ["thm-4.2.1"]
    assert about(made, "Vectors") == []


def test_every_theorem_of_a_claim_is_restated_in_the_words_of_the_library_alone(
    made: Written, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    told: list[str] = []

    def assumptions(
        sources: object, folder: Path, stated: dict[tuple[str, str], str], known: list[str]
    ) -> object:
        assert set(stated) >= {(theorem.file, theorem.name) for theorem in BY_HAND}
        assert set(stated) >= {(file, name) for file, name, _ in made.theorems.values()}
        assert known == words()
        raise driver.Restated(("Thm_4_1", "thm_4_1_corrected"), "another type")

    monkeypatch.setattr(driver, "compiler", lambda: "none")
    monkeypatch.setattr(driver, "generated", lambda ids: made)
    monkeypatch.setattr(driver, "compile_files", lambda *_, **__: [])
    monkeypatch.setattr(driver, "assumptions", assumptions)
    assert driver.check(tmp_path, told.append, told.append) is None
    assert told == [
        "thm-4.1: Thm_4_1.thm_4_1_corrected proves something else than it says to a reader: another type"
    ]
