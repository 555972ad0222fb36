"""Rocq files from the questions that the registry puts to its judge: statements, each proved from its certificate."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from bnverify.theory import kernel
from bnverify.theory.rocq.compile import Compiled
from bnverify.theory.rocq.proof import opening, script
from bnverify.theory.rocq.statement import Outside, Statement, statement_of
from bnverify.theory.rocq.writer import proposition

POINT = "an exact point, which needs no prover; the printed theorems of the paper are denied by hand"


class Question(Protocol):
    """One question to the judge, as `bnverify.theory.cases` puts them."""

    @property
    def claim(self) -> str: ...
    @property
    def label(self) -> str: ...
    @property
    def asked(self) -> kernel.Claim: ...
    @property
    def certificate(self) -> dict[str, Any]: ...


@dataclass(frozen=True)
class Written:
    """The files that were written, what each question became, and why some became nothing.

    files: name -> text. theorems: (claim, label) -> (file, theorem, statement); questions that state the same share
    one. outside: (claim, label) -> reason.
    """

    files: dict[str, str]
    theorems: dict[tuple[str, str], tuple[str, str, Statement]]
    outside: dict[tuple[str, str], str]

    def claim_at(self, broken: Compiled) -> str:
        """The claim whose theorem a compiler's message points at."""
        line = int(found[1]) if (found := re.search(r"line (\d+)", broken.error)) else 0
        above = "\n".join(self.files.get(broken.name, "").splitlines()[:line])
        names = re.findall(r"^Theorem (\w+)", above, re.MULTILINE)
        for (claim, label), (file, name, _) in self.theorems.items():
            if names and (file, name) == (broken.name, names[-1]):
                return f"{claim} ({label})"
        return broken.name


def identifier(*words: str) -> str:
    """A name in Rocq: letters, figures and underscores."""
    return re.sub(r"\W+", "_", "__".join(word for word in words if word)).strip("_")


def file_of(claim: str, needs: str = "Settings") -> str:
    """The generated file of a claim that needs a file of the library: few, as each loads the library anew."""
    kind = next((kind for kind in ("eq", "ext") if claim.startswith(f"{kind}-")), "thm")
    return f"Certified_{kind}" + (f"_{needs}" if needs != "Settings" else "")


def write(questions: Iterable[Question]) -> Written:
    """The files for all ``questions`` whose statement and certificate have words in the library."""
    bodies: dict[str, list[str]] = {}
    theorems: dict[tuple[str, str], tuple[str, str, Statement]] = {}
    outside: dict[tuple[str, str], str] = {}
    seen: dict[str, tuple[str, str]] = {}
    imported: dict[str, str] = {}
    for question in questions:
        key = (question.claim, question.label)
        if "terms" not in question.certificate:
            outside[key] = POINT
            continue
        try:
            found = statement_of(question.asked, bool(question.certificate.get("negation", False)))
            says, proof = proposition(found), script(found, question.certificate)
            needs, _ = opening(found, question.certificate)
        except Outside as reason:
            outside[key] = str(reason)
            continue
        if says not in seen:
            file, name = file_of(question.claim, needs), identifier(*key)
            seen[says], imported[file] = (file, name), needs
            bodies.setdefault(file, []).append(f"Theorem {name} : {says}.\nProof.\n{proof}\nQed.\n")
        theorems[key] = (*seen[says], found)
    files = {}
    for file, body in bodies.items():
        head = f"(** Generated from the registry's certificates. *)\nFrom BN Require Import {imported[file]}.\n\n"
        files[file] = head + "\n".join(body)
    return Written(files, theorems, outside)
