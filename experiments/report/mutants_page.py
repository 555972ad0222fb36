"""The tester tested: the kill table of the theorems as a section, that of the whole registry as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from bnverify.experiments.report.content import tested
from bnverify.experiments.report.pages import render
from bnverify.numerics.tester.kills import COUNTS, Killed, differs

Derived = tuple[str, str, str]
Link = Callable[[str], str | None]

PAGE = "mutants.html"
"""The file of the page, beside the first one."""
COMMAND = "bnverify mutants --all --store"
"""What derives the stored table."""


def failures(table: Iterable[Killed]) -> list[str]:
    """One line for every claim of the stored table of which something got away or was wronged."""
    return [
        f"{one.id}: a false mutant got away, a true one was convicted, or an equality differs at an exact point"
        for one in table
        if not one.sound
    ]


def data(one: Killed) -> dict[str, Any]:
    """The stored table of one claim as plain data."""
    return asdict(one) | {"stale": one.stale, "sound": one.sound}


def html(table: Sequence[Killed], version: str, link: Link = lambda name: None) -> str:
    """The page: every proved statement with its mutants and exact points. link: where a claim stands, if anywhere."""
    with_mutants = [one for one in table if one.statements]
    statements = [statement for one in with_mutants for statement in one.statements]
    points = [statement["points"] for statement in statements if statement["points"]]
    return render(
        "mutants.html",
        table=with_mutants,
        total={name: sum(one.total(name) for one in with_mutants) for name in COUNTS},
        statements=len(statements),
        exactly=sum(statement["skipped"] != "" for statement in statements),
        equalities=len(points),
        points=sum(found["points"] for found in points),
        redrawn=sum(sum(found["redrawn"].values()) for found in points),
        zero=sum(not found["telling"] for found in points),
        differ=sum(map(differs, statements)),
        without=[(one.id, about, why) for one in table for about, why in one.without.items()],
        open=[
            (one.id, statement["about"], text)
            for one in with_mutants
            for statement in one.statements
            for text, proof, _ in statement["true"]
            if proof == "open"
        ],
        stale=[one.id for one in table if one.stale],
        tested=tested,
        command=COMMAND,
        version=version,
        link=link,
    )
