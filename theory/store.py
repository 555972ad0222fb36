"""Stored evidence: what ``bnverify prove`` verified, readable without SymPy and void once a source changes.

``evidence.json`` holds per claim the file that states it, a digest of the sources the evidence rests on, the item
of `items.item_of` and the detail of `items.detail_of`. The sources of a claim are its own file, the prover, and
every module of `bnverify.theory` that these import, directly or not. Evidence on an empirical claim also rests on
the preregistration and on the committed summaries of training runs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bnverify.base.errors import InputError
from bnverify.base.files import write_text

FOLDER = Path(__file__).resolve().parent
EVIDENCE = FOLDER / "evidence.json"
NOTES = FOLDER.parent / "notes"
FORMAT = 1
_PROVER = ("prove.py", "items.py")
_JUDGE = ("empirical.py", "empirical_items.py")
_IMPORT = re.compile(
    r"^\s*(?:from|import) bnverify\.theory([\w.]*)(?: import (\([^)]*\)|[^\n]*))?", re.MULTILINE
)
_ORDER = ("thm", "obs", "lem", "fact", "def", "eq", "fig", "prose", "blog", "ext")


@dataclass(frozen=True)
class Stored:
    """The evidence on one claim as stored."""

    id: str
    file: str
    rests_on: str
    item: dict[str, Any]
    detail: dict[str, Any]

    @property
    def stale(self) -> bool:
        """Whether a source has changed since the evidence was verified."""
        return self.rests_on != digest(self.file)


@cache
def _imports(file: str) -> frozenset[str]:
    """The files of this package that a file of it imports, relative to the package."""
    found: set[str] = set()
    for match in _IMPORT.finditer(_source(file)):
        path = match[1].strip(".").replace(".", "/")
        names = re.findall(r"\w+", match[2] or "")
        candidates = [f"{path}.py", *(f"{path}/{name}.py".strip("/") for name in names)]
        found |= {name for name in candidates if (FOLDER / name).is_file()}
    return frozenset(found)


@cache
def _source(file: str) -> str:
    return (FOLDER / file).read_text(encoding="utf-8")


def rests_on_runs(file: str) -> bool:
    """Whether training runs judge the claims in ``file``: it states them through `empirical`."""
    return _JUDGE[0] in _imports(file)


def results() -> tuple[Path, ...]:
    """What the evidence on empirical claims rests on besides sources: what was fixed beforehand, and every result."""
    found = (NOTES / "preregistration-2.toml", *sorted((NOTES / "results").glob("r*-*.json")))
    return tuple(path for path in found if path.is_file())


def sources(file: str) -> tuple[str, ...]:
    """The files that the evidence on the claims in ``file`` rests on, sorted."""
    found: set[str] = set()
    waiting = [file, *_PROVER, *(_JUDGE if rests_on_runs(file) else ())]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += _imports(name)
    return tuple(sorted(found))


@cache
def digest(file: str) -> str:
    """SHA-256 over the names and contents of `sources`, and of `results` where runs judge the claims; empty where the
    file is gone."""
    if not (FOLDER / file).is_file():
        return ""
    total = hashlib.sha256()
    for name in sources(file):
        total.update(f"{name}\n{_source(name)}\0".encode())
    for path in results() if rests_on_runs(file) else ():
        total.update(path.name.encode() + b"\n" + path.read_bytes() + b"\0")
    return total.hexdigest()


def claim_files() -> tuple[str, ...]:
    """The files that state claims, relative to the package."""
    return tuple(sorted(f"claims/{path.name}" for path in (FOLDER / "claims").glob("[!_]*.py")))


def position(identifier: str) -> tuple[Any, ...]:
    """The place of a claim in a table: named theorems in the order of the paper, then the rest by kind."""
    prefix, _, rest = identifier.partition("-")
    rank = _ORDER.index(prefix) if prefix in _ORDER else len(_ORDER)
    named = prefix in {"thm", "obs", "lem", "fact"}
    parts = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|[^\W\d]+", rest)
    )
    return (0, parts, rank) if named else (1 + rank, parts, rank)


def load(path: Path = EVIDENCE) -> dict[str, Stored]:
    """All stored evidence by id, in the order of `position`; empty where there is none.

    Raises:
        InputError: the file is there but cannot be read or is not what `save` writes.
    """
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        return {name: Stored(name, **entry) for name, entry in data["claims"].items()}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"stored evidence {path} cannot be read ({error}); `bnverify prove` rebuilds it"
        ) from None


def save(entries: Mapping[str, Stored], path: Path = EVIDENCE) -> None:
    """Write stored evidence atomically.

    Raises:
        InputError: the folder cannot be written.
    """
    claims = {
        name: {key: getattr(entries[name], key) for key in ("file", "rests_on", "item", "detail")}
        for name in sorted(entries, key=position)
    }
    text = json.dumps({"format": FORMAT, "claims": claims}, ensure_ascii=False, indent=1)
    write_text(path, text + "\n")


def unproved(entries: Iterable[Stored]) -> tuple[str, ...]:
    """Files that state claims of which nothing is stored."""
    known = {entry.file for entry in entries}
    return tuple(file for file in claim_files() if file not in known)
