"""Coordinates of the l_p normalisations of Section 3.3, and of the two-layer network of Definition 2.1.

Where a norm has no derivative (an entry 0 for p = 1, a tie for p = inf) there is no point: ZeroDivisionError.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from bnverify.numerics.measure.coordinates import (
    Affine,
    CentredL2,
    Coordinates,
    GroupNorm,
    Layer,
    LayerNorm,
    RMSNorm,
    Unbiased,
    along,
    root,
)
from bnverify.numerics.measure.dual import Dual, Row, dot
from bnverify.theory.claim import Instance
from bnverify.theory.surds import Surd


def _top(values: Row) -> int:
    """The place of the one entry of largest size."""
    sizes = [x.a * x.sign() for x in values]
    first = 0
    for k, size in enumerate(sizes):
        if (size - sizes[first]).sign() > 0:
            first = k
    if sum(not (size - sizes[first]).terms for size in sizes) > 1:
        raise ZeroDivisionError("max |y| has no derivative at a tie")
    return first


class Lp(Coordinates):
    """z = gamma C y/n(y) + beta 1 with n of one unit, or of two that share it.

    Args:
        p: "1", "2" or "inf".
        average: "unit", "layer" (the mean over the units of their power means over the batch) or "sample" (the mean
            over the batch of each sample's norm over the units).
    """

    def __init__(
        self, instance: Instance, gamma: Surd | None = None, *, p: str, average: str = "unit"
    ) -> None:
        self.p, self.average = p, average
        self.units = 1 if average == "unit" else 2
        super().__init__(instance, gamma)

    def _parts(self, y: Row) -> list[Row]:
        return [y.part(unit * self.each, (unit + 1) * self.each) for unit in range(self.units)]

    def _centre(self, u: Row) -> Row:
        centred = (part - self.one_ * (dot(self.one_, part) / self.each) for part in self._parts(u))
        return Row(x for part in centred for x in part)

    def _norm(self, values: Row, count: int) -> Dual:
        """The l_p norm, with the sums of p = 1 and p = 2 divided by ``count``."""
        match self.p:
            case "1":
                total = sum((x.absolute() for x in values), Dual(0))
                return total / count + root(self.eps_)
            case "2":
                return root(dot(values, values) / count + self.eps_)
        return values.entries[_top(values)].absolute()

    def divisor(self, y: Row) -> Dual:
        """n at y, whose entries may carry derivatives."""
        parts = self._parts(y)
        if self.average == "sample":
            norms = [self._norm(Row(sample), 1) for sample in zip(*parts, strict=True)]
        else:
            norms = [self._norm(part, self.each) for part in parts]
        return sum(norms, Dual(0)) / len(norms)

    def net(self, y: Row) -> Row:
        shift = Row([self.beta_] * self.size)
        return self._centre(y) * (self.gamma_ / self.divisor(y)) + shift

    def vec(self, name: str) -> Row:
        match name:
            case "yhat":
                return self._centre(self.y) / self.divisor(self.y)
            case "nu":
                return self.gradient(self.divisor)
            case "sgn":
                return Row(Dual(x.sign()) for x in self.y)
            case "top":
                top = _top(self.y)
                return Row(Dual(x.sign() if k == top else 0) for k, x in enumerate(self.y))
        return super().vec(name)

    def op(self, name: str, u: Row) -> Row:
        match name:
            case "C":
                return self._centre(u)
            case "N":
                return self._remembered(name, u, lambda: self.hessian(self.divisor, u))
        return super().op(name, u)

    def sym(self, name: str) -> Dual:
        match name:
            case "n":
                return self.divisor(self.y)
            case "rho":
                return 1 - self.eps_ / self.divisor(self.y) ** 2
            case "mu" | "s" | "sigma":
                raise KeyError(f"an l_p normalisation has no {name}")
        return super().sym(name)


class TwoLayer(Coordinates):
    """L(w1, w2) = (w2 w1 x - t)^2/2 at numbers given in ``extra``; every derivative by dual numbers."""

    def _loss(self, first: Any, second: Any) -> Dual:
        return (second * first * self.sym("x") - self.sym("t")) ** 2 / 2

    def _slope(self, layer: int, first: Any, second: Any, rescaled: bool = False) -> Dual:
        """The derivative of the loss in one layer's weight, whose arguments carry no e1."""
        c = self.sym("c") if rescaled else Dual(1)

        def moved(t: Dual) -> Dual:
            u1, u2 = (first + t, second) if layer == 1 else (first, second + t)
            return self._loss(u1 * c, u2 / c)

        value = moved(Dual(0, Surd.of(1)))
        return Dual(value.b or 0, None, value.d)

    def _shift(self, first: Any, second: Any, rate: Any, rescaled: bool = False) -> Dual:
        """G'_2 - G_2 after a gradient step of the first layer."""
        step = self._slope(1, first, second, rescaled) * rate
        return self._slope(2, first - step, second, rescaled) - self._slope(2, first, second, rescaled)

    def sym(self, name: str) -> Dual:
        if name in self.extra:
            return super().sym(name)
        first, second, rate = (self.sym(letter) for letter in ("w1", "w2", "eta"))
        bump = Dual(0, None, Surd.of(1))
        match name:
            case "shift":
                return self._shift(first, second, rate)
            case "shift_rate":
                return Dual(self._shift(first, second, bump).c or 0)
            case "mixed":
                return Dual(self._slope(2, first + bump, second).c or 0)
            case "G1":
                return self._slope(1, first, second)
            case "shift_first":
                return self._slope(1, first, second) - along(lambda t: self._loss(first + t, second))
            case "shift_rescaled":
                c = self.sym("c")
                return self._shift(first / c, second * c, rate, rescaled=True)
        raise KeyError(name)


Room = Callable[..., Coordinates]

ROOMS: dict[str, Room] = {
    "affine": Affine,
    "unbiased": Unbiased,
    "layer-norm": LayerNorm,
    "rms-norm": RMSNorm,
    "layer": Layer,
    "group-norm": GroupNorm,
    "lp-2-centred": CentredL2,
    "two-layer": TwoLayer,
}
"""The rooms of settings other than BatchNorm's own."""
for _p in ("1", "2", "inf"):
    ROOMS[f"lp-{_p}"] = partial(Lp, p=_p)
    for _average in ("layer", "sample"):
        ROOMS[f"lp-{_p}-{_average}"] = partial(Lp, p=_p, average=_average)


def coordinates(setting: str, instance: Instance, gamma: Surd | None = None) -> Coordinates:
    """The room of coordinates of a setting at one instance."""
    return ROOMS.get(setting, Coordinates)(instance, gamma)
