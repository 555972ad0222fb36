"""``cite``: a verdict for somebody's paper or review: BibTeX, an erratum, a script that runs without this package."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from bnverify.base.errors import InputError
from bnverify.commands.theory import _stored, completed

if TYPE_CHECKING:
    from bnverify.theory.store import Stored


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(cite)


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
    from datetime import date
    from importlib.metadata import version

    from bnverify.theory.writing.cite import bibtex, erratum

    entries = _stored(ids)
    every = not (tex or bib or py)
    parts = [erratum(entry) for entry in entries] if tex or every else []
    if bib or every:
        parts.append(bibtex([entry.item for entry in entries], version("bnverify"), date.today().year))
    scripts = {entry.id: script_of(entry) for entry in entries} if py or every else {}
    missing = [why_no_script(entry) for entry in entries if py and not scripts[entry.id]]
    parts += filter(None, scripts.values())
    if missing and not parts:
        raise InputError("; ".join(missing))
    print("\n\n".join(parts))
    for why in missing:
        print(f"bnverify: {why}", file=sys.stderr)


def script_of(entry: Stored) -> str | None:
    """The script of the counterexample that the erratum prints, or else of the first that can be written as one."""
    from bnverify.theory.normalisations import NORMALISATIONS
    from bnverify.theory.writing.cite import refuting
    from bnverify.theory.writing.script import exact_script, scriptable

    claim, place = entry.claim, refuting(entry.item, entry.detail)
    if claim.measured or place is None:
        return None
    for reading in (claim.readings[place], *claim.readings):
        text = reading.says
        point = reading.refutation.smallest if reading.refutation is not None else None
        if reading.norm == "batch-norm" and point is not None and not point.extra and scriptable(text):
            given = [hypothesis.says for hypothesis in reading.hypotheses]
            layer = NORMALISATIONS["batch-norm"].text
            return exact_script(f"{claim.id}: {claim.title}", layer, text, point, given)
    return None


def why_no_script(entry: Stored) -> str:
    """A sentence for a claim without a script, with what to use instead."""
    from bnverify.theory.writing.cite import refuting

    name = entry.id
    if entry.claim.measured:
        return f"{name} is measured, so no script settles it; `bnverify show {name}` has its figures"
    if refuting(entry.item, entry.detail) is None:
        return f"{name} has no counterexample; `bnverify cite {name} --tex` has what is proved of it"
    return (
        f"the counterexample to {name} needs more than y, g and H of one batch through BatchNorm (inputs and weights, "
        f"another layer), which a script does not write; "
        f"`bnverify cite {name} --tex` prints it, `bnverify prove {name}` checks it"
    )
