"""``cite``: a verdict for somebody's paper or review: BibTeX, an erratum, a script that runs without this package."""

from __future__ import annotations

from typing import Annotated

import typer

from bnverify.base.errors import InputError
from bnverify.commands.theory import _stored, completed


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
    from importlib.metadata import version

    from bnverify.theory.writing.cite import bibtex, erratum

    entries = _stored(ids)
    every = not (tex or bib or py)
    parts = [erratum(entry) for entry in entries] if tex or every else []
    if bib or every:
        parts.append(bibtex([entry.item for entry in entries], version("bnverify")))
    scripts = {entry.id: script_of(entry.id) for entry in entries} if py or every else {}
    for name, script in scripts.items():
        if script:
            parts.append(script)
        elif py:
            raise InputError(
                f"{name} has no counterexample that a script can show; `bnverify show {name}` has its proof"
            )
    print("\n\n".join(parts))


def script_of(name: str) -> str | None:
    """The script of the first refuted reading that can be written as one."""
    from bnverify.theory.normalisations import NORMALISATIONS
    from bnverify.theory.registry import registry
    from bnverify.theory.writing.script import exact_script, scriptable

    claim = registry()[name]
    for reading in claim.readings:
        text = reading.says
        point = reading.refutation.smallest if reading.refutation is not None else None
        if reading.norm == "batch-norm" and point is not None and not point.extra and scriptable(text):
            return exact_script(f"{claim.id}: {claim.title}", NORMALISATIONS["batch-norm"].text, text, point)
    return None
