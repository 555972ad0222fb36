"""What an audit costs, side by side in one run: sections of ``bnverify bench``.

Every ratio is of times measured in turns, plain and audited, round by round, in one process; memory is measured in
fresh processes. Where the C library allows it, the C allocator is told to keep what it frees while time is measured,
and to give it all back while memory is: what it does by itself depends on all that ran before, and moves a pass by
several per cent and a peak by tens.
"""

from __future__ import annotations

import ctypes
import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.experiments.bench import sections as bench
from bnverify.experiments.bench.audit_networks import resnet, vgg
from bnverify.experiments.bench.sections import Conditions, Section, fitted_slope, timed
from bnverify.numerics.audit.capture.capture import Capture
from bnverify.numerics.audit.capture.selection import covered_layers
from bnverify.numerics.audit.loop.auditor import Auditor
from bnverify.numerics.audit.passes import measure, setting, twice_differentiable
from bnverify.numerics.audit.run import audit
from bnverify.numerics.audit.table.curvature import Point, exact_groups, points, whole
from torch import Tensor, nn

MODELS: dict[str, Callable[[], nn.Module]] = {"ResNet-18": resnet, "VGG-16": vgg}
ROUNDS = 5
BATCH = 128
LIMITS = {
    "time": 1.10,
    "memory": 1.15,
    "second": 5.0,
    "recorder": 0.02,
    "most downstream": 1.5,
    "little downstream": 10,
}
"""What is asked for: first order against a plain forward and backward pass; second order a layer; the recorder's share
of a run; how much faster single channels are than one Hessian-vector product each, by how much of the model lies
downstream of the layer: most, or under a tenth."""
EVERY = 100


def _allocator(keeps: bool) -> None:
    """Make the C allocator keep all memory that is freed, or give it back; no effect outside of glibc."""
    with suppress(OSError, AttributeError):
        tune = ctypes.CDLL(None).mallopt
        tune(_MMAP_THRESHOLD, 1 << 30 if keeps else 1 << 20)
        tune(_TRIM_THRESHOLD, -1 if keeps else 1 << 20)


_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
"""Their numbers in glibc's malloc.h."""


def _subject(name: str, batch: int, asked: Conditions) -> tuple[nn.Module, Tensor, Tensor]:
    torch.manual_seed(asked.seed)
    model = MODELS[name]().to(asked.device)
    images = torch.randn(batch, 3, 32, 32, device=asked.device)
    return model, images, torch.randint(0, 10, (batch,), device=asked.device)


def _step(model: nn.Module, x: Tensor, t: Tensor) -> Tensor:
    """One forward and backward pass, parameter gradients included."""
    model.zero_grad(set_to_none=True)
    loss = F.cross_entropy(model(x), t)
    loss.backward()
    return loss


def _hooked(model: nn.Module, x: Tensor, t: Tensor) -> None:
    """The same with every layer measured on its own backward pass, tables included."""
    with Auditor(model, every=1) as auditor:
        auditor.step(_step(model, x, t))


def _audited(model: nn.Module, x: Tensor, t: Tensor) -> None:
    """The public call."""
    audit(model, F.cross_entropy, x, t)


