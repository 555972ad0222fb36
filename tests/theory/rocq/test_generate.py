"""Generated proofs compile; what was changed by hand does not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from bnverify.theory import kernel
from bnverify.theory.grammar import Node, nodes
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.rocq.compile import PACKAGES, Compiled, compile_files
from bnverify.theory.rocq.files import library
from bnverify.theory.rocq.generate import POINT, file_of, identifier, write
from bnverify.theory.rocq.reader import propositions, read

needs_rocq = pytest.mark.skipif(
    not shutil.which("coqc"), reason=f"Rocq is not installed (Debian: {PACKAGES})"
)
BASE = ("Vectors", "Calculus", "Divisor", "Normalisations", "Facts", "Settings")


@dataclass(frozen=True)
class Asked:
    """A question to the judge."""

    claim: str
    asked: kernel.Claim
    certificate: dict[str, Any]
    label: str = "formula"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all, so that the library is compiled once."""
    return tmp_path_factory.mktemp("rocq")


def question(claim: str, statement: str, terms: tuple[str, ...] = (), **rest: Any) -> Asked:
    norm = NORMALISATIONS[rest.pop("norm", "batch-norm")]
    own = {"vectors": norm.vectors, "operators": norm.operators, "needs": norm.needs} | rest
    return Asked(claim, kernel.Claim(norm.text, statement, **own), {"terms": list(terms)})


QUESTIONS = [
    question("thm-4.1", "v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)"),
    question(
        "bound",
        "v @ v <= gamma**2/sigma**2 * (g @ g)",
        ("gamma**2/(m*sigma**2) * (one @ g)**2", "gamma**2/(m*sigma**2) * (g @ yhat)**2"),
    ),
    question("orthogonal", "v @ y == 0"),
    question("rms", "v @ v == gamma**2/s**2 * (g @ g - (g @ yhat)**2/m)", norm="rms-norm"),
    question(
        "with-hypothesis",
        "v @ v <= g @ g",
        (
            "(g @ g)/sigma**2*given0",
            "gamma**2/(sigma**2*m) * (one @ g)**2",
            "gamma**2/(sigma**2*m) * (g @ yhat)**2",
        ),
        hypotheses=("gamma**2 <= sigma**2",),
    ),
]


def test_names_are_names_of_rocq() -> None:
    assert identifier("ext-eps.thm-4.2.1", "sigma read, step 1") == "ext_eps_thm_4_2_1__sigma_read_step_1"
    assert file_of("eq-47") == "Certified_eq_40"
    assert file_of("eq-47", "Claims") == "Certified_eq_40_Claims"
    assert file_of("thm-4.2.1") == file_of("thm-4.2.2")


def test_every_generated_theorem_reads_back_as_its_claim() -> None:
    made = write(QUESTIONS)
    assert not made.outside
    for file, name, found in made.theorems.values():
        back = read(name, propositions(made.files[file])[name])
        assert (back.says, back.given) == (found.says, found.given)


def test_questions_that_state_the_same_share_a_theorem() -> None:
    twice = [QUESTIONS[0], replace(QUESTIONS[0], claim="thm-4.1-again")]
    made = write(twice)
    assert len({name for _, name, _ in made.theorems.values()}) == 1
    assert len(made.theorems) == 2


def test_what_is_outside_has_a_reason() -> None:
    strange = [replace(QUESTIONS[0], certificate={"point": {}}), question("rate", "d(v, y, y) == 0")]
    assert write(strange).outside == {
        ("thm-4.1", "formula"): POINT,
        ("rate", "formula"): "it says d(...) of v as y moves",
    }


@needs_rocq
def test_generated_proofs_compile(folder: Path) -> None:
    made, stored = write(QUESTIONS), library()
    sources = {name: stored[name] for name in BASE} | made.files
    assert [done for done in compile_files(sources, folder) if done.error] == []


