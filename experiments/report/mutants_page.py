"""The tester tested: the kill table of the theorems as a section, that of the whole registry as a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from typing import Any

from bnverify.experiments.report.content import Column, Section, Table, tested
from bnverify.experiments.report.pages import render
from bnverify.numerics.tester.kills import COUNTS, Killed, differs
from bnverify.numerics.tester.mutants import Row, judge_statement, totals
from bnverify.theory.mutate import statements
from bnverify.theory.mutate_derivation import derivation_mutants, derivation_verdict
from bnverify.theory.registry import registry

Derived = tuple[str, str, str]
Link = Callable[[str], str | None]

PAGE = "mutants.html"
"""The file of the page, beside the first one."""
COMMAND = "bnverify mutants --all --store"
"""What derives the stored table."""

_COLUMNS = (
    Column("statement", code=True),
    Column("mutants", True),
    Column("false", True),
    Column("caught by both", True),
    Column("equivalent", True),
    Column("weaker but true", True),
    Column("open", True),
)


def judged(
    names: Iterable[str], seed: int, tick: Callable[[int, int], None]
) -> tuple[list[Row], list[Derived]]:
    """Every mutant of the proved statements of ``names``, and of the derivation of v and B, put to both rooms."""
    known = registry()
    made = [statement for name in names for statement in statements(known[name])]
    changed = derivation_mutants()
    total = len(made) + len(changed)
    rows: list[Row] = []
    for statement in made:
        rows.append(judge_statement(statement, seed))
        tick(len(rows), total)
    derived: list[Derived] = []
    for mutant in changed:
        derived.append((mutant.name, *derivation_verdict(mutant)))
        tick(len(rows) + len(derived), total)
    return rows, derived


def _row(row: Row) -> tuple[str, ...]:
    name = f"{row.statement.claim} {row.statement.about}"
    if row.skipped:
        return (name, *["–"] * 6)
    counts = (
        row.count("false"),
        row.killed,
        *(row.count(proof) for proof in ("equivalent", "weaker", "open")),
    )
    return (name, str(len(row.verdicts)), *map(str, counts))


def section(rows: Sequence[Row], derived: Sequence[Derived]) -> Section:
    """Sentences and the table."""
    total = totals(list(rows))
    count = sum(len(row.verdicts) for row in rows)
    caught = sum(state == "caught" for _, state, _ in derived)
    same = sum(state == "equivalent" for _, state, _ in derived)
    words = (
        "A check that cannot fail proves nothing. So every proved statement is changed in every small way its "
        "expression tree allows (a sign, a constant, an exponent, a term dropped or doubled, 1/m for 1/√m, a factor "
        "1 ± 10⁻⁶ on an equality), and each mutant is put to the numbers and to exact arithmetic.",
        f"Of {count:,} mutants of {len(rows)} statements {total['false']:,} are false, and "
        f"{total['killed by both']:,} of these are caught by both; {total['equivalent']} say the same as the statement "
        f"and {total['weaker']} something weaker that is true, each by a certificate; {total['open']} are open. Of "
        f"{len(derived)} mutants of the derivation of the gradient and the Hessian {caught} are caught by plain "
        f"differentiation, {same} derive the same, {len(derived) - caught - same} got away.",
    )
    data = {
        "statements": [
            {
                "statement": f"{row.statement.claim} {row.statement.about}",
                "skipped": row.skipped,
                "sound": row.sound,
                "mutants": [
                    {
                        "text": verdict.mutant.text,
                        "proof": verdict.proof,
                        "numbers": verdict.numbers,
                        "why": verdict.why,
                    }
                    for verdict in row.verdicts
                ],
            }
            for row in rows
        ],
        "derivation": [{"mutant": name, "state": state, "why": why} for name, state, why in derived],
    }
    return Section(words, (Table(_COLUMNS, tuple(_row(row) for row in rows)),), (), data)


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
