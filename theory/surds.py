"""Numbers of Q(sqrt d1, sqrt d2, ...) with exact arithmetic and exact signs."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from math import gcd, isqrt
from typing import Any


@cache
def _primes(n: int) -> tuple[int, ...]:
    p = next((p for p in range(2, min(isqrt(n), 10**6) + 1) if n % p == 0), n)
    if p > 10**12:
        raise NotImplementedError(f"the square root of a number with the large factor {p}")
    return () if n == 1 else (p, *_primes(n // p))


class Surd:
    """sum of c_d sqrt(d) over square-free d > 0; ``terms`` holds d -> c_d."""

    __slots__ = ("terms",)

    def __init__(self, terms: dict[int, Fraction]) -> None:
        self.terms = {d: c for d, c in terms.items() if c}

    @classmethod
    def of(cls, value: Any) -> Surd:
        """An int, a Fraction or a string like "1/2"."""
        if isinstance(value, cls):
            return value
        return cls({1: Fraction(value)})

    def __add__(self, other: Any) -> Surd:
        out = dict(self.terms)
        for d, c in Surd.of(other).terms.items():
            out[d] = out.get(d, Fraction(0)) + c
        return Surd(out)

    def __mul__(self, other: Any) -> Surd:
        out: dict[int, Fraction] = {}
        for d, c in self.terms.items():
            for e, b in Surd.of(other).terms.items():
                common = gcd(d, e)
                free = d * e // common**2
                out[free] = out.get(free, Fraction(0)) + c * b * common
        return Surd(out)

    def __sub__(self, other: Any) -> Surd:
        return self + Surd.of(other) * -1

    def __truediv__(self, other: Any) -> Surd:
        return self * Surd.of(other).inverse()

    def __pow__(self, k: int) -> Surd:
        out = Surd.of(1)
        for _ in range(abs(k)):
            out = out * self
        return out if k >= 0 else out.inverse()

    def _split(self) -> tuple[int, Surd, Surd]:
        """self = a + b sqrt(p), p the largest prime under a root and in neither a nor b; p = 1 if rational."""
        p = max((max(_primes(d)) for d in self.terms if d > 1), default=1)
        if p == 1:
            return 1, self, Surd({})
        a = Surd({d: c for d, c in self.terms.items() if d % p})
        return p, a, Surd({d // p: c for d, c in self.terms.items() if d % p == 0})

    def inverse(self) -> Surd:
        """1/self; ZeroDivisionError for 0."""
        p, a, b = self._split()
        if p == 1:
            return Surd({1: 1 / self.terms.get(1, Fraction(0))})
        return (a - b * Surd({p: Fraction(1)})) * (a * a - b * b * p).inverse()

    def sign(self) -> int:
        """-1, 0 or 1, exactly."""
        p, a, b = self._split()
        if p == 1:
            value = self.terms.get(1, Fraction(0))
            return (value > 0) - (value < 0)
        left, right = a.sign(), b.sign()
        return left or right if left * right >= 0 else left * (a * a - b * b * p).sign()

    def sqrt(self) -> Surd:
        """The root; NotImplementedError unless self is a non-negative rational without a large prime factor."""
        c = self.terms.get(1, Fraction(0))
        if c < 0 or not set(self.terms) <= {1}:
            raise NotImplementedError("the square root of a number that is not a non-negative rational")
        free = whole = 1
        found = _primes(c.numerator * c.denominator) if c else ()
        for p in set(found):
            free, whole = free * p ** (found.count(p) % 2), whole * p ** (found.count(p) // 2)
        return Surd({free: Fraction(whole if c else 0, c.denominator)})

    def __str__(self) -> str:
        return " + ".join(f"{c}*sqrt({d})" if d > 1 else str(c) for d, c in sorted(self.terms.items())) or "0"
