"""``report``: verdicts, proofs, counterexamples and bound versus actual, in one folder of pages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

STAGES = ("random batches", "a real network", "mutants", "pictures", "pages")


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(report)


def report(
    out: Annotated[Path, typer.Option("--out", help="A new or empty folder, or an earlier report.")] = Path(
        "report"
    ),
    trials: Annotated[int, typer.Option("--trials", help="Random instances per theorem.")] = 10_000,
    seed: Annotated[int, typer.Option("--seed", help="Of the random instances and the real network.")] = 0,
    device: Annotated[
        str, typer.Option("--device", help="Where the numbers are computed: cpu, cuda ...")
    ] = "cpu",
) -> None:
    """Write index.html, report.md and report.json; exit 1 if numbers contradict a certificate."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

    from bnverify.display import claims_table
    from bnverify.terminal import console

    columns = (TextColumn("{task.description:<16}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as bars:
        tasks: dict[str, TaskID] = {stage: bars.add_task(stage, total=None) for stage in STAGES}

        def tick(stage: str, done: int, total: int) -> None:
            bars.update(tasks[stage], completed=done, total=total)

        from bnverify.experiments.report.build import build
        from bnverify.theory import store

        made = build(out, trials, seed, device, tick)
    show = console()
    stored = store.load()
    show.print(claims_table([stored[entry.item["id"]] for entry in made.claims if entry.inline]))
    others = sum(not entry.inline for entry in made.claims)
    show.print()
    show.print(made.summary)
    if others:
        show.print(f"The table above is of the theorems; the other {others} are in the report.")
    show.print(f"The report lies in {out.expanduser().resolve() / 'index.html'}", soft_wrap=True)
    for line in made.failures:
        print(f"bnverify: a check failed: {line}", file=sys.stderr)
    if made.failures:
        raise typer.Exit(1)
