"""Who stands behind a claim: kernel, exact points, SymPy, Rocq, random batches; each only where it really looked."""

from __future__ import annotations

from bnverify.theory.cases import cases
from bnverify.theory.claim import Claim, Corrected, Evidence, Reading
from bnverify.theory.grammar import lines, names_in, nodes, parse
from bnverify.theory.normalisations import NORMALISATIONS, text_of
from bnverify.theory.rocq.witnesses import IN_PART, witnesses

COMPARED = {
    "batch-norm": ((0, 1, 3), "0"),
    "batch-norm, eps": ((0, 2), "1/3"),
    "unbiased": ((1, 3), "0"),
    "layer-norm": ((0, 1), "0"),
    "rms-norm": ((1, 2, 4), "0"),
    "l1-norm": ((1, -2, 4), "0"),
    "l2-norm, eps": ((1, 2, 4), "1/2"),
    "linf-norm": ((1, 2, -4), "0"),
}
"""The definitions of which a test compares every entry of v and B, by kernel and plain SymPy, at this y and eps."""

POINTS = {"instance", "instance-generic", "witness"}
"""The kinds of a check at an exact point."""


def unasked(stated: Reading | Corrected) -> str:
    """Why no random batch has what a statement speaks of; empty where one has."""
    names = _names(stated)
    in_weights = text_of(stated.norm).startswith("y =")
    if names & {"A", "M"} and stated.norm == "identity":
        return "it is about matrices, not about a batch"
    if "K" in names and not in_weights:
        return "it is about every input in a ball, not about one batch"
    if "What" in names:
        return "random batches hold one set of weights; it is decided at exact points of two"
    if in_weights and stated.proof is not None and stated.proof.at is not None:
        return "it exhibits one exact point"
    rates = [node for node in nodes(parse(stated.says)) if node.head == "d" and "L" in names_in(node)]
    if any(node.args[0].head == "d" for node in rates):
        return "the second rate of a random loss is B by definition"
    return ""


def _names(stated: Reading | Corrected) -> frozenset[str]:
    """The names that a statement and its hypotheses speak of."""
    texts = (stated.says, *(hypothesis.says for hypothesis in stated.hypotheses))
    return frozenset().union(*(names_in(parse(text)) for text in texts))


def witnesses_of(claim: Claim, evidence: tuple[Evidence, ...]) -> dict[str, list[str]]:
    """By witness, what it looked at and found as the verdict says; the field ``witnesses`` of ``claims --json``.

    kernel: the readings proved for every m, or whose negation is. exact point: those refuted, or shown to have an
    instance, at a point. SymPy: those that speak of v or B of a definition whose every entry a test compares. Rocq: the
    theorems that it checked, "in part" where they say more than the claim's text. random batches: the readings that
    ``bnverify check`` can ask random batches about.
    """
    found: dict[str, list[str]] = {
        "kernel": [],
        "exact point": [],
        "SymPy": [],
        "Rocq": [],
        "random batches": [],
    }
    stated: dict[str, Reading | Corrected] = {reading.slug: reading for reading in claim.readings}
    if claim.corrected is not None:
        stated["corrected"] = claim.corrected
    eps = {case.reading: case.asked.eps for case in cases(claim)}
    for item in evidence:
        kinds = {check.kind for check in item.checks if check.holds}
        if kinds & POINTS:
            found["exact point"].append(item.reading)
        if kinds - POINTS:
            found["kernel"].append(item.reading)
        reading = stated[item.reading]
        if (item.proved or item.refuted) and _compared(reading, eps.get(item.reading, "zero")):
            found["SymPy"].append(item.reading)
        if (item.proved or item.refuted) and not unasked(reading):
            found["random batches"].append(item.reading)
    found["Rocq"] = [
        f"{name} (in part)" if name in IN_PART else name for name in witnesses(claim.id).theorems
    ]
    return {name: entries for name, entries in found.items() if entries}


def _compared(reading: Reading | Corrected, eps: str) -> bool:
    """Whether it speaks of v or B of a definition that SymPy differentiated as well."""
    names = _names(reading)
    if not names & {"v", "B"}:
        return False
    own = list(lines(text_of(reading.norm)))
    return any(
        own == list(lines(NORMALISATIONS[name.removesuffix(", eps")].text))
        and name.endswith(", eps") == (eps == "positive")
        for name in COMPARED
    )
