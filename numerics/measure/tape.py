"""What rounding can do to a definition and to its derivatives: a tape of magnitudes.

A definition is walked once with measured numbers. Beside each value the tape keeps how large its partial derivatives
are, in size and before anything cancels, and how those change; a sweep back over them bounds what autograd forms a
gradient from, a sweep of their changes what it forms a Hessian-vector product from. No derivative of a normalisation is
written: the rules are those of sums, products, quotients, powers and inner products.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import torch
from bnverify.numerics.measure.raw import RawRoom, Vec
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector, exact, unit_roundoff
from bnverify.theory.room import Room
from torch import Tensor

PASS = 3
"""A pass over an operation adds at most two products and one sum to the roundings of its partial derivative."""


@dataclass(frozen=True)
class Partial:
    """|d value / d parent| for an active parent, (N,), and by which factors it changes with the parents ``bends``.

    rounds: the relative roundings of the computed partial, and of a pass over it.
    """

    parent: int
    size: Tensor | float
    rounds: Tensor | float
    bends: tuple[tuple[int, Tensor | float], ...] = ()


Ends = tuple[list[Any], list[Any]]
"""For each entry, the magnitude that something is formed from, and what rounding can have done to it in units of u."""


@dataclass
class Tape:
    """The operations of one walk, in order.

    The sweeps are running error analyses (Higham, section 3.3): what passes an operation is multiplied by the size of
    its partial, and gains the roundings of that partial and of the pass. Errors are those of one pass; a second
    derivative goes over each operation twice, and has twice as many.
    """

    like: Tensor
    entries: list[tuple[Partial, ...]] = field(default_factory=list)

    def leaf(self, value: Measured | MeasuredVector, active: bool = True) -> Traced:
        """A named value; what is not active does not move."""
        return self.record(value, (), active)

    def record(
        self,
        value: Measured | MeasuredVector,
        partials: Sequence[tuple[Traced, Tensor | float, Sequence[tuple[Traced, Tensor | float]], Any]],
        active: bool = False,
    ) -> Traced:
        """An operation: (parent, size of the partial, what bends it, relative roundings) for each parent."""
        kept = []
        for parent, size, bends, cost in partials:
            if parent.index >= 0:
                bent = tuple((other.index, factor) for other, factor in bends if other.index >= 0)
                kept.append(Partial(parent.index, size, cost + PASS, bent))
        if not kept and not active:
            return Traced(self, value, -1)
        self.entries.append(tuple(kept))
        return Traced(self, value, len(self.entries) - 1)

    def tangents(self, moved: Traced) -> Ends:
        """How fast each entry can change, as ``moved`` moves with speed 1."""
        rates: list[Any] = []
        errors: list[Any] = []
        for index, partials in enumerate(self.entries):
            rate, error = (1.0 if index == moved.index else 0.0), 0.0
            for p in partials if index != moved.index else ():
                passed = p.size * rates[p.parent]
                rate, error = rate + passed, error + p.size * errors[p.parent] + passed * p.rounds
            rates.append(rate)
            errors.append(error)
        return rates, errors

    def back(self, out: Traced, adjoint: Tensor, error: Tensor) -> Ends:
        """What the derivative of a loss in each entry is formed from, given that in ``out`` with its error."""
        found: list[Any] = [0.0] * len(self.entries)
        errors: list[Any] = [0.0] * len(self.entries)
        if out.index >= 0:
            found[out.index], errors[out.index] = adjoint, error
        for index in range(len(self.entries) - 1, -1, -1):
            if isinstance(found[index], float):  # nothing has reached it
                continue
            for p in self.entries[index]:
                passed = found[index] * p.size
                _add(found, errors, p.parent, passed, errors[index] * p.size + passed * p.rounds)
        return found, errors

    def back_moved(self, out: Traced, moved: Traced, first: Ends, curvature: Tensor, counted: float) -> Ends:
        """What the change of those derivatives is formed from, as ``moved`` moves along a unit vector.

        first: what `back` found. curvature: how much the adjoint in ``out`` changes for a change of ``out``, with
        ``counted`` roundings in a pass.
        """
        (rates, slips), (before, slack) = self.tangents(moved), first
        found: list[Any] = [0.0] * len(self.entries)
        errors: list[Any] = [0.0] * len(self.entries)
        if out.index >= 0:
            found[out.index] = curvature * rates[out.index]
            errors[out.index] = curvature * (slips[out.index] + counted * rates[out.index])
        for index in range(len(self.entries) - 1, -1, -1):
            for p in self.entries[index]:
                if not isinstance(found[index], float):
                    passed = found[index] * p.size
                    _add(found, errors, p.parent, passed, errors[index] * p.size + passed * p.rounds)
                for other, factor in p.bends:
                    if isinstance(rates[other], float) and not rates[other]:
                        continue
                    # The second derivative of a root is its cube, which has lost three times as much: in two passes.
                    bent, slip = before[index] * factor, slips[other] + rates[other] * (1.5 * p.rounds)
                    lost = bent * slip + slack[index] * factor * rates[other]
                    _add(found, errors, p.parent, bent * rates[other], lost)
        return found, errors


def _add(found: list[Any], errors: list[Any], place: int, more: Any, error: Any) -> None:
    """One more part of a sum, which is rounded once in a pass; the first part is no sum."""
    if isinstance(found[place], float):
        found[place], errors[place] = more, error
        return
    found[place] = found[place] + more
    errors[place] = errors[place] + error + found[place]


def size_of(value: Measured | MeasuredVector) -> Tensor:
    """|x| of a number, the Euclidean norm of a vector, (N,)."""
    return value.norm if isinstance(value, MeasuredVector) else value.value.abs()


def most_of(value: Measured | MeasuredVector) -> Tensor:
    """What the exact one can be at most, which rounding may have left nothing of."""
    size = size_of(value)
    return size + unit_roundoff(size.dtype) * value.error


def lost(value: Measured | MeasuredVector, size: Tensor) -> Any:
    """The error of a factor in units of the roundoff, relative to its size."""
    return value.error / size.clamp(min=torch.finfo(size.dtype).tiny)


@dataclass(frozen=True)
class Traced:
    """A value on a tape: a measured number or vector, and its entry, -1 where it does not move."""

    tape: Tape
    value: Any
    index: int

    def _lift(self, other: Any) -> Traced:
        if isinstance(other, Traced):
            return other
        return Traced(self.tape, exact(other, self.tape.like), -1)

    def _length(self) -> int:
        return self.value.value.shape[-1] if isinstance(self.value, MeasuredVector) else 1

    def __add__(self, other: Any) -> Traced:
        o = self._lift(other)
        return self.tape.record(self.value + o.value, [(self, 1.0, (), 1), (o, 1.0, (), 1)])

    __radd__ = __add__

    def __neg__(self) -> Traced:
        return self.tape.record(-self.value, [(self, 1.0, (), 0)])

    def __sub__(self, other: Any) -> Traced:
        return self + (-self._lift(other))

    def __rsub__(self, other: Any) -> Traced:
        return -self + other

    def _times(self, o: Traced, value: Any, length: int) -> Traced:
        """A product; the partial in a number that scales a vector is an inner product, of ``length`` terms."""
        a, b = most_of(self.value), most_of(o.value)
        one, other = (1, length) if self._length() > o._length() else (length, 1)
        if self._length() == o._length():
            one = other = length
        return self.tape.record(
            value,
            [
                (self, b, ((o, 1.0),), one + lost(o.value, b)),
                (o, a, ((self, 1.0),), other + lost(self.value, a)),
            ],
        )

    def __mul__(self, other: Any) -> Traced:
        o = self._lift(other)
        value = o.value * self.value if isinstance(o.value, MeasuredVector) else self.value * o.value
        return self._times(o, value, max(self._length(), o._length()) if o._length() != self._length() else 1)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Traced:
        o = self._lift(other)
        a, b = most_of(self.value), size_of(o.value)
        cost = 1 + lost(o.value, b)
        return self.tape.record(
            self.value / o.value,
            [
                (self, 1 / b, ((o, 1 / b**2),), cost),
                (
                    o,
                    a / b**2,
                    ((self, 1 / b**2), (o, 2 * a / b**3)),
                    cost + self._length() + lost(self.value, a) + lost(o.value, b),
                ),
            ],
        )

    def __rtruediv__(self, other: Any) -> Traced:
        return self._lift(other) / self

    def __matmul__(self, other: Traced) -> Traced:
        return self._times(other, self.value.dot(other.value), self._length())

    def __pow__(self, power: int) -> Traced:
        if power < 0:
            return 1 / self ** (-power)
        a = most_of(self.value)
        first = power * a ** (power - 1) if power else torch.zeros_like(a)
        second = power * (power - 1) * a ** max(power - 2, 0)
        return self.tape.record(
            self.value**power, [(self, first, ((self, second),), power * (1 + lost(self.value, a)))]
        )

    def sqrt(self) -> Traced:
        root = self.value.sqrt()
        size = size_of(root)
        return self.tape.record(
            root, [(self, 1 / (2 * size), ((self, 1 / (4 * size**3)),), 1 + lost(root, size))]
        )

    def through(self, value: Any, gain: Tensor | float, count: float = 1.0) -> Traced:
        """A value that a linear map of norm ``gain`` made of this one."""
        return self.tape.record(value, [(self, gain, (), count)])


@dataclass(frozen=True)
class Map:
    """A linear map on a tape: what it does to a measured vector, and its norm, (N,)."""

    action: Callable[[MeasuredVector], MeasuredVector]
    gain: Tensor | float
    count: float

    def __matmul__(self, other: Traced) -> Traced:
        return other.through(self.action(other.value), self.gain, self.count)


class TapeRoom(Room):
    """Walks a definition onto a tape."""

    def __init__(self, tape: Tape, names: dict[str, Any]) -> None:
        super().__init__(names)
        self.tape = tape

    def number(self, whole: int) -> Any:
        return Traced(self.tape, exact(whole, self.tape.like), -1)

    def power(self, value: Any, power: Fraction) -> Any:
        return (value.sqrt() if power.denominator == 2 else value) ** power.numerator

    def sqrt(self, value: Any) -> Any:
        return value.sqrt()

    def absolute(self, value: Any) -> Any:
        held = value.value
        if isinstance(held, MeasuredVector):
            return value.through(MeasuredVector(held.value.abs(), held.scale, held.count, held.error), 1.0)
        return value.through(abs(held), 1.0)

    def sign(self, value: Any) -> Any:
        signs = value.value.value.sign()
        return self.tape.record(MeasuredVector(signs, signs.norm(dim=-1), 0.0), ())

    def smallest(self, left: Any, right: Any) -> Any:
        return -self.largest(-left, -right)

    def largest(self, *values: Any) -> Any:
        if len(values) == 1:
            held = values[0].value
            top = held.value.amax(-1)
            return values[0].through(Measured(top, top.abs(), 0, held.error), 1.0)
        a, b = (one.value for one in values)
        error = torch.maximum(a.error, b.error)
        value = Measured(torch.maximum(a.value, b.value), torch.maximum(a.scale, b.scale), 0, error)
        return self.tape.record(value, [(one, 1.0, (), 1) for one in values])

    def smooth(self, value: Any) -> Any:
        held = RawRoom({}).smooth(Vec(value.value.value))
        measured = Measured(held.detach(), held.detach().abs() + 2, 8.0 * value.value.value.shape[-1])
        return self.tape.record(measured, [(value, 3.0, ((value, 3.0),), 8.0)])
