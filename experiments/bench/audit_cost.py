"""What an audit costs, side by side in one run: sections of ``bnverify bench``.

Every ratio is of times measured in turns, plain and audited, round by round, in one process; memory is measured in
fresh processes. Where the C library allows it, the C allocator is told to keep what it frees while time is measured,
and to give it all back while memory is: what it does by itself depends on all that ran before, and moves a pass by
several per cent and a peak by tens.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.experiments.bench.race import (
    Conditions,
    allocator,
    compared,
    fitted_slope,
    peak,
    raised_by,
    ranged,
    timed,
)
from bnverify.experiments.bench.resnet import resnet
from bnverify.experiments.bench.section import Section, show_growth
from bnverify.experiments.networks.models import vgg
from bnverify.experiments.run.recipes import VggRecipe
from bnverify.numerics.audit.capture.capture import Capture
from bnverify.numerics.audit.capture.selection import covered_layers
from bnverify.numerics.audit.loop.auditor import Auditor
from bnverify.numerics.audit.passes import measure, setting, twice_differentiable
from bnverify.numerics.audit.run import audit
from bnverify.numerics.audit.table.curvature import points, whole
from rich.console import Console
from torch import Tensor, nn

MODELS: dict[str, Callable[[], nn.Module]] = {
    "ResNet-18": resnet,
    "VGG-16": lambda: vgg(VggRecipe(norm="batchnorm"), 3, 10),
}
ROUNDS = 5
BATCH = 128
LIMITS = {"time": 1.10, "memory": 1.15, "second": 5.0, "recorder": 0.02}
"""What is asked for: first order against a plain forward and backward pass; second order a layer; the recorder's
share of a run."""
EVERY = 100


def subject(name: str, batch: int, asked: Conditions) -> tuple[nn.Module, Tensor, Tensor]:
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


WORKS: dict[str, Callable[[nn.Module, Tensor, Tensor], Any]] = {
    "plain": _step,
    "recorder": _hooked,
    "audit": _audited,
}


def first_order(asked: Conditions, batch: int = BATCH) -> dict[str, Any]:
    """Time and peak memory of the first order of every BatchNorm layer, same dtype, against a plain pass.

    ``recorder``: hooks on the run's own backward pass and the tables of all layers. ``audit``: the whole public call,
    on clones of the parameters, which computes no parameter gradients.
    """
    found = []
    for name in MODELS:
        model, x, t = subject(name, batch, asked)
        works = {which: partial(work, model, x, t) for which, work in WORKS.items()}
        bytes_of = {which: peak(_pass_bytes, asked.device, name, which, batch, asked) for which in WORKS}
        found.append(
            {
                **compared(works, asked.device, ROUNDS),
                "model": name,
                "batch": batch,
                "layers": len(covered_layers(model)),
                "bytes": bytes_of,
                "memory": {which: bytes_of[which] / bytes_of["plain"] for which in ("recorder", "audit")},
            }
        )
    return {"rounds": ROUNDS, "limits": LIMITS, "races": found}


def _pass_bytes(name: str, which: str, batch: int, asked: Conditions) -> int:
    """Bytes by which one pass raises what its process has held."""
    torch.set_num_threads(1)
    allocator(keeps=False)
    model, x, t = subject(name, batch, asked)
    for work in WORKS.values():
        # Imports and caches of every contestant, on one small batch.
        work(model, x[:2], t[:2])
    model.zero_grad(set_to_none=True)
    with suppress(OSError):
        # What this process holds now becomes its peak, where Linux lets it.
        Path("/proc/self/clear_refs").write_text("5")
    return raised_by(lambda: WORKS[which](model, x, t), asked.device)


def second_order(asked: Conditions, batch: int = 32) -> dict[str, Any]:
    """Seconds a layer for both quadratic forms of Theorem 4.2 over the whole layer, in passes of the model.

    ``both``: v'Bv and (Jv)'H(Jv), its bound's form. ``all``: also v'Hv and g'Hg. ``shared``: the one forward and
    backward pass that all layers share, with its graph.
    """
    found = []
    for name in MODELS:
        model, x, t = subject(name, batch, asked)
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


def recorder(asked: Conditions, batch: int = 32) -> dict[str, Any]:
    """The recorder's share of a training run at ``every=100``: a run of 100 steps, one of them recorded."""
    model, x, t = subject("VGG-16", batch, asked)
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
    plain, recorded = partial(_step, model, x, t), partial(_hooked, model, x, t)
    turns = compared({"plain": plain, "recorded": recorded}, asked.device, ROUNDS)
    extra = turns["ratio"]["recorded"]["median"] - 1
    return {
        "model": "VGG-16",
        "batch": batch,
        "every": EVERY,
        "limit": LIMITS["recorder"],
        "run_seconds": run,
        "share_in_hooks_and_tables": auditor.seconds / run,
        "share_from_a_recorded_step": extra / EVERY,
        "race": turns,
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
            for name, found in compared(works, asked.device, 3)["seconds"].items():
                rows[name].append((value, found["median"]))
        for name, points_of in rows.items():
            fixed = ", ".join(f"{key} {size}" for key, size in _FIXED.items() if key != against)
            slope = fitted_slope(*zip(*points_of, strict=True))
            series.append(
                {"work": name, "against": against, "fixed": fixed, "points": points_of, "slope": slope}
            )
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


def _show_first(data: dict[str, Any], out: Console) -> None:
    for one in data["races"]:
        plain = one["seconds"]["plain"]["median"]
        out.print(f"{one['model']}, {one['layers']} layers, batch {one['batch']}: plain pass {plain:.2f} s")
        for which, found in one["ratio"].items():
            memory = one["memory"][which]
            out.print(
                f"  {which}: {ranged(found)} its time (asked: {data['limits']['time']}x), "
                f"{memory:.2f}x its memory (asked: {data['limits']['memory']}x)"
            )


def _show_second(data: dict[str, Any], out: Console) -> None:
    for model in data["models"]:
        both = [row["both"] for row in model["layers"]]
        everything = [row["all"] for row in model["layers"]]
        out.print(
            f"{model['model']}, batch {model['batch']}: both forms {statistics.mean(both):.2f} passes a layer, "
            f"at most {max(both):.2f} (asked: {data['limit']:g}); with v'Hv and g'Hg "
            f"{statistics.mean(everything):.2f}, at most {max(everything):.2f}; "
            f"shared by all layers {model['shared']:.2f}"
        )


def _show_recorder(data: dict[str, Any], out: Console) -> None:
    out.print(
        f"{data['model']}, batch {data['batch']}, every {data['every']} steps: "
        f"{100 * data['share_in_hooks_and_tables']:.2f} % of the run in hooks and tables; a recorded step takes "
        f"{ranged(data['race']['ratio']['recorded'])}, {100 * data['share_from_a_recorded_step']:.2f} % of a run "
        f"(asked: {100 * data['limit']:g} %)"
    )


SECTIONS = {
    "audit-first-order": Section(first_order, _show_first),
    "audit-second-order": Section(second_order, _show_second),
    "audit-recorder": Section(recorder, _show_recorder),
    "audit-growth": Section(growth, show_growth),
}
