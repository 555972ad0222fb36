"""Files that are either whole or absent: write beside, then rename."""

from __future__ import annotations

import math
import os
import tempfile
from pathlib import Path
from typing import Any

from bnverify.base.errors import InputError


def write_bytes(path: Path, data: bytes) -> None:
    """Write ``data`` to ``path`` atomically; of a link, to where it points.

    Raises:
        InputError: the folder cannot be made or written, the disk is full, or ``path`` is a device or a pipe.
    """
    try:
        if path.exists() and not path.is_file():  # the rename would take the place of /dev/null itself
            raise OSError("it is no plain file")
        target = Path(os.path.realpath(path))
        target.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; name a folder that can be written"
        ) from None
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except OSError as error:
        Path(name).unlink(missing_ok=True)
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; free some space or name another folder"
        ) from None
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def require_folder(path: Path) -> None:
    """Make the folder ``path`` before the work whose results it is for.

    Raises:
        InputError: it cannot be made or written.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path)
    except OSError as error:
        raise InputError(
            f"cannot write to {path}: {error.strerror or error}; name a folder that can be written"
        ) from None
    os.close(handle)
    Path(name).unlink()


def write_text(path: Path, text: str) -> None:
    """Write ``text`` as UTF-8 to ``path`` atomically; raises like `write_bytes`."""
    write_bytes(path, text.encode("utf-8"))


def finite(value: Any) -> Any:
    """Plain data for JSON: None for numbers that are not finite, lists for tuples."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [finite(item) for item in value]
    return value
