"""The exact room of every setting, on coordinates: one instance, any m, in Q(sqrt d1, sqrt d2, ...).

The definition of a normalisation is run on the entries of y as dual numbers (`dual`) and its derivatives are read
off, entry by entry. It shares the definition of BatchNorm with the other rooms and no derivative: neither the
nilpotent coefficients of Gram algebra nor SymPy's differentiation. A point costs milliseconds.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from typing import Any

from bnverify.numerics.measure.dual import Dual, Row, applied, dot, row
from bnverify.theory.batchnorm import Normalised, affine, standardise
from bnverify.theory.claim import Instance
from bnverify.theory.layers import UNITS, rms_standardise
from bnverify.theory.moving import Moving
from bnverify.theory.settings import Setting
from bnverify.theory.surds import Surd

STEP = Dual(0, Surd.of(1))
"""e1"""


def root(value: Any) -> Dual:
    """The exact square root of a number."""
    return Dual.of(value).sqrt()


def _first(value: Dual) -> Dual:
    return Dual(value.b or 0)


def along(f: Callable[[Dual], Any]) -> Any:
    """The derivative of f(t) at t = 0, a number or a vector."""
    value = f(STEP)
    return Row(_first(x) for x in value) if isinstance(value, Row) else _first(Dual.of(value))


class Coordinates(Setting):
    """BatchNorm at one `Instance`, whose downstream loss is the quadratic with gradient g and Hessian H at z.

    Args:
        gamma: a number of Q(sqrt d) in the place of the instance's rational one.
    """

    units = 1

    def __init__(self, instance: Instance, gamma: Surd | None = None) -> None:
        self.instance = instance
        self.extra = dict(instance.extra)
        self.y = row(instance.y)
        self.size = len(self.y)
        self.each = self.size // self.units
        self.one_ = row([1] * self.each)
        self.eps_ = Dual(Fraction(instance.eps))
        self.given_gamma = gamma
        self.g_ = row(instance.g)
        zero = ((0,) * self.size,) * self.size
        self.H_ = [row(line) for line in instance.H or zero]
        self._images: dict[Any, Row] = {}

    def standardise(self, y: Row) -> Normalised:
        """The definition at the entries of one unit, which may carry derivatives."""
        return standardise(y, self.one_, Dual(self.each), self.eps_, dot, root)

    @cached_property
    def stats(self) -> Normalised:
        return self.standardise(self.y)

    @cached_property
    def gamma_(self) -> Dual:
        if self.given_gamma is not None:
            return Dual(self.given_gamma)
        return self.stats.s if self.instance.gamma == "s" else Dual(Fraction(self.instance.gamma))

    @cached_property
    def beta_(self) -> Dual:
        return self.stats.mu if self.instance.beta == "mu" else Dual(Fraction(self.instance.beta))

    def net(self, y: Row) -> Row:
        """z at y, whose entries may carry derivatives."""
        return affine(self.standardise(y).yhat, self.one_, self.gamma_, self.beta_)

    @cached_property
    def z_(self) -> Row:
        return self.net(self.y)

    def loss(self, u: Row) -> Dual:
        """L(u) = <g, u - z> + (u - z)'H(u - z)/2"""
        d = u - self.z_
        return dot(self.g_, d) + dot(d, applied(self.H_, d)) / 2

    def _moved(self, k: int, u: Row | None = None) -> Row:
        """y + e1 e_k + e2 u"""
        other = [None] * self.size if u is None else [x.a for x in u]
        one = Surd.of(1)
        return Row(Dual(y.a, one if i == k else None, other[i]) for i, y in enumerate(self.y))

    def gradient(self, f: Callable[[Row], Dual]) -> Row:
        """The gradient of f at y."""
        return Row(_first(f(self._moved(k))) for k in range(self.size))

    def hessian(self, f: Callable[[Row], Dual], u: Row) -> Row:
        """The Hessian of f at y, times u."""
        return Row(Dual(f(self._moved(k, u)).d or 0) for k in range(self.size))

    @cached_property
    def v_(self) -> Row:
        """The chain rule at z, where the gradient of L is g."""
        moved = (self.net(self._moved(k)) for k in range(self.size))
        return Row(dot(self.g_, Row(map(_first, z))) for z in moved)

    def _bent(self, u: Row) -> Row:
        """The Hessian of L(z(y)) times u by the chain rule at z, where L has the gradient g and the Hessian H."""
        moved = [self.net(self._moved(k, u)) for k in range(self.size)]
        pulled = applied(self.H_, Row(Dual(x.c or 0) for x in moved[0]))
        return Row(
            dot(self.g_, Row(Dual(x.d or 0) for x in z)) + dot(Row(map(_first, z)), pulled) for z in moved
        )

    def _remembered(self, name: str, u: Row, made: Callable[[], Row]) -> Row:
        key = (name, *(frozenset(x.a.terms.items()) for x in u))
        if key not in self._images:
            self._images[key] = made()
        return self._images[key]

    def _inputs(self) -> tuple[list[Row], Row]:
        if self.instance.X is None or self.instance.W is None:
            raise KeyError("this statement lives in weight space: the instance needs X and W")
        return [row(line) for line in self.instance.X], row(self.instance.W)

    @cached_property
    def _plain_gradient(self) -> Row:
        """The gradient of L at the plain network's own y."""
        return self.gradient(self.loss)

    def vec(self, name: str) -> Row:
        match name:
            case "1":
                return self.one_
            case "yhat":
                return self.stats.yhat
            case "yhat_scaled":
                return self.standardise(self.y * self.sym("alpha")).yhat
            case "y":
                return self.y
            case "z":
                return self.z_
            case "g":
                return self.g_
            case "v":
                return self.v_
            case "g_own":
                return self._plain_gradient
            case "W":
                return self._inputs()[1]
            case "dW":
                return self.op("T", self.v_)
            case "dW_plain":
                return self.op("T", self._plain_gradient)
        return row(self.extra[name])

    def op(self, name: str, u: Row) -> Row:
        match name:
            case "H":
                return applied(self.H_, u)
            case "B":
                return self._remembered(name, u, lambda: self._bent(u))
            case "Dyhat":
                return along(lambda t: self.standardise(self.y + u * t).yhat)
            case "Dz":
                return along(lambda t: self.net(self.y + u * t))
            case "X":
                return applied(self._inputs()[0], u)
            case "T":
                X = self._inputs()[0]
                return applied([Row(column) for column in zip(*X, strict=True)], u)
            case "HW" | "HW_plain":
                return self.op("T", self.op("B" if name == "HW" else "H", self.op("X", u)))
        return applied([row(line) for line in self.extra[name]], u)

    def dot(self, u: Row, w: Row) -> Dual:
        return dot(u, w)

    def sym(self, name: str) -> Dual:
        match name:
            case "m":
                return Dual(self.each)
            case "gamma":
                return self.gamma_
            case "beta":
                return self.beta_
            case "mu":
                return self.stats.mu
            case "s":
                return self.stats.s
            case "sigma":
                return root(self.stats.s**2 - self.eps_)
            case "eps":
                return self.eps_
            case "rho":
                return 1 - self.eps_ / self.stats.s**2
            case "lam":
                return Dual(Fraction(self.instance.lam))
        return Dual(Fraction(self.extra[name]))

    def sqrt(self, value: Any) -> Dual:
        return root(value)

    def num(self, value: Fraction) -> Dual:
        return Dual(value)

    def absolute(self, value: Any) -> Dual:
        return Dual.of(value).absolute()

    def max_grad(self, u: Row) -> Dual:
        """lambda^2 |u|^2, attained at X = lambda u e'/|u|; that nothing is larger is a lemma."""
        return self.sym("lam") ** 2 * dot(u, u)

    def derivative(self, f: Callable[[Setting], Any], direction: Row, wrt: str) -> Any:
        return along(lambda t: f(Moving(self, wrt, direction, t, root)))


