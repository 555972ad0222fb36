"""Second-order dual numbers over Q(sqrt d1, sqrt d2, ...): exact values and exact derivatives on coordinates.

Nothing here knows BatchNorm, and nothing is shared with the nilpotent coefficients of Gram algebra.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from typing import Any

from bnverify.theory.surds import Surd

Part = Surd | None
"""A coefficient; None is an exact 0."""


def _plus(x: Part, y: Part) -> Part:
    return y if x is None else x if y is None else x + y


def _times(x: Part, y: Part) -> Part:
    return None if x is None or y is None else x * y


class Dual:
    """a + b e1 + c e2 + d e1 e2 with e1^2 = e2^2 = 0: a value, two directional derivatives and the mixed one."""

    __slots__ = ("a", "b", "c", "d")

    def __init__(self, a: Any, b: Part = None, c: Part = None, d: Part = None) -> None:
        self.a: Surd = a if isinstance(a, Surd) else Surd.of(a)
        self.b, self.c, self.d = b, c, d

    @staticmethod
    def of(value: Any) -> Dual:
        """A number as it is; ints and Fractions without derivatives."""
        return value if isinstance(value, Dual) else Dual(value)

    def __add__(self, other: Any) -> Dual:
        o = Dual.of(other)
        return Dual(self.a + o.a, _plus(self.b, o.b), _plus(self.c, o.c), _plus(self.d, o.d))

    __radd__ = __add__

    def __neg__(self) -> Dual:
        return self * -1

    def __sub__(self, other: Any) -> Dual:
        return self + -Dual.of(other)

    def __rsub__(self, other: Any) -> Dual:
        return -self + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, Row):
            return other * self
        o = Dual.of(other)
        b = _plus(_times(self.a, o.b), _times(self.b, o.a))
        c = _plus(_times(self.a, o.c), _times(self.c, o.a))
        d = _plus(_times(self.a, o.d), _times(self.d, o.a))
        return Dual(self.a * o.a, b, c, _plus(d, _plus(_times(self.b, o.c), _times(self.c, o.b))))

    __rmul__ = __mul__

    def __pow__(self, power: int) -> Dual:
        out = Dual(1)
        for _ in range(abs(power)):
            out = out * self
        return out if power >= 0 else out.inverse()

    def __truediv__(self, other: Any) -> Dual:
        return self * Dual.of(other).inverse()

    def __rtruediv__(self, other: Any) -> Dual:
        return self.inverse() * other

    def __eq__(self, other: object) -> bool:
        """Whether the values are the same numbers; derivatives are not compared."""
        return not (self - other).a.terms

    __hash__ = None  # type: ignore[assignment]

    def _through(self, value: Surd, first: Surd, second: Surd) -> Dual:
        """f(self) from f, f' and f'' at the value."""
        bent = _plus(_times(self.d, first), _times(_times(self.b, self.c), second))
        return Dual(value, _times(self.b, first), _times(self.c, first), bent)

    def inverse(self) -> Dual:
        """1/self; ZeroDivisionError where the value is 0."""
        i = self.a.inverse()
        return self._through(i, i * i * -1, i * i * i * 2)

    def sqrt(self) -> Dual:
        """The root; NotImplementedError unless the value is a non-negative rational."""
        root = self.a.sqrt()
        if self.b is self.c is self.d is None:
            return Dual(root)
        i = root.inverse()
        return self._through(root, i * Fraction(1, 2), i * i * i * Fraction(-1, 4))

    def absolute(self) -> Dual:
        """|self|; ZeroDivisionError where it has no derivative."""
        sign = self.a.sign()
        if sign == 0 and not (self.b is self.c is self.d is None):
            raise ZeroDivisionError("|x| has no derivative at 0")
        return self * (sign or 1)

    def sign(self) -> int:
        """The exact sign of the value."""
        return self.a.sign()


class Row:
    """A vector of coordinates."""

    __slots__ = ("entries",)

    def __init__(self, entries: Iterable[Dual]) -> None:
        self.entries = tuple(entries)

    def __iter__(self) -> Iterator[Dual]:
        return iter(self.entries)

    def __len__(self) -> int:
        return len(self.entries)

    def __add__(self, other: Row) -> Row:
        return Row(x + y for x, y in zip(self, other, strict=True))

    def __sub__(self, other: Row) -> Row:
        return Row(x - y for x, y in zip(self, other, strict=True))

    def __neg__(self) -> Row:
        return self * -1

    def __mul__(self, factor: Any) -> Row:
        return Row(x * factor for x in self)

    __rmul__ = __mul__

    def __truediv__(self, factor: Any) -> Row:
        return self * Dual.of(factor).inverse()

    def times(self, other: Row) -> Row:
        """The product entry by entry."""
        return Row(x * y for x, y in zip(self, other, strict=True))

    def part(self, start: int, stop: int) -> Row:
        """The entries from ``start`` up to ``stop``."""
        return Row(self.entries[start:stop])


def row(values: Iterable[Any]) -> Row:
    """A vector from exact numbers: ints, Fractions, strings such as "1/2"."""
    return Row(Dual(value) for value in values)


def dot(u: Row, w: Row) -> Dual:
    """The sum of the products; ValueError where the sizes differ."""
    total = Dual(0)
    for x, y in zip(u, w, strict=True):
        total = total + x * y
    return total


def applied(matrix: Sequence[Row], u: Row) -> Row:
    """The product of a matrix, given by its rows, and a vector."""
    return Row(dot(line, u) for line in matrix)
