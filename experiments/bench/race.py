"""How the benchmark measures: several contestants in turns in one process, memory in fresh ones."""

from __future__ import annotations

import ctypes
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from bnverify.experiments.run.record import processor

from bnverify.base.errors import InputError

Work = Callable[[], Any]


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
            "processor": processor(),
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


def conditions(device: torch.device, seconds: float, seed: int) -> Conditions:
    """Conditions on one core.

    Raises:
        InputError: no time to measure in.
    """
    if not 0 < seconds <= 600:
        raise InputError(f"--seconds {seconds:g} is no time to measure in; give a number from 0.1 to 600")
    torch.set_num_threads(1)
    return Conditions(device, seconds, seed)


def timed(work: Work, device: torch.device) -> float:
    """Seconds of one call, the device's queue emptied."""
    _wait(device)
    start = time.perf_counter()
    work()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def race(contestants: Mapping[str, Work], device: torch.device, rounds: int) -> dict[str, list[float]]:
    """Seconds of each in turns, who is first changing, so that a change of load meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for work in contestants.values():
        work()
    order = list(contestants.items())
    for i in range(rounds):
        for name, work in order if i % 2 else reversed(order):
            times[name].append(timed(work, device))
    return times


def spread(values: Iterable[float]) -> dict[str, float]:
    """Median, least and most."""
    known = list(values)
    return {"median": statistics.median(known), "least": min(known), "most": max(known)}


def ratios(of: Iterable[float], over: Iterable[float]) -> list[float]:
    """Round by round, so that a change of load cancels."""
    return [a / b for a, b in zip(of, over, strict=True)]


def compared(contestants: Mapping[str, Work], device: torch.device, rounds: int) -> dict[str, Any]:
    """Seconds of each in turns, and the ratio of each to the first, round by round."""
    allocator(keeps=True)
    times = race(contestants, device, rounds)
    first, *others = contestants
    return {
        "seconds": {name: spread(values) for name, values in times.items()},
        "ratio": {name: spread(ratios(times[name], times[first])) for name in others},
    }


def ranged(found: dict[str, float]) -> str:
    """A spread of ratios as people read it."""
    return f"{found['median']:.2f}x [{found['least']:.2f}, {found['most']:.2f}]"


def fitted_slope(x: Iterable[float], y: Iterable[float]) -> float:
    """Least-squares slope of log y against log x, over the upper half of the points where constants have gone."""
    xs, ys = np.log(np.asarray(list(x), float)), np.log(np.asarray(list(y), float))
    half = len(xs) // 2
    return float(np.polyfit(xs[half:], ys[half:], 1)[0])


def allocator(keeps: bool) -> None:
    """Make the C allocator keep all memory that is freed, or give it back; no effect outside of glibc."""
    with suppress(OSError, AttributeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_MMAP_THRESHOLD, 1 << 30 if keeps else 1 << 20)
        tune(_TRIM_THRESHOLD, -1 if keeps else 1 << 20)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Their numbers in glibc's malloc.h."""


def peak(measured: Callable[..., int], device: torch.device, *arguments: Any) -> int:
    """Bytes that ``measured`` returns: in a fresh process, which has held nothing before; on a GPU in this one."""
    if device.type == "cuda":
        return measured(*arguments)
    with get_context("spawn").Pool(1) as pool:
        return int(pool.apply(measured, arguments))


def raised_by(work: Work, device: torch.device) -> int:
    """Bytes by which ``work`` raises what its process, or the GPU, has held."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        held = torch.cuda.memory_allocated(device)
        work()
        return int(torch.cuda.max_memory_allocated(device) - held)
    before = _high_water()
    work()
    return _high_water() - before


def _high_water() -> int:
    """Bytes this process has held at most."""
    status = Path("/proc/self/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
