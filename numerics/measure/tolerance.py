"""The only place where a tolerance is born: numbers that carry the scale they had before their cancellations.

A computed quantity differs from the exact one by at most

    unit roundoff of the dtype  x  roundings on the longest path  x  conditioning  x  scale

where conditioning = 1 + |mu|/s (how much of y is lost when its mean is taken off) and ``scale`` bounds the
magnitudes from which the quantity was formed. Nothing here knows a statement about BatchNorm.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cache
from typing import Any

import torch
from torch import Tensor

from bnverify.base.errors import InputError

STAGES = (8, 32, 128)
"""Rounded elementwise operations on the longest path of a derivative of order 0, 1, 2.

The value z = gamma (y - mean)/s + beta takes 8: scaling of the mean, a difference, a square, the scaling of the
variance, a root, a quotient and the affine map. A reverse sweep adds at most two products and one sum for each
operation it goes back through, so every sweep multiplies the path by at most 4.
"""

SUMS = (2, 4, 8)
"""Sums over the batch on that path: mean and variance, and as many again for every sweep back through them."""


@cache
def unit_roundoff(dtype: torch.dtype) -> float:
    """u = eps/2: the relative error of one rounded operation."""
    return torch.finfo(dtype).eps / 2


def roundings(order: int, length: int, depth: int = 0) -> float:
    """Roundings on the longest path of a derivative of that order through a BatchNorm of ``length`` samples.

    ``depth`` counts those of one evaluation of the loss downstream, doubled by every sweep. A sum of n terms, in
    whatever order, loses at most n - 1 roundings of the sum of magnitudes (Higham, Accuracy and Stability of
    Numerical Algorithms, section 4.2).
    """
    return float(STAGES[order] + SUMS[order] * length + 2**order * depth)


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
    """Scalars of N instances with what rounding can have done to them; tensors that broadcast to (N,).

    value: the computed numbers.
    scale: >= |value|, the magnitudes that the value was formed from before its cancellations.
    count: roundings on the longest path where it was made; 0 for a result of arithmetic.
    error: bound on |value - exact| in units of u cond; count x scale where it is made, and carried through
        arithmetic by the rules of running error analysis (Higham, section 3.3).
    """

    value: Tensor
    scale: Tensor
    count: float = 1.0
    error: Tensor = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        if self.error is None:
            object.__setattr__(self, "error", self.scale * self.count)

    def __add__(self, other: Any) -> Measured:
        o = _measured(other, self.value)
        if o is None:
            return NotImplemented
        value = self.value + o.value
        return Measured(value, self.scale + o.scale, 0, self.error + o.error + value.abs())

    __radd__ = __add__

    def __neg__(self) -> Measured:
        return Measured(-self.value, self.scale, self.count, self.error)

    def __sub__(self, other: Any) -> Measured:
        o = _measured(other, self.value)
        return NotImplemented if o is None else self + (-o)

    def __rsub__(self, other: Any) -> Measured:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        o = _measured(other, self.value)
        if o is None:
            return NotImplemented
        value = self.value * o.value
        error = self.value.abs() * o.error + o.value.abs() * self.error + value.abs()
        both = unit_roundoff(value.dtype) * self.error * o.error
        return Measured(value, self.scale * o.scale, 0, error + both)

    __rmul__ = __mul__

    def inverse(self) -> Measured:
        """1/x, with the error of x divided by |x| times the least that |x| can be: no bound where that is 0."""
        value, square = self.value.reciprocal(), self.value.square()
        size = self.value.abs()
        least = (size - unit_roundoff(size.dtype) * self.error).clamp(min=0)
        return Measured(value, self.scale / square, 0, self.error / (size * least) + value.abs())

    def __truediv__(self, other: Any) -> Measured:
        o = _measured(other, self.value)
        return NotImplemented if o is None else self * o.inverse()

    def __rtruediv__(self, other: Any) -> Measured:
        return self.inverse() * other

    def __pow__(self, power: int) -> Measured:
        value = self.value**power
        most = self.value.abs() + unit_roundoff(value.dtype) * self.error
        error = power * most ** (power - 1) * self.error + (power - 1) * value.abs()
        return Measured(value, self.scale**power, 0, error)

    def sqrt(self) -> Measured:
        """The root; its error is that of x over the root, and at most the root of that: (√a - √b)² <= |a - b|."""
        root, u = self.value.sqrt(), unit_roundoff(self.value.dtype)
        most, least = (self.error / u).sqrt(), torch.finfo(root.dtype).tiny
        error = torch.minimum(self.error / root.clamp(min=least), most)
        scale = torch.where(root > 0, self.scale / root.clamp(min=least), self.scale.sqrt())
        return Measured(root, scale, 0, error + root)

    def __abs__(self) -> Measured:
        return Measured(self.value.abs(), self.scale, self.count, self.error)


@dataclass(frozen=True, slots=True)
class MeasuredVector:
    """Vectors of N instances, (N, n); ``scale`` and ``error`` as in `Measured`, of Euclidean norms, (N,)."""

    value: Tensor
    scale: Tensor
    count: float = 1.0
    error: Tensor = None  # type: ignore[assignment]
    known: Tensor | None = field(default=None, init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if self.error is None:
            object.__setattr__(self, "error", self.scale * self.count)

    @property
    def norm(self) -> Tensor:
        """Euclidean norms, (N,), computed once."""
        if self.known is None:
            object.__setattr__(self, "known", length(self.value))
        return self.known  # type: ignore[return-value]

    def __add__(self, other: Any) -> MeasuredVector:
        if not isinstance(other, MeasuredVector):
            return self._with_zero(other)
        out = MeasuredVector(self.value + other.value, self.scale + other.scale, 0, self.error + other.error)
        return replace(out, error=out.error + out.norm)

    def _with_zero(self, other: Any) -> MeasuredVector:
        """The literal 0 is the zero vector too."""
        zero = other.value if isinstance(other, Measured) else torch.as_tensor(other)
        return NotImplemented if bool(zero.any()) else self

    __radd__ = __add__

    def __neg__(self) -> MeasuredVector:
        return MeasuredVector(-self.value, self.scale, self.count, self.error)

    def __rsub__(self, other: Any) -> MeasuredVector:
        return -self + other

    def __matmul__(self, other: Any) -> Any:
        return self.dot(other) if isinstance(other, MeasuredVector) else NotImplemented

    def __sub__(self, other: Any) -> MeasuredVector:
        return self + (-other)

    def __mul__(self, factor: Any) -> MeasuredVector:
        if isinstance(factor, MeasuredVector):
            a, b = self.norm, factor.norm
            error = a * factor.error + b * self.error + a * b
            error = error + unit_roundoff(a.dtype) * self.error * factor.error
            return MeasuredVector(self.value * factor.value, self.scale * factor.scale, 0, error)
        f = _measured(factor, self.value)
        if f is None:
            return NotImplemented
        norm, size = self.norm, f.value.abs()
        error = size * self.error + norm * f.error + size * norm
        error = error + unit_roundoff(norm.dtype) * self.error * f.error
        return MeasuredVector(self.value * f.value.unsqueeze(-1), self.scale * f.scale, 0, error)

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> MeasuredVector:
        f = _measured(factor, self.value)
        return NotImplemented if f is None else self * f.inverse()

    def through(self, image: Tensor, gain: Tensor, count: float) -> MeasuredVector:
        """``image``, which a linear map made of this vector with ``count`` roundings.

        gain: the operator norm of the map with its terms taken before they cancel, (N,).
        """
        return MeasuredVector(image, gain * self.scale, 0, gain * (self.error + count * self.norm))

    def dot(self, other: MeasuredVector) -> Measured:
        """sum_i u_i w_i; the sum of |u_i w_i| is at most the product of the norms (Cauchy-Schwarz)."""
        a, b = self.norm, other.norm
        error = a * other.error + b * self.error + self.value.shape[-1] * a * b
        error = error + unit_roundoff(a.dtype) * self.error * other.error
        return Measured((self.value * other.value).sum(-1), self.scale * other.scale, 0, error)


def length(rows: Tensor) -> Tensor:
    """Euclidean norms along the last dimension; many times faster in float64 than `torch.linalg.vector_norm`."""
    square, told = rows.square().sum(-1), torch.finfo(rows.dtype)
    small = (square < told.tiny / told.eps) & rows.any(-1)
    if not bool(small.any()):
        return square.sqrt()
    # Squares that underflow leave no norm, and so no error: those of a row over its largest entry do not.
    top = rows.abs().amax(-1).clamp(min=told.tiny)
    return torch.where(small, (rows / top.unsqueeze(-1)).square().sum(-1).sqrt() * top, square.sqrt())


def _measured(other: Any, like: Tensor) -> Measured | None:
    """A measured number as it is, an exact one made so; None for anything else."""
    if isinstance(other, Measured):
        return other
    return exact(other, like) if isinstance(other, int | Fraction | float) else None


def exact(number: int | Fraction | float, like: Tensor) -> Measured:
    """A number that carries its own rounding alone; dtype and device are those of ``like``.

    Raises:
        TypeError: it is no real number.
    """
    if not isinstance(number, int | Fraction | float):
        raise TypeError(f"a number was expected, got {type(number).__name__}")
    value = torch.as_tensor(float(number), dtype=like.dtype, device=like.device)
    return Measured(value, value.abs())


def allowance(cond: Tensor, *parts: Measured) -> Tensor:
    """u cond times the errors of the parts, shape (N,): the largest difference that rounding explains."""
    total = sum((part.error for part in parts), torch.zeros_like(cond))
    return unit_roundoff(cond.dtype) * cond * total
