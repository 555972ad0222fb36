"""Rates of expressions in free numbers, of any order: each d(expr, t) adds a level of dual numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any


@dataclass(frozen=True)
class Dual:
    """value + rate e with e^2 = 0, where every level has an e of its own; the parts are numbers of lower levels."""

    level: int
    value: Any
    rate: Any

    def _apart(self, other: Any) -> tuple[int, Any, Any, Any, Any]:
        """The higher level of the two, and value and rate of both at it."""
        level = max(self.level, other.level) if isinstance(other, Dual) else self.level
        one, two = (
            (x.value, x.rate) if isinstance(x, Dual) and x.level == level else (x, 0) for x in (self, other)
        )
        return level, *one, *two

    def __add__(self, other: Any) -> Dual:
        level, a, da, b, db = self._apart(other)
        return Dual(level, a + b, da + db)

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return Dual(self.level, -self.value, -self.rate)

    def __sub__(self, other: Any) -> Dual:
        return self + (-other)

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    def __mul__(self, other: Any) -> Dual:
        level, a, da, b, db = self._apart(other)
        return Dual(level, a * b, da * b + a * db)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Dual:
        level, a, da, b, db = self._apart(other)
        return Dual(level, a / b, (da - a / b * db) / b)

    def __rtruediv__(self, other: Any) -> Dual:
        return Dual(self.level, other / self.value, -other / self.value / self.value * self.rate)

    def __pow__(self, power: int) -> Dual:
        value, slope = self.value, self.value
        for _ in range(power - 2):
            slope = slope * value
        return self if power == 1 else Dual(self.level, slope * value, power * slope * self.rate)

    def power(self, power: Fraction) -> Dual:
        """The number to a whole power of at least 1."""
        if power.denominator != 1 or power < 1:
            raise NotImplementedError(f"no rate of the power {power} of a free number is known here")
        return self**power.numerator


class Over(Mapping[str, Any]):
    """A mapping with another value in one place; the rest is looked up when it is asked for."""

    def __init__(self, under: Mapping[str, Any], name: str, value: Any) -> None:
        self.under, self.name, self.value = under, name, value

    def __getitem__(self, name: str) -> Any:
        return self.value if name == self.name else self.under[name]

    def __iter__(self) -> Iterator[str]:
        return iter({*self.under, self.name})

    def __len__(self) -> int:
        return len({*self.under, self.name})

    def __contains__(self, name: object) -> bool:
        return name == self.name or name in self.under
