"""What a person typed, looked at before anything slow is loaded: numbers, names, files and folders."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Collection
from pathlib import Path

from bnverify.base.errors import InputError


def at_least(least: int, name: str, value: float | None) -> None:
    """Raises InputError where a number is below ``least``; None is no number."""
    if value is not None and not value >= least:
        raise InputError(f"{name} {value:g}; expected a number from {least} on")


MOST, A_SECOND = 100_000_000, 10_000
"""The most random instances that are drawn, and about how many of a statement are judged in a second."""


def trials(count: int) -> None:
    """Raises InputError where a number of random instances is none, or more than anybody waits for."""
    if count <= 0:
        raise InputError(f"--trials {count} asks for nothing; give a number from 1 on")
    if count > MOST:
        hours = count / A_SECOND / 3600
        raise InputError(
            f"--trials {count} would take about {hours:,.0f} hours a statement; give at most {MOST:,} and other seeds"
        )


def positive(name: str, value: float | None) -> None:
    """Raises InputError where a number is not above 0; None is no number."""
    if value is not None and not value > 0:
        raise InputError(f"{name} {value:g}; expected a number above 0")


def one_of(name: str, value: str | None, known: Collection[str]) -> None:
    """Raises InputError where a word is none of those that are known; None is no word."""
    if value is not None and value not in known:
        raise InputError(f"{name} {value!r} is unknown; expected one of {', '.join(known)}")


def device(text: str | None) -> None:
    """Raises InputError where a text cannot name a device; whether it is there, torch has to say."""
    if text is not None and not re.fullmatch(r"(cpu|cuda|mps|xpu|hpu|meta)(:\d+)?", text):
        raise InputError(f"--device {text!r} is no device; expected cpu, cuda or cuda:N")


def readable(name: str, path: Path | None) -> None:
    """Raises InputError where a file cannot be read; None is no file."""
    if path is None:
        return
    if not path.is_file():
        raise InputError(f"{name} {path}: no such file")
    if not os.access(path, os.R_OK):
        raise InputError(f"{name} {path} cannot be read; its permissions forbid it")


def folder(path: Path | None, what: str) -> None:
    """Raises InputError where a folder is not there; None is no folder."""
    if path is not None and not path.is_dir():
        raise InputError(f"{path}: no such folder; name one that {what}")


def function(name: str, text: str) -> None:
    """Raises InputError where a text is no FILE.py:FUNCTION, or the file is not there; ``name`` is what it gives."""
    file, _, rest = text.rpartition(":")
    if not file or not rest:
        raise InputError(f"{text!r} names no function; expected FILE.py:{name}, for instance model.py:make")
    if not Path(file).is_file():
        raise InputError(f"{file} is not a file; expected a Python file, as FILE.py:{name}")


def writable(path: Path | None, asked: Path | None = None) -> None:
    """Refuse, before the work, a file that could not be written after it.

    ``asked`` is what was typed, where that is another.

    Raises:
        InputError: ``path`` is a folder or a device, or the nearest folder that exists above it cannot be written.
    """
    if path is None:
        return
    above = next(place for place in path.absolute().parents if place.exists())
    try:
        if path.exists() and not path.is_file():  # a rename would take the place of /dev/null itself
            raise OSError
        with tempfile.TemporaryFile(dir=above):  # permissions alone do not say it: nothing is made in /proc
            return
    except OSError:
        raise InputError(
            f"cannot write {asked or path}: it is no plain file or lies where nothing can be written; name another"
        ) from None


def folder_to_write(path: Path | None) -> None:
    """Refuse, before the work, a folder that could not be made or written after it."""
    if path is not None and not path.is_dir():
        if path.exists():
            raise InputError(f"cannot write {path}: it is a file; name a folder")
        writable(path / "file", path)


def own_folder(path: Path | None, mark: str) -> None:
    """`folder_to_write`, and refuse one that holds other files than an earlier run's, whose ``mark`` it has."""
    folder_to_write(path)
    if path is not None and path.is_dir() and any(path.iterdir()) and not any(path.glob(mark)):
        raise InputError(f"{path} holds other files; name a new or an empty folder with --out")
