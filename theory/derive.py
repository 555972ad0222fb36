"""From a claim's id to a verdict of the kernel, asked now: the unit of work of ``bnverify prove``."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bnverify.theory import empirical, empirical_items, judged, shelf
from bnverify.theory.claim import Claim, Evidence, Status, status_of
from bnverify.theory.registry import registry


@dataclass(frozen=True)
class Derived:
    """What was found about a claim, what does not hold in it, and the seconds it took.

    verdict: empty where the evidence could not even be read. runs: summaries of training runs that the verdict rests
    on instead of a proof; None for what is proved or refuted.
    """

    id: str
    verdict: str
    evidence: tuple[Evidence, ...]
    failures: tuple[str, ...]
    seconds: float
    runs: tuple[str, ...] | None = None


def failures_of(evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    """The checks that do not hold, and the readings of which nothing is known, in words."""
    return tuple(f"{item.reading}: no evidence" for item in evidence if not item.checks) + tuple(
        f"{item.reading}: {check.kind} does not hold: "
        + "; ".join(value if name == "refused" else f"{name} = {value}" for name, value in check.values)
        for item in evidence
        for check in item.checks
        if not check.holds
    )


def derive(identifier: str) -> Derived:
    """Ask the kernel about every certificate of one claim; judge an empirical one by its summaries.

    Raises:
        InputError: a certificate file, a summary or the preregistration is damaged.
    """
    claim = registry()[identifier]
    start = time.perf_counter()
    if claim.measured:
        found = empirical.measured_for(identifier, empirical.committed())
        runs = tuple(item.result.name for item in found)
        return Derived(identifier, _said(claim, found), (), (), time.perf_counter() - start, runs)
    evidence = judged.evidence_of(claim)
    verdict = status_of(claim, evidence)
    failures = failures_of(evidence) + tuple(
        f"{label}: a certificate of what is not claimed" for label in shelf.strays(claim, judged.shelved())
    )
    if not claim.state and verdict is Status.OPEN:
        failures = failures or ("nothing is proved or refuted",)
    return Derived(identifier, str(verdict), evidence, failures, time.perf_counter() - start)


def _said(claim: Claim, found: tuple[empirical.Empirical, ...]) -> str:
    return str(empirical_items.item_of(claim, found)["verdict"])
