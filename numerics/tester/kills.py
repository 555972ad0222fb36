"""The kill table of the registry where somebody stores it: ``bnverify mutants --all --store`` derives it.

``kills.json`` holds per claim the file that states it, a digest of that file and of its certificates, and of every
proved statement what became of its mutants and of its exact points. The project commits none.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bnverify.theory import store

from bnverify.base.errors import InputError
from bnverify.base.files import write_text

KILLS = Path(__file__).with_name("kills.json")
FORMAT = 1
MOST = 16
"""Mutants of one statement that are judged; the named theorems are judged by all of theirs."""
POINTS = 100
"""Exact points of every equality."""
COUNTS = ("made", "judged", "false", "killed", "exact_alone", "equivalent", "weaker", "open")
NAMED = ("thm", "obs", "lem", "fact")


@dataclass(frozen=True)
class Killed:
    """What is stored of one claim.

    statements: per proved statement ``about``, ``op``, how many mutants there are (``made``) and were ``judged``,
        how many of these are ``false``, ``killed`` (by every room of the setting), ``exact_alone`` (killed where
        there is no room of numbers), ``equivalent``, ``weaker``, ``open``; ``sound``; ``skipped``: why there are no
        numbers, or no mutants; ``true``: text, class and reason of those that are not false; ``points``: see
        `exact_points.Tested`, None for what is no equality for every m.
    without: proofs that hold nothing to change, and why.
    """

    id: str
    file: str
    rests_on: str
    statements: tuple[dict[str, Any], ...]
    without: dict[str, str]

    @property
    def stale(self) -> bool:
        """Whether a source has changed since the table was derived."""
        return self.rests_on != digest(self.file)

    def total(self, name: str) -> int:
        """The sum of a count over the statements."""
        return sum(statement[name] for statement in self.statements)

    @property
    def sound(self) -> bool:
        """Every false mutant caught, no true one and no statement convicted, no equality that differs at a point."""
        return all(one["sound"] and not differs(one) for one in self.statements)


def differs(statement: Mapping[str, Any]) -> bool:
    """Whether the sides of an equality differ at an exact point."""
    return statement["points"] is not None and statement["points"]["differs"] is not None


def digest(file: str) -> str:
    """SHA-256 over the claim file and its certificates; empty if it is gone."""
    return store.digest(file)


def load(path: Path = KILLS) -> dict[str, Killed]:
    """The stored table by id, in the order of `bnverify.theory.store.position`; empty where there is none.

    Raises:
        InputError: the file is there but cannot be read or is not what `save` writes.
    """
    if not path.is_file():
        return {}
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["format"] != FORMAT:
            raise ValueError(f"format {data['format']}")
        return {
            name: Killed(name, one["file"], one["rests_on"], tuple(one["statements"]), one["without"])
            for name, one in data["claims"].items()
        }
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"the kill table {path} cannot be read ({error}); `bnverify mutants --all --store` derives it again"
        ) from None


def save(entries: Iterable[Killed], path: Path = KILLS) -> None:
    """Write the table atomically.

    Raises:
        InputError: the folder cannot be written.
    """
    listed = ",\n".join(
        f"  {json.dumps(one.id)}: {_text(one)}"
        for one in sorted(entries, key=lambda one: store.position(one.id))
    )
    write_text(path, f'{{\n "format": {FORMAT},\n "claims": {{\n{listed}\n }}\n}}\n')


def _text(one: Killed) -> str:
    """One line a statement, so that a change shows where it is."""
    lines = "".join(f"\n    {json.dumps(statement, ensure_ascii=False)}," for statement in one.statements)
    head = {"file": one.file, "rests_on": one.rests_on, "without": one.without}
    return f'{json.dumps(head, ensure_ascii=False)[:-1]}, "statements": [{lines[:-1]}]}}'


def summary(found: Sequence[Killed]) -> str:
    """The table in one sentence."""
    total = {name: sum(one.total(name) for one in found) for name in COUNTS}
    statements = [statement for one in found for statement in one.statements]
    tested = [statement["points"]["points"] for statement in statements if statement["points"]]
    return (
        f"{len(statements)} proved statements of {sum(bool(one.statements) for one in found)} claims: "
        f"{total['judged']} of {total['made']} mutants judged, {total['false']} false, {total['killed']} of these "
        f"caught ({total['exact_alone']} by exact points alone), {total['equivalent']} equivalent, "
        f"{total['weaker']} weaker but true, {total['open']} open; {len(tested)} equalities at {sum(tested)} exact "
        f"points, {sum(differs(one) for one in statements)} of them differ"
    )
