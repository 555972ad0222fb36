"""Networks in the shapes of well-known ones, and plain autograd as the reference of what an audit measures."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn


def vgg() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        nn.BatchNorm2d(6),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace=True),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Dropout(0.3),
        nn.Linear(8, 5),
    )


class PostActivation(nn.Module):
    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = (
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )
        self.conv2, self.bn2 = (
            nn.Conv2d(channels, channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = self.bn2(self.conv2(out))
        out += x
        return F.relu(out, inplace=True)


class PreActivation(nn.Module):
    """The input of bn1 feeds the skip connection as well."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 3, padding=1)
        self.bn2, self.conv2 = nn.BatchNorm2d(channels), nn.Conv2d(channels, channels, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv1(F.relu(self.bn1(x), inplace=True))
        return x + self.conv2(torch.tanh(self.bn2(out)))


def _residual(block: type[nn.Module]) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1),
        block(6),
        block(6),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(24, 5),
    )


class Dense(nn.Module):
    """Every block reads the concatenation of all before it."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, padding=1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(4 + 3 * i) for i in range(3)])
        self.convs = nn.ModuleList([nn.Conv2d(4 + 3 * i, 3, 3, padding=1) for i in range(3)])
        self.head = nn.Linear(13, 5)

    def forward(self, x: Tensor) -> Tensor:
        features = [self.stem(x)]
        for norm, conv in zip(self.norms, self.convs, strict=True):
            features.append(conv(F.relu(norm(torch.cat(features, 1)))))
        return self.head(torch.cat(features, 1).mean((2, 3)))


def mlp() -> nn.Module:
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(3 * 8 * 8, 12),
        nn.BatchNorm1d(12),
        nn.Tanh(),
        nn.Linear(12, 9),
        nn.BatchNorm1d(9, affine=False),
        nn.Softplus(),
        nn.Linear(9, 5),
    )


class Transformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(24, 8)
        self.norm1, self.norm2, self.final = nn.LayerNorm(8), nn.LayerNorm(8), nn.LayerNorm(8)
        self.attention = nn.MultiheadAttention(8, 2, batch_first=True)
        self.feed = nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8))
        self.head = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        h = self.embed(x.transpose(1, 2).flatten(2))
        n = self.norm1(h)
        h = h + self.attention(n, n, n, need_weights=False)[0]
        h = h + self.feed(self.norm2(h))
        return self.head(self.final(h).mean(1))


class UNet(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.down, self.norm1 = nn.Conv2d(3, 4, 3, padding=1), nn.InstanceNorm2d(4, affine=True)
        self.deep, self.norm2 = nn.Conv2d(4, 6, 3, padding=1), nn.InstanceNorm2d(6)
        self.up, self.norm3 = nn.Conv2d(10, 4, 3, padding=1), nn.InstanceNorm2d(4, affine=True)
        self.head = nn.Linear(4 * 64, 5)

    def forward(self, x: Tensor) -> Tensor:
        high = F.relu(self.norm1(self.down(x)))
        low = F.relu(self.norm2(self.deep(F.avg_pool2d(high, 2))), inplace=True)
        joined = torch.cat([high, F.interpolate(low, scale_factor=2)], 1)
        return self.head(F.leaky_relu(self.norm3(self.up(joined))).flatten(1))


ARCHITECTURES: dict[str, Callable[[], nn.Module]] = {
    "vgg": vgg,
    "resnet-post": lambda: _residual(PostActivation),
    "resnet-pre": lambda: _residual(PreActivation),
    "densenet": Dense,
    "mlp": mlp,
    "transformer": Transformer,
    "unet": UNet,
}


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@dataclass(frozen=True)
class Case:
    """A model, a loss and a batch."""

    model: nn.Module
    inputs: Tensor
    targets: Tensor
    loss_fn: Callable[..., Tensor] = F.cross_entropy

    @property
    def args(self) -> tuple[Any, ...]:
        return self.model, self.loss_fn, self.inputs, self.targets


def make(model: nn.Module, dtype: torch.dtype = torch.float64, seed: int = 0) -> Case:
    """Random affine parameters and running statistics, of either sign, so that nothing is trivially 0 or 1."""
    generator = torch.Generator().manual_seed(seed)
    for module in model.modules():
        if isinstance(getattr(module, "weight", None), Tensor) and module.weight.dim() == 1:
            module.weight.data = torch.randn(module.weight.shape, generator=generator)
            if getattr(module, "bias", None) is not None:
                module.bias.data = torch.randn(module.bias.shape, generator=generator)
        if isinstance(getattr(module, "running_var", None), Tensor):
            module.running_mean.copy_(torch.randn(module.running_mean.shape, generator=generator))
            module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
    inputs = torch.randn(6, 3, 8, 8, generator=generator).to(dtype)
    targets = torch.randint(0, 5, (6,), generator=generator)
    return Case(model.to(dtype), inputs, targets)


@pytest.fixture(params=list(ARCHITECTURES))
def architecture(request: pytest.FixtureRequest) -> Case:
    torch.manual_seed(1)
    return make(ARCHITECTURES[request.param]())


@pytest.fixture
def case() -> Callable[..., Case]:
    def build(model: nn.Module | str, dtype: torch.dtype = torch.float64, seed: int = 0) -> Case:
        torch.manual_seed(1)
        return make(ARCHITECTURES[model]() if isinstance(model, str) else model, dtype, seed)

    return build


@dataclass
class Seen:
    """What plain autograd says of one call: input, leaves added before and after the layer."""

    y: Tensor
    before: Tensor
    after: Tensor
    z: Tensor


class Probed(nn.Module):
    """A layer between two zero leaves: the gradients of the leaves are those at its input and at its output."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer
        self.seen: list[Seen] = []

    def forward(self, y: Tensor) -> Tensor:
        before = torch.zeros_like(y, requires_grad=True)
        read = y + before
        z = self.layer(read)
        after = torch.zeros_like(z, requires_grad=True)
        self.seen.append(Seen(read, before, after, z))
        return z + after


def probed(model: nn.Module, names: list[str]) -> tuple[nn.Module, dict[str, Probed]]:
    """A copy of the model with the named layers between leaves."""
    twin = copy.deepcopy(model)
    found = {}
    for name in names:
        parent = twin.get_submodule(name.rpartition(".")[0])
        found[name] = Probed(twin.get_submodule(name))
        setattr(parent, name.rpartition(".")[2], found[name])
    return twin, found


@pytest.fixture
def reference() -> Callable[..., tuple[Tensor, dict[str, Probed]]]:
    """(case, names) -> loss and the probed layers, with the random state of the caller."""

    def evaluate(item: Case, names: list[str]) -> tuple[Tensor, dict[str, Probed]]:
        twin, found = probed(item.model, names)
        state = torch.get_rng_state()
        loss = item.loss_fn(twin(item.inputs.clone()), item.targets)
        torch.set_rng_state(state)
        return loss, found

    return evaluate
