"""Speed of training and measuring, side by side in one run: sections of ``bnverify bench``."""

from __future__ import annotations

import statistics
from dataclasses import replace
from typing import Any

import torch
from bnverify.experiments.bench import roofline
from bnverify.experiments.bench.race import Conditions, race, ratios, timed
from bnverify.experiments.bench.roofline import Peaks
from bnverify.experiments.bench.section import Section
from bnverify.experiments.measure import landscape
from bnverify.experiments.networks.models import linear_network, vgg
from bnverify.experiments.run.linear_task import LinearTask
from bnverify.experiments.run.network_task import NetworkTask
from bnverify.experiments.run.recipes import NORMS_DLN, RECIPES, DlnRecipe, NormKind, VggRecipe
from rich.console import Console
from torch import nn

ROUNDS = 15
LIMITS = {"training-loop": 0.97, "deep-linear": {1: 120.0, 10: 480.0}}
"""What is promised: share of a bare loop's rate; seconds for the linear half on two cores, by seeds."""
STEPS, MEASURED = 10_000, 101
"""Of each network of the linear half."""


def _quick(asked: Conditions, norm: NormKind) -> VggRecipe:
    recipe = RECIPES["vgg-quick"]
    assert isinstance(recipe, VggRecipe)
    return replace(recipe, norm=norm, device=str(asked.device), seed=asked.seed)


def training_loop(asked: Conditions, steps: int = 10) -> dict[str, Any]:
    """Steps per second of a run with measurements off, against the shortest PyTorch loop on the same batches:
    both cut them out of the data set in memory, by a fresh order."""
    rows = []
    norms: tuple[NormKind, ...] = ("none", "batchnorm")
    for norm in norms:
        task = NetworkTask(_quick(asked, norm))
        model = vgg(task.recipe, task.set.train_x.shape[1], task.set.classes).to(asked.device)
        optimiser = torch.optim.SGD(model.parameters(), lr=task.recipe.lr)

        def bare(
            model: nn.Module = model, optimiser: torch.optim.Optimizer = optimiser, task: NetworkTask = task
        ) -> None:
            x, y, m = task.set.train_x, task.set.train_y, task.recipe.batch_size
            order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0)).to(y.device)
            for index in order.split(m)[:steps]:
                loss = nn.functional.cross_entropy(model(x[index]), y[index])
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

        def ours(task: NetworkTask = task) -> None:
            task.step = 0
            task.advance(steps)

        times = race({"bare": bare, "ours": ours}, asked.device, ROUNDS)
        rows.append(
            {
                "norm": norm,
                "steps_per_second": {name: steps / statistics.median(t) for name, t in times.items()},
                "share_of_bare": statistics.median(ratios(times["bare"], times["ours"])),
            }
        )
    return {"rounds": ROUNDS, "limit": LIMITS["training-loop"], "races": rows}


def probes(asked: Conditions, count: int = 8) -> dict[str, Any]:
    """Time of a landscape with K probes in units of one forward and backward pass; K + 1 is promised."""
    rows = []
    norms: tuple[NormKind, ...] = ("none", "batchnorm", "l1")
    for norm in norms:
        task = NetworkTask(_quick(asked, norm))
        objective = task._objective(0)
        w = objective.point()
        start = (w, *objective.value_and_grad(w))
        lengths = landscape.lengths(0.5, 4.0, task.recipe.lr, count)

        def plain(task: NetworkTask = task) -> None:
            x, y = task.batch(0)
            task.model.zero_grad()
            nn.functional.cross_entropy(task.model(x), y).backward()

        def ray(
            objective: landscape.Objective = objective,
            start: tuple[torch.Tensor, torch.Tensor, torch.Tensor] = start,
            lengths: list[float] = lengths,
        ) -> None:
            landscape.along(objective, lengths, start)

        times = race({"pass": plain, "landscape": ray}, asked.device, ROUNDS)
        passes = statistics.median(ratios(times["landscape"], times["pass"]))
        rows.append({"norm": norm, "probes": count, "passes": passes, "limit": count + 1})
    return {"rounds": ROUNDS, "races": rows}


def deep_linear(asked: Conditions, steps: int = 20) -> dict[str, Any]:
    """The whole linear half of the paper preset, extrapolated from a few steps and one measurement of each network.

    5 normalisations, 10,000 steps, 12 probes and the shift of 25 layers at every 100th step. ``plain`` is the
    network as written, by autograd on its 1,000 samples, one seed, probe and layer of the shift after the other:
    a measurement takes 1 + 12 + 24 gradients, each the time of a step.
    """
    found: dict[str, Any] = {"limits": LIMITS["deep-linear"], "seeds": {}}
    plain = {norm: _plain_step(asked, norm) for norm in NORMS_DLN}
    for seeds in (1, 10):
        rows = {}
        for norm in NORMS_DLN:
            recipe = DlnRecipe(norm=norm, seeds=seeds, seed=asked.seed, lanczos=0)
            task = LinearTask(recipe)
            task.advance(2)
            task.measure()
            step = timed(lambda task=task: task.advance(task.step + steps), asked.device) / steps  # type: ignore[misc]
            rows[norm] = {"step": step, "measurement": timed(task.measure, asked.device)}
        core = sum(STEPS * row["step"] + MEASURED * row["measurement"] for row in rows.values())
        gradients = STEPS + MEASURED * (recipe.probes + recipe.layers)
        slow = seeds * gradients * sum(plain.values())
        found["seeds"][seeds] = {
            "networks": rows,
            "core_seconds": core,
            "two_cores": core / 2,
            "plain_two_cores": slow / 2,
        }
    found["plain_step"] = plain
    return found


