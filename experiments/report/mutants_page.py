"""The tester tested: the table of mutants and kills as a section of the report."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bnverify.experiments.report.content import Column, Section, Table
from bnverify.numerics.mutants import Row, judge_statement, totals
from bnverify.theory.mutate import statements
from bnverify.theory.mutate_derivation import derivation_mutants, derivation_verdict
from bnverify.theory.registry import registry

Derived = tuple[str, str, str]

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
