"""From a claim's id to fresh evidence, ready to be stored: the unit of work of ``bnverify prove``."""

from __future__ import annotations

import importlib
import time
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bnverify.theory import claims, empirical, empirical_items
from bnverify.theory.claim import Evidence
from bnverify.theory.items import detail_of, item_of
from bnverify.theory.prove import evidence_of
from bnverify.theory.registry import registry
from bnverify.theory.store import Stored, claim_files, digest


@dataclass(frozen=True)
class Derived:
    """Evidence derived from nothing, what does not hold in it, and the seconds it took.

    stored: None where the evidence could not even be evaluated.
    runs: results of training runs that the verdict rests on instead of a proof; None for what is proved or refuted.
    """

    id: str
    stored: Stored | None
    failures: tuple[str, ...]
    seconds: float
    runs: tuple[str, ...] | None = None


@cache
def files() -> dict[str, str]:
    """The file that states a claim, by id, relative to the package."""
    found: dict[str, str] = {}
    for file in claim_files():
        module = importlib.import_module(f"{claims.__name__}.{Path(file).stem}")
        stated = (module.CLAIM,) if hasattr(module, "CLAIM") else module.CLAIMS
        found |= {claim.id: file for claim in stated}
    return found


def failures_of(evidence: tuple[Evidence, ...]) -> tuple[str, ...]:
    """The checks that do not hold, in words."""
    return tuple(
        f"{item.reading}: {check.kind} does not hold: {check.text}"
        + "".join(f", {name} = {value}" for name, value in check.values)
        for item in evidence
        for check in item.checks
        if not check.holds
    )


def derive(identifier: str) -> Derived:
    """Verify every certificate and counterexample of one claim from nothing; read what runs say of an
    empirical one.

    Raises:
        InputError: a result or the preregistration is damaged.
    """
    claim = registry()[identifier]
    start = time.perf_counter()
    file = files()[identifier]
    if claim.measured:
        found = empirical.measured_for(identifier, empirical.committed())
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