def _plain_step(asked: Conditions, norm: NormKind, steps: int = 5) -> float:
    recipe = DlnRecipe(norm=norm, seeds=1, seed=asked.seed)
    network, data = linear_network(recipe), LinearTask(recipe).problem
    target = data.x[0] @ data.a[0].T
    optimiser = torch.optim.SGD(network.parameters(), lr=recipe.lr)

    def train() -> None:
        for _ in range(steps):
            optimiser.zero_grad()
            (network(data.x[0]) - target).square().sum().backward()
            optimiser.step()

    train()
    return timed(train, asked.device) / steps


def against_roofline(asked: Conditions, recipe: VggRecipe, peaks: Peaks, steps: int = 20) -> dict[str, Any]:
    """Seconds of a training step of ``recipe``, and what its operations take at least at ``peaks``."""
    task = NetworkTask(recipe)
    task.advance(3)
    work = roofline.calls(lambda: task.advance(task.step + 1))
    taken = [timed(lambda: task.advance(task.step + steps), asked.device) / steps for _ in range(ROUNDS)]
    least, median = roofline.seconds(work, peaks), statistics.median(taken)
    return {
        "norm": recipe.norm,
        "gigaflops": sum(call.flops for call in work) / 1e9,
        "gigabytes": sum(call.bytes for call in work) / 1e9,
        "step": median,
        "roofline": least,
        "share_of_roofline": least / median,
    }


def gpu_roofline(asked: Conditions) -> dict[str, Any]:
    """Step time of the paper's VGG-16 at 32 x 32 pixels and batch 128 (on the embedded digits, which have one
    channel), against its roofline on the same device."""
    if asked.device.type != "cuda":
        return {"skipped": "a roofline of small kernels says little on a CPU; give --device cuda"}
    peaks = roofline.measured_peaks(asked.device)
    norms: tuple[NormKind, ...] = ("none", "batchnorm")
    recipes = [VggRecipe(norm=norm, device=str(asked.device), seed=asked.seed) for norm in norms]
    rows = [against_roofline(asked, recipe, peaks) for recipe in recipes]
    return {"teraflops": peaks.flops / 1e12, "terabytes_per_second": peaks.bytes / 1e12, "races": rows}


def _show_training(data: dict[str, Any], out: Console) -> None:
    for one in data["races"]:
        rates = ", ".join(f"{name} {rate:.1f} steps/s" for name, rate in one["steps_per_second"].items())
        out.print(f"{one['norm']}: {rates}; {one['share_of_bare']:.3f} of bare (asked: {data['limit']})")


def _show_probes(data: dict[str, Any], out: Console) -> None:
    for one in data["races"]:
        out.print(
            f"{one['norm']}, {one['probes']} probes: {one['passes']:.2f} passes (asked: {one['limit']})"
        )


def _show_deep_linear(data: dict[str, Any], out: Console) -> None:
    for seeds, found in data["seeds"].items():
        out.print(
            f"{seeds} seed{'s' * (int(seeds) > 1)}: {found['two_cores']:.0f} s on two cores "
            f"(asked: {data['limits'][seeds]:.0f} s), a plain loop {found['plain_two_cores']:.0f} s"
        )


def _show_roofline(data: dict[str, Any], out: Console) -> None:
    if "skipped" in data:
        out.print(f"skipped: {data['skipped']}", style="dim")
        return
    for one in data["races"]:
        out.print(
            f"{one['norm']}: {one['gigaflops']:.1f} GFLOP and {one['gigabytes']:.2f} GB a step, "
            f"{one['step'] * 1e3:.2f} ms; roofline {one['roofline'] * 1e3:.2f} ms, "
            f"{100 * one['share_of_roofline']:.0f} % of it reached"
        )
    out.print(f"peaks: {data['teraflops']:.1f} TFLOP/s, {data['terabytes_per_second']:.2f} TB/s", style="dim")


SECTIONS = {
    "training-loop": Section(training_loop, _show_training),
    "landscape": Section(probes, _show_probes),
    "deep-linear": Section(deep_linear, _show_deep_linear),
    "roofline": Section(gpu_roofline, _show_roofline),
}
