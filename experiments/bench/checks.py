"""What a check of the theorems costs beside other ways to the same numbers: sections of ``bnverify bench``."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from bnverify.experiments.bench.contestants import CONTESTANTS, absent, agreement, ours
from bnverify.experiments.bench.race import (
    Conditions,
    Work,
    fitted_slope,
    peak,
    race,
    raised_by,
    ratios,
    spread,
    timed,
)
from bnverify.experiments.bench.section import Section, show_growth
from bnverify.numerics.measure.instances import Drawn, Kind, draw
from rich.console import Console
from rich.table import Table

BATCH_SIZES = (8, 32, 256)
LOSSES = ("quadratic-psd", "mlp-relu", "mlp-tanh")
ROUNDS = 7
SPEEDUPS = {8: 33.0, 32: 11.0, 256: 2.3}
"""What a prototype of thirty lines reached over the plain loop, by m."""
GROWTH_M = (8, 16, 32, 64, 128, 256, 512, 1024)
GROWTH_N = (256, 512, 1024, 2048, 4096, 8192, 16384)


def _rows(m: int) -> int:
    """Instances in one batch of ours: what a check of many trials uses."""
    return 2048 if m <= 64 else 512


def speed(asked: Conditions) -> dict[str, Any]:
    """Instances per second of both sides of Theorems 4.1 and 4.2, rounds of all contestants interleaved."""
    found = [_race(asked, loss, m) for loss in LOSSES for m in BATCH_SIZES]
    return {"rounds": ROUNDS, "targets_over_loop": SPEEDUPS, "absent": absent(), "races": found}


def _race(asked: Conditions, loss: str, m: int) -> dict[str, Any]:
    drawn = draw(Kind(), loss, m, asked.seed, 0, _rows(m))
    share = asked.seconds / ROUNDS
    runs = {
        name: _filling(
            partial(contestant, drawn, asked.device), asked.device, share, _rows(m), name == "ours"
        )
        for name, contestant in CONTESTANTS.items()
        if name not in absent()
    }
    times = race({name: work for name, (_, work) in runs.items()}, asked.device, ROUNDS)
    rates = {name: [runs[name][0] / seconds for seconds in found] for name, found in times.items()}
    others = [name for name in runs if name != "ours"]
    return {
        "loss": loss,
        "m": m,
        "instances": {name: count for name, (count, _) in runs.items()},
        "per_second": {name: spread(values) for name, values in rates.items()},
        "ours_over": {name: spread(ratios(rates["ours"], rates[name])) for name in others},
        "largest_disagreement": {name: agreement(drawn, asked.device, name) for name in others},
    }


def _filling(
    prepare: Callable[[int], Work], device: torch.device, seconds: float, most: int, whole: bool
) -> tuple[int, Work]:
    """Instances that fill ``seconds``, measured on a few, and their work; of ``whole`` all, up to twenty times."""
    few = most if whole else min(4, most)
    work = prepare(few)
    work()
    taken = timed(work, device)
    if whole:
        repeats = max(1, min(20, int(seconds / max(1e-4, taken))))
        return repeats * most, lambda: [work() for _ in range(repeats)]
    count = int(min(most, max(few, seconds / max(taken / few, 1e-9))))
    return count, prepare(count)


def _peak(loss: str, m: int, rows: int, seed: int, device: torch.device) -> int:
    """Bytes by which a check of ``rows`` instances raises what this process has held."""
    torch.set_num_threads(1)
    ours(draw(Kind(), loss, 8, seed, 0, 8), device, 8)()
    drawn = draw(Kind(), loss, m, seed, 0, rows)
    return raised_by(lambda: ours(drawn, device, rows)(), device)


def memory(asked: Conditions) -> dict[str, Any]:
    """Peak memory of one check of 64 instances, the fewest that it takes at once, against m, in fresh processes."""
    rows, loss = 64, "mlp-tanh"
    points = [
        {"m": m, "bytes": peak(_peak, asked.device, loss, m, rows, asked.seed, asked.device)}
        for m in (512, 1024, 2048, 4096, 8192)
    ]
    slope = fitted_slope([p["m"] for p in points], [p["bytes"] for p in points])
    return {"loss": loss, "instances": rows, "points": points, "slope": slope}


def growth(asked: Conditions) -> dict[str, Any]:
    """Seconds of one check against N at m = 32, and against m at N = 512, with the slope on log-log axes."""
    series = []
    for loss in ("quadratic-psd", "mlp-tanh"):
        by_n = [(n, _seconds(asked, loss, 32, n)) for n in GROWTH_N]
        by_m = [(m, _seconds(asked, loss, m, 512)) for m in GROWTH_M]
        for against, fixed, points in (("N", "m = 32", by_n), ("m", "N = 512", by_m)):
            slope = fitted_slope(*zip(*points, strict=True))
            series.append(
                {"work": loss, "against": against, "fixed": fixed, "points": points, "slope": slope}
            )
    return {"series": series}


def _seconds(asked: Conditions, loss: str, m: int, rows: int) -> float:
    drawn: Drawn = draw(Kind(), loss, m, asked.seed, 0, rows)
    work = ours(drawn, asked.device, rows)
    work()
    spent, runs = 0.0, list[float]()
    while spent < asked.seconds / 4 or len(runs) < 3:
        runs.append(timed(work, asked.device))
        spent += runs[-1]
    return statistics.median(runs)


def startup(asked: Conditions) -> dict[str, Any]:
    """Seconds of a whole process of `bnverify --help` and `bnverify claims`, and whether the latter imports torch."""
    runs: dict[str, Any] = {}
    for words in (["--help"], ["claims"]):
        command = [sys.executable, "-m", "bnverify", *words]
        process = partial(subprocess.run, command, capture_output=True, check=False)
        times = [timed(process, asked.device) for _ in range(5)]
        runs["bnverify " + " ".join(words)] = spread(times)
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bnverify", "claims"],
        capture_output=True,
        text=True,
        check=False,
    )
    runs["claims_imports_torch"] = any(line.endswith("| torch") for line in listed.stderr.splitlines())
    return runs


def _show_speed(data: dict[str, Any], out: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("loss", "m", "contestant", "instances/s", "least", "most", "ours is faster by", "asked"):
        table.add_column(head, justify="left" if head in {"loss", "contestant"} else "right", no_wrap=True)
    for one in data["races"]:
        for name, rate in one["per_second"].items():
            ratio = one["ours_over"].get(name)
            asked = f"{data['targets_over_loop'][one['m']]:g}x" if name == "loop" else ""
            faster = (
                "" if ratio is None else f"{ratio['median']:.1f}x [{ratio['least']:.1f}, {ratio['most']:.1f}]"
            )
            numbers = [f"{rate[key]:,.0f}" for key in ("median", "least", "most")]
            table.add_row(one["loss"], str(one["m"]), name, *numbers, faster, asked)
    out.print(table)
    for name, why in data["absent"].items():
        out.print(f"{name}: {why}", style="dim")


def _show_memory(data: dict[str, Any], out: Console) -> None:
    points = ", ".join(f"m = {p['m']}: {p['bytes'] / 2**20:.0f} MiB" for p in data["points"])
    out.print(
        f"peak memory of {data['instances']} instances ({data['loss']}): {points}; slope {data['slope']:.2f}"
    )


def _show_startup(data: dict[str, Any], out: Console) -> None:
    for name, times in data.items():
        if isinstance(times, dict):
            out.print(f"{name}: {times['median']:.2f} s [{times['least']:.2f}, {times['most']:.2f}]")
    out.print(f"`bnverify claims` imports torch: {'yes' if data['claims_imports_torch'] else 'no'}")


SECTIONS = {
    "speed": Section(speed, _show_speed),
    "growth": Section(growth, show_growth),
    "memory": Section(memory, _show_memory),
    "startup": Section(startup, _show_startup),
}
