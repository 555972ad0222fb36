"""The terminal: a console of the right width, and progress bars. Every layer may use it; it knows none of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console

WIDE, NARROW = 120, 40
"""Columns where the output is no terminal and COLUMNS is not set, and the fewest at which a table can be read."""

Item = TypeVar("Item")


def console(stderr: bool = False) -> Console:
    """A console that is as wide as the terminal, and `WIDE` columns wide where there is none."""
    out = Console(stderr=stderr, highlight=False)
    if not out.is_terminal and "COLUMNS" not in os.environ:
        return Console(stderr=stderr, highlight=False, width=WIDE)
    return Console(stderr=stderr, highlight=False, width=NARROW) if out.width < NARROW else out


def track(items: Iterable[Item], total: int, text: str) -> Iterator[Item]:
    """The items, with a progress bar on stderr that leaves nothing behind."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn(text), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console(stderr=True), transient=True) as progress:
        yield from progress.track(items, total=total)
