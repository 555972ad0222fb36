"""``vocabulary``: every name that a statement may use."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(vocabulary)


def vocabulary(
    as_json: Annotated[bool, typer.Option("--json", help="Print a list of items instead of tables.")] = False,
) -> None:
    """Every name of the grammar with symbol, sort, meaning and unit, and every normalisation that has a name."""
    from bnverify.theory.normalisations import NORMALISATIONS
    from bnverify.theory.vocabulary import VOCABULARY

    if as_json:
        items = [
            {
                "name": name.name,
                "symbol": name.symbol,
                "latex": name.latex,
                "sort": str(name.sort),
                "meaning": name.meaning,
                "unit": name.unit,
                "definition": name.text,
            }
            for name in VOCABULARY.values()
        ]
        print(json.dumps(items, ensure_ascii=False, indent=2))
        return
    from rich.markup import escape
    from rich.table import Table

    from bnverify.base.terminal import console

    names = Table("name", "symbol", "sort", "unit", "meaning", box=None)
    for name in VOCABULARY.values():
        meaning = f"{name.meaning}: {name.text}" if name.text else name.meaning
        names.add_row(name.name, name.symbol, str(name.sort), escape(name.unit), meaning)
    layers = Table("normalisation", "definition", box=None)
    for layer in NORMALISATIONS.values():
        layers.add_row(layer.name, layer.text)
    out = console()
    out.print(names)
    out.print()
    out.print(layers)
