"""`bnverify bench`: sections that measure speed, memory and growth, side by side in one run."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bnverify.experiments.bench.race import Conditions
from rich.console import Console

from bnverify.base.files import write_bytes, write_text

Data = dict[str, Any]
MINUTES = 2
"""What no section exceeds on two cores."""


@dataclass(frozen=True)
class Section:
    """What is measured, as plain data, and how that is shown."""

    measure: Callable[[Conditions], Data]
    show: Callable[[Data, Console], None]


def sections() -> dict[str, Section]:
    """Every section by name, as `bnverify.experiments.bench.NAMES` has them."""
    from bnverify.experiments.bench import audit_cost, channels, checks, training

    return checks.SECTIONS | audit_cost.SECTIONS | channels.SECTIONS | training.SECTIONS


@dataclass
class Bench:
    """What one run measured."""

    conditions: Data
    sections: dict[str, Data] = field(default_factory=dict)
    seconds: float = 0.0


def run(names: Iterable[str], asked: Conditions, out: Path) -> Data:
    """Run the sections, write ``bench.json`` and the pictures of growth to ``out``, and return the findings.

    ``bench.svg`` is written where the section growth ran, ``audit.svg`` where audit-growth did.

    Raises:
        InputError: a folder that cannot be written.
    """
    from bnverify.base.terminal import track

    known = sections()
    chosen = list(names) or list(known)
    start = time.perf_counter()
    bench = Bench(asked.described)
    _save(bench, out)
    for number, name in enumerate(track(chosen, len(chosen), "measuring"), 1):
        if not sys.stderr.isatty():  # there a bar says so
            of = f"{number} of {len(chosen)}, {bench.seconds:.0f} s so far"
            print(
                f"measuring {name}: {of}; a section takes up to {MINUTES} minutes",
                file=sys.stderr,
                flush=True,
            )
        bench.sections[name] = known[name].measure(asked)
        bench.seconds = time.perf_counter() - start
        _save(bench, out)
    for name, file in (("growth", "bench.svg"), ("audit-growth", "audit.svg")):
        if name in bench.sections:
            memory = bench.sections.get("memory") if name == "growth" else None
            write_bytes(out / file, drawn(bench.sections[name]["series"], memory))
    return asdict(bench)


def _save(bench: Bench, out: Path) -> None:
    """What is measured so far: refuses a folder that cannot be written before the work, and survives an interrupt."""
    write_text(out / "bench.json", json.dumps(asdict(bench), indent=1) + "\n")


def show(found: Data, out: Console) -> None:
    """The findings as tables and lines, then the conditions."""
    known = sections()
    for name, data in found["sections"].items():
        out.print(f"\n[bold]{name}[/bold]")
        known[name].show(data, out)
    where = found["conditions"]
    out.print(
        f"\n{where['processor']}, {where['cores']} cores, {where['threads']} thread, load {where['load_at_start']:.1f} "
        f"at the start; torch {where['torch']}, Python {where['python']}; {found['seconds']:.0f} s",
        style="dim",
    )


def show_growth(data: Data, out: Console) -> None:
    """A line for every series of times: its slope, 1 if it is linear, and its last point."""
    for line in data["series"]:
        x, y = line["points"][-1]
        out.print(
            f"{line['work']} against {line['against']} ({line['fixed']}): slope {line['slope']:.2f} (1 is linear); "
            f"{1e3 * y:.1f} ms at {line['against']} = {x}"
        )


def drawn(series: list[Data], memory: Data | None = None) -> bytes:
    """Times on log-log axes with fitted slopes as SVG, a panel for each quantity that grows; peak memory beside."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    lines = [line | {"what": "seconds"} for line in series]
    if memory:
        points = [(p["m"], p["bytes"] / 2**20) for p in memory["points"]]
        fixed = f"N = {memory['instances']}"
        shape = {"work": memory["loss"], "slope": memory["slope"], "points": points}
        lines.append({**shape, "against": "m", "fixed": fixed, "what": "peak memory, MiB"})
    panels = list(dict.fromkeys((line["what"], line["against"]) for line in lines))
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(4 * len(panels), 3.6), layout="constrained", squeeze=False
    )
    for axis, (what, against) in zip(axes[0], panels, strict=True):
        for line in lines:
            if (line["what"], line["against"]) == (what, against):
                x, y = zip(*line["points"], strict=True)
                axis.loglog(x, y, marker="o", label=f"{line['work']}, slope {line['slope']:.2f}")
                axis.set(xlabel=f"{against} ({line['fixed']})", ylabel=what)
        axis.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    return buffer.getvalue()
