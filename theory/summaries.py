"""Committed summaries of training runs, `notes/results/reproduce-*.json`: read, checked, and judged anew.

Nothing is taken on trust but the log ratio of every seed: the comparison of each cell, its decision, Holm's
adjustment over the family and the verdict are recomputed from these and from what was fixed beforehand, and a summary
that says otherwise is refused.
"""

from __future__ import annotations

import datetime
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bnverify.theory.claim import Status
from bnverify.theory.paired import LEVEL, Comparison, contradiction, holm
from bnverify.theory.preregistered import NOTES, Fixed, Key, preregistration

from bnverify.base.errors import InputError

RESULTS = NOTES / "results"
PATTERN = "reproduce-*.json"
NOT_JUDGED = "not judged on this data"


@dataclass(frozen=True)
class Cell:
    """One test in one place. ``missing`` says why seeds lack the statistic; a cell that lacks any cannot hold.

    p_holm: adjusted over the cells of the claim. decision: holds, fails or undecided.
    """

    key: Key
    log_ratios: tuple[tuple[str, float | None], ...]
    comparison: Comparison | None
    missing: str
    p_holm: float = 1.0
    decision: str = "undecided"


@dataclass(frozen=True)
class Judged:
    """A claim on one data set. p: the largest of its cells', for all have to hold. p_holm: over the family.

    verdict: reproduced, partly, not-reproduced or open; what it would be, where the data must not judge it.
    """

    fixed: Fixed
    cells: tuple[Cell, ...]
    p: float
    p_holm: float
    verdict: Status

    def count(self, decision: str) -> int:
        """How many cells have this decision."""
        return sum(cell.decision == decision for cell in self.cells)


@dataclass(frozen=True)
class Summary:
    """What ran where, and what it says of every claim that it is about.

    data: the name of the data set, or "synthetic" where there is none.
    """

    name: str
    data: str
    command: str
    machine: str
    date: str
    note: str
    claims: Mapping[str, Judged]


def summaries(folder: Path = RESULTS, path: Path | None = None) -> tuple[Summary, ...]:
    """All summaries in ``folder``, by name; none where there is none.

    Args:
        path: the preregistration they are judged by; the project's own by default.

    Raises:
        InputError: a summary cannot be read, speaks of claims or tests that were not fixed beforehand, or contradicts
            its own seeds.
    """
    fixed = preregistration(path) if path else preregistration()
    return tuple(read(file, fixed) for file in sorted(folder.glob(PATTERN)))


def read(path: Path, fixed: Mapping[str, Fixed]) -> Summary:
    """One summary; raises like `summaries`."""
    try:
        return _summary(path, json.loads(path.read_text(encoding="utf-8")), fixed)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, ArithmeticError) as error:
        reason = f"no field {error}" if isinstance(error, KeyError) else error
        raise InputError(
            f"{path} is not the summary of a reproduction as it was written ({reason}); "
            f"`bnverify figures DIR` writes it anew from the runs"
        ) from None


def _summary(path: Path, data: dict[str, Any], fixed: Mapping[str, Fixed]) -> Summary:
    if len(data["data"]) > 1:
        raise ValueError(f"it mixes the data sets {', '.join(data['data'])}")
    name = data["data"][0] if data["data"] else "synthetic"
    datetime.date.fromisoformat(data["date"])
    machine = data["machine"]
    if not isinstance(data["claims"], list):
        raise ValueError("its claims are no list")
    judged: dict[str, Judged] = {}
    for entry in data["claims"]:
        if entry["id"] not in fixed:
            raise ValueError(f"nothing was fixed beforehand for the claim {entry['id']!r}")
        if entry["id"] in judged:
            raise ValueError(f"it holds the claim {entry['id']} twice")
        judged[entry["id"]] = _judged(entry, fixed[entry["id"]])
    for one, p_holm in zip(judged.values(), holm([one.p for one in judged.values()]), strict=True):
        judged[one.fixed.id] = replace(one, p_holm=p_holm, verdict=verdict_of(one.cells, p_holm))
    for entry in data["claims"]:
        _agrees(entry, judged[entry["id"]], name)
    return Summary(
        name=path.stem.removeprefix("reproduce-"),
        data=name,
        command=str(data["command"]),
        machine=f"{machine['processor']}, {machine['cores']} cores, {machine['device']}, torch {machine['torch']}, "
        f"commit {str(machine['commit'] or 'unknown')[:12]}",
        date=data["date"],
        note=str(data["note"]),
        claims=judged,
    )


