"""The terminal: a console of the right width, and progress bars. Every layer may use it; it knows none of them."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

from rich.console import Console

WIDE, NARROW = 120, 40
"""Columns where the output is no terminal and COLUMNS is not set, and the fewest at which a table can be read."""

PAUSE = 10.0
"""Seconds between two lines of progress where stderr is no terminal."""

Item = TypeVar("Item")


class Tick(Protocol):
    """What long work calls as it goes on: the stage, how much of it is done, of how much if known, what was last."""

    def __call__(self, stage: str, done: int, total: int | None, last: str = "") -> None: ...


def laid_out(out: Console) -> bool:
    """Whether lines are made for a width: that of a terminal, or of COLUMNS."""
    return out.is_terminal or "COLUMNS" in os.environ


class _Console(Console):
    """No blanks at the ends of lines in a pipe without a width, and exit code 141 where nobody reads it any more."""

    def print(self, *objects: Any, **options: Any) -> None:
        if laid_out(self):
            super().print(*objects, **options)
            return
        with self.capture() as made:
            super().print(*objects, **options)
        try:
            self.file.write(re.sub(r" +$", "", made.get(), flags=re.MULTILINE))
            self.file.flush()
        except BrokenPipeError:
            self.on_broken_pipe()

    def on_broken_pipe(self) -> None:
        try:
            super().on_broken_pipe()
        except SystemExit:
            raise SystemExit(141) from None


def console(stderr: bool = False) -> Console:
    """A console that is as wide as the terminal, and `WIDE` columns wide where there is none."""
    out = _Console(stderr=stderr, highlight=False)
    if not laid_out(out):
        return _Console(stderr=stderr, highlight=False, width=WIDE)
    return _Console(stderr=stderr, highlight=False, width=NARROW) if out.width < NARROW else out


def track(items: Iterable[Item], total: int, text: str) -> Iterator[Item]:
    """The items, with progress on stderr, see `meter`."""
    with meter() as tick:
        tick(text, 0, total)
        for done, item in enumerate(items, 1):
            yield item
            tick(text, done, total)


@contextmanager
def meter() -> Iterator[Tick]:
    """Progress of long work on stderr: bars that leave nothing behind on a terminal, and a line every `PAUSE` seconds,
    with an estimate of what is left, where stderr is a file or a pipe."""
    out = console(stderr=True)
    if not out.is_terminal:
        yield _lines()
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:<16}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[last]}"),
    )
    with Progress(*columns, console=out, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def tick(stage: str, done: int, total: int | None, last: str = "") -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total, last=last)
            bars.update(tasks[stage], completed=done, total=total, last=last)

        yield tick


def _lines() -> Tick:
    began: dict[str, tuple[float, int]] = {}
    spoken = time.monotonic()

    def tick(stage: str, done: int, total: int | None, last: str = "") -> None:
        nonlocal spoken
        now = time.monotonic()
        start, first = began.setdefault(stage, (now, done))
        if now - spoken < PAUSE:
            return
        spoken, passed = now, now - start
        left = ""
        if total is not None and done > first:
            left = f", about {_clock(passed * (total - done) / (done - first))} left"
        of = f" of {total}" if total is not None else ""
        print(
            f"{stage}: {done}{of}, {_clock(passed)} so far{left}; {last}".removesuffix("; "),
            file=sys.stderr,
            flush=True,
        )

    return tick


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