class Affine(Coordinates):
    """Adds the derivatives of the loss in gamma and beta."""

    def sym(self, name: str) -> Dual:
        match name:
            case "dgamma":
                return along(
                    lambda t: self.loss(affine(self.stats.yhat, self.one_, self.gamma_ + t, self.beta_))
                )
            case "dbeta":
                return along(
                    lambda t: self.loss(affine(self.stats.yhat, self.one_, self.gamma_, self.beta_ + t))
                )
        return super().sym(name)


class Unbiased(Coordinates):
    """sigma^2 = |y - mu 1|^2/(m - 1)"""

    def standardise(self, y: Row) -> Normalised:
        m = Dual(self.each)
        return standardise(y, self.one_, m, self.eps_, dot, root, count=m - 1)


class LayerNorm(Coordinates):
    """One sample with one gamma per element, ``scale`` in ``extra``: z = D y-hat + beta 1."""

    @cached_property
    def scale_(self) -> Row:
        return row(self.extra["scale"])

    def _spread(self, y: Row, scale: Row, shift: Row) -> Row:
        return scale.times(self.standardise(y).yhat) + self.one_ * self.beta_ + shift

    def net(self, y: Row) -> Row:
        return self._spread(y, self.scale_, self.one_ * 0)

    def op(self, name: str, u: Row) -> Row:
        return self.scale_.times(u) if name == "D" else super().op(name, u)

    def sym(self, name: str) -> Dual:
        match name:
            case "dscale":
                return along(lambda t: self.loss(self._spread(self.y, self.scale_ * (1 + t), self.one_ * 0)))
            case "dshift":
                return along(lambda t: self.loss(self._spread(self.y, self.scale_, self.scale_ * t)))
        return super().sym(name)