def _judged(entry: dict[str, Any], fixed: Fixed) -> Judged:
    keys = fixed.cells()
    if sorted(map(repr, keys)) != sorted(repr(_key(row)) for row in entry["cells"]):
        raise ValueError(f"the cells of {fixed.id} are not the {len(keys)} that were fixed beforehand")
    cells = [_cell(row) for row in entry["cells"]]
    adjusted = iter(holm([cell.comparison.p for cell in cells if cell.comparison is not None]))
    decided = tuple(cell if cell.comparison is None else _decided(cell, next(adjusted)) for cell in cells)
    p = max(1.0 if cell.comparison is None or cell.missing else cell.comparison.p for cell in cells)
    return Judged(fixed, decided, p, 1.0, Status.OPEN)


def _key(row: dict[str, Any]) -> Key:
    return (
        str(row["model"]),
        str(row["statistic"]),
        str(row["of"]),
        row["against"] if isinstance(row["against"], str) else float(row["against"]),
        str(row["claim"]),
        float(row["bound"]),
        str(row["phase"]),
        float(row["lr"]),
    )


def _cell(row: dict[str, Any]) -> Cell:
    key = _key(row)
    seeds = tuple((str(k), None if v is None else float(v)) for k, v in row["log_ratios"].items())
    there = [value for _, value in seeds if value is not None]
    if bool(row["missing"]) != (len(there) < max(2, len(seeds))):
        raise ValueError(
            f"{_named(key)}: {len(there)} of {len(seeds)} seeds, yet missing: {row['missing']!r}"
        )
    if (row["comparison"] is None) != (len(there) < 2):
        raise ValueError(f"{_named(key)}: a comparison needs two seeds, and two seeds give one")
    if row["comparison"] is None:
        return Cell(key, seeds, None, str(row["missing"]))
    comparison = _comparison(row["comparison"])
    if odd := contradiction(comparison, there, key[4], key[5]):
        raise ValueError(f"{_named(key)}: {odd}")
    return Cell(key, seeds, comparison, str(row["missing"]))


def _comparison(row: dict[str, Any]) -> Comparison:
    ratio, low, high = (
        math.inf if row[name] is None else float(row[name]) for name in ("ratio", "low", "high")
    )
    return Comparison(int(row["n"]), ratio, low, high, float(row["p"]), bool(row["fails"]))


def _decided(cell: Cell, p_holm: float) -> Cell:
    assert cell.comparison is not None
    holds = p_holm <= LEVEL and not cell.missing
    decision = "fails" if cell.comparison.fails else "holds" if holds else "undecided"
    return replace(cell, p_holm=p_holm, decision=decision)


def _named(key: Key) -> str:
    model, statistic, of, against, *_, phase, lr = key
    return f"{statistic} of {model} {of} against {against}, {phase}, learning rate {lr:g}"


def verdict_of(cells: tuple[Cell, ...], p_holm: float) -> Status:
    """Reproduced against the whole family; else partly where some cells hold and others do not, not-reproduced where
    none holds and one fails, open where nothing is decided or all hold within the claim alone."""
    decisions = {cell.decision for cell in cells}
    if p_holm <= LEVEL:
        return Status.REPRODUCED
    if "holds" in decisions:
        return Status.PARTLY if len(decisions) > 1 else Status.OPEN
    return Status.NOT_REPRODUCED if "fails" in decisions else Status.OPEN


def _agrees(entry: dict[str, Any], judged: Judged, data: str) -> None:
    """Whether a summary's own words are what follows from its numbers."""
    found = [cell.decision for cell in judged.cells]
    said = [row["decision"] for row in entry["cells"]]
    for cell, mine, theirs in zip(judged.cells, found, said, strict=True):
        if mine != theirs:
            raise ValueError(f"{judged.fixed.id}, {_named(cell.key)}: it says {theirs}, its numbers {mine}")
    for name, p in (("p", judged.p), ("p_holm", judged.p_holm)):
        if not abs(entry[name] - p) <= 1e-3 * p:
            raise ValueError(f"{judged.fixed.id}: it says {name} = {entry[name]:g}, its numbers {p:g}")
    verdict = str(judged.verdict) if judged.fixed.judged_on(data) else NOT_JUDGED
    if entry["verdict"] != verdict:
        raise ValueError(f"{judged.fixed.id}: it says {entry['verdict']}, its numbers {verdict}")
