"""Committed results of training runs, `notes/results/`, read as data: nothing is judged here (see `experiments/judge`).

``runs-<name>.json`` holds the badges of one reproduction by the rules of today, ``reproduce-<name>.json`` the words
that the first version of the rules gave; those are kept and shown, and count for nothing.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from bnverify.theory.claim import Status

from bnverify.base.errors import InputError

NOTES = Path(__file__).resolve().parent.parent / "notes"
RESULTS = NOTES / "results"
RULES = NOTES / "preregistration-2.toml"
VERSION = 2
SEAL = ',\n "sha256": "'  # What stands between a file and its own hash, see experiments/run/seal.py.
SCALES = ("S0", "S1", "S2")
WORDS = frozenset(
    {
        Status.REPRODUCED,
        Status.TOO_SMALL,
        Status.NO_EFFECT,
        Status.OPPOSITE,
        Status.MIXED,
        Status.UNDERPOWERED,
        Status.NOT_RUN,
    }
)


@dataclass(frozen=True)
class Result:
    """One reproduction: what made it, and its claims as `experiments.judge.summary` stored them."""

    name: str
    command: str
    machine: str
    date: str
    data: str
    note: str
    claims: Mapping[str, dict[str, Any]]


def results(folder: Path = RESULTS) -> tuple[Result, ...]:
    """All results in ``folder``, by name; none where there is none.

    Raises:
        InputError: one cannot be read, is of another version, or has a word that is no verdict.
    """
    return tuple(read(path) for path in sorted(folder.glob("runs-*.json")))


def read(path: Path) -> Result:
    """One file of results; raises like `results`."""
    try:
        text = path.read_text(encoding="utf-8")
        content = json.loads(text)
        if content["version"] != VERSION:
            raise ValueError(f"version {content['version']}, expected {VERSION}")
        body, _, rest = text.rpartition(SEAL)
        if rest.strip() != f'{hashlib.sha256(body.encode()).hexdigest()}"\n}}':
            raise ValueError("it has another hash than was written")
        claims = {claim["id"]: claim for claim in content["claims"]}
        for name, claim in claims.items():
            if claim["verdict"] not in WORDS or claim["scale"] not in SCALES:
                raise ValueError(f"{name} has the verdict {claim['verdict']!r} at {claim['scale']!r}")
        machine = content["machine"]
        return Result(
            path.stem.removeprefix("runs-"),
            content["command"],
            f"{machine['processor']}, {machine['cores']} cores, {machine['device']}, torch {machine['torch']}",
            content["date"],
            ", ".join(content["data"]) or "synthetic data",
            content["note"],
            claims,
        )
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        reason = f"no {error}" if isinstance(error, KeyError) else str(error)
        raise InputError(
            f"{path} is no result of bnverify judge ({reason}); restore the project's own"
        ) from None


@cache
def earlier(folder: Path = RESULTS) -> dict[str, tuple[tuple[str, str], ...]]:
    """Claim -> (run, word) of the first version of the rules.

    Raises:
        InputError: a file of it cannot be read.
    """
    found: dict[str, tuple[tuple[str, str], ...]] = {}
    for path in sorted(folder.glob("reproduce-*.json")):
        try:
            claims = json.loads(path.read_text(encoding="utf-8"))["claims"]
            words = {claim["id"]: claim["verdict"] for claim in claims}
        except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path} cannot be read ({error}); restore the project's own") from None
        for name, word in words.items():
            found[name] = (*found.get(name, ()), (path.stem.removeprefix("reproduce-"), word))
    return found


@cache
def fixed(path: Path = RULES) -> dict[str, dict[str, Any]]:
    """The preregistration as data, by claim.

    Raises:
        InputError: it cannot be read.
    """
    try:
        return {entry["id"]: entry for entry in tomllib.loads(path.read_text(encoding="utf-8"))["claim"]}
    except (OSError, UnicodeDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no preregistration ({error}); restore the project's own") from None