class RMSNorm(LayerNorm):
    """The same without the mean."""

    def standardise(self, y: Row) -> Normalised:
        return rms_standardise(y, Dual(self.each), self.eps_, dot, root)


class Layer(Coordinates):
    """Units j and k, one below the other, each with its own statistics; ``gammas`` in ``extra``."""

    units = len(UNITS)

    def part(self, stacked: Row, unit: str) -> Row:
        """The entries of one unit."""
        start = UNITS.index(unit) * self.each
        return stacked.part(start, start + self.each)

    def _unit(self, yhat: Row, unit: str) -> Row:
        return yhat * self.sym(f"gamma_{unit}")

    def net(self, y: Row) -> Row:
        parts = (self._unit(self.standardise(self.part(y, unit)).yhat, unit) for unit in UNITS)
        return Row(x for part in parts for x in part)

    def vec(self, name: str) -> Row:
        base, _, unit = name.partition("_")
        if unit not in UNITS:
            if name in {"yhat", "z", "g_own"}:
                raise KeyError(f"{name} of which unit")
            return super().vec(name)
        if base == "yhat":
            return self.standardise(self.part(self.y, unit)).yhat
        return self.part({"g": self.g_, "v": self.v_, "y": self.y}[base], unit)

    def op(self, name: str, u: Row) -> Row:
        letter, _, units = name.partition("_")
        if not units or letter not in {"H", "B"}:
            return super().op(name, u)
        none = self.one_ * 0
        stacked = Row(x for unit in UNITS for x in (u if unit == units[1] else none))
        return self.part(super().op(letter, stacked), units[0])

    def sym(self, name: str) -> Dual:
        base, _, unit = name.partition("_")
        if unit not in UNITS:
            return super().sym(name)
        if base == "gamma":
            return Dual(Fraction(self.extra["gammas"][UNITS.index(unit)]))
        stats = self.standardise(self.part(self.y, unit))
        match base:
            case "s":
                return stats.s
            case "mu":
                return stats.mu
            case "sigma":
                return root(stats.s**2 - self.eps_)
            case "rho":
                return 1 - self.eps_ / stats.s**2
        raise KeyError(name)


class GroupNorm(Layer):
    """Two groups of one sample with one gamma per element, ``scale`` in ``extra``."""

    def _unit(self, yhat: Row, unit: str) -> Row:
        return self.part(row(self.extra["scale"]), unit).times(yhat)

    def op(self, name: str, u: Row) -> Row:
        if name in {f"D_{unit}" for unit in UNITS}:
            return self._unit(u, name[-1])
        return super().op(name, u)


ROOMS: dict[str, Callable[..., Coordinates]] = {
    "affine": Affine,
    "unbiased": Unbiased,
    "layer-norm": LayerNorm,
    "rms-norm": RMSNorm,
    "layer": Layer,
    "group-norm": GroupNorm,
}
"""The rooms of settings other than BatchNorm's own."""


def coordinates(setting: str, instance: Instance, gamma: Surd | None = None) -> Coordinates:
    """The room of coordinates of a setting at one instance."""
    return ROOMS.get(setting, Coordinates)(instance, gamma)
