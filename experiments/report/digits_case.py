"""The real case: a small VGG with PyTorch's own BatchNorm2d on real images, audited before and after training.

The images are the 1,797 handwritten digits of 8 x 8 pixels that come with scikit-learn, so nothing is fetched.
Everything runs in float64; eps is PyTorch's default. Theorems 4.1 and 4.2 are asked of every channel of every
BatchNorm layer, with g and v as autograd delivers them and true Hessian-vector products.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import torch
from bnverify.numerics.audit.report import LayerAudit
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn

WIDTHS: tuple[int | Literal["pool"], ...] = (8, 8, "pool", 8, 8, "pool", 16, 16, "pool")
"""Output channels of the convolutions, two a block as in VGG; a block ends with 2 x 2 max-pooling."""

SIDE = 8
"""Pixels on each side of an image."""

TRAIN = 1437
"""Images that are trained on, the first four fifths; the rest measure accuracy."""


@dataclass(frozen=True)
class Recipe:
    """How the network is trained and measured: SGD with momentum on batches drawn with replacement.

    second_order: measure curvature too, after training.
    """

    seed: int = 0
    steps: int = 100
    batch: int = 128
    rate: float = 0.1
    momentum: float = 0.9
    device: str = "cpu"
    widths: tuple[int | Literal["pool"], ...] = WIDTHS
    second_order: bool = True


@dataclass(frozen=True)
class Snapshot:
    """The audit of every BatchNorm layer after ``step`` steps, on one fixed batch.

    loss: on that batch, in nats. accuracy: share of the held-out images, with running statistics.
    """

    step: int
    loss: float
    accuracy: float
    layers: tuple[LayerAudit, ...]


@dataclass(frozen=True)
class DigitsCase:
    """What was measured, and how. losses: of the batch of every step."""

    recipe: Recipe
    snapshots: tuple[Snapshot, ...]
    losses: tuple[float, ...]
    parameters: int
    seconds: float


def small_vgg(widths: tuple[int | Literal["pool"], ...] = WIDTHS, classes: int = 10) -> nn.Sequential:
    """Conv 3 x 3, BatchNorm2d, ReLU for each width, 2 x 2 max-pooling where it says so, and a linear classifier.

    Layers are called conv1, bn1, relu1 ... in order.
    """
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    channels, number = 1, 0
    for width in widths:
        if width == "pool":
            layers[f"pool{number}"] = nn.MaxPool2d(2)
            continue
        number += 1
        layers[f"conv{number}"] = nn.Conv2d(channels, width, 3, padding=1)
        layers[f"bn{number}"] = nn.BatchNorm2d(width)
        layers[f"relu{number}"] = nn.ReLU()
        channels = width
    layers["flatten"] = nn.Flatten()
    side = SIDE >> sum(width == "pool" for width in widths)
    layers["classifier"] = nn.Linear(channels * side**2, classes)
    return nn.Sequential(layers)


def digits(device: str = "cpu") -> tuple[Tensor, Tensor]:
    """Images ``(1797, 1, 8, 8)`` in [0, 1], float64, and their labels ``(1797,)``."""
    from sklearn.datasets import load_digits

    data: Any = load_digits()
    images = torch.as_tensor(data.images, dtype=torch.float64, device=device).unsqueeze(1) / 16
    return images, torch.as_tensor(data.target, dtype=torch.int64, device=device)


def run(recipe: Recipe | None = None, tick: Callable[[int], None] = lambda done: None) -> DigitsCase:
    """Train and audit. ``tick`` is told how many of `units` are done, as they are.

    The random state of the process is left as it was.
    """
    recipe = recipe or Recipe()
    started = time.perf_counter()
    images, labels = digits(recipe.device)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        model = small_vgg(recipe.widths).double().to(recipe.device)
    generator = torch.Generator().manual_seed(recipe.seed)
    fixed = torch.randperm(TRAIN, generator=generator)[: recipe.batch].to(recipe.device)
    count = 0

    def done() -> None:
        nonlocal count
        count += 1
        tick(count)

    snapshots = [_snapshot(model, images, labels, fixed, 0, recipe, done)]
    optimiser = torch.optim.SGD(model.parameters(), lr=recipe.rate, momentum=recipe.momentum)
    losses = []
    for _ in range(recipe.steps):
        chosen = torch.randint(TRAIN, (recipe.batch,), generator=generator).to(recipe.device)
        loss = nn.functional.cross_entropy(model(images[chosen]), labels[chosen])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
        done()
    snapshots.append(_snapshot(model, images, labels, fixed, recipe.steps, recipe, done))
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return DigitsCase(recipe, tuple(snapshots), tuple(losses), parameters, time.perf_counter() - started)


def units(recipe: Recipe) -> int:
    """How many ticks `run` makes: one a step, one a layer and snapshot."""
    return recipe.steps + 2 * sum(width != "pool" for width in recipe.widths)


def _snapshot(
    model: nn.Sequential,
    images: Tensor,
    labels: Tensor,
    fixed: Tensor,
    step: int,
    recipe: Recipe,
    done: Callable[[], None],
) -> Snapshot:
    inputs, targets = images[fixed], labels[fixed]
    found: list[LayerAudit] = []
    for name, module in model.named_modules():
        if isinstance(module, nn.BatchNorm2d):
            report = audit(
                model,
                nn.functional.cross_entropy,
                inputs,
                targets,
                layers=[name],
                channels=range(module.num_features),
                mode="train",
                second_order=recipe.second_order and step == recipe.steps,
                probes=0,
                seed=recipe.seed,
            )
            found += report.layers
            done()
    with torch.no_grad():
        model.eval()
        accuracy = (model(images[TRAIN:]).argmax(1) == labels[TRAIN:]).double().mean()
        model.train()
        # A loss with batch statistics moves the running ones, so it is taken on a copy of the buffers.
        buffers = {name: buffer.clone() for name, buffer in model.named_buffers()}
        loss = nn.functional.cross_entropy(torch.func.functional_call(model, buffers, (inputs,)), targets)
    return Snapshot(step, float(loss), float(accuracy), tuple(found))
