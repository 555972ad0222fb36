"""Random losses downstream, from streams of numbers that are the same for the same words everywhere."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Literal

import torch
from bnverify.numerics.measure.downstream import (
    MLP,
    Convolution,
    Downstream,
    Linear,
    Quadratic,
    SecondBatchNorm,
)
from torch import Tensor

IMAGES = {
    2: (1, 1, 2),
    3: (1, 1, 3),
    4: (1, 2, 2),
    6: (1, 2, 3),
    8: (2, 2, 2),
    16: (1, 4, 4),
    32: (2, 4, 4),
    64: (4, 4, 4),
    256: (16, 4, 4),
}
"""Images, height and width with n h w = m, for the convolution."""


class Source:
    """Draws in float64 on the CPU, seeded by words."""

    def __init__(self, *words: object) -> None:
        digest = hashlib.sha256("/".join(map(str, words)).encode()).digest()
        self.generator = torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1)

    def normal(self, *shape: int) -> Tensor:
        return torch.randn(*shape, generator=self.generator, dtype=torch.float64)

    def uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self.generator, dtype=torch.float64)

    def powers(self, low: float, high: float, *shape: int) -> Tensor:
        """10^u with u uniform."""
        return 10 ** self.uniform(low, high, *shape)

    def signs(self, *shape: int) -> Tensor:
        return torch.where(self.uniform(0, 1, *shape) < 0.5, -1.0, 1.0).to(torch.float64)

    def chosen(self, share: float, *shape: int) -> Tensor:
        return self.uniform(0, 1, *shape) < share

    def classes(self, count: int, *shape: int) -> Tensor:
        return torch.randint(count, shape, generator=self.generator)


def _linear(draw: Source, rows: int, m: int) -> Downstream:
    return Linear(draw.normal(rows, m))


def _quadratic(draw: Source, rows: int, m: int, indefinite: bool) -> Downstream:
    """Every eighth has a Hessian that is a multiple of the identity, which preserves all relative norms."""
    d, e = draw.normal(rows, m).abs(), draw.normal(rows, 2).abs()
    if indefinite:
        d, e = d * draw.signs(rows, m), e * draw.signs(rows, 2)
    isotropic = torch.arange(rows) % 8 == 3
    d = torch.where(isotropic.unsqueeze(-1), d[:, :1], d)
    e = torch.where(isotropic.unsqueeze(-1), 0.0, e)
    return Quadratic(draw.normal(rows, m), d, draw.normal(rows, 2, m) / m**0.5, e)


def _mlp(draw: Source, rows: int, m: int, activation: Literal["relu", "tanh"]) -> Downstream:
    hidden, classes = 8, 4
    return MLP(
        w=draw.normal(rows, hidden),
        C=draw.normal(rows, hidden, m),
        V=draw.normal(rows, hidden, classes),
        target=draw.classes(classes, rows, m),
        activation=activation,
    )


def _convolution(draw: Source, rows: int, m: int) -> Downstream:
    channels, classes = 4, 3
    n, h, w = IMAGES[m]
    return Convolution(
        C=draw.normal(rows, n, channels, h, w),
        R=2 * draw.normal(rows, channels, classes),
        target=draw.classes(classes, rows, n),
        K=draw.normal(channels, 1, 3, 3),
    )


def _second(draw: Source, rows: int, m: int) -> Downstream:
    units, classes = 3, 3
    return SecondBatchNorm(
        w=draw.normal(rows, units),
        C=draw.normal(rows, units, m),
        scale=draw.normal(rows, units),
        shift=draw.normal(rows, units) / 2,
        V=draw.normal(rows, units, classes),
        target=draw.classes(classes, rows, m),
    )


LOSSES: dict[str, Callable[[Source, int, int], Downstream]] = {
    "linear": _linear,
    "quadratic-psd": partial(_quadratic, indefinite=False),
    "quadratic-indefinite": partial(_quadratic, indefinite=True),
    "mlp-relu": partial(_mlp, activation="relu"),
    "mlp-tanh": partial(_mlp, activation="tanh"),
    "convolution": _convolution,
    "second-batchnorm": _second,
}
"""Losses by name; each draws ``rows`` losses of batches of m samples."""


def downstream(name: str, draw: Source, rows: int, m: int) -> Downstream:
    """``rows`` random losses of the family ``name``, float64 on the CPU."""
    return LOSSES[name](draw, rows, m)
