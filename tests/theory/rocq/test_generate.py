"""What is generated is named, placed and proved."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from bnverify.theory import kernel
from bnverify.theory.grammar import Node, nodes
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.rocq.compile import Compiled
from bnverify.theory.rocq.generate import POINT, file_of, identifier, write
from bnverify.theory.rocq.reader import propositions, read


@dataclass(frozen=True)
class Asked:
    """A question to the judge."""

    claim: str
    asked: kernel.Claim
    certificate: dict[str, Any]
    label: str = "formula"


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
    assert file_of("eq-47") == "Certified_eq"
    assert file_of("ext-lp.l1", "Norms") == "Certified_ext_Norms"
    assert file_of("thm-4.2.1") == file_of("blog-lem-4.5")


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


def test_a_broken_proof_is_named_by_its_claim() -> None:
    made = write([QUESTIONS[2], replace(QUESTIONS[3], claim="orthogonal-rms")])
    (file,) = {file for file, name, _ in made.theorems.values() if name.startswith("orthogonal__")}
    line = next(i for i, text in enumerate(made.files[file].splitlines(), 1) if "open_layer" in text)
    assert made.claim_at(Compiled(file, 0.0, f'File "./{file}.v", line {line}, characters 2-4: Error')) == (
        "orthogonal (formula)"
    )


def test_powers_and_roots_keep_their_fractions() -> None:
    made = write([question("root", "v @ v <= sqrt(m) * (v @ v) * gamma**2")])
    (entry,) = made.theorems.values()
    assert any(node.args[1] == Fraction(2) for node in nodes(entry[2].says) if node.head == "**")
    assert isinstance(entry[2].says, Node)
