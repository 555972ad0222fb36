"""Exact points of `lp`: an l_p normalisation of one unit, or of several units that share one divisor n.

With ``units`` = J in ``extra``, y and g hold the J units one below the other, and ``m`` is the size of each. Where
a norm has no derivative (an entry 0 for p = 1, a tie for p = inf) there is no point.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import sympy as sp
from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact, number, tidy


def _absolute(value: sp.Expr, at: sp.Expr) -> sp.Expr:
    """|value| near ``at``."""
    if at == 0:
        raise ValueError("|y| has no derivative at an entry 0")
    return value if at > 0 else -value


def _l1(values: Sequence[sp.Expr], at: Sequence[sp.Expr]) -> sp.Expr:
    return sum((_absolute(y, y0) for y, y0 in zip(values, at, strict=True)), sp.Integer(0))


def _linf(values: Sequence[sp.Expr], at: Sequence[sp.Expr]) -> sp.Expr:
    sizes = [abs(y0) for y0 in at]
    top = sizes.index(max(sizes))
    if sizes.count(sizes[top]) > 1:
        raise ValueError("max |y| has no derivative at a tie")
    return _absolute(values[top], at[top])


class LpPoint(Exact):
    """z = gamma C y / n(y) + beta.

    Args:
        p: "1", "2" or "inf".
        average: "unit" (the power mean over the batch of one unit), "layer" (the mean of these over the units) or
            "sample" (the mean over the batch of each sample's l_p norm over the units).
        centred: take the norm of y - mu 1, against "before shifting the mean".
    """

    def __init__(self, instance: Instance, p: str, average: str = "unit", centred: bool = False) -> None:
        super().__init__(instance)
        self.p, self.average, self.centred = p, average, centred
        self.units = int(self.extra.get("units", 1))
        self.each = self.size // self.units

    def _centre(self, u: sp.Matrix) -> sp.Matrix:
        parts = []
        for unit in range(self.units):
            part = u[unit * self.each : (unit + 1) * self.each, :]
            parts.append(part - sp.ones(self.each, 1) * (sum(part) / self.each))
        return sp.Matrix.vstack(*parts)

    def _norm(self, values: Sequence[sp.Expr], at: Sequence[sp.Expr], count: int) -> sp.Expr:
        """The l_p norm, with the sums of p = 1 and p = 2 divided by ``count``."""
        match self.p:
            case "1":
                return _l1(values, at) / count + sp.sqrt(self.eps_)
            case "2":
                return sp.sqrt(sum((y**2 for y in values), sp.Integer(0)) / count + self.eps_)
        return _linf(values, at)

    def divisor(self, y: sp.Matrix) -> sp.Expr:
        """n near the instance's own y, whose entries may hold symbols."""
        at = self.y
        if self.centred:
            y, at = self._centre(y), self._centre(at)
        rows = range(self.units)
        blocks = [slice(unit * self.each, (unit + 1) * self.each) for unit in rows]
        if self.average in {"unit", "layer"}:
            parts = [self._norm(list(y[block, 0]), list(at[block, 0]), self.each) for block in blocks]
            return sum(parts, sp.Integer(0)) / self.units
        samples = [[unit * self.each + b for unit in rows] for b in range(self.each)]
        norms = [self._norm([y[i] for i in sample], [at[i] for i in sample], 1) for sample in samples]
        return sum(norms, sp.Integer(0)) / self.each

    def _network(self, y: sp.Matrix) -> sp.Matrix:
        gamma = number(self.instance.gamma)
        return self._centre(y) * (gamma / self.divisor(y)) + sp.ones(self.size, 1) * number(
            self.instance.beta
        )

    @cached_property
    def gamma_(self) -> sp.Expr:
        return number(self.instance.gamma)

    def _signs(self) -> sp.Matrix:
        return self.y.applyfunc(sp.sign)

    def vec(self, name: str) -> sp.Matrix:
        match name:
            case "yhat":
                return (self._centre(self.y) / self.divisor(self.y)).applyfunc(tidy)
            case "nu":
                return self._gradient(self.divisor, self.y)
            case "sgn":
                return self._signs()
            case "top":
                return self._gradient(lambda y: _linf(list(y), list(self.y)), self.y)
        return super().vec(name)

    def op(self, name: str, u: sp.Matrix) -> sp.Matrix:
        match name:
            case "C":
                return self._centre(u)
            case "N":
                return self._hessian(self.divisor, self.y) * u
        return super().op(name, u)

    def sym(self, name: str) -> sp.Expr:
        match name:
            case "m":
                return sp.Integer(self.each)
            case "n":
                return tidy(self.divisor(self.y))
            case "rho":
                return 1 - self.eps_ / self.divisor(self.y) ** 2
            case "mu" | "s" | "sigma":
                raise KeyError(f"an l_p normalisation has no {name}")
        return super().sym(name)
