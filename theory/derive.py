"""From a claim's id to a verdict of the kernel, asked now: the unit of work of ``bnverify prove``."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bnverify.theory import empirical, empirical_items, judged
from bnverify.theory.claim import Claim, Evidence, status_of
from bnverify.theory.registry import registry


@dataclass(frozen=True)
class Derived:
    """What was found about a claim, what does not hold in it, and the seconds it took.

<<<<<<< HEAD
    stored: None where the evidence could not even be evaluated.
    runs: results of training runs that the verdict rests on instead of a proof; None for what is proved or refuted.
=======
    verdict: empty where the evidence could not even be read. runs: summaries of training runs that the verdict rests
    on instead of a proof; None for what is proved or refuted.
>>>>>>> 4dc0e7c (wip: the kernel decides)
    """

    id: str
    verdict: str
    evidence: tuple[Evidence, ...]
    failures: tuple[str, ...]
    seconds: float
    runs: tuple[str, ...] | None = None


def failures_of(evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    """The checks that do not hold, in words."""
    return tuple(
        f"{item.reading}: {check.kind} does not hold: "
        + "; ".join(value if name == "refused" else f"{name} = {value}" for name, value in check.values)
        for item in evidence
        for check in item.checks
        if not check.holds
    )


def derive(identifier: str) -> Derived:
<<<<<<< HEAD
    """Verify every certificate and counterexample of one claim from nothing; read what runs say of an
    empirical one.

    Raises:
        InputError: a result or the preregistration is damaged.
=======
    """Ask the kernel about every certificate of one claim; judge an empirical one by its summaries.

    Raises:
        InputError: a certificate file, a summary or the preregistration is damaged.
>>>>>>> 4dc0e7c (wip: the kernel decides)
    """
    claim = registry()[identifier]
    start = time.perf_counter()
    if claim.measured:
        found = empirical.measured_for(identifier, empirical.committed())
<<<<<<< HEAD
        stored = Stored(
            identifier,
            file,
            digest(file),
            empirical_items.item_of(claim, found),
            empirical_items.detail_of(claim, found),
        )
        runs = tuple(item.result.name for item in found)
        return Derived(identifier, stored, (), time.perf_counter() - start, runs)
    try:
        evidence = evidence_of(claim)
        item, detail = item_of(claim, evidence), detail_of(claim, evidence)
    except Exception as error:  # evidence that cannot be evaluated does not verify, whatever went wrong
        reason = f"{type(error).__name__}: {error}"
        return Derived(identifier, None, (reason,), time.perf_counter() - start)
    stored = Stored(identifier, file, digest(file), item, detail)
    return Derived(identifier, stored, failures_of(evidence), time.perf_counter() - start)
=======
        runs = tuple(item.summary.name for item in found)
        return Derived(identifier, _said(claim, found), (), (), time.perf_counter() - start, runs)
    evidence = judged.evidence_of(claim)
    verdict = str(status_of(claim, evidence))
    return Derived(identifier, verdict, evidence, failures_of(evidence), time.perf_counter() - start)


def _said(claim: Claim, found: tuple[empirical.Empirical, ...]) -> str:
    return str(empirical_items.item_of(claim, found)["verdict"])
>>>>>>> 4dc0e7c (wip: the kernel decides)
