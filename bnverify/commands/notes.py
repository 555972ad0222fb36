"""``notes``: the table of claims, the errata, the derivations and a picture, written from stored evidence."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Annotated

import typer

from bnverify.base import options
from bnverify.base.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(notes)


@cache
def pages() -> Mapping[str, str]:
    """File name -> text of every generated note; stored evidence does not change while a process runs.

    Raises:
        InputError: there is no stored evidence.
    """
    from bnverify.experiments.report.html import picture_file
    from bnverify.theory import store
    from bnverify.theory.derivations import derivations
    from bnverify.theory.notes import claims_table, errata

    entries = store.load()
    if not entries:
        raise InputError("there is no stored evidence; `bnverify prove` derives it")
    return {
        "claims.md": claims_table(entries.values()),
        "errata.md": errata(entries.values()),
        "derivations.md": derivations(entries),
        "theorem-4.1.svg": picture_file(entries["thm-4.1"]),
    }


def conjectures_page() -> dict[str, str]:
    """The page of decided conjectures; it takes half a minute."""
    from bnverify.theory.decide.conjectures import decided, note

    return {"conjectures.md": note(decided())}


def decided_page() -> dict[str, str]:
    """The registry decided anew; it takes some minutes."""
    import sys

    from bnverify.theory.decide.registered import table

    return {"results/decide-registry.md": table(progress=lambda text: print(text, file=sys.stderr))}


def notes(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("notes"),
    conjectures: Annotated[
        bool,
        typer.Option("--conjectures", help="Decide thirty conjectures anew, and write conjectures.md alone."),
    ] = False,
    decided: Annotated[
        bool,
        typer.Option(
            "--decided", help="Decide the registry anew, and write results/decide-registry.md alone."
        ),
    ] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a note is stale.")] = False,
) -> None:
    """Write claims.md, errata.md and derivations.md from stored evidence."""
    from bnverify.base.files import write_text

    options.folder_to_write(out)
    stale, absent = [], []
    for name, text in (conjectures_page() if conjectures else decided_page() if decided else pages()).items():
        path = out / name
        if check:
            if not path.is_file():
                absent.append(str(path))
            elif path.read_text(encoding="utf-8") != text:
                stale.append(str(path))
        else:
            write_text(path, text)
            print(f"wrote {path}")
    for word, paths in (("stale", stale), ("absent", absent)):
        if paths:
            print(f"{word}: {', '.join(paths)}; `bnverify notes` writes them anew")
    if stale or absent:
        raise typer.Exit(1)
