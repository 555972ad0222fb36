"""The only place where a tolerance is born: numbers that carry the scale they had before their cancellations.

A computed quantity differs from the exact one by at most

    unit roundoff of the dtype  x  roundings on the longest path  x  conditioning  x  scale

where conditioning = 1 + |mu|/s (how much of y is lost when its mean is taken off) and ``scale`` bounds the
magnitudes from which the quantity was formed. Nothing here knows a statement about BatchNorm.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from bnverify.errors import InputError

STAGES = (8, 24, 72)
"""Rounded elementwise operations on the longest path of a derivative of order 0, 1, 2.

The value z = gamma (y - mean)/s + beta takes 8: scaling of the mean, a difference, a square, the scaling of the
variance, a root, a quotient and the affine map. A reverse sweep visits each with at most two products and one
sum (3 x 8), a second sweep visits each of those in the same way (3 x 24).
"""

SUMS = (2, 6, 18)
"""Sums over the batch on that path: two (mean and variance) for the value, three times as many a sweep."""


def unit_roundoff(dtype: torch.dtype) -> float:
    """u = eps/2: the relative error of one rounded operation."""
    return torch.finfo(dtype).eps / 2


def roundings(order: int, length: int, depth: int = 0) -> float:
    """Roundings on the longest path of a derivative of that order through a BatchNorm of ``length`` samples.

    ``depth`` counts those of one evaluation of the loss downstream. A sum of n terms, in whatever order, loses
    at most n - 1 roundings of the sum of magnitudes (Higham, Accuracy and Stability of Numerical Algorithms,
    section 4.2).
    """
    return float(STAGES[order] + SUMS[order] * length + 3**order * depth)


def resolution(dtype: torch.dtype) -> float:
    """sqrt(u): an equality supports a statement only where it would show a relative error this large."""
    return float(unit_roundoff(dtype) ** 0.5)


def holding_dtype(name: str) -> torch.dtype:
    """The dtype of that name.

    Raises:
        InputError: it is no floating point dtype, or has too few digits to hold a second derivative.
    """
    held = {"float64": torch.float64, "float32": torch.float32}
    if name not in held:
        raise InputError(
            f"dtype {name!r} cannot hold the check: a second derivative needs the digits of float64 or float32; "
            "use --dtype float64"
        )
    return held[name]


@dataclass(frozen=True, slots=True)
class Measured:
    """Scalars of N instances: ``value`` and ``scale`` broadcast to (N,); ``count`` of roundings.

    ``scale`` >= |value| bounds the magnitudes the value was formed from: |error| <= u count cond scale. A product
    adds the counts of its factors, a sum takes the larger and one more.
    """

    value: Tensor
    scale: Tensor
    count: float = 1.0

    def _of(self, other: Any) -> Measured:
        return other if isinstance(other, Measured) else exact(other, self.value)

    def __add__(self, other: Any) -> Measured:
        o = self._of(other)
        return Measured(self.value + o.value, self.scale + o.scale, max(self.count, o.count) + 1)

    __radd__ = __add__

    def __neg__(self) -> Measured:
        return Measured(-self.value, self.scale, self.count)

    def __sub__(self, other: Any) -> Measured:
        return self + (-self._of(other))

    def __rsub__(self, other: Any) -> Measured:
        return self._of(other) - self

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, MeasuredVector):
            return other * self
        o = self._of(other)
        return Measured(self.value * o.value, self.scale * o.scale, self.count + o.count + 1)

    __rmul__ = __mul__

    def inverse(self) -> Measured:
        """1/x; its scale is scale(x)/x^2, the error of x divided by x^2."""
        return Measured(self.value.reciprocal(), self.scale / self.value.square(), self.count + 1)

    def __truediv__(self, other: Any) -> Measured:
        return self * self._of(other).inverse()

    def __rtruediv__(self, other: Any) -> Measured:
        return self._of(other) / self

    def __pow__(self, power: int) -> Measured:
        return Measured(self.value**power, self.scale**power, self.count * power + power - 1)

    def sqrt(self) -> Measured:
        """The root; its scale is scale(x)/sqrt(x), twice the error of x divided by the derivative's 2 sqrt(x)."""
        root = self.value.sqrt()
        return Measured(root, self.scale / root, self.count + 1)

    def __abs__(self) -> Measured:
        return Measured(self.value.abs(), self.scale, self.count)


@dataclass(frozen=True, slots=True)
class MeasuredVector:
    """Vectors of N instances: ``value`` (N, n); ``scale`` (N,) bounds the norm of what each was formed from."""

    value: Tensor
    scale: Tensor
    count: float = 1.0

    def __add__(self, other: MeasuredVector) -> MeasuredVector:
        count = max(self.count, other.count) + 1
        return MeasuredVector(self.value + other.value, self.scale + other.scale, count)

    def __neg__(self) -> MeasuredVector:
        return MeasuredVector(-self.value, self.scale, self.count)

    def __sub__(self, other: MeasuredVector) -> MeasuredVector:
        return self + (-other)

    def __mul__(self, factor: Any) -> MeasuredVector:
        f = factor if isinstance(factor, Measured) else exact(factor, self.value)
        count = self.count + f.count + 1
        return MeasuredVector(self.value * f.value.unsqueeze(-1), self.scale * f.scale, count)

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> MeasuredVector:
        f = factor if isinstance(factor, Measured) else exact(factor, self.value)
        return self * f.inverse()

    def dot(self, other: MeasuredVector) -> Measured:
        """sum_i u_i w_i; the sum of |u_i w_i| is at most the product of the norms (Cauchy-Schwarz)."""
        count = self.count + other.count + self.value.shape[-1]
        return Measured((self.value * other.value).sum(-1), self.scale * other.scale, count)


def exact(number: int | Fraction | float, like: Tensor) -> Measured:
    """A number that carries its own rounding alone; dtype and device are those of ``like``.

    Raises:
        TypeError: it is no real number.
    """
    if not isinstance(number, Real):
        raise TypeError(f"a number was expected, got {type(number).__name__}")
    value = torch.as_tensor(float(number), dtype=like.dtype, device=like.device)
    return Measured(value, value.abs())


def allowance(cond: Tensor, *parts: Measured) -> Tensor:
    """u cond sum of count x scale over the parts, shape (N,): the largest difference that rounding explains."""
    total = sum((part.count * part.scale for part in parts), torch.zeros_like(cond))
    return unit_roundoff(cond.dtype) * cond * total
