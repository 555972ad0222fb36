"""`bnverify bench`: sections that measure speed, memory and growth, side by side in one run.

A section is a function of `Conditions`; other modules add theirs to `SECTIONS`.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bnverify.experiments.bench.contestants import CONTESTANTS, absent, agreement, ours
from bnverify.numerics.measure.instances import Drawn, Kind, draw
from rich.console import Console
from rich.table import Table

from bnverify.base.errors import InputError
from bnverify.base.files import write_text

BATCH_SIZES = (8, 32, 256)
LOSSES = ("quadratic-psd", "mlp-relu", "mlp-tanh")
ROUNDS = 7
SPEEDUPS = {8: 33.0, 32: 11.0, 256: 2.3}
"""What a prototype of thirty lines reached over the plain loop, by m."""
GROWTH_M = (8, 16, 32, 64, 128, 256, 512, 1024)
GROWTH_N = (256, 512, 1024, 2048, 4096, 8192, 16384)


@dataclass(frozen=True)
class Conditions:
    """Where and how long to measure. seconds: time for each measured point, all of its repetitions together."""

    device: torch.device
    seconds: float
    seed: int

    @property
    def described(self) -> dict[str, Any]:
        """The machine, the versions and the load that a figure needs to be read."""
        load = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
        device = torch.cuda.get_device_name(self.device) if self.device.type == "cuda" else "cpu"
        return {
            "machine": platform.machine(),
            "processor": _processor(),
            "system": platform.system(),
            "python": platform.python_version(),
            "torch": str(torch.__version__),
            "threads": torch.get_num_threads(),
            "cores": os.cpu_count(),
            "load_at_start": load,
            "device": device,
            "seconds_per_point": self.seconds,
            "seed": self.seed,
        }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.is_file():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def conditions(device: torch.device, seconds: float, seed: int) -> Conditions:
    """Conditions on one core.

    Raises:
        InputError: no time to measure in.
    """
    if not 0 < seconds <= 600:
        raise InputError(f"--seconds {seconds:g} is no time to measure in; give a number from 0.1 to 600")
    torch.set_num_threads(1)
    return Conditions(device, seconds, seed)


Section = Callable[[Conditions], dict[str, Any]]


def _rows(m: int) -> int:
    """Instances in one batch of ours: what a check of many trials uses."""
    return 2048 if m <= 64 else 512


def _sync(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def timed(work: Callable[[], Any], device: torch.device) -> float:
    """Seconds of one call, the device's queue emptied."""
    _sync(device)
    start = time.perf_counter()
    work()
    _sync(device)
    return time.perf_counter() - start


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def _count_for(
    prepare: Callable[[int], Callable[[], Any]], device: torch.device, seconds: float, most: int
) -> int:
    """Instances that fill ``seconds``, measured on a few."""
    few = min(4, most)
    work = prepare(few)
    work()
    each = timed(work, device) / few
    return int(min(most, max(few, seconds / max(each, 1e-9))))


def speed(asked: Conditions) -> dict[str, Any]:
    """Instances per second of both sides of Theorems 4.1 and 4.2, rounds of all contestants interleaved."""
    found = []
    for loss in LOSSES:
        for m in BATCH_SIZES:
            found.append(_race(asked, loss, m))
    return {"rounds": ROUNDS, "targets_over_loop": SPEEDUPS, "absent": absent(), "races": found}


def _race(asked: Conditions, loss: str, m: int) -> dict[str, Any]:
    drawn = draw(Kind(), loss, m, asked.seed, 0, _rows(m))
    share = asked.seconds / ROUNDS
    runs: dict[str, tuple[int, Callable[[], Any]]] = {}
    for name, contestant in CONTESTANTS.items():
        if name in absent():
            continue
        prepare = partial(contestant, drawn, asked.device)
        count = _rows(m) if name == "ours" else _count_for(prepare, asked.device, share, _rows(m))
        runs[name] = count, prepare(count)
    gaps = {name: agreement(drawn, asked.device, name) for name in runs if name != "ours"}
    rates: dict[str, list[float]] = {name: [] for name in runs}
    for _, work in runs.values():
        work()
    for _ in range(ROUNDS):
        for name, (count, work) in runs.items():
            repeats = 1
            if name == "ours":
                repeats = max(1, min(20, int(share / max(1e-4, timed(work, asked.device)))))
            seconds = sum(timed(work, asked.device) for _ in range(repeats))
            rates[name].append(repeats * count / seconds)
    ratios = {
        name: _spread([a / b for a, b in zip(rates["ours"], rates[name], strict=True)])
        for name in rates
        if name != "ours"
    }
    return {
        "loss": loss,
        "m": m,
        "instances": {name: count for name, (count, _) in runs.items()},
        "per_second": {name: _spread(values) for name, values in rates.items()},
        "ours_over": ratios,
        "largest_disagreement": gaps,
    }


