"""The small, committable record of a reproduction: verdicts, cells, seeds, and the command, machine and
date."""

from __future__ import annotations

import datetime
import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bnverify.experiments.judge.verdicts import Cell, Judged, Shelf, judge
from bnverify.experiments.measure import effects
from bnverify.experiments.run import record
from bnverify.experiments.run.record import Row, Run
from bnverify.theory.preregistered import PREREGISTRATION, preregistration

from bnverify.base.errors import InputError
from bnverify.base.files import write_text


def summarise(runs: list[Run], judged: list[Judged], command: str, note: str = "") -> Row:
    """Plain data: what ran where, and for every claim its verdict and cells, with the ratio of every seed.

    Args:
        command: the command line that made the runs. note: what a reader of the wall times has to know.
    """
    environments = [run.environment for run in runs if run.environment]
    first = environments[0] if environments else {}
    data = sorted({e["data"]["name"] for e in environments if e.get("data")})
    finished = [run for run in runs if run.result is not None]
    return {
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "note": note,
        "machine": {k: first.get(k) for k in ("processor", "cores", "device", "python", "torch", "commit")},
        "data": data,
        "runs": len(runs),
        "finished": len(finished),
        "diverged": sorted(
            str(run.folder.name) for run in finished if run.result and run.result["status"] == "diverged"
        ),
        "effects": [_rounded(row) for row in effects.table(Shelf(runs))],
        "training_seconds": round(sum(run.result["seconds"] for run in finished if run.result)),
        "claims": [_claim(one) for one in judged],
    }


def _claim(judged: Judged) -> Row:
    claim = judged.claim
    return {
        "id": claim.id,
        "place": claim.place,
        "quotation": claim.quote,
        "paper": claim.paper,
        "verdict": judged.verdict,
        "p": _short(judged.p),
        "p_holm": _short(judged.p_holm),
        "cells": [_cell(cell) for cell in judged.cells],
    }


def _cell(cell: Cell) -> Row:
    row: dict[str, Any] = asdict(cell)
    row["log_ratios"] = {str(k): v if v is None else round(v, 4) for k, v in cell.log_ratios.items()}
    if row["comparison"] is not None:
        row["comparison"] = {k: _short(v) for k, v in row["comparison"].items()}
    return row


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) and math.isfinite(value) else value


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return _short(value)


def text(summary: Row) -> str:
    """The summary as JSON with a line for every field, claim and cell, so that changes can be read."""
    head = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in summary.items() if key != "claims"]
    claims = []
    for claim in summary["claims"]:
        fields = [
            f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in claim.items() if key != "cells"
        ]
        cells = ",\n".join(f"    {json.dumps(cell)}" for cell in claim["cells"])
        claims.append("  {\n" + ",\n".join([*fields, '   "cells": [\n' + cells + "\n   ]"]) + "\n  }")
    return "{\n" + ",\n".join([*head, ' "claims": [\n' + ",\n".join(claims) + "\n ]"]) + "\n}\n"


def read(path: Path) -> Row:
    """A summary that `write` wrote; InputError if it is missing or damaged."""
    try:
        summary: Row = json.loads(path.read_text())
        if "claims" not in summary or "command" not in summary:
            raise ValueError("no claims or no command in it")
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path} is no summary of a reproduction ({error}); bnverify figures writes one"
        ) from None
    return summary


def write(
    folder: Path, command: str | None = None, note: str = "", path: Path = PREREGISTRATION
) -> tuple[Row, list[Judged]]:
    """Judge the finished runs below ``folder`` and write ``folder/summary.json``; raises like `judge`.

    Without a command, that of the summary which is there already is kept, with its note.
    """
    runs = record.runs_under(folder)
    if command is None:
        old = folder / "summary.json"
        kept = json.loads(old.read_text()) if old.exists() else {}
        command, note = kept.get("command", "unknown"), kept.get("note", "")
    judged = judge(preregistration(path).values(), runs)
    summary = record.finite(summarise(runs, judged, command, note))
    write_text(folder / "summary.json", text(summary))
    return summary, judged
