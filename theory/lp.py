"""Rooms of the l_p normalisations of Section 3.3: z = gamma (y - mu 1)/n(y) + beta, the norm taken before the shift.

One unit: ``lp-any`` (any twice differentiable n > 0), ``lp-1`` (mean |y|), ``lp-2`` (root of mean y^2 + eps),
``lp-inf`` (max |y|). The floors sqrt(eps) of the first and the last only shift n. Where no entry of y is 0, the
norm |y|_1 is <sgn, y> with sgn locally constant; where one entry is the largest in size, |y|_inf is <top, y>.
A whole layer with one n for all its units: ``lp-shared`` (any n), with C = I - 11'/m in each unit.
"""

from __future__ import annotations

from typing import Any

import sympy as sp
from bnverify.theory import gram
from bnverify.theory.batchnorm import Normalised, affine
from bnverify.theory.gram import Basis, GramVector, Jet, Table, riesz
from bnverify.theory.observe import Gram, root

n = sp.Symbol("n", positive=True)


class LpGram(Gram):
    """Names: ``n``, the divisor; ``nu``, its gradient; operator ``N``, its Hessian; ``C``, the centring."""

    facts: dict[Any, sp.Expr]

    def __init__(self, eps: bool = False) -> None:
        super().__init__(eps)
        self.symbols |= {"n": n, "s": n}
        mean = {("1", (), "1"): gram.m, ("1", (), "y"): gram.m * self.symbols["mu"]}
        self.table = Table(mean | self.norm_facts())

    def norm_facts(self) -> dict[Any, sp.Expr]:
        """What is known of the vectors that the norm brings."""
        return {}

    def divisor(self, y: GramVector, p: GramVector, q: GramVector) -> Any:
        """n at y, which is the batch moved by e1 p + e2 q."""
        nu = self.base("nu")
        return Jet(n, nu.dot(p), nu.dot(q), p.dot(q.apply("N")))

    @property
    def input(self) -> GramVector:
        return self.base("y")

    def _through(self, p: GramVector, q: GramVector) -> tuple[Normalised, GramVector]:
        one = self.base("1")
        y = self.input + p * Jet(0, 1) + q * Jet(0, 0, 1)
        mu = one.dot(y) / self.symbols["m"]
        s = self.divisor(y, p, q)
        yhat = (y - one * mu) / s
        return Normalised(mu, s, yhat), affine(yhat, one, self.symbols["gamma"], self.symbols["beta"])

    def vec(self, name: str) -> GramVector:
        if name == "yhat":
            return (self.input - self.base("1") * self.symbols["mu"]) / n
        if name == "nu":
            return self._gradient_of_n()
        return super().vec(name)

    def _gradient_of_n(self) -> GramVector:
        moved = self.divisor(self.input + self.base("§p") * Jet(0, 1), self.base("§p"), self._zero())
        return riesz(self.table, moved.c1, "§p")

    def op(self, name: str, u: GramVector) -> GramVector:
        if name == "C":
            return u - self.base("1") * (self.base("1").dot(u) / self.symbols["m"])
        if name == "N":
            p = self.base("§p")
            y = self.input + p * Jet(0, 1) + u * Jet(0, 0, 1)
            return riesz(self.table, sp.expand(self.divisor(y, p, u).c12), "§p")
        return super().op(name, u)


class L1Gram(LpGram):
    """n = <sgn, y>/m + sqrt(eps)"""

    def norm_facts(self) -> dict[Any, sp.Expr]:
        facts: dict[Any, sp.Expr] = {("sgn", (), "sgn"): gram.m}
        return facts if self.eps_positive else facts | {("sgn", (), "y"): gram.m * n}

    def divisor(self, y: GramVector, p: GramVector, q: GramVector) -> Any:
        moved = self.base("sgn").dot(y) / self.symbols["m"]
        return Jet(n, moved.c1, moved.c2, moved.c12)


class L2Gram(LpGram):
    """n = sqrt(|y|^2/m + eps), with rho = 1 - eps/n^2"""

    def norm_facts(self) -> dict[Any, sp.Expr]:
        return {("y", (), "y"): gram.m * self.rho_value * n**2}

    def __init__(self, eps: bool = False) -> None:
        super().__init__(eps)
        self.symbols["eps"] = (1 - self.rho_value) * n**2

    def divisor(self, y: GramVector, p: GramVector, q: GramVector) -> Any:
        return root(y.dot(y) / self.symbols["m"] + self.symbols["eps"])


class LInfGram(LpGram):
    """n = <top, y>, with top = sgn(y_b) e_b at the one entry of largest size"""

    def norm_facts(self) -> dict[Any, sp.Expr]:
        facts: dict[Any, sp.Expr] = {("top", (), "top"): sp.Integer(1)}
        return facts if self.eps_positive else facts | {("top", (), "y"): n}

    def divisor(self, y: GramVector, p: GramVector, q: GramVector) -> Any:
        moved = self.base("top").dot(y)
        return Jet(n, moved.c1, moved.c2, moved.c12)


class _Centring(Table):
    """C is a symmetric projector."""

    def inner(self, left: Basis, right: Basis) -> sp.Expr:
        word = gram.transpose(left[0]) + right[0]
        kept = tuple(x for i, x in enumerate(word) if x != "C" or i == 0 or word[i - 1] != "C")
        return super().inner(((), left[1]), (kept, right[1]))


class SharedGram(LpGram):
    """y and g are those of all units of a layer, one below the other; one n for all; z = gamma C y/n + b."""

    def __init__(self, eps: bool = False) -> None:
        super().__init__(eps)
        self.table = _Centring({})

    def _through(self, p: GramVector, q: GramVector) -> tuple[Normalised, GramVector]:
        y = self.input + p * Jet(0, 1) + q * Jet(0, 0, 1)
        s = self.divisor(y, p, q)
        yhat = y.apply("C") / s
        return Normalised(sp.Integer(0), s, yhat), yhat * self.symbols["gamma"]

    def vec(self, name: str) -> GramVector:
        return self.input.apply("C") / n if name == "yhat" else super().vec(name)

    def op(self, name: str, u: GramVector) -> GramVector:
        return u.apply("C") if name == "C" else super().op(name, u)


class CentredL2Gram(Gram):
    """The l_2 norm taken after the shift: BatchNorm, with n for s."""

    def op(self, name: str, u: GramVector) -> GramVector:
        if name == "C":
            return u - self.base("1") * (self.base("1").dot(u) / self.symbols["m"])
        return super().op(name, u)

    def sym(self, name: str) -> sp.Expr:
        return super().sym("s" if name == "n" else name)