def _race(
    contestants: dict[str, Callable[[], Any]], asked: Conditions, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Seconds of each in turns, and the ratio of each to the first, round by round."""
    _allocator(keeps=True)
    for work in contestants.values():
        work()
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, work in contestants.items():
            times[name].append(timed(work, asked.device))
    first, *others = contestants
    return {
        "seconds": {name: _spread(values) for name, values in times.items()},
        "ratio": {
            name: _spread([a / b for a, b in zip(times[name], times[first], strict=True)]) for name in others
        },
    }


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": statistics.median(values), "least": min(values), "most": max(values)}


def first_order(asked: Conditions, batch: int = BATCH) -> dict[str, Any]:
    """Time and peak memory of the first order of every BatchNorm layer, same dtype, against a plain pass.

    ``recorder``: hooks on the run's own backward pass and the tables of all layers. ``audit``: the whole public call,
    on clones of the parameters, which computes no parameter gradients.
    """
    found = []
    for name in MODELS:
        model, x, t = _subject(name, batch, asked)
        race = _race(
            {
                "plain": partial(_step, model, x, t),
                "recorder": partial(_hooked, model, x, t),
                "audit": partial(_audited, model, x, t),
            },
            asked,
        )
        peaks = {which: _peak_of(name, which, batch, asked) for which in ("plain", "recorder", "audit")}
        race |= {
            "model": name,
            "batch": batch,
            "layers": len(covered_layers(model)),
            "bytes": peaks,
            "memory": {which: peaks[which] / peaks["plain"] for which in ("recorder", "audit")},
        }
        found.append(race)
    return {"rounds": ROUNDS, "limits": LIMITS, "races": found}


def _peak_of(name: str, which: str, batch: int, asked: Conditions) -> int:
    """Bytes by which one pass raises what its process has held."""
    if asked.device.type == "cuda":
        return _pass_bytes(name, which, batch, asked)
    with get_context("spawn").Pool(1) as pool:
        return int(pool.apply(_pass_bytes, (name, which, batch, asked)))


def _pass_bytes(name: str, which: str, batch: int, asked: Conditions) -> int:
    torch.set_num_threads(1)
    _allocator(keeps=False)
    works: dict[str, Callable[[nn.Module, Tensor, Tensor], Any]] = {
        "plain": _step,
        "recorder": _hooked,
        "audit": _audited,
    }
    model, x, t = _subject(name, batch, asked)
    for work in works.values():
        # Imports and caches of every contestant, on one small batch.
        work(model, x[:2], t[:2])
    model.zero_grad(set_to_none=True)
    if asked.device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(asked.device)
        before = torch.cuda.memory_allocated(asked.device)
        works[which](model, x, t)
        return int(torch.cuda.max_memory_allocated(asked.device) - before)
    before = _forget_peak()
    works[which](model, x, t)
    return bench._high_water() - before


def _forget_peak() -> int:
    """Make what this process holds now its peak, where Linux lets it; returns the peak in bytes."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return int(bench._high_water())


def second_order(asked: Conditions, batch: int = 32) -> dict[str, Any]:
    """Seconds a layer for both quadratic forms of Theorem 4.2 over the whole layer, in passes of the model.

    ``both``: v'Bv and (Jv)'H(Jv), its bound's form. ``all``: also v'Hv and g'Hg. ``shared``: the one forward and
    backward pass that all layers share, with its graph.
    """
    found = []
    for name in MODELS:
        model, x, t = _subject(name, batch, asked)
        _step(model, x, t)
        plain = statistics.median(timed(partial(_step, model, x, t), asked.device) for _ in range(3))
        rows = []
        with setting(model, "train", twice=True), twice_differentiable():
            with Capture(covered_layers(model), retain=True).attached() as capture:
                began = time.perf_counter()
                loss = F.cross_entropy(model(x), t)
                capture.recording = False
                at = points(loss, capture.calls)
                shared = (time.perf_counter() - began) / plain
            for (layer, _), point in at:
                both = timed(partial(whole, point, forms=False), asked.device) / plain
                everything = timed(partial(whole, point), asked.device) / plain
                rows.append({"layer": layer, "both": both, "all": everything})
        found.append({"model": name, "batch": batch, "plain": plain, "shared": shared, "layers": rows})
    return {"limit": LIMITS["second"], "models": found}


def per_channel(asked: Conditions, batch: int = 16, count: int = 4) -> dict[str, Any]:
    """v_j'B_jj v_j of single channels against one Hessian-vector product a channel by other means.

    At the first BatchNorm layer of the ResNet-18, where almost all of the model lies downstream, and at the last,
    where almost nothing does. The layers keep no running statistics: the others cannot differentiate a model that
    changes its buffers.
    """
    model, x, t = _subject("ResNet-18", batch, asked)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.track_running_stats = False
            module.running_mean = module.running_var = module.num_batches_tracked = None
    layers = list(covered_layers(model))
    found = []
    for name, place in ((layers[0], "most downstream"), (layers[-1], "little downstream")):
        capture = Capture(covered_layers(model), retain=True)
        with setting(model, "train", twice=True), twice_differentiable(), capture.attached():
            loss = F.cross_entropy(model(x), t)
            capture.recording = False
            point = next(p for (layer, _), p in points(loss, capture.calls) if layer == name)
        found.append(
            {
                "layer": name,
                "channels": count,
                "downstream": place.partition(" ")[0],
                "limit": LIMITS[place],
                **_channel_race(model, x, t, name, point, count, asked),
            }
        )
    return {"model": "ResNet-18", "batch": batch, "rounds": 3, "places": found, "absent": _absent()}


def _channel_race(
    model: nn.Module, x: Tensor, t: Tensor, name: str, point: Point, count: int, asked: Conditions
) -> dict[str, Any]:
    v = point.v.detach()
    masks = torch.zeros(count, *v.shape, device=v.device)
    for j in range(count):
        masks[j, :, j] = 1
    directions = v * masks

    def ours() -> list[float]:
        found: list[float] = exact_groups(point, list(range(count))).products["v.Bv"].tolist()
        return found

    shift = _Shift(model, name, v)
    contestants: dict[str, Callable[[], list[float]]] = {"ours": ours}
    contestants["torch.func"] = lambda: [shift.form(shift.func_hvp(x, t, u), u) for u in directions]
    if "curvlinops" not in _absent():
        contestants["curvlinops"] = lambda: [shift.form(shift.linear_hvp(x, t, u), u) for u in directions]
    want = ours()
    gaps = {
        which: max(abs(a - b) / abs(b) for a, b in zip(work(), want, strict=True))
        for which, work in contestants.items()
        if which != "ours"
    }
    race = _race(contestants, asked, rounds=3)
    return race | {"largest_disagreement": gaps}


def _absent() -> dict[str, str]:
    import importlib.util

    if importlib.util.find_spec("curvlinops") is None:
        return {"curvlinops": "not installed; pip install bnverify[bench]"}
    return {}


class _Shift(nn.Module):
    """A model as a function of a tensor that is added to the input of one of its layers."""

    def __init__(self, model: nn.Module, name: str, like: Tensor) -> None:
        super().__init__()
        self.model, self.layer = model, model.get_submodule(name)
        self.delta = nn.Parameter(torch.zeros_like(like))

    def shifted(self, x: Tensor, delta: Tensor) -> Tensor:
        handle = self.layer.register_forward_pre_hook(lambda _, args: (args[0] + delta,))
        try:
            out: Tensor = self.model(x)
            return out
        finally:
            handle.remove()

    def forward(self, x: Tensor) -> Tensor:
        return self.shifted(x, self.delta)

    @staticmethod
    def form(product: Tensor, u: Tensor) -> float:
        return float((u * product.detach()).sum())

    def func_hvp(self, x: Tensor, t: Tensor, u: Tensor) -> Tensor:
        """Reverse over reverse, since forward over reverse has no kernel for every normalisation layer."""
        gradient = torch.func.grad(lambda delta: F.cross_entropy(self.shifted(x, delta), t))
        pulled: Any = torch.func.vjp(gradient, torch.zeros_like(u))
        product: Tensor = pulled[1](u)[0]
        return product

    def linear_hvp(self, x: Tensor, t: Tensor, u: Tensor) -> Tensor:
        from curvlinops import HessianLinearOperator

        operator = HessianLinearOperator(
            self, nn.CrossEntropyLoss(), [self.delta], [(x, t)], check_deterministic=False
        )
        product: Tensor = operator @ u.flatten()
        return product.view_as(u)


def recorder(asked: Conditions, batch: int = 32) -> dict[str, Any]:
    """The recorder's share of a training run at ``every=100``: a run of 100 steps, one of them recorded."""
    model, x, t = _subject("VGG-16", batch, asked)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def train(auditor: Auditor | None, steps: int) -> float:
        began = time.perf_counter()
        for _ in range(steps):
            loss = _step(model, x, t)
            optimizer.step()
            if auditor is not None:
                auditor.step(loss)
        return time.perf_counter() - began

    train(None, 2)
    with Auditor(model, every=EVERY) as auditor:
        run = train(auditor, EVERY)
    race = _race({"plain": lambda: _step(model, x, t), "recorded": lambda: _hooked(model, x, t)}, asked)
    extra = race["ratio"]["recorded"]["median"] - 1
    return {
        "model": "VGG-16",
        "batch": batch,
        "every": EVERY,
        "limit": LIMITS["recorder"],
        "run_seconds": run,
        "share_in_hooks_and_tables": auditor.seconds / run,
        "share_from_a_recorded_step": extra / EVERY,
        "race": race,
    }


class Chain(nn.Sequential):
    """``depth`` times convolution, BatchNorm2d, ReLU at one width on 16 x 16 images."""

    def __init__(self, depth: int, width: int) -> None:
        layers: list[nn.Module] = []
        for index in range(depth):
            layers += [
                nn.Conv2d(width if index else 3, width, 3, padding=1),
                nn.BatchNorm2d(width),
                nn.ReLU(),
            ]
        super().__init__(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


GROWTH: dict[str, tuple[int, ...]] = {
    "depth": (2, 4, 8, 16),
    "width": (16, 32, 64, 128),
    "batch": (8, 16, 32, 64),
}
_FIXED = {"depth": 4, "width": 32, "batch": 16}


def growth(asked: Conditions) -> dict[str, Any]:
    """Seconds of a plain pass, of a first-order audit and of a second-order one, against depth, width and batch.

    Second order is both quadratic forms at every layer, so it grows with the square of the depth.
    """
    series = []
    for against, values in GROWTH.items():
        rows: dict[str, list[tuple[int, float]]] = {"plain": [], "first order": [], "second order": []}
        for value in values:
            shape = {**_FIXED, against: value}
            torch.manual_seed(asked.seed)
            model = Chain(shape["depth"], shape["width"]).to(asked.device)
            x = torch.randn(shape["batch"], 3, 16, 16, device=asked.device)
            t = torch.randint(0, 10, (shape["batch"],), device=asked.device)
            works: dict[str, Callable[[], Any]] = {
                "plain": partial(_step, model, x, t),
                "first order": partial(_first, model, x, t),
                "second order": partial(_second, model, x, t),
            }
            for name, spread in _race(works, asked, rounds=3)["seconds"].items():
                rows[name].append((value, spread["median"]))
        for name, found in rows.items():
            fixed = ", ".join(f"{key} {size}" for key, size in _FIXED.items() if key != against)
            slope = fitted_slope([value for value, _ in found], [seconds for _, seconds in found])
            series.append({"work": name, "against": against, "fixed": fixed, "points": found, "slope": slope})
    return {"series": series}


def _first(model: nn.Module, x: Tensor, t: Tensor) -> None:
    with setting(model, "train"), Capture(covered_layers(model), measure).attached() as capture:
        loss = F.cross_entropy(model(x), t)
        torch.autograd.grad(loss, list(capture.anchor.values()), allow_unused=True)


def _second(model: nn.Module, x: Tensor, t: Tensor) -> None:
    capture = Capture(covered_layers(model), retain=True)
    with setting(model, "train", twice=True), twice_differentiable(), capture.attached():
        loss = F.cross_entropy(model(x), t)
        capture.recording = False
        for _, point in points(loss, capture.calls):
            whole(point, forms=False)


SECTIONS: dict[str, Section] = {
    "audit-first-order": first_order,
    "audit-second-order": second_order,
    "audit-per-channel": per_channel,
    "audit-recorder": recorder,
    "audit-growth": growth,
}
"""What `bnverify.experiments.bench.sections.SECTIONS` gains."""
