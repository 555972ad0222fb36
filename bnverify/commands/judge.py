"""``bnverify judge``: the verdicts of stored runs, by the preregistration or by somebody's own rules."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bnverify.base.errors import InputError

if TYPE_CHECKING:
    from bnverify.experiments.judge.verdicts import Judged


def _judge(
    folder: Annotated[
        Path,
        typer.Argument(
            metavar="DIR", help="Folder that bnverify reproduce wrote, or a summary of one (FILE.json)."
        ),
    ],
    rules: Annotated[
        Path | None, typer.Option("--rules", metavar="FILE.toml", help="What to judge differently.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.json", help="Write the whole record there.")
    ] = None,
    common: Annotated[
        bool, typer.Option("--common", help="Judge the seeds that all networks of a claim have.")
    ] = False,
    note: Annotated[str | None, typer.Option("--note", help="A remark kept in the record.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The whole record on standard output.")] = False,
) -> None:
    """Judge stored runs again, without training: every claim with its badge.

    A rules file has the form of notes/preregistration-2.toml and needs no more than what it changes: tables `claim`
    with an id, and in their table `primary` a size, a window, a statistic. Every byte of the records is checked
    first. A summary keeps the ratio of every seed: margins and tests can be changed on it, other windows need the
    runs.
    """
    from bnverify.base.files import finite, write_text
    from bnverify.base.terminal import track
    from bnverify.experiments.judge import rules as rules_of
    from bnverify.experiments.judge import summary
    from bnverify.experiments.judge.verdicts import judge
    from bnverify.experiments.run import record

    if note is not None and out is None and not as_json:
        raise InputError("--note goes into the record; ask for it with --out FILE.json or --json")
    chosen = rules_of.registered()
    if rules is not None:
        own = rules_of.overridden(chosen, rules)
        changed = [name for name, rule in own.claims.items() if rule != chosen.claims[name]]
        print(f"{rules} changes {', '.join(changed)}; all else is judged as registered", file=sys.stderr)
        chosen = own
    if folder.suffix == ".json" or folder.is_file():
        judged = summary.judge_again(summary.read(folder), chosen)
        if as_json or out is not None:
            raise InputError(f"{folder} is a summary already; --json and --out need the folder of its runs")
        show_badges(judged)
        return
    paths = record.recipes_under(folder)
    runs = [record.read(path.parent) for path in track(paths, len(paths), "reading")] or record.runs_under(
        folder
    )
    unfinished = [run.folder for run in runs if run.result is None]
    if unfinished and not common:
        raise InputError(
            f"{unfinished[0]} has not ended, {len(unfinished)} of {len(runs)} runs; finish them with bnverify "
            "reproduce --resume, or judge the seeds that all networks have with --common"
        )
    judged = judge(chosen, runs, common=common)
    if all(one.verdict == "not-run" for one in judged):
        raise InputError(
            f"no claim rests on the {len(runs)} runs in {folder}; name one that bnverify reproduce wrote"
        )
    if as_json or out is not None:
        command, said = summary.made_by(folder)
        kept = said if note is None else note
        whole = summary.text(finite(summary.summarise(chosen, runs, judged, command, kept)))
        if out is not None:
            write_text(out, whole)
        if as_json:
            print(whole, end="")
            return
    show_badges(judged)


LEGEND = (
    "size [its 95 % interval over the seeds] (what counts, fixed before the runs, or the paper's size); S2 the paper's "
    "networks, S1 thin ones on real pictures, S0 smaller tests; bnverify show ID tells what a claim says and measures"
)


def show_badges(judged: Iterable[Judged]) -> None:
    """A line for every claim that was run, then the names of those that were not."""
    from rich.table import Table
    from rich.text import Text

    from bnverify.base.terminal import console
    from bnverify.experiments.judge import words

    table = Table(box=None, pad_edge=False)
    table.add_column("claim", no_wrap=True)
    table.add_column("badge")
    skipped = []
    for one in judged:
        if one.verdict == "not-run":
            skipped.append(one.rule.id)
        else:
            table.add_row(Text(one.rule.id), Text(words.badge(one)))
    out = console()
    out.print(table)
    if table.row_count:
        out.print(Text(LEGEND, style="dim"))
    if skipped:
        out.print(Text(f"not run: {', '.join(skipped)}"))


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("judge")(_judge)
