"""Speed of training and measuring, side by side in one run: sections in the form of
`bnverify.numerics.bench`."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from bnverify.experiments import landscape
from bnverify.experiments.linear_task import LinearTask
from bnverify.experiments.models import linear_network, vgg
from bnverify.experiments.network_task import NetworkTask
from bnverify.experiments.recipes import NORMS_DLN, RECIPES, DlnRecipe, NormKind, VggRecipe
from bnverify.numerics.bench import Conditions, timed
from torch import nn

ROUNDS = 7
LIMITS = {"training-loop": 0.97, "deep-linear": {1: 120.0, 10: 480.0}}
"""What is promised: share of a bare loop's rate; seconds for the linear half on two cores, by seeds."""


def _quick(asked: Conditions, norm: NormKind) -> VggRecipe:
    recipe = RECIPES["vgg-quick"]
    assert isinstance(recipe, VggRecipe)
    return replace(recipe, norm=norm, device=str(asked.device), seed=asked.seed)


def _race(contestants: dict[str, Callable[[], Any]], asked: Conditions) -> dict[str, list[float]]:
    """Seconds of each in turns, so that a change of load meets all of them."""
    times: dict[str, list[float]] = {name: [] for name in contestants}
    for work in contestants.values():
        work()
    for _ in range(ROUNDS):
        for name, work in contestants.items():
            times[name].append(timed(work, asked.device))
    return times


def training_loop(asked: Conditions, steps: int = 20) -> dict[str, Any]:
    """Steps per second of a run with measurements off, against the shortest PyTorch loop on the same
    batches."""
    rows = []
    norms: tuple[NormKind, ...] = ("none", "batchnorm")
    for norm in norms:
        task = NetworkTask(_quick(asked, norm))
        model = vgg(task.recipe, task.set.train_x.shape[1], task.set.classes).to(asked.device)
        optimiser = torch.optim.SGD(model.parameters(), lr=task.recipe.lr)
        batches = [task.batch(step) for step in range(steps)]

        def bare(
            model: nn.Module = model,
            optimiser: torch.optim.Optimizer = optimiser,
            batches: list[tuple[torch.Tensor, torch.Tensor]] = batches,
        ) -> None:
            for x, y in batches:
                loss = nn.functional.cross_entropy(model(x), y)
                optimiser.zero_grad()
                loss.backward()
                optimiser.step()

        def ours(task: NetworkTask = task) -> None:
            task.step = 0
            task.advance(steps)

        times = _race({"bare": bare, "ours": ours}, asked)
        ratios = [b / o for b, o in zip(times["bare"], times["ours"], strict=True)]
        rows.append(
            {
                "norm": norm,
                "steps_per_second": {name: steps / statistics.median(t) for name, t in times.items()},
                "share_of_bare": statistics.median(ratios),
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

        times = _race({"pass": plain, "landscape": ray}, asked)
        ratios = [b / a for a, b in zip(times["pass"], times["landscape"], strict=True)]
        rows.append({"norm": norm, "probes": count, "passes": statistics.median(ratios), "limit": count + 1})
    return {"rounds": ROUNDS, "races": rows}


def deep_linear(asked: Conditions, steps: int = 20) -> dict[str, Any]:
    """The whole linear half of the paper preset, extrapolated from a few steps and one measurement of each
    network.

    5 normalisations, 10,000 steps, 12 probes and the shift of 25 layers at every 100th step; ``plain`` is one
    seed's training step of the network as written, by autograd on its 1,000 samples, on the same
    extrapolation.
    """
    found: dict[str, Any] = {"limits": LIMITS["deep-linear"], "seeds": {}}
    for seeds in (1, 10):
        rows = {}
        for norm in NORMS_DLN:
            task = LinearTask(DlnRecipe(norm=norm, seeds=seeds, seed=asked.seed, lanczos=0))
            task.advance(2)
            step = timed(lambda task=task: task.advance(task.step + steps), asked.device) / steps  # type: ignore[misc]
            rows[norm] = {"step": step, "measurement": timed(task.measure, asked.device)}
        core = sum(10_000 * row["step"] + 100 * row["measurement"] for row in rows.values())
        found["seeds"][seeds] = {"networks": rows, "core_seconds": core, "two_cores": core / 2}
    found["plain"] = {norm: _plain_step(asked, norm) for norm in NORMS_DLN}
    found["plain_training_seconds"] = 10_000 * sum(found["plain"].values())
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


SECTIONS: dict[str, Callable[[Conditions], dict[str, Any]]] = {
    "training-loop": training_loop,
    "landscape": probes,
    "deep-linear": deep_linear,
}
"""What `bnverify.numerics.bench.SECTIONS` gains."""
