"""Definitions as functions that autograd differentiates: names bound to tensors, N instances at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import torch
from bnverify.theory.grammar import Node
from bnverify.theory.room import Room, walk
from torch import Tensor

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Vec:
    """N vectors, (N, n). ``@`` is the inner product of each pair, ``*`` of two vectors the elementwise product."""

    x: Tensor

    def __add__(self, other: Any) -> Vec:
        return self if not isinstance(other, Vec) and other == 0 else Vec(self.x + other.x)

    __radd__ = __add__

    def __neg__(self) -> Vec:
        return Vec(-self.x)

    def __sub__(self, other: Any) -> Vec:
        return self + (-other)

    def __rsub__(self, other: Any) -> Vec:
        return -self + other

    def __mul__(self, factor: Any) -> Vec:
        if isinstance(factor, Vec):
            return Vec(self.x * factor.x)
        return Vec(self.x * (factor.unsqueeze(-1) if isinstance(factor, Tensor) and factor.dim() else factor))

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Vec:
        return Vec(self.x / (factor.unsqueeze(-1) if isinstance(factor, Tensor) and factor.dim() else factor))

    def __matmul__(self, other: Vec) -> Tensor:
        return (self.x * other.x).sum(-1)


@dataclass(frozen=True)
class Linear:
    """A linear map, known by what it does to vectors; ``rows``: its matrices where they were given."""

    action: Callable[[Any], Any]
    rows: Tensor | None = None

    def __matmul__(self, other: Any) -> Any:
        if isinstance(other, Linear):
            return Linear(lambda u: self.action(other.action(u)))
        return self.action(other)

    def __add__(self, other: Any) -> Linear:
        return Linear(lambda u: self.action(u) + other.action(u))

    def __neg__(self) -> Linear:
        return Linear(lambda u: -self.action(u))

    def __sub__(self, other: Linear) -> Linear:
        return self + (-other)

    def __mul__(self, factor: Any) -> Linear:
        return Linear(lambda u: self.action(u) * factor)

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Linear:
        return Linear(lambda u: self.action(u) / factor)


def remembered(action: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """The function with its images kept: statements, their terms and their leaves ask for the same ones."""
    images: dict[int, tuple[Tensor, Tensor]] = {}

    def act(u: Tensor) -> Tensor:
        if id(u) not in images:
            images[id(u)] = u, action(u)
        return images[id(u)][1]

    return act


def times(rows: Tensor) -> Linear:
    """The map of N matrices, (N, n, k), or of N diagonals, (N, n)."""
    if rows.dim() == 2:
        return Linear(lambda u: Vec(rows * u.x))
    return Linear(lambda u: Vec((rows @ u.x.unsqueeze(-1)).squeeze(-1)))


class RawRoom(Room):
    """Walks trees with tensors: numbers (N,), vectors `Vec`, operators `Linear`."""

    def number(self, whole: int) -> float:
        return float(whole)

    def power(self, value: Any, power: Fraction) -> Any:
        try:
            return value ** (float(power) if power.denominator == 2 else power.numerator)
        except OverflowError:
            raise InputError(
                f"{value:g}**{power} is above 1.8e308, which no float64 holds; write it smaller"
            ) from None

    def sqrt(self, value: Any) -> Any:
        return value**0.5

    def absolute(self, value: Any) -> Any:
        return Vec(value.x.abs()) if isinstance(value, Vec) else abs(value)

    def sign(self, value: Any) -> Any:
        return Vec(value.x.detach().sign())

    def smallest(self, left: Any, right: Any) -> Any:
        return -self.largest(-left, -right)

    def largest(self, *values: Any) -> Any:
        if len(values) == 1:
            return values[0].x.amax(-1)
        left, right = values
        like = left if isinstance(left, Tensor) else right
        return torch.maximum(*(torch.as_tensor(one, dtype=like.dtype, device=like.device) for one in values))

    def smooth(self, value: Any) -> Any:
        """A twice differentiable positive function with no symmetry: 2 + mean square/(1 + mean square) + a wave."""
        x = value.x
        weights = torch.linspace(0.5, 1.5, x.shape[-1], dtype=x.dtype, device=x.device)
        square = x.square().mean(-1)
        return 2 + square / (1 + square) + (weights * x).sin().mean(-1) / 4


def define(
    lines: Iterable[tuple[str, Node]], names: Mapping[str, Any], room: Callable[..., Room] = RawRoom
) -> dict[str, Any]:
    """The names with those that a definition's lines add, in order."""
    found = dict(names)
    for name, tree in lines:
        if name not in found:
            found[name] = walk(tree, room(found))
    return found
