"""A folder that is either whole or absent: built beside its place, then renamed."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bnverify.base.errors import InputError

MARK = "report.json"
"""The file by which an earlier report is known; its ``made_by`` says who wrote it."""


def earlier(folder: Path, made_by: str) -> bool:
    """Whether ``folder`` holds nothing but what an earlier run wrote, as its own list of files says."""
    try:
        data = json.loads((folder / MARK).read_text(encoding="utf-8"))
        listed = set(data["files"]) if data["made_by"] == made_by else set()
    except (OSError, ValueError, KeyError, TypeError):
        return False
    present = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    return present <= listed | {MARK}


def require_free(folder: Path, made_by: str) -> None:
    """Refuse a place that holds something else.

    Raises:
        InputError: ``folder`` is a file, or a folder with other content.
    """
    if folder.is_dir():
        if any(folder.iterdir()) and not earlier(folder, made_by):
            raise InputError(
                f"{folder} exists and holds other files than an earlier report; name a new or empty folder with --out"
            )
    elif folder.exists() or folder.is_symlink():
        raise InputError(f"{folder} is a file; name a folder with --out")


@contextmanager
def building(out: Path, made_by: str) -> Iterator[Path]:
    """A temporary folder beside ``out`` that takes its place when the block ends well, and vanishes otherwise.

    Raises:
        InputError: the place is taken, or its parent cannot be written.
    """
    out = out.expanduser().resolve()
    require_free(out, made_by)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise InputError(
            f"cannot write in {out.parent}: {error.strerror or error}; name another folder with --out"
        ) from None
    try:
        work.chmod(0o755)
        yield work
        _put(work, out, made_by)
    except OSError as error:
        raise InputError(
            f"cannot write {out}: {error.strerror or error}; free some space or name another folder with --out"
        ) from None
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _put(work: Path, out: Path, made_by: str) -> None:
    """Rename ``work`` to ``out``; an earlier report is moved aside first and removed last."""
    require_free(out, made_by)
    if not out.exists():
        work.rename(out)
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        out.rename(aside / "before")
        try:
            work.rename(out)
        except OSError:
            (aside / "before").rename(out)
            raise
    finally:
        shutil.rmtree(aside, ignore_errors=True)
