"""``report``: verdicts, proofs, counterexamples and bound versus actual in one folder of pages; or, of a folder that
``reproduce`` wrote, the page of the reproduction."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from bnverify.base import options
from bnverify.base.errors import InputError

TRIALS, SEED, DEVICE = 4_000, 0, "cpu"


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(report)


def report(
    folder: Annotated[
        Path | None,
        typer.Argument(
            metavar="DIR",
            help="A folder that bnverify reproduce wrote: its results as one page, DIR/index.html.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="A new or empty folder, or an earlier report; ./report by default, with DIR that folder.",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", help="Random instances per theorem.")] = TRIALS,
    seed: Annotated[int, typer.Option("--seed", help="Of the random instances and the real network.")] = SEED,
    device: Annotated[
        str, typer.Option("--device", help="Where the numbers are computed: cpu, cuda ...")
    ] = DEVICE,
) -> None:
    """Write index.html, report.md and report.json; exit 1 if numbers contradict a certificate.

    With DIR, write the page of that reproduction instead: claims, figures, insertions, protocols, definitions. Where
    runs are missing it shows what is there, names them, and exits with 2.
    """
    options.trials(trials)
    options.device(device)
    options.folder(folder, "bnverify reproduce wrote")
    if folder is None:
        from bnverify.experiments.report.build import MADE_BY
        from bnverify.experiments.report.folder import require_free

        place = (out or Path("report")).expanduser().resolve()
        require_free(place, MADE_BY)
        options.folder_to_write(place)
        _verification(out or Path("report"), trials, seed, device)
    elif (trials, seed, device) != (TRIALS, SEED, DEVICE):
        raise InputError("--trials, --seed and --device are for the report without DIR; leave them out")
    else:
        _reproduction(folder, out)


def _reproduction(folder: Path, out: Path | None) -> None:
    from bnverify.base.terminal import console, meter

    with meter() as tick:
        from bnverify.experiments.report import reproduction_page

        made = reproduction_page.write(folder, out, tick)
    console().print(f"{made.judged} claims judged: {made.page.resolve()}", soft_wrap=True)
    if made.missing:
        shown = "; ".join(made.missing[:3]) + ("; ..." if len(made.missing) > 3 else "")
        raise InputError(
            f"{len(made.missing)} parts of the reproduction are missing, the page names them ({shown}); "
            f"go on with {made.resume}"
        )


def _verification(out: Path, trials: int, seed: int, device: str) -> None:
    from bnverify.base.terminal import console, meter
    from bnverify.commands.display import print_short

    with meter() as tick:
        from bnverify.experiments.report.build import build, measuring
        from bnverify.theory import store

        if not measuring():
            print(
                "bnverify: without torch and matplotlib the report is the pages of the theory alone; "
                "pip install 'bnverify[report]' adds random batches and a real network",
                file=sys.stderr,
            )
        made = build(out, trials, seed, device, tick)
    show = console()
    stored = store.load()
    print_short([stored[entry.item["id"]] for entry in made.claims if entry.named], show)
    others = sum(not entry.named for entry in made.claims)
    show.print()
    show.print(made.summary)
    if others:
        show.print(f"The table above is of the theorems; the other {others} are in the report.")
    show.print(f"The report lies in {out.expanduser().resolve() / 'index.html'}", soft_wrap=True)
    for line in made.failures:
        print(f"bnverify: a check failed: {line}", file=sys.stderr)
    if made.failures:
        raise typer.Exit(1)
