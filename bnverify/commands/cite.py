"""``cite``: a verdict for somebody's paper or review: BibTeX, an erratum, a script that runs without this package."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bnverify.base.errors import InputError
from bnverify.commands.theory import _stored, completed

if TYPE_CHECKING:
    from bnverify.theory.cases import Case
    from bnverify.theory.store import Stored


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(cite)


FRAGMENT = r"% A fragment: \input it into a document with \usepackage{amsmath,amssymb}."


def cite(
    ids: Annotated[
        list[str],
        typer.Argument(metavar="ID...", help="Ids such as thm-4.1, 4.1 or eq17.", autocompletion=completed),
    ],
    tex: Annotated[bool, typer.Option("--tex", help="The erratum with its proof in LaTeX alone.")] = False,
    bib: Annotated[bool, typer.Option("--bib", help="BibTeX alone.")] = False,
    py: Annotated[bool, typer.Option("--py", help="The counterexample as a script of SymPy alone.")] = False,
) -> None:
    """What a review needs: LaTeX of the erratum, BibTeX of the paper and of us, a stand-alone script."""
    from importlib.metadata import version

    from bnverify.theory.writing.cite import bibtex, erratum

    entries = _stored(ids)
    every = not (tex or bib or py)
    parts = [FRAGMENT, *map(erratum, entries)] if tex or every else []
    if bib or every:
        parts.append(bibtex([entry.item for entry in entries], version("bnverify"), *_state()))
    scripts = {entry.id: script_of(entry) for entry in entries} if py or every else {}
    missing = [why_no_script(entry) for entry in entries if py and not scripts[entry.id]]
    parts += filter(None, scripts.values())
    if missing and not parts:
        raise InputError("; ".join(missing))
    print("\n\n".join(parts))
    for why in missing:
        print(f"bnverify: {why}", file=sys.stderr)


def _state() -> tuple[str, str]:
    """The year, and what tells this state from others: the commit of a checkout, or else a digest of the verdicts."""
    import hashlib
    import shutil
    import subprocess
    from datetime import date

    from bnverify.theory.verdicts import VERDICTS

    root = VERDICTS.parent.parent
    if (root / ".git").exists() and shutil.which("git"):
        command = ["git", "-C", str(root), "log", "-1", "--format=%h %cs", "--abbrev=12"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            commit, day = done.stdout.split()
            return day[:4], f"commit {commit} of {day}"
    digest = hashlib.sha256(VERDICTS.read_bytes()).hexdigest()[:16]
    return str(date.today().year), f"verdicts.json with SHA-256 {digest}"


def script_of(entry: Stored) -> str | None:
    """The script of the counterexample that the erratum prints, or else of the first that can be written as one."""
    from bnverify.theory.writing.script import exact_script, obstacle

    for case in _counterexamples(entry):
        point = case.certificate["point"]
        if not obstacle(case.asked, point):
            return exact_script(f"{entry.id}: {entry.claim.title}", case.asked, point)
    return None


def why_no_script(entry: Stored) -> str:
    """A sentence for a claim without a script, with what to use instead."""
    from bnverify.theory.writing.script import obstacle

    name, found = entry.id, _counterexamples(entry)
    if entry.claim.measured:
        return f"{name} is measured, so no script settles it; `bnverify show {name}` has its figures"
    if not found:
        what = (
            "is refuted by a proof, not at a point" if entry.verdict == "refuted" else "has no counterexample"
        )
        return f"{name} {what}; `bnverify cite {name} --tex` has the proof"
    why = obstacle(found[0].asked, found[0].certificate["point"])
    return (
        f"no script: the counterexample to {name} {why}; `bnverify cite {name} --tex` prints it, "
        f"`bnverify prove {name}` checks it"
    )


def _counterexamples(entry: Stored) -> list[Case]:
    """The smallest exact points at which readings fail, that of the erratum first."""
    from bnverify.theory.cases import cases
    from bnverify.theory.writing.cite import refuting

    place = refuting(entry.item, entry.detail)
    if entry.claim.measured or place is None:
        return []
    found = [case for case in cases(entry.claim) if case.part == "smallest"]
    return sorted(found, key=lambda case: case.reading != entry.claim.readings[place].slug)
