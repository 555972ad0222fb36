"""A person's own layer as a batch: along which dimension it normalises, and which definition its numbers are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import torch
from bnverify.numerics.measure.raw import RawRoom, Vec, define
from bnverify.theory.grammar import Node, lines
from bnverify.theory.normalisations import NORMALISATIONS, normalisation
from torch import Tensor, nn

from bnverify.base.errors import InputError

CANDIDATES = {"features": ("layer-norm", "rms-norm-elementwise"), "batch": ("batch-norm",)}
TRIED = (0.0, 1e-12, 1e-8, 1e-6, 1e-5, 1e-3)
"""Values of eps that are tried beside the float attributes of a layer."""


@dataclass(frozen=True)
class Own:
    """A layer in float64: its size, along what it normalises, and where it is known, its definition.

    definition: the lines of the normalisation, empty where the layer is none that is known.
    vectors: D and bias as numbers of each feature or channel. residual: the largest relative misfit.
    """

    size: int
    along: Literal["features", "batch"]
    forward: Callable[[Tensor], Tensor]
    name: str = ""
    eps: float = 0.0
    scale: Tensor | None = None
    shift: Tensor | None = None
    residual: float = float("inf")
    nearest: str = ""
    lines: tuple[tuple[str, Node], ...] = field(default=())


def _eps(layer: nn.Module) -> Iterator[float]:
    for value in vars(layer).values():
        if isinstance(value, float) and 0 <= value < 1:
            yield value
    yield from TRIED


def _size(layer: nn.Module) -> int:
    """How many features a layer takes: its shapes say so, or the first size that runs."""
    shapes = [t.numel() for t in layer.parameters() if t.dim() == 1]
    said = [getattr(layer, name, None) for name in ("num_features", "normalized_shape", "dim", "hidden_size")]
    sizes = [value if isinstance(value, int) else value[-1] for value in said if value]
    for size in [*sizes, *shapes, *range(2, 65)]:
        try:
            with torch.no_grad():
                out = layer(torch.randn(4, size, dtype=torch.float64))
            if out.shape == (4, size):
                return size
        except (RuntimeError, ValueError, IndexError, TypeError):
            continue
    raise InputError(
        f"{type(layer).__name__} takes no (batch, features) tensor of up to 64 features; "
        "wrap it in a module whose forward does"
    )


def _along(layer: nn.Module, size: int) -> Literal["features", "batch"]:
    """Which outputs move with one number: those of its sample, or those of its feature."""
    x = torch.randn(6, size, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    moved = x.clone()
    moved[0, 0] += 0.5
    with torch.no_grad():
        change = (layer(moved) - layer(x)).abs() > 1e-12
    row, column = bool(change[0, 1:].any()), bool(change[1:, 0].any())
    if row == column:
        raise InputError(
            f"{type(layer).__name__} moves {'both' if row else 'neither'} the sample and the feature of a number; "
            "a statement speaks of one group of numbers that are normalised together"
        )
    return "features" if row else "batch"


def own(layer: nn.Module, like: str | None = None) -> Own:
    """What a layer is; ``layer`` is in float64 and train mode.

    Raises:
        InputError: it takes no (batch, features) tensor, or normalises along both or none.
    """
    size = _size(layer)
    along = _along(layer, size)

    def forward(y: Tensor) -> Tensor:
        return layer(y) if along == "features" else layer(y.transpose(0, 1)).transpose(0, 1)

    best = Own(size, along, forward)
    generator = torch.Generator().manual_seed(2)
    y = 0.3 + torch.randn(
        (64, size) if along == "features" else (size, 64), generator=generator, dtype=torch.float64
    )
    with torch.no_grad():
        z = forward(y)
    for name in [like] if like else CANDIDATES[along]:
        known = normalisation(name)
        parts = tuple(lines(known.text))
        for eps in dict.fromkeys(_eps(layer)):
            yhat = _yhat(parts, y, eps)
            scale, shift, residual = _fit(yhat, z, 0 if along == "features" else 1)
            if residual < best.residual:
                best = Own(size, along, forward, name, eps, scale, shift, residual, name, parts)
    if best.residual > 1e-10 and like is None:
        return Own(size, along, forward, nearest=best.nearest, residual=best.residual)
    return best


def _yhat(parts: tuple[tuple[str, Node], ...], y: Tensor, eps: float) -> Tensor:
    """y-hat of a definition; what the definition multiplies it with is left aside."""
    rows = y.shape[0]
    names: dict[str, Any] = {"y": Vec(y), "one": Vec(torch.ones_like(y)), "m": y.shape[1]}
    names["eps"] = torch.full((rows,), eps, dtype=y.dtype)
    before = [line for line in parts if line[0] != "z"]
    return define(before, names, RawRoom)["yhat"].x


def _fit(yhat: Tensor, z: Tensor, dim: int) -> tuple[Tensor, Tensor, float]:
    """z = scale yhat + shift along a dimension by least squares, and the largest misfit relative to z's size."""
    mean, out = yhat.mean(dim, keepdim=True), z.mean(dim, keepdim=True)
    around = yhat - mean
    scale = (around * (z - out)).sum(dim, keepdim=True) / around.square().sum(dim, keepdim=True)
    shift = out - scale * mean
    misfit = (scale * yhat + shift - z).abs().max() / z.abs().max().clamp(min=1e-300)
    return scale.squeeze(dim), shift.squeeze(dim), float(misfit)


def listed() -> str:
    return ", ".join(NORMALISATIONS)
