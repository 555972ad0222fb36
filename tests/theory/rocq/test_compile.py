"""The driver of Rocq: order, refusals, assumptions."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from bnverify.theory.rocq import compile as driver
from bnverify.theory.rocq.files import library

from bnverify.base.errors import InputError

needs_rocq = pytest.mark.skipif(
    not shutil.which("coqc"), reason=f"Rocq is not installed (Debian: {driver.PACKAGES})"
)
FIRST = "From Coq Require Export Reals.\nLemma first : (1 + 1 = 2)%R.\nProof. reflexivity. Qed.\n"
SECOND = "From BN Require Import First.\nTheorem second : (1 + 1 = 2)%R.\nProof. exact first. Qed.\n"


def test_comments_nest_and_do_not_hide_theorems() -> None:
    assert driver.theorems("(* Theorem a (* Lemma b *) *) Lemma c : True.") == ("c",)
    assert driver.theorems("(* a *)\nTheorem c : True.\nLemma d : True.") == ("c", "d")


@pytest.mark.parametrize("word", ["Axiom", "Parameter x : nat.", "Admitted", "admit", "Unset Guard Checking"])
def test_a_word_that_lets_something_pass_is_seen(word: str) -> None:
    assert driver.forbidden(f"Lemma a : True.\n{word}")
    assert not driver.forbidden(f"(* {word} *) Lemma a : True.")


def test_no_stored_file_lets_anything_pass() -> None:
    assert library()
    assert [name for name, source in library().items() if driver.forbidden(source, name)] == []
    assert driver.redefined(library()) == []


def test_an_absent_rocq_is_named_with_its_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="coq libcoq-coquelicot"):
        driver.compiler()


@needs_rocq
def test_files_are_compiled_in_order_once_and_their_axioms_are_read(tmp_path: Path) -> None:
    sources = {"Second": SECOND, "First": FIRST}
    assert all(not done.error and done.seconds for done in driver.compile_files(sources, tmp_path))
    assert all(not done.error and not done.seconds for done in driver.compile_files(sources, tmp_path))
    assert driver.assumptions(sources, tmp_path) <= driver.ALLOWED


@needs_rocq
def test_a_changed_file_is_compiled_again_with_what_needs_it(tmp_path: Path) -> None:
    driver.compile_files({"First": FIRST, "Second": SECOND}, tmp_path)
    changed = {"First": FIRST + "(* new *)\n", "Second": SECOND}
    assert all(done.seconds for done in driver.compile_files(changed, tmp_path))


@needs_rocq
def test_a_false_theorem_stops_its_file_and_what_needs_it(tmp_path: Path) -> None:
    false = FIRST.replace("= 2", "= 3")
    first, second = driver.compile_files({"First": false, "Second": SECOND}, tmp_path)
    assert first.error
    assert second.error == "needs First, which does not compile"


@needs_rocq
def test_an_axiom_of_ones_own_is_found(tmp_path: Path) -> None:
    source = "From Coq Require Import Classical.\nTheorem third : True \\/ ~ True.\nProof. exact (classic True). Qed.\n"
    driver.compile_files({"Third": source}, tmp_path)
    assert driver.assumptions({"Third": source}, tmp_path) - driver.ALLOWED


STATED = {("Second", "second"): "(1 + 1 = 3)%R"}
TRICKS = {
    "a hypothesis of its section": "Section S.\nHypothesis bad : forall P : Prop, P.\nTheorem second : (1 + 1 = 3)%R.\n"
    "Proof. apply bad. Qed.\nEnd S.\n",
    "a definition of its own": "Definition Rplus (a b : R) := 3%R.\n"
    'Local Notation "a + b" := (Rplus a b) : R_scope.\nTheorem second : (1 + 1 = 3)%R.\nProof. reflexivity. Qed.\n',
    "a notation of its own": 'Local Notation "a = b" := True.\nTheorem second : (1 + 1 = 3)%R.\nProof. exact I. Qed.\n',
}


@needs_rocq
@pytest.mark.parametrize("trick", TRICKS)
def test_a_theorem_that_proves_something_else_is_found(tmp_path: Path, trick: str) -> None:
    second = "From BN Require Import First.\n" + TRICKS[trick]
    sources = {"First": FIRST, "Second": second}
    (tmp_path / "First.v").write_text(FIRST)
    (tmp_path / "Second.v").write_text(second)
    for name in sources:
        subprocess.run(["coqc", "-q", "-w", "none", "-Q", ".", "BN", f"{name}.v"], cwd=tmp_path, check=True)
    with pytest.raises(driver.Restated) as seen:
        driver.assumptions(sources, tmp_path, STATED, ["First"])
    assert seen.value.theorem == ("Second", "second")


@needs_rocq
def test_a_theorem_that_proves_what_it_says_is_accepted(tmp_path: Path) -> None:
    sources = {"First": FIRST, "Second": SECOND}
    driver.compile_files(sources, tmp_path)
    stated = {("Second", "second"): "(1 + 1 = 2)%R"}
    assert driver.assumptions(sources, tmp_path, stated, ["First"]) <= driver.ALLOWED
