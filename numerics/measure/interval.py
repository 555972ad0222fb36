"""A number known to an interval, such as a maximum over inputs: [attained by one of them, bound for all of them]."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bnverify.numerics.measure.tolerance import Measured


@dataclass(frozen=True)
class Interval:
    """[``attained``, ``bound``]; arithmetic keeps the ends in order, also where a factor is negative."""

    attained: Any
    bound: Any

    def __add__(self, other: Any) -> Interval:
        o = other if isinstance(other, Interval) else Interval(other, other)
        return Interval(self.attained + o.attained, self.bound + o.bound)

    __radd__ = __add__

    def __neg__(self) -> Interval:
        return Interval(-self.bound, -self.attained)

    def __sub__(self, other: Any) -> Interval:
        return self + (-other)

    def __rsub__(self, other: Any) -> Interval:
        return -self + other

    def __mul__(self, factor: Any) -> Interval:
        if isinstance(factor, Interval):
            products = [a * b for a in (self.attained, self.bound) for b in (factor.attained, factor.bound)]
            return Interval(least(products), -least([-one for one in products]))
        ends = [self.attained * factor, self.bound * factor]
        return Interval(least(ends), -least([-one for one in ends]))

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Interval:
        return self * (1 / factor)

    def __pow__(self, power: int) -> Interval:
        found = self
        for _ in range(power - 1):
            found = found * self
        return found


def least(values: list[Any]) -> Any:
    """The smaller of each instance, with its own error."""
    import torch

    found = values[0]
    for other in values[1:]:
        smaller = other.value < found.value
        found = Measured(
            torch.where(smaller, other.value, found.value),
            torch.where(smaller, other.scale, found.scale),
            0,
            torch.maximum(other.error, found.error),
        )
    return found
