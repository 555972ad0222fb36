"""``claims``, ``show`` and ``prove``: what is claimed, what is true, and why."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from bnverify.base.errors import InputError
from bnverify.base.ids import select

if TYPE_CHECKING:
    from bnverify.theory.derive import Derived
    from bnverify.theory.store import Stored

Ids = Annotated[list[str] | None, typer.Argument(metavar="[ID]...", help="Ids such as thm-4.1; all if none.")]


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(claims)
    app.command()(show)
    app.command()(prove)


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
    stored = _stored(ids)
    if as_json:
        from bnverify.theory.writing.readers import for_readers

        items = [entry.item | {"for_readers": for_readers(entry.id)} for entry in stored]
        print(json.dumps(items, ensure_ascii=False, indent=2))
    else:
        from bnverify.base.terminal import console
        from bnverify.commands.display import claims_table, short_table

        if ids or everything:
            console().print(claims_table(stored))
        else:
            named = [entry for entry in stored if entry.id.startswith(NAMED)]
            console().print(short_table(named))
            rest = len(stored) - len(named)
            print(f"and {rest} more: `bnverify claims --all`; one in full: `bnverify show {named[0].id}`")
    _warn(stored, everything=not ids)


def show(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An id such as thm-4.1.")],
) -> None:
    """One claim in full: quotation, readings, proof, counterexample, corrected statement, LaTeX.

    Of an empirical claim: its words, the endpoint fixed beforehand, sizes, seeds, and what would change the verdict.
    """
    from bnverify.base.terminal import console
    from bnverify.commands.display_claim import show_claim
    from bnverify.commands.display_empirical import show_empirical

    (entry,) = _stored([identifier])
    show = show_empirical if "measured" in entry.detail else show_claim
    show(entry, console())
    _warn([entry], everything=False)


def prove(
    ids: Ids = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Processes that derive side by side; by default one a core, if it pays."),
    ] = None,
) -> None:
    """Re-derive every certificate and counterexample from nothing; exit 1 if one no longer holds.

    Empirical claims are not proved: their verdicts are read again from the committed results of training runs.
    """
    from bnverify.base.terminal import console, track
    from bnverify.commands.display import prove_line
    from bnverify.theory import store
    from bnverify.theory.empirical import committed
    from bnverify.theory.registry import registry

    known = sorted(registry(), key=store.position)
    chosen = select(ids or (), known)
    if any(registry()[name].measured for name in chosen):
        committed()  # a damaged result is said at once, not after the proofs
    before = _load_or_nothing()
    out = console()
    found: list[Derived] = []
    start = time.perf_counter()
    for derived in track(_derivations(chosen, jobs or _workers(len(chosen))), len(chosen), "deriving"):
        found.append(derived)
        out.print(prove_line(derived, before.get(derived.id)))
    sound = {item.id: item.stored for item in found if item.stored is not None and not item.failures}
    kept = {name: entry for name, entry in before.items() if name in known}
    after = kept | sound
    if after != before:
        try:
            store.save(after)
        except InputError as error:
            print(f"bnverify: the evidence is not stored: {error}", file=sys.stderr)
    seconds = time.perf_counter() - start
    failed = [item for item in found if item.failures]
    out.print(_tally(found, failed, seconds), soft_wrap=True)
    if failed:
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


def _load_or_nothing() -> dict[str, Stored]:
    from bnverify.theory import store

    try:
        return store.load()
    except InputError:
        return {}


def _stored(ids: list[str] | None) -> list[Stored]:
    from bnverify.theory import store

    entries = store.load()
    missing = [name for name in ids or () if name not in entries]
    if missing and store.unproved(entries.values()):
        from bnverify.theory.registry import registry

        for name in missing:
            if name in registry():
                raise InputError(f"{name} has no stored evidence yet; `bnverify prove {name}` derives it")
    if not entries:
        raise InputError("there is no stored evidence; `bnverify prove` derives it")
    return [entries[name] for name in select(ids or (), entries)]


def _warn(entries: list[Stored], everything: bool) -> None:
    from bnverify.theory import store

    stale = [entry.id for entry in entries if entry.stale]
    if stale:
        named = ", ".join(stale) if len(stale) <= 5 else f"{', '.join(stale[:3])} and {len(stale) - 3} more"
        print(
            f"bnverify: stale evidence on {named}: a source changed since it was verified; "
            f"`bnverify prove` rebuilds it",
            file=sys.stderr,
        )
    if everything and (files := store.unproved(entries)):
        print(
            f"bnverify: no evidence yet on {', '.join(files)}; `bnverify prove` derives it", file=sys.stderr
        )