def test_a_broken_proof_is_named_by_its_claim() -> None:
    made = write([QUESTIONS[2], replace(QUESTIONS[3], claim="orthogonal-rms")])
    (file,) = {file for file, name, _ in made.theorems.values() if name.startswith("orthogonal__")}
    line = next(i for i, text in enumerate(made.files[file].splitlines(), 1) if "open_layer" in text)
    assert made.claim_at(Compiled(file, 0.0, f'File "./{file}.v", line {line}, characters 2-4: Error')) == (
        "orthogonal (formula)"
    )


def mutants(asked: Asked) -> Iterator[Asked]:
    """The question with one node of its statement, or one term of its certificate, changed."""
    text = asked.asked.statement
    for old, new in (
        ("**2/m", "**2/(m - 1)"),
        ("- (", "+ ("),
        ("g @ g", "2 * (g @ g)"),
        ("gamma**2", "gamma**3"),
        ("sigma**2", "sigma"),
        ("s**2", "s**3"),
        ("(g @ yhat)", "(g @ y)"),
        ("(one @ g)", "(one @ y)"),
        ("v @ v <=", "v @ v <"),
        ("v @ v", "v @ v + 1"),
        ("v @ y", "v @ g"),
        ("== 0", "== 1"),
    ):
        if old in text:
            yield replace(asked, asked=replace(asked.asked, statement=text.replace(old, new)))
    terms = asked.certificate["terms"]
    for place, term in enumerate(terms):
        for changed in ([], [f"2 * ({term})"], [f"-({term})"], [f"{term}*gamma"]):
            yield replace(asked, certificate={"terms": [*terms[:place], *changed, *terms[place + 1 :]]})
    if asked.asked.hypotheses:
        yield replace(asked, asked=replace(asked.asked, hypotheses=("gamma**2 <= 2*sigma**2",)))
        yield replace(asked, asked=replace(asked.asked, hypotheses=("sigma**2 <= gamma**2",)))


def refused_by_the_kernel(asked: Asked) -> bool:
    example = {"y": ["0", "1", "3"], "g": ["1", "-1", "2"], "gamma": "1", "beta": "0"}
    try:
        kernel.judge(replace(asked.asked, example=example), asked.certificate)
    except kernel.Refused:
        return True
    return False


MUTANTS = [mutant for asked in QUESTIONS for mutant in mutants(asked)]


def test_there_are_enough_mutants_and_the_kernel_refuses_each() -> None:
    assert len(MUTANTS) >= 40
    assert [mutant.asked.statement for mutant in MUTANTS if not refused_by_the_kernel(mutant)] == []


def compiled(chosen: list[Asked], folder: Path) -> list[Compiled]:
    """Each mutant in a file of its own."""
    stored = library()
    sources = {name: stored[name] for name in BASE}
    for number, mutant in enumerate(chosen):
        made = write([replace(mutant, claim=f"mutant-{number}")])
        sources |= {f"Mutant{number}": text for text in made.files.values()}
    results = compile_files(sources, folder)
    assert not any(done.error for done in results if done.name in BASE)
    return [done for done in results if done.name not in BASE]


@needs_rocq
def test_a_sample_of_mutants_does_not_compile(folder: Path) -> None:
    results = compiled(MUTANTS[::9], folder)
    assert len(results) >= 4
    assert [done.name for done in results if not done.error] == []


@needs_rocq
@pytest.mark.slow
@pytest.mark.skipif("CI" in os.environ, reason="minutes of Rocq; a sample of it runs instead")
def test_no_mutant_compiles(folder: Path) -> None:
    results = compiled(MUTANTS, folder)
    assert len(results) >= 40
    assert [MUTANTS[int(done.name[6:])] for done in results if not done.error] == []


def test_powers_and_roots_keep_their_fractions() -> None:
    made = write([question("root", "v @ v <= sqrt(m) * (v @ v) * gamma**2")])
    (entry,) = made.theorems.values()
    assert any(node.args[1] == Fraction(2) for node in nodes(entry[2].says) if node.head == "**")
    assert isinstance(entry[2].says, Node)
