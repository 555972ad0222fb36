"""``explain``: what a kind of finding means, where its threshold comes from, and what to do."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Annotated

import typer

from bnverify.base.errors import InputError


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(explain)


def explain(
    kind: Annotated[
        str | None, typer.Argument(help="A kind of finding, such as eps-dominates; all of them if none.")
    ] = None,
) -> None:
    """What a finding of the audit means, why its threshold lies where it does, and what to do."""
    from bnverify.base.terminal import console
    from bnverify.numerics.audit.findings.kinds import KINDS
    from bnverify.numerics.audit.findings.words import explained

    screen = console()
    if kind is None:
        for entry in KINDS.values():
            screen.print(f"{entry.name} ({entry.severity}): {entry.why}", markup=False, highlight=False)
        return
    if kind not in KINDS:
        near = get_close_matches(kind, KINDS, n=1, cutoff=0.0)
        raise InputError(
            f"no finding is called {kind!r}; did you mean {near[0]!r}? `bnverify explain` tells of all {len(KINDS)}"
        )
    for line in explained(KINDS[kind]):
        screen.print(line, markup=False, highlight=False)
