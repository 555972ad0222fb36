"""``claims``, ``show`` and ``prove``: what is claimed, what is true, and why."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bnverify.base.errors import InputError
from bnverify.base.ids import select

if TYPE_CHECKING:
    from bnverify.theory.derive import Derived
    from bnverify.theory.store import Stored


def completed(incomplete: str) -> list[str]:
    """The ids that begin so, for the shell."""
    from bnverify.theory import store
    from bnverify.theory.registry import registry

    return [
        name for name in sorted(registry(), key=store.position) if name.lower().startswith(incomplete.lower())
    ]


Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="[ID]...", help="Ids such as thm-4.1; all if none.", autocompletion=completed),
]


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(claims)
    app.command()(show)
    app.command()(prove)


FEW = 5
"""So many claims are judged anew before they are listed; a whole table says what the kernel said last."""
STACKED = 60
"""Columns below which a claim takes several lines."""
NAMED = ("thm-", "obs-", "lem-", "fact-")
"""How the ids of the theorems begin, which ``claims`` lists where nothing else is asked."""


def claims(
    ids: Ids = None,
    everything: Annotated[bool, typer.Option("--all", help="Every claim, not the theorems alone.")] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print a list of items, of every claim, instead of a table.")
    ] = False,
) -> None:
    """The verdict on the theorems, a line each; --all for every claim, --json for all that is known of them."""
    stored = _stored(ids, anew=0 < len(ids or ()) <= FEW)
    if as_json:
        from bnverify.theory.writing.readers import for_readers

        items = [entry.item | {"for_readers": for_readers(entry.id)} for entry in stored]
        print(json.dumps(items, ensure_ascii=False, indent=2))
    else:
        from bnverify.base.terminal import console
        from bnverify.commands.display import claims_table, print_short, stacked

        out = console()
        narrow = out.width < STACKED
        if ids or everything:
            out.print(stacked(stored) if narrow else claims_table(stored))
        else:
            named = [entry for entry in stored if entry.id.startswith(NAMED)]
            if narrow:
                out.print(stacked(named))
            else:
                print_short(named, out)
            rest = len(stored) - len(named)
            print(f"and {rest} more: `bnverify claims --all`; one in full: `bnverify show {named[0].id}`")
    _warn(stored)


def show(
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Ids such as thm-4.1, 4.1 or eq17.", autocompletion=completed),
    ],
    short: Annotated[
        bool, typer.Option("--short", help="The verdict, what is true instead, and what it means.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="A list of items, with all that is known.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="The formulas alone, in LaTeX.")] = False,
    everything: Annotated[
        bool, typer.Option("--all", help="Also readings that do not count, LaTeX, certificates.")
    ] = False,
) -> None:
    """A claim in full: what it says, whether it is true, what is true instead, why, readings, proof, counterexample.

    Of an empirical claim: its words, sizes and seeds, the endpoint fixed beforehand, what would change the verdict.
    """
    if sum((short, as_json, latex, everything)) > 1:
        raise InputError("--short, --json, --latex and --all are four ways to print; give one of them")
    entries = _stored(ids, anew=True)
    if as_json:
        print(json.dumps([_whole(entry) for entry in entries], ensure_ascii=False, indent=2))
    elif latex:
        from bnverify.theory.writing.claim_page import latex as formulas

        print("\n\n".join(f"% {entry.id}\n{formulas(entry)}" for entry in entries))
    else:
        from bnverify.base.terminal import console
        from bnverify.commands.display_claim import show_page
        from bnverify.theory.writing.claim_page import page

        for number, entry in enumerate(entries):
            if number:
                print()
            show_page(page(entry), console(), short, everything)
    _warn(entries)


def _whole(entry: Stored) -> dict[str, Any]:
    from bnverify.theory.writing.readers import for_readers

    return entry.item | {"for_readers": for_readers(entry.id), "detail": entry.detail}


def prove(
    ids: Ids = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that judge side by side; by default one a core, if it pays."),
    ] = None,
    renew: Annotated[
        bool, typer.Option("--renew", help="First write the certificates anew from the claim files.")
    ] = False,
    rocq: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Prove in Rocq instead: write the files to DIR and compile them there."
        ),
    ] = None,
) -> None:
    """Let the kernel judge every certificate against its claim, from nothing; exit 1 if one does not hold.

    Empirical claims are not proved: their verdicts are read again from the committed results of training runs.
    `python -I theory/kernel.py theory/certificates/santurkar_2018` checks them without the rest of the house.
    """
    from bnverify.base.terminal import console, track
    from bnverify.commands.display import prove_line
    from bnverify.theory import judged, shelf, store, verdicts
    from bnverify.theory.empirical import committed
    from bnverify.theory.registry import registry

    chosen = select(ids or (), sorted(registry(), key=store.position))
    if rocq is not None:
        _prove_in_rocq(rocq, chosen)
        return
    if renew and not verdicts.in_checkout():
        raise InputError(
            "--renew writes certificates beside the claims, and an installed package is left as it is; use a checkout"
        )
    if any(registry()[name].measured for name in chosen):
        committed()  # a damaged result is said at once, not after the proofs
    if renew:
        shelf.save(chosen)
    judged.shelved()  # and so is a damaged certificate
    out = console()
    found: list[Derived] = []
    start = time.perf_counter()
    for derived in track(_derivations(chosen, jobs or _workers(len(chosen))), len(chosen), "judging"):
        found.append(derived)
        out.print(prove_line(derived))
    sound = [
        (registry()[item.id], item.evidence) for item in found if item.runs is None and not item.failures
    ]
    known = [(claim, verdicts.recalled(claim), evidence) for claim, evidence in sound]
    forged = [claim.id for claim, said, evidence in known if said not in (None, evidence)]
    if verdicts.in_checkout() and any(said != evidence for _, said, evidence in known):
        try:
            verdicts.keep(sound)
        except InputError as error:
            print(f"bnverify: the verdicts are not written down: {error}", file=sys.stderr)
    seconds = time.perf_counter() - start
    failed = [item for item in found if item.failures]
    out.print(_tally(found, failed, seconds), soft_wrap=True)
    if forged:
        print(
            f"bnverify: of {', '.join(forged)} {verdicts.VERDICTS} said what the kernel does not say: it was edited",
            file=sys.stderr,
        )
    if failed or forged:
        raise typer.Exit(1)


def _prove_in_rocq(folder: Path, chosen: list[str]) -> None:
    from bnverify.theory.rocq.check import check

    say, complain = lambda line: print(line, flush=True), lambda line: print(line, file=sys.stderr)
    if check(folder, say, complain, chosen) is None:
        raise typer.Exit(1)


def _tally(found: list[Derived], failed: list[Derived], seconds: float) -> str:
    """How many claims were verified, and how many rest on results of runs instead."""
    proved, judged = (
        [item for item in found if item.runs is None],
        [item for item in found if item.runs is not None],
    )
    lines = []
    if proved:
        lines.append(f"{len(proved) - len(failed)} of {len(proved)} claims verified in {seconds:.1f} s")
    if judged:
        runs = sorted({name for item in judged for name in item.runs or ()})
        noun = "claim rests" if len(judged) == 1 else "claims rest"
        lines.append(
            f"{len(judged)} empirical {noun} on results of training runs"
            + (f" ({', '.join(runs)})" if runs else ", of which there is none yet")
            + ": read, not proved; `bnverify judge DIR` judges runs again"
        )
    return "\n".join(lines)


def _derivations(chosen: list[str], jobs: int) -> Iterator[Derived]:
    from bnverify.theory.derive import derive

    if jobs == 1 or len(chosen) == 1:
        yield from map(derive, chosen)
        return
    import multiprocessing
    import signal

    # Workers inherit that an interrupt is ignored: the parent alone answers it, and ends them.
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        pool = multiprocessing.get_context("spawn").Pool(min(jobs, len(chosen)))
    finally:
        signal.signal(signal.SIGINT, usual)
    with pool:
        yield from pool.imap(derive, chosen)


def _workers(count: int) -> int:
    """A process takes about as long to start as ten claims take to derive."""
    return max(1, min(os.cpu_count() or 1, count // 10))


def _stored(ids: list[str] | None, anew: bool = False) -> list[Stored]:
    from bnverify.theory import store
    from bnverify.theory.registry import registry

    return list(store.load(select(ids or (), sorted(registry(), key=store.position)), anew).values())


def _warn(entries: list[Stored]) -> None:
    stale = [entry.id for entry in entries if entry.stale]
    if stale:
        named = ", ".join(stale) if len(stale) <= 5 else f"{', '.join(stale[:3])} and {len(stale) - 3} more"
        print(
            f"bnverify: {named} changed since `bnverify prove`; the verdict was judged again just now",
            file=sys.stderr,
        )
