"""Empirical claims: statements that training runs judge, and the verdict that follows from committed results.

A result judges a claim at one scale; the verdict of the claim is that of the largest scale that decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bnverify.theory.claim import Claim, Status
from bnverify.theory.results import RESULTS, SCALES, Result, results

UNDECIDED = (Status.UNDERPOWERED, Status.NOT_RUN)


@dataclass(frozen=True)
class Empirical:
    """What one reproduction says of a claim, as it was stored."""

    result: Result
    claim: dict[str, Any]

    @property
    def verdict(self) -> Status:
        return Status(self.claim["verdict"])

    @property
    def scale(self) -> str:
        return str(self.claim["scale"])


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
    """A statement that runs judge; its kind follows from the id, a colon marking those of other papers.

    Args:
        measured: what is measured, in words; the tests themselves stand in the preregistration.
        networks: those that are trained. assumptions: how words of the source are read.
    """
    kinds = {"fig": "figure", "ext": "extension"}
    return Claim(
        id=identifier,
        title=title,
        where=where,
        kind="extension" if ":" in identifier else kinds.get(identifier.partition("-")[0], "prose"),
        quotation=quotation,
        scope=(("kind", "empirical"), ("networks", networks)),
        assumptions=assumptions,
        remarks=remarks,
        measured=measured,
    )


@cache
def committed(folder: Path = RESULTS) -> tuple[Result, ...]:
    """The results of the project, read and checked once a process; raises like `results`."""
    return results(folder)


def measured_for(identifier: str, found: Iterable[Result]) -> tuple[Empirical, ...]:
    """What every reproduction says that ran the claim, the largest scale first."""
    every = [Empirical(one, one.claims[identifier]) for one in found if identifier in one.claims]
    ran = [item for item in every if item.verdict is not Status.NOT_RUN]
    return tuple(sorted(ran, key=lambda item: -SCALES.index(item.scale)))


def overall(found: Iterable[Empirical]) -> Status:
    """The verdict of the claim: that of the largest scale that decides, mixed where results of one scale differ;
    underpowered where none decides, not-run where there is none."""
    every = tuple(found)
    for scale in reversed(SCALES):
        said = {item.verdict for item in every if item.scale == scale and item.verdict not in UNDECIDED}
        if said:
            return said.pop() if len(said) == 1 else Status.MIXED
    return Status.UNDERPOWERED if every else Status.NOT_RUN
