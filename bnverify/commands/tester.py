"""``mutants`` and ``falsify``: is the tester able to catch what is false, and does it leave alone what is true."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bnverify.base.errors import InputError

if TYPE_CHECKING:
    from bnverify.numerics.tester.mutants import Row
    from bnverify.theory.claim import Claim, Reading

Seed = Annotated[int, typer.Option(help="The same seed gives the same instances everywhere.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

THEOREMS = {"theorem", "lemma", "fact"}
MOST = 16
"""Mutants that are judged of a statement of another claim."""


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(mutants)
    app.command()(falsify)


def mutants(
    ids: Annotated[
        list[str] | None,
        typer.Argument(metavar="[ID]...", help="Ids such as thm-4.1; every theorem, lemma and fact if none."),
    ] = None,
    everything: Annotated[
        bool,
        typer.Option("--all", help="Every claim; of those that are no theorems a sample of their mutants."),
    ] = False,
    derivation: Annotated[bool, typer.Option(help="Also mutate the derivation of v and B.")] = True,
    listed: Annotated[bool, typer.Option("--list", help="List the mutants that are not false.")] = False,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """The table of mutants and kills; exit 1 if a false one got away or a true one was convicted."""
    from bnverify.base.ids import select
    from bnverify.theory.registry import registry

    known = registry()
    chosen = select(ids or (), known)
    if not ids and not everything:
        chosen = [name for name in chosen if known[name].kind in THEOREMS]
    rows = _rows([known[name] for name in chosen], seed, MOST if everything and not ids else None)
    changed = _derivations() if derivation else []
    if as_json:
        print(json.dumps(_data(rows, changed), ensure_ascii=False, indent=2))
    else:
        _show(rows, changed, listed)
    if not all(row.sound for row in rows) or any(state == "survived" for _, state, _ in changed):
        raise typer.Exit(1)


def _rows(claims: list[Claim], seed: int, most: int | None) -> list[Row]:
    from bnverify.base.terminal import track
    from bnverify.numerics.tester.mutants import judge_statement
    from bnverify.theory.mutate import mutants as mutants_of
    from bnverify.theory.mutate import spread, statements

    made = [
        (
            statement,
            spread(mutants_of(statement), most, seed) if most and claim.kind not in THEOREMS else None,
        )
        for claim in claims
        for statement in statements(claim)
    ]
    return [
        judge_statement(statement, seed, chosen)
        for statement, chosen in track(made, len(made), "mutating statements")
    ]


def _derivations() -> list[tuple[str, str, str]]:
    from bnverify.base.terminal import track
    from bnverify.theory.mutate_derivation import derivation_mutants, derivation_verdict

    made = derivation_mutants()
    return [
        (mutant.name, *derivation_verdict(mutant))
        for mutant in track(made, len(made), "mutating the derivation")
    ]


def _data(rows: list[Row], changed: list[tuple[str, str, str]]) -> dict[str, Any]:
    return {
        "statements": [
            {
                "claim": row.statement.claim,
                "about": row.statement.about,
                "op": row.statement.op,
                "skipped": row.skipped,
                "convicted": row.convicted,
                "sound": row.sound,
                "mutants": [
                    {
                        "number": verdict.mutant.number,
                        "kind": verdict.mutant.kind,
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
        "derivation": [{"mutant": name, "state": state, "why": why} for name, state, why in changed],
    }


def _show(rows: list[Row], changed: list[tuple[str, str, str]], listed: bool) -> None:
    from rich.table import Table

    from bnverify.base.terminal import console
    from bnverify.numerics.tester.mutants import totals

    out = console()
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("statement")
    for name in ("mutants", "false", "by numbers", "equivalent", "weaker", "open"):
        table.add_column(name, justify="right")
    for row in rows:
        name = f"{row.statement.claim} {row.statement.about}"
        rest = [str(row.count(proof)) for proof in ("equivalent", "weaker", "open")]
        seen = "-" if row.skipped else str(row.killed)
        style = "" if row.sound else "red"
        table.add_row(name, str(len(row.verdicts)), str(row.count("false")), seen, *rest, style=style)
    out.print(table)
    for reason in dict.fromkeys(row.skipped for row in rows if row.skipped):
        out.print(f"{sum(row.skipped == reason for row in rows)} statements: {reason}", markup=False)
    if listed:
        for row in rows:
            for verdict in row.verdicts:
                if verdict.proof != "false":
                    out.print(
                        f"{verdict.mutant.name} {verdict.mutant.text}: {verdict.proof}, {verdict.why}",
                        markup=False,
                    )
    total = totals(rows)
    out.print(
        f"{sum(len(row.verdicts) for row in rows)} mutants of {len(rows)} statements: {total['false']} false, "
        f"{total['killed by both']} of them caught by the exact room and by the numbers, "
        f"{total['exact alone']} by the exact room alone; "
        f"{total['equivalent']} equivalent, {total['weaker']} weaker but true, {total['open']} open"
    )
    if changed:
        caught = sum(state == "caught" for _, state, _ in changed)
        same = sum(state == "equivalent" for _, state, _ in changed)
        out.print(
            f"{len(changed)} mutants of the derivation: {caught} caught by plain differentiation, "
            f"{same} derive the same, {len(changed) - caught - same} got away"
        )


def falsify(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An id such as thm-4.1.")],
    reading: Annotated[str, typer.Option(help="One reading; all of them by default.")] = "",
    trials: Annotated[int, typer.Option(min=1, help="Random instances of each batch size.")] = 600,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Search for a violation of each reading, shrink it, convict it exactly; exit 1 if a proved one is violated."""
    from bnverify.base.ids import select
    from bnverify.theory.registry import registry

    (name,) = select([identifier], registry(), one=True)
    claim = registry()[name]
    if not claim.readings:
        raise InputError(
            f"{name} has no reading that an instance could violate; `bnverify show {name}` says what it rests on"
        )
    by_slug = {item.slug: item for item in claim.readings}
    chosen = select([reading] if reading else (), by_slug, f"reading of {name}")
    found = [_searched(claim, by_slug[slug], seed, trials) for slug in chosen]
    if as_json:
        print(json.dumps(found, ensure_ascii=False, indent=2))
    else:
        for item in found:
            _tell(item)
    if any(item["contradiction"] for item in found):
        raise typer.Exit(1)


