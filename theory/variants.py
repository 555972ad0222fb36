"""Rooms of BatchNorm with its affine gradients, and of BatchNorm with the unbiased variance."""

from __future__ import annotations

from typing import Any

import sympy as sp
from bnverify.theory import gram
from bnverify.theory.batchnorm import Normalised, affine, standardise
from bnverify.theory.exact import Exact, dot, tidy
from bnverify.theory.gram import GramVector, Jet
from bnverify.theory.observe import Gram, root


class AffineGram(Gram):
    """Adds ``dgamma`` and ``dbeta``: the derivatives of L(gamma y-hat + beta) in gamma and beta, for every m."""

    def sym(self, name: str) -> sp.Expr:
        if name not in {"dgamma", "dbeta"}:
            return super().sym(name)
        step = Jet(0, 1)
        gamma, beta = self.symbols["gamma"], self.symbols["beta"]
        moved = (step + gamma, beta) if name == "dgamma" else (gamma, step + beta)
        z = affine(self.base("yhat"), self.base("1"), *moved)
        return self.base("g").dot(self._part(z, "c1"))


class AffinePoint(Exact):
    """Adds ``dgamma`` and ``dbeta`` by plain differentiation."""

    def sym(self, name: str) -> sp.Expr:
        if name not in {"dgamma", "dbeta"}:
            return super().sym(name)
        t = sp.Symbol("t", real=True)
        moved = (self.gamma_ + t, self.beta_) if name == "dgamma" else (self.gamma_, self.beta_ + t)
        loss = self.loss(affine(self.stats.yhat, self.one_, *moved))
        return tidy(sp.diff(loss, t).subs(t, 0))


class UnbiasedGram(Gram):
    """sigma^2 = |y - mu 1|^2/(m - 1), so that <y-hat,y-hat> = (m - 1) rho; needs m >= 2."""

    def __init__(self, eps: bool = False) -> None:
        super().__init__(eps)
        self.table.facts["yhat", (), "yhat"] = (gram.m - 1) * self.rho_value

    def standardise(self, y: GramVector) -> Normalised:
        m, eps = self.symbols["m"], self.symbols["eps"]
        return standardise(y, self.base("1"), m, eps, lambda u, w: u.dot(w), root, count=m - 1)


class UnbiasedPoint(Exact):
    """The exact room with the unbiased variance."""

    def standardise(self, y: sp.Matrix) -> Any:
        m = sp.Integer(self.size)
        return standardise(y, self.one_, m, self.eps_, dot, sp.sqrt, count=m - 1)
