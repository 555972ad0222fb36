"""Hashes inside the files of a run, so that one changed byte is found and named.

A line of the metrics ends in ``"hash"``: SHA-256 of the hash before it and of the line itself, the first one starting
from the bytes of ``recipe.json``. A document (``result.json``) ends in ``"sha256"`` of all that stands before. A
checkpoint begins with a line that holds the SHA-256 of the rest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bnverify.base.errors import InputError

Row = dict[str, Any]
_KEY = b', "hash": "'
_DOCUMENT = b',\n "sha256": "'
_MAGIC = b"bnverify checkpoint "
AGAIN = "it was damaged after it was written; run it again in a fresh folder"


def digest(data: bytes) -> str:
    """SHA-256 in hex digits."""
    return hashlib.sha256(data).hexdigest()


def line(before: str, row: Row) -> tuple[bytes, str]:
    """``row`` as a line of the metrics that follows the hash ``before``, and its own hash.

    Raises:
        ValueError: a number is not finite.
    """
    body = json.dumps(row, allow_nan=False).encode()[:-1]
    own = digest(before.encode() + body)
    return body + _KEY + own.encode() + b'"}\n', own


def rows(lines: Iterable[bytes], start: str, path: Path) -> list[Row]:
    """The rows of a metrics file, each with its hash checked; a last line that was cut short is left out.

    Args:
        start: what the first hash follows, see `line`. path: the file, for the message.

    Raises:
        InputError: a line is not what was written there, or has no hash.
    """
    found, before = [], start
    for number, text in enumerate(lines, 1):
        if not text.endswith(b"\n"):
            break
        body, key, rest = text.rpartition(_KEY)
        if not key:
            raise InputError(
                f"{path}: line {number} is damaged or has no hash; if an older version wrote this run, "
                f"python -m bnverify.experiments.run.seal {path.parent} adds them, else run it again in a fresh folder"
            )
        own = digest(before.encode() + body)
        if rest != own.encode() + b'"}\n':
            where = f"line {number}" if number > 1 else "line 1, or recipe.json beside it,"
            raise InputError(f"{path}: {where} has another hash than was written; {AGAIN}")
        found.append(json.loads(body + b"}"))
        before = own
    return found


def last(metrics: bytes, start: str) -> str:
    """The hash of the last whole line of metrics, without checking it; ``start`` where there is none."""
    whole = [text for text in metrics.splitlines(keepends=True) if text.endswith(b"\n")]
    return whole[-1].rpartition(_KEY)[2][:-3].decode() if whole else start


def document(values: Row) -> str:
    """``values`` as JSON, a line each, that ends in its own hash."""
    fields = [f" {json.dumps(key)}: {json.dumps(value, allow_nan=False)}" for key, value in values.items()]
    return closed("{\n" + ",\n".join(fields) + "\n}")


def closed(text: str) -> str:
    """A JSON object, ended by a line with its brace, that ends in its own hash."""
    body = text.rstrip().removesuffix("\n}").encode()
    return (body + _DOCUMENT + digest(body).encode() + b'"\n}\n').decode()


def read_document(path: Path) -> Row:
    """What `document` made of a file, without its hash.

    Raises:
        InputError: it cannot be read, has no hash, or has another hash than was written.
    """
    try:
        text = path.read_bytes()
    except OSError as error:
        raise InputError(
            f"{path} cannot be read ({error.strerror}); run it again in a fresh folder"
        ) from None
    body, key, rest = text.rpartition(_DOCUMENT)
    if not key:
        raise InputError(
            f"{path} is damaged or has no hash; if an older version wrote this run, "
            f"python -m bnverify.experiments.run.seal {path.parent} adds them, else run it again in a fresh folder"
        )
    if rest != digest(body).encode() + b'"\n}\n':
        raise InputError(f"{path} has another hash than was written{_line_of(body)}; {AGAIN}")
    values: Row = json.loads(body + b"\n}")
    return values


def _line_of(body: bytes) -> str:
    """Which line is no JSON any more; nothing where a value alone has changed."""
    try:
        json.loads(body + b"\n}")
    except ValueError as error:
        return f" (line {getattr(error, 'lineno', 1)})"
    return ""


def blob(payload: bytes) -> bytes:
    """A checkpoint: ``payload`` behind a line with its hash."""
    return _MAGIC + digest(payload).encode() + b"\n" + payload


def payload(data: bytes) -> bytes:
    """Inverse of `blob`; ValueError where the bytes are not those that were written."""
    head, _, rest = data.partition(b"\n")
    if head != _MAGIC + digest(rest).encode():
        raise ValueError("another hash than was written")
    return rest


def seal(folder: Path) -> None:
    """Add the hashes to a run that a version without them wrote; what it says is believed.

    Raises:
        InputError: a line of its metrics, or its result, is no JSON.
    """
    from bnverify.base.files import write_bytes, write_text

    metrics, result = folder / "metrics.jsonl", folder / "result.json"
    before = digest((folder / "recipe.json").read_bytes())
    sealed = []
    for number, text in enumerate(metrics.read_bytes().splitlines(), 1):
        try:
            whole, before = line(before, json.loads(text))
        except ValueError as error:
            raise InputError(f"{metrics}: line {number} is no JSON ({error}); run it again") from None
        sealed.append(whole)
    if any(_KEY in text for text in metrics.read_bytes().splitlines()):
        raise InputError(f"{metrics} has hashes already; nothing was changed")
    write_bytes(metrics, b"".join(sealed))
    if result.exists():
        values = {**json.loads(result.read_text()), "metrics_bytes": metrics.stat().st_size}
        write_text(result, document({**values, "metrics_hash": before}))
    # A checkpoint points into the metrics as they were.
    for old in folder.glob("checkpoint-*.pt"):
        old.unlink()


if __name__ == "__main__":
    import sys

    for argument in sys.argv[1:]:
        for found in sorted(Path(argument).glob("**/recipe.json")):
            try:
                seal(found.parent)
            except InputError as error:
                sys.exit(f"bnverify: {error}")
            print(found.parent)
