"""The folder of a reproduction, before anything that trains is loaded."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnverify.base.errors import InputError
from bnverify.base.files import write_text


def begin(folder: Path, preset: str, *, resume: bool) -> None:
    """Take ``folder`` for a reproduction, or go on with the one that it holds; its ``plan.json`` names the preset.

    Raises:
        InputError: it is a file, cannot be written, holds something and ``resume`` is False, or holds no reproduction
        of this preset and ``resume`` is True.
    """
    path = folder / "plan.json"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; name a folder with --out")
    if not resume:
        if folder.exists() and any(folder.iterdir()):
            raise InputError(
                f"{folder} is not empty; add --resume to go on with it or name another folder with --out"
            )
        write_text(path, json.dumps({"preset": preset}) + "\n")
        return
    if path.exists():
        try:
            theirs = json.loads(path.read_text())["preset"]
        except (OSError, ValueError, KeyError, TypeError):
            raise InputError(f"{path} is damaged; begin again in a fresh folder") from None
        if theirs != preset:
            raise InputError(f"{folder} holds preset {theirs}, not {preset}; name it with --preset {theirs}")
    elif not any(folder.glob("*/*/recipe.json")):
        raise InputError(f"{folder} holds no reproduction to go on with; check --out, or leave out --resume")


@contextmanager
def only_with_runs(folder: Path) -> Iterator[None]:
    """What ends at an `InputError` before its first run gives ``folder`` back to the mended command."""
    try:
        yield
    except InputError:
        plan = folder / "plan.json"
        if list(folder.iterdir()) == [plan]:
            plan.unlink()
            folder.rmdir()
        raise