def _searched(claim: Claim, reading: Reading, seed: int, trials: int) -> dict[str, Any]:
    from bnverify.numerics.tester.falsify import falsify as search
    from bnverify.numerics.tester.falsify import sides_at, target_of, universal

    item: dict[str, Any] = {"reading": reading.slug, "summary": reading.summary, "instance": None}
    item |= {"why_not": universal(claim, reading) or "", "contradiction": False}
    if item["why_not"]:
        return item
    target = target_of(claim, reading)
    instance = search(target, seed, trials)
    if instance is not None:
        lhs, rhs = sides_at(target, instance)
        item |= {"instance": instance, "lhs": lhs, "rhs": rhs}
        item["contradiction"] = reading.proof is not None and reading.refutation is None
    return item


def _tell(item: dict[str, Any]) -> None:
    from bnverify.base.terminal import console

    out = console()
    out.print(f"{item['reading']}: {item['summary']}", style="bold", markup=False)
    if item["why_not"]:
        out.print(f"  not searched: {item['why_not']}", markup=False)
    elif item["instance"] is None:
        out.print("  no violation found")
    else:
        verdict = (
            "violated although proved: the kernel contradicts itself" if item["contradiction"] else "violated"
        )
        values = ", ".join(f"{name} = {_flat(value)}" for name, value in item["instance"].items())
        out.print(f"  {verdict} at {values}", markup=False)
        out.print(f"  left side {item['lhs']}, right side {item['rhs']}", markup=False)


def _flat(value: Any) -> str:
    return f"({', '.join(map(_flat, value))})" if isinstance(value, list) else str(value)
