"""Exact points of `layers`: one sample of LayerNorm or RMSNorm, two units of a layer.

Instances hold, in ``extra``: ``scale``, one gamma per element; ``gammas``, one per unit. Where there are two units,
y and g are those of the first, then those of the second, and H is the Hessian in both.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any

import sympy as sp
from bnverify.theory.batchnorm import standardise
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact, column, dot, number, tidy
from bnverify.theory.layers import UNITS, rms_standardise


class LayerNormPoint(Exact):
    """z = D y-hat + beta 1 at one sample."""

    @cached_property
    def scale_(self) -> sp.Matrix:
        return column(self.extra["scale"])

    def _spread(self, y: sp.Matrix, scale: sp.Matrix, shift: sp.Matrix) -> sp.Matrix:
        return scale.multiply_elementwise(self.standardise(y).yhat) + self.one_ * self.beta_ + shift

    def _network(self, y: sp.Matrix) -> sp.Matrix:
        return self._spread(y, self.scale_, self.one_ * 0)

    def op(self, name: str, u: sp.Matrix) -> sp.Matrix:
        return self.scale_.multiply_elementwise(u) if name == "D" else super().op(name, u)

    def sym(self, name: str) -> sp.Expr:
        t = sp.Symbol("t", real=True)
        if name == "dscale":
            z = self._spread(self.y, self.scale_ * (1 + t), self.one_ * 0)
            return tidy(sp.diff(self.loss(z), t).subs(t, 0))
        if name == "dshift":
            z = self._spread(self.y, self.scale_, self.scale_ * t)
            return tidy(sp.diff(self.loss(z), t).subs(t, 0))
        if name == "largest":
            return sp.Max(*(sp.Abs(value) for value in self.scale_))
        return super().sym(name)


class RMSNormPoint(LayerNormPoint):
    """The same without the mean."""

    def standardise(self, y: sp.Matrix) -> Any:
        return rms_standardise(y, sp.Integer(self.size), self.eps_, dot, sp.sqrt)


class LayerPoint(Exact):
    """Two units, each normalised by its own statistics; gammas in ``extra``, 1 where not given."""

    def __init__(self, instance: Instance, **symbolic: Any) -> None:
        super().__init__(instance, **symbolic)
        self.each = self.size // len(UNITS)
        self.one_ = sp.ones(self.each, 1)

    @cached_property
    def gammas(self) -> dict[str, sp.Expr]:
        values = self.extra.get("gammas", (1,) * len(UNITS))
        return dict(zip(UNITS, map(number, values), strict=True))

    def _of(self, stacked: sp.Matrix, unit: str) -> sp.Matrix:
        start = UNITS.index(unit) * self.each
        return stacked[start : start + self.each, :]

    def standardise(self, y: sp.Matrix) -> Any:
        return standardise(y, self.one_, sp.Integer(self.each), self.eps_, dot, sp.sqrt)

    def _network(self, y: sp.Matrix) -> sp.Matrix:
        return sp.Matrix.vstack(
            *(self.standardise(self._of(y, unit)).yhat * self.gammas[unit] for unit in UNITS)
        )

    def _statistics(self, unit: str) -> Any:
        return self.standardise(self._of(self.y, unit))

    def vec(self, name: str) -> sp.Matrix:
        base, _, unit = name.partition("_")
        if name in {"a", "b"} and name not in self.extra:
            return sp.Matrix(sp.symbols(f"{name}1:{self.each + 1}", real=True))
        if unit not in UNITS:
            return super().vec(name)
        if base == "yhat":
            return self._statistics(unit).yhat.applyfunc(tidy)
        return self._of({"g": self.g_, "v": self.v_, "y": self.y}[base], unit)

    def op(self, name: str, u: sp.Matrix) -> sp.Matrix:
        letter, _, units = name.partition("_")
        if not units or letter not in {"H", "B"}:
            return super().op(name, u)
        matrix = self.H_ if letter == "H" else self.B_
        row, column_ = (UNITS.index(unit) * self.each for unit in units)
        return matrix[row : row + self.each, column_ : column_ + self.each] * u

    def sym(self, name: str) -> sp.Expr:
        base, _, unit = name.partition("_")
        if name == "m":
            return sp.Integer(self.each)
        if unit not in UNITS:
            return super().sym(name)
        s = self._statistics(unit).s
        match base:
            case "gamma":
                return self.gammas[unit]
            case "s":
                return s
            case "sigma":
                return sp.sqrt(s**2 - self.eps_)
            case "rho":
                return 1 - self.eps_ / s**2
        raise KeyError(name)
