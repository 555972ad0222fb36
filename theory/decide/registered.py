"""Claims of the registry, decided anew by means that know nothing of their evidence."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bnverify.theory import cases, kernel
from bnverify.theory.claim import Claim
from bnverify.theory.decide import existence
from bnverify.theory.decide.conjecture import Conjecture, build
from bnverify.theory.decide.decision import Decision, combined, unknown_decision
from bnverify.theory.decide.settle import Outcome, settle
from bnverify.theory.decide.solvers import Portfolio, TimeUp
from bnverify.theory.normalisations import NORMALISATIONS

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Part:
    """A reading of a claim, or its correction: what the kernel is asked, and what the registry says of it."""

    claim: str
    name: str
    asked: kernel.Claim
    verdict: str


def parts(claim: Claim) -> Iterator[Part]:
    """The readings and the correction of a claim that have evidence; without that evidence."""
    for case in cases.cases(claim):
        if case.part in {"", "smallest", "negation"}:
            verdict = "refuted" if case.part else "proved"
            yield Part(claim.id, case.reading, replace(case.asked, example=None), verdict)


def decided(part: Part, portfolio: Portfolio, seed: int = 0) -> Decision:
    """The decision of a part; open where time runs out."""
    asked = Conjecture(part.asked.statement, part.asked.hypotheses, part.asked.definition)
    begin = time.monotonic()
    try:
        return replace(
            combined(asked, [settled(part.asked, portfolio, seed)]), seconds=time.monotonic() - begin
        )
    except TimeUp:
        return replace(unknown_decision(asked, ("the time was over",)), seconds=time.monotonic() - begin)


def settled(claim: kernel.Claim, portfolio: Portfolio, seed: int) -> Outcome:
    """One claim of the kernel settled; at exact points alone where the room of every m does not know what it says."""
    for _ in range(4):
        try:
            case = build(claim)
        except InputError as reason:
            need = re.search(r'exclude (?:it|that) with --given "(.*)"$', str(reason))
            if need is None:
                return existence.at_points(claim, portfolio, seed, str(reason))
            claim = replace(claim, needs=(*claim.needs, need[1]))  # a printed formula says so by dividing
            continue
        if claim.quantifier == "exists":
            return existence.settle(case, portfolio, seed)
        return settle(case, portfolio, seed)
    return existence.at_points(claim, portfolio, seed, "it divides by what may be 0")


def conjecture(part: Part) -> Conjecture:
    """The part as a user would ask it."""
    claim = part.asked
    norm = next((n for n in NORMALISATIONS.values() if n.text == claim.definition), None)
    needs = tuple(need for need in claim.needs if norm is None or need not in norm.needs)
    return Conjecture(
        claim.statement,
        (*claim.hypotheses, *needs, *(("eps > 0",) if claim.eps == "positive" else ())),
        claim.definition if norm is None else norm.name,
        tuple(set(claim.vectors) - set(norm.vectors if norm else ())),
        claim.numbers,
    )
