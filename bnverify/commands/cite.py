"""``cite``: a verdict for somebody's paper or review: BibTeX, an erratum, a script that runs without this package."""

from __future__ import annotations

from typing import Annotated

import typer

from bnverify.base.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the commands of this topic."""
    app.command()(cite)


def cite(
    identifier: Annotated[str, typer.Argument(metavar="ID", help="An id such as thm-4.1.")],
    tex: Annotated[bool, typer.Option("--tex", help="The erratum in LaTeX alone.")] = False,
    bib: Annotated[bool, typer.Option("--bib", help="BibTeX alone.")] = False,
    py: Annotated[bool, typer.Option("--py", help="The counterexample as a script of SymPy alone.")] = False,
) -> None:
    """What a review needs: LaTeX of the erratum, BibTeX of the paper and of us, a stand-alone script."""
    from importlib.metadata import version

    from bnverify.commands.theory import _stored
    from bnverify.theory.writing.cite import bibtex, erratum

    (entry,) = _stored([identifier])
    parts = []
    if tex or not (bib or py):
        parts.append(erratum(entry.item))
    if bib or not (tex or py):
        parts.append(bibtex(entry.item, version("bnverify")))
    if py or not (tex or bib):
        script = script_of(entry.id)
        if py and script is None:
            raise InputError(
                f"{entry.id} has no counterexample that a script can show; `bnverify show {entry.id}` has its proof"
            )
        parts += [script] if script else []
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
        if reading.setting == "activations" and point is not None and not point.extra and scriptable(text):
            return exact_script(f"{claim.id}: {claim.title}", NORMALISATIONS["batch-norm"].text, text, point)
    return None
