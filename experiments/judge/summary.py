"""The small, committable record of a reproduction: for every claim its badge, the log ratio of every seed, and the
command, machine and date that made it."""

from __future__ import annotations

import datetime
import json
import math
from pathlib import Path
from typing import Any

from bnverify.experiments.judge import fields, words
from bnverify.experiments.judge import rules as rules_of
from bnverify.experiments.judge.badges import answer
from bnverify.experiments.judge.ranks import Estimate
from bnverify.experiments.judge.rules import Endpoint, Rules
from bnverify.experiments.judge.verdicts import Cell, Judged, after_holm, judge, judged_of
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.run import record, seal
from bnverify.experiments.run.record import Row, Run

from bnverify.base.errors import InputError
from bnverify.base.files import finite, write_text

VERSION = 2


def summarise(rules: Rules, runs: list[Run], judged: list[Judged], command: str, note: str = "") -> Row:
    """Plain data: what ran where, by which rules, and for every claim its badge and the log ratio of every seed.

    Args:
        command: the command line that made the runs. note: what a reader of the wall times has to know.
    """
    environments = [run.environment for run in runs if run.environment]
    first = environments[0] if environments else {}
    finished = [run for run in runs if run.result is not None]
    return {
        "version": VERSION,
        "command": command,
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "note": note,
        "rules": {"date": rules.date.isoformat(), "sha256": rules.sha256, "own": rules.own},
        "machine": {k: first.get(k) for k in ("processor", "cores", "device", "python", "torch", "commit")},
        "data": sorted({e["data"]["name"] for e in environments if e.get("data")}),
        "runs": len(runs),
        "finished": len(finished),
        "diverged": sorted(
            _path(run) for run in finished if run.result and run.result["status"] == "diverged"
        ),
        "effects": [_rounded(row) for row in fields.table(Shelf(runs))],
        "training_seconds": round(sum(run.result["seconds"] for run in finished if run.result)),
        "claims": [claim(one) for one in judged],
    }


def _path(run: Run) -> str:
    return f"{run.folder.parent.name}/{run.folder.name}"


def claim(one: Judged) -> Row:
    """A judged claim as plain data; theory reads no more than this."""
    rule, endpoint = one.rule, one.rule.primary
    return {
        "id": rule.id,
        "family": rule.family,
        "place": rule.place,
        "quotation": rule.quote,
        "verdict": one.verdict,
        "badge": words.badge(one),
        "scale": one.scale,
        "seeds": one.seeds,
        "needs": one.needs,
        "asked": endpoint.seeds,
        "counts": words.counts_from(endpoint),
        "paper": rule.paper,
        "argued": rule.argued,
        "endpoint": _endpoint(endpoint),
        "p": _short(one.p),
        "p_holm": _short(one.p_holm),
        "change": words.change(one),
        "cells": [_cell(cell) for cell in one.cells],
        "parts": [_cell(cell) for cell in one.parts],
        "grid": [_cell(cell) for cell in one.grid],
        "curve": [
            {"at": round(at, 4), **_estimate(estimate), "towards": towards}
            for at, estimate, towards in one.curve
        ],
    }


def _endpoint(one: Endpoint) -> Row:
    return {
        "model": one.model,
        "statistic": one.statistic,
        "of": list(one.of),
        "against": list(one.against),
        "lr": one.lr,
        "window": list(one.window),
        "over": one.over,
        "weights": one.weights,
        "mode": one.mode,
        "direction": one.direction,
        "size": one.size,
        "design": one.design,
        "test": one.test,
    }


def _cell(cell: Cell) -> Row:
    found: Row = {
        "name": cell.name,
        "statistic": cell.endpoint.statistic,
        "of": cell.of,
        "against": cell.against,
        "word": cell.word,
        "missing": cell.missing,
        **({"least": True} if cell.least else {}),
        "log_ratios": {str(seed): _number(value, 4) for seed, value in cell.log_ratios.items()},
    }
    if cell.answer is not None:
        found |= {"size": words.said(cell), **_estimate(cell.answer.estimate), "p": _short(cell.answer.p)}
    return found


def _estimate(estimate: Estimate) -> Row:
    return {k: _number(getattr(estimate, k), 4) for k in ("centre", "low", "high")}


def _number(value: float, digits: int) -> float | str | None:
    if math.isnan(value):
        return None
    return round(value, digits) if math.isfinite(value) else "inf" if value > 0 else "-inf"


def _short(value: Any) -> Any:
    return float(f"{value:.4g}") if isinstance(value, float) and math.isfinite(value) else value


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    return _short(value)


