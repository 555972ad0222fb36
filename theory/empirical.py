"""Empirical claims: statements that training runs judge, and the verdict that follows from committed summaries.

A summary judges a claim on one data set, by the statistic and the margin that were fixed beforehand (`summaries`).
Data sets are to the verdict of the claim what cells are to that of a data set: reproduced only where every data set
that judges it says so.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bnverify.theory.claim import Claim, Status
from bnverify.theory.preregistered import Fixed, preregistration
from bnverify.theory.summaries import NOT_JUDGED, RESULTS, Judged, Summary, summaries

NOT_FIXED = "no statistic was fixed beforehand"
NOT_MEASURED = "nothing of it was measured"


@dataclass(frozen=True)
class Empirical:
    """What the runs of one summary say of a claim.

    verdict: on this data set; open where it must not judge. admitted: whether it counts towards the verdict of the
    claim; ``why`` says why not.
    """

    summary: Summary
    judged: Judged
    verdict: Status
    admitted: bool
    why: str = ""


def empirical(
    identifier: str,
    title: str,
    where: str,
    quotation: str,
    measured: str,
    networks: str,
    *,
    assumptions: tuple[str, ...] = (),
    remarks: tuple[str, ...] = (),
) -> Claim:
    """A statement that runs judge; its kind follows from the id.

    Args:
        measured: what is measured, in words; the tests themselves stand in the preregistration.
        networks: those that are trained. assumptions: how words of the source are read.
    """
    kinds = {"fig": "figure", "ext": "extension"}
    return Claim(
        id=identifier,
        title=title,
        where=where,
        kind=kinds.get(identifier.partition("-")[0], "prose"),
        quotation=quotation,
        scope=(("kind", "empirical"), ("networks", networks)),
        assumptions=assumptions,
        remarks=remarks,
        measured=measured,
    )


@cache
def committed(folder: Path = RESULTS) -> tuple[Summary, ...]:
    """The summaries of the project, read and checked once a process; raises like `summaries`."""
    return summaries(folder)


def fixed_for(identifier: str) -> Fixed | None:
    """What the claim is judged by; None where nothing was fixed beforehand."""
    return _registered().get(identifier)


@cache
def _registered() -> dict[str, Fixed]:
    return preregistration()


def measured_for(identifier: str, found: Iterable[Summary]) -> tuple[Empirical, ...]:
    """The evidence on one claim: one item for each summary that is about it."""
    return tuple(_evidence(one, one.claims[identifier]) for one in found if identifier in one.claims)


def _evidence(summary: Summary, judged: Judged) -> Empirical:
    if not judged.fixed.judged_on(summary.data):
        return Empirical(summary, judged, Status.OPEN, False, f"{NOT_JUDGED}: the digits are too easy")
    if all(cell.comparison is None for cell in judged.cells):
        return Empirical(summary, judged, Status.OPEN, False, NOT_MEASURED)
    return Empirical(summary, judged, judged.verdict, True)


def overall(found: Iterable[Empirical]) -> Status:
    """The verdict of the claim from those of the data sets that judge it.

    reproduced if all say so; else partly if one says reproduced or partly; else not-reproduced if one says so; else
    open.
    """
    said = {item.verdict for item in found if item.admitted}
    if said == {Status.REPRODUCED}:
        return Status.REPRODUCED
    if said & {Status.REPRODUCED, Status.PARTLY}:
        return Status.PARTLY
    return Status.NOT_REPRODUCED if Status.NOT_REPRODUCED in said else Status.OPEN