def _high_water() -> int:
    """Bytes this process has held at most."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _peak(loss: str, m: int, rows: int, seed: int) -> int:
    """Bytes by which a check of ``rows`` instances raises what this process has held; run in a fresh one."""
    torch.set_num_threads(1)
    device = torch.device("cpu")
    ours(draw(Kind(), loss, 8, seed, 0, 8), device, 8)()
    drawn = draw(Kind(), loss, m, seed, 0, rows)
    before = _high_water()
    ours(drawn, device, rows)()
    return _high_water() - before


def memory(asked: Conditions) -> dict[str, Any]:
    """Peak memory of one check of 64 instances, the fewest that it takes at once, against m, in fresh processes."""
    rows, sizes, points = 64, (512, 1024, 2048, 4096, 8192), list[dict[str, int]]()
    for m in sizes:
        if asked.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats(asked.device)
            ours(draw(Kind(), "mlp-tanh", m, asked.seed, 0, rows), asked.device, rows)()
            grown = int(torch.cuda.max_memory_allocated(asked.device))
        else:
            with get_context("spawn").Pool(1) as pool:
                grown = pool.apply(_peak, ("mlp-tanh", m, rows, asked.seed))
        points.append({"m": m, "bytes": grown})
    slope = fitted_slope([p["m"] for p in points], [p["bytes"] for p in points])
    return {"loss": "mlp-tanh", "instances": rows, "points": points, "slope": slope}


def fitted_slope(x: Iterable[float], y: Iterable[float]) -> float:
    """Least-squares slope of log y against log x, over the upper half of the points where constants have gone."""
    xs, ys = np.log(np.asarray(list(x), float)), np.log(np.asarray(list(y), float))
    half = len(xs) // 2
    return float(np.polyfit(xs[half:], ys[half:], 1)[0])


def growth(asked: Conditions) -> dict[str, Any]:
    """Seconds of one check against N at m = 32, and against m at N = 512, with the slope on log-log axes."""
    series = []
    for loss in ("quadratic-psd", "mlp-tanh"):
        by_n = [(n, _seconds(asked, loss, 32, n)) for n in GROWTH_N]
        by_m = [(m, _seconds(asked, loss, m, 512)) for m in GROWTH_M]
        for against, fixed, points in (("N", "m = 32", by_n), ("m", "N = 512", by_m)):
            slope = fitted_slope(*zip(*points, strict=True))
            series.append(
                {"loss": loss, "against": against, "fixed": fixed, "points": points, "slope": slope}
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
        runs["bnverify " + " ".join(words)] = _spread(times)
    listed = subprocess.run(
        [sys.executable, "-X", "importtime", "-m", "bnverify", "claims"],
        capture_output=True,
        text=True,
        check=False,
    )
    runs["claims_imports_torch"] = any(line.endswith("| torch") for line in listed.stderr.splitlines())
    return runs


SECTIONS: dict[str, Section] = {"speed": speed, "growth": growth, "memory": memory, "startup": startup}
"""Sections by name; a module that measures something else adds its own."""


@dataclass
class Bench:
    """What one run measured."""

    conditions: dict[str, Any]
    sections: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0


EXTENSIONS = ("audit_bench", "audit_bench_show")
"""Modules of `bnverify.experiments.bench` with ``SECTIONS`` or ``PRINTERS`` of their own."""


def extend() -> None:
    """Add the sections and printers of the `EXTENSIONS`."""
    for name in EXTENSIONS:
        module = importlib.import_module(f"bnverify.experiments.bench.{name}")
        SECTIONS.update(getattr(module, "SECTIONS", {}))
        PRINTERS.update(getattr(module, "PRINTERS", {}))


def run(names: Iterable[str], asked: Conditions, out: Path) -> dict[str, Any]:
    """Run the sections, write ``bench.json`` and the pictures of growth to ``out``, and return the findings.

    ``bench.svg`` is written where the section growth ran, ``audit.svg`` where audit-growth did.

    Raises:
        InputError: an unknown section, or a folder that cannot be written.
    """
    chosen = list(names) or list(SECTIONS)
    for name in chosen:
        if name not in SECTIONS:
            raise InputError(
                f"no section of the benchmark is called {name!r}; they are {', '.join(SECTIONS)}"
            )
    start = time.perf_counter()
    bench = Bench(asked.described)
    _save(bench, out)
    for name in _tracked(chosen):
        bench.sections[name] = SECTIONS[name](asked)
        bench.seconds = time.perf_counter() - start
        _save(bench, out)
    if "growth" in bench.sections:
        from bnverify.experiments.bench.picture import draw_growth

        draw_growth(bench.sections["growth"], bench.sections.get("memory"), out / "bench.svg")
    if "audit-growth" in bench.sections:
        from bnverify.experiments.bench.audit_bench_picture import draw_audit_growth

        draw_audit_growth(bench.sections["audit-growth"], out / "audit.svg")
    return asdict(bench)


def _save(bench: Bench, out: Path) -> None:
    """What is measured so far: refuses a folder that cannot be written before the work, and survives an interrupt."""
    write_text(out / "bench.json", json.dumps(asdict(bench), indent=1) + "\n")


def _tracked(names: list[str]) -> Iterable[str]:
    from bnverify.base.terminal import track

    return track(names, len(names), "measuring")


def show(found: dict[str, Any], out: Console) -> None:
    """The findings as tables; a section without a table of its own is printed as it is."""
    sections = found["sections"]
    for name, data in sections.items():
        out.print(f"\n[bold]{name}[/bold]")
        printer = PRINTERS.get(name)
        if printer is None:
            out.print_json(json.dumps(data))
        else:
            printer(data, out)
    where = found["conditions"]
    out.print(
        f"\n{where['processor']}, {where['cores']} cores, {where['threads']} thread, load {where['load_at_start']:.1f} "
        f"at the start; torch {where['torch']}, Python {where['python']}; {found['seconds']:.0f} s",
        style="dim",
    )


def _show_speed(data: dict[str, Any], out: Console) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("loss", "m", "contestant", "instances/s", "least", "most", "ours is faster by", "asked"):
        table.add_column(head, justify="left" if head in {"loss", "contestant"} else "right", no_wrap=True)
    for race in data["races"]:
        for name, rate in race["per_second"].items():
            ratio = race["ours_over"].get(name)
            asked = f"{data['targets_over_loop'][race['m']]:g}x" if name == "loop" else ""
            faster = (
                "" if ratio is None else f"{ratio['median']:.1f}x [{ratio['least']:.1f}, {ratio['most']:.1f}]"
            )
            numbers = [f"{rate[key]:,.0f}" for key in ("median", "least", "most")]
            table.add_row(race["loss"], str(race["m"]), name, *numbers, faster, asked)
    out.print(table)
    for name, why in data["absent"].items():
        out.print(f"{name}: {why}", style="dim")


def _show_growth(data: dict[str, Any], out: Console) -> None:
    for line in data["series"]:
        last_x, last_y = line["points"][-1]
        out.print(
            f"time against {line['against']} ({line['fixed']}, {line['loss']}): slope {line['slope']:.2f} "
            f"(1 is linear); {last_y * 1e3:.1f} ms at {line['against']} = {last_x}"
        )


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


PRINTERS: dict[str, Callable[[dict[str, Any], Console], None]] = {
    "speed": _show_speed,
    "growth": _show_growth,
    "memory": _show_memory,
    "startup": _show_startup,
}
"""How a section is shown; a section without an entry is printed as JSON."""