def text(summary: Row) -> str:
    """The summary as JSON with a line for every field, cell and claim that was not run, so that changes can be read,
    and its hash."""
    lists = ("cells", "parts", "grid")
    head = [f" {json.dumps(key)}: {json.dumps(value)}" for key, value in summary.items() if key != "claims"]
    claims = []
    for one in summary["claims"]:
        if one["verdict"] == "not-run":
            claims.append(f"  {json.dumps(one)}")
            continue
        fields = [
            f"   {json.dumps(key)}: {json.dumps(value)}" for key, value in one.items() if key not in lists
        ]
        for key in lists:
            rows = ",\n".join(f"    {json.dumps(row)}" for row in one[key])
            fields.append(f"   {json.dumps(key)}: [" + (f"\n{rows}\n   " if rows else "") + "]")
        claims.append("  {\n" + ",\n".join(fields) + "\n  }")
    return seal.closed("{\n" + ",\n".join([*head, ' "claims": [\n' + ",\n".join(claims) + "\n ]"]) + "\n}\n")


def read(path: Path) -> Row:
    """A summary that `write` wrote; InputError if it is missing, damaged by as much as a byte, or of an older form."""
    try:
        version = json.loads(path.read_text()).get("version", 1)
    except (OSError, ValueError, AttributeError) as error:
        raise InputError(
            f"{path} is no summary of a reproduction ({error}); bnverify judge DIR writes one"
        ) from None
    if version != VERSION:
        raise InputError(
            f"{path} is a summary of version {version}, expected {VERSION}; judge its runs again with "
            "bnverify judge DIR"
        )
    return seal.read_document(path)


def judge_again(stored: Row, rules: Rules) -> list[Judged]:
    """The claims of a summary by other margins, from the log ratios that it keeps; its grid and curve stay away.

    Raises:
        InputError: a rule asks for another statistic, window or network than was stored: only the runs have that.
    """
    found = []
    for one in stored["claims"]:
        rule = rules.claims.get(one["id"])
        if rule is None:
            raise InputError(
                f"{one['id']} is in the summary and in no rules; judge its runs by those it was judged by"
            )
        kept, wanted = one["endpoint"], _endpoint(rule.primary)
        other = next((key for key in COMPARED if kept[key] != wanted[key]), None)
        if other is not None:
            raise InputError(
                f"{rule.id}: the rules have {other} = {wanted[other]}, the summary {kept[other]}; only the runs know "
                "that, name their folder"
            )
        cells, parts = (
            tuple(_read_cell(cell, rule.primary) for cell in one[key]) for key in ("cells", "parts")
        )
        found.append(judged_of(rule, one["scale"], cells, parts, rules.size(rule.family)))
    return after_holm(found, rules)


COMPARED = ("model", "statistic", "of", "against", "lr", "window", "over", "weights")
"""What a stored log ratio is of."""


def _read_cell(stored: Row, endpoint: Endpoint) -> Cell:
    logs = {int(seed): math.nan if v is None else float(v) for seed, v in stored["log_ratios"].items()}
    known = bool(logs) and not any(map(math.isnan, logs.values()))
    found = answer(list(logs.values()), endpoint) if known else None
    return Cell(
        stored["name"],
        endpoint,
        stored["of"],
        stored["against"],
        logs,
        found,
        stored["missing"],
        stored.get("least", False),
    )


def made_by(folder: Path) -> tuple[str, str]:
    """The command that made the runs in ``folder``, and its note, as far as its summary or its plan knows them."""
    old, plan = folder / "summary.json", folder / "plan.json"
    try:
        kept = json.loads(old.read_text()) if old.exists() else {}
        planned = json.loads(plan.read_text()) if plan.exists() else {}
    except (OSError, ValueError):
        kept, planned = {}, {}
    preset = f"bnverify reproduce --preset {planned['preset']}" if planned.get("preset") else "unknown"
    return kept.get("command", preset), kept.get("note", "")


def write(
    folder: Path, command: str | None = None, note: str = "", rules: Rules | None = None, common: bool = False
) -> tuple[Row, list[Judged]]:
    """Judge the finished runs below ``folder`` and write ``folder/summary.json``; raises like `judge`.

    Without a command, see `made_by`.
    """
    runs = record.runs_under(folder)
    if command is None:
        command, note = made_by(folder)
    chosen = rules or rules_of.registered()
    judged = judge(chosen, runs, common=common)
    summary = finite(summarise(chosen, runs, judged, command, note))
    write_text(folder / "summary.json", text(summary))
    return summary, judged
