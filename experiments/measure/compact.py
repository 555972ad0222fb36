"""Runs small enough to be kept beside the verdicts: every statistic at every measured step, and little else.

A compact run is a run folder like any other, read, judged and sealed alike; its rows hold ``series`` (statistic ->
value, four digits) for what the whole run holds layer by layer, and losses are geometric means over hundredths of the
training, packed by gzip. The whole run can be trained again from its recipe; ``whole`` in the result is the hash of its
metrics.
"""

from __future__ import annotations

import gzip
import json
import math
from pathlib import Path

from bnverify.experiments.measure.averages import geometric_mean
from bnverify.experiments.measure.views import ALONE, ENDS, OVER_RUN, View, at_step, number, statistic, views
from bnverify.experiments.run import recipes, record, seal
from bnverify.experiments.run.record import Row, Run

from bnverify.base.errors import InputError
from bnverify.base.files import write_bytes, write_text

DIGITS = 4
WINDOWS = 100
BESIDE = ("plan.json", "screen.json", "rounding.json")
"""Files of a reproduction beside its runs: its preset, what its screen chose, what rounding does."""
STEPWISE = tuple(
    n for n in ALONE if n not in (*ENDS, *OVER_RUN, "loss", "final_loss", "sharpness", "start_lambda_max")
)


def compact(run: Run, folder: Path) -> None:
    """Write the finished ``run`` to ``folder`` in its compact form.

    Raises:
        InputError: the run has not ended, the folder holds something, or it cannot be written.
    """
    if run.result is None:
        raise InputError(f"{run.folder} has not ended; finish it with bnverify reproduce --resume")
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; name another folder")
    seeds, single = list(views(run)), isinstance(run.recipe, recipes.VggRecipe)
    # Where the pictures lay on that machine is nobody's business; what they are stands in the environment too.
    pictures = {"data": run.environment["data"]["name"]} if single and run.environment.get("data") else {}
    recipe = json.dumps(recipes.to_json(run.recipe) | pictures) + "\n"
    before, lines = seal.digest(recipe.encode()), []
    for row in (_losses(seeds, single), *_rows(seeds, single)):
        line, before = seal.line(before, row)
        lines.append(line)
    write_text(folder / "recipe.json", recipe)
    write_text(folder / "environment.json", json.dumps(run.environment) + "\n")
    metrics = b"".join(lines)
    write_bytes(folder / "metrics.jsonl.gz", gzip.compress(metrics, mtime=0))
    kept = {k: v for k, v in run.result.items() if k not in ("metrics_bytes", "metrics_hash", *record.SEALED)}
    result = {
        **kept,
        "whole": run.result["metrics_hash"],
        "alone": [{name: _short(statistic(name, view)) for name in OVER_RUN} for view in seeds],
        "metrics_bytes": len(metrics),
        "metrics_hash": before,
        **{name: seal.digest((folder / name).read_bytes()) for name in record.SEALED},
    }
    write_text(folder / "result.json", seal.closed(json.dumps(result, allow_nan=False)[:-1] + "\n}"))


def _losses(seeds: list[View], single: bool) -> Row:
    width = max(1, seeds[0].recipe.steps // WINDOWS)
    means = []
    for start in range(0, max(len(view.losses) for view in seeds), width):
        here = [view.losses[start : start + width] for view in seeds]
        means.append([_short(geometric_mean([x for x in part if x is not None])) for part in here])
    count = [len(view.losses) for view in seeds]
    row = {
        "from": 0,
        "window": width,
        "means": means,
        "lost": [view.lost_at for view in seeds],
        "count": max(count),
    }
    return row | {"means": [mean[0] for mean in means], "lost": seeds[0].lost_at} if single else row


def _rows(seeds: list[View], single: bool) -> list[Row]:
    rows = []
    for parts in zip(*(view.rows for view in seeds), strict=True):
        found = [
            {name: _short(value) for name in STEPWISE if not math.isnan(value := at_step(name, part))}
            for part in parts
        ]
        rays = [_ray(part["ray"], single) if "ray" in part else {} for part in parts]
        row: Row = {"step": parts[0]["step"], "series": found[0] if single else found}
        if any(rays):
            row["ray"] = rays[0] if single else rays
        rows.append(row)
    return rows


def _ray(ray: Row, single: bool) -> Row:
    """The loss; and of a single network what `pairs.change_at_common_distance` compares it by."""
    kept: Row = {"loss": _short(number(ray["loss"]))}
    if single:
        kept["direction_norm"] = _short(number(ray["direction_norm"]))
        kept |= {key: [_short(number(value)) for value in ray[key]] for key in ("lengths", "changes")}
    return kept


def _short(value: float) -> float | str | None:
    if math.isnan(value):
        return None
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else "inf" if value > 0 else "-inf"


def compact_all(folder: Path, out: Path) -> list[Path]:
    """Every run below ``folder`` that has ended, compact, at the same place below ``out``, and `BESIDE` as they are.

    Raises:
        InputError: none has ended, ``out`` holds something; and what `compact` raises.
    """
    if out.exists() and any(out.iterdir()):
        raise InputError(f"{out} is not empty; name another folder")
    runs = [run for run in record.runs_under(folder) if run.result is not None]
    if not runs:
        raise InputError(f"none of the runs in {folder} has ended; go on with bnverify reproduce --resume")
    places = [out / run.folder.relative_to(folder) for run in runs]
    for run, place in zip(runs, places, strict=True):
        compact(run, place)
    for path in (folder / name for name in BESIDE):
        if path.exists():
            write_bytes(out / path.name, path.read_bytes())
    return places
