"""The rooms that speak of every batch size: the syntax room and the Gram room.

The Gram room makes v, B and the Jacobians by running the definition of BatchNorm on y + e1 p + e2 q with
nilpotent e1, e2 and reading off the coefficients; nothing in it is a closed form of a gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp
from bnverify.theory import gram
from bnverify.theory.batchnorm import Normalised, affine, standardise
from bnverify.theory.gram import GramVector, Jet, Table, riesz
from bnverify.theory.moving import Moving
from bnverify.theory.settings import Setting
from bnverify.theory.syntax import Scalar, Vector, scalar


class Syntax(Setting):
    """Statement -> expression tree."""

    def vec(self, name: str) -> Vector:
        return Vector("vec", (name,))

    def op(self, name: str, u: Vector) -> Vector:
        return Vector("op", (name, u))

    def dot(self, u: Vector, w: Vector) -> Scalar:
        return Scalar("dot", (u, w))

    def sym(self, name: str) -> Scalar:
        return Scalar("sym", (name,))

    def sqrt(self, value: Any) -> Scalar:
        return Scalar("sqrt", (scalar(value),))

    def num(self, value: Fraction) -> Scalar:
        return scalar(value)

    def absolute(self, value: Any) -> Scalar:
        return Scalar("abs", (scalar(value),))

    def max_grad(self, u: Vector) -> Scalar:
        return Scalar("max_grad", (u,))

    def max_form(self, u: Vector, operator: str) -> Scalar:
        return Scalar("max_form", (u, operator))

    def derivative(self, f: Callable[[Setting], Any], direction: Vector, wrt: str) -> Scalar | Vector:
        value = f(self)
        if isinstance(value, Vector):
            return Vector("derivative", (value, direction, wrt))
        return Scalar("derivative", (scalar(value), direction, wrt))


class Gram(Setting):
    """Exact for every m: v, B, the Jacobians and their weight-space forms by nilpotent derivatives.

    Args:
        eps: False for the paper's BatchNorm (eps = 0, rho = 1, s = sigma), True for eps > 0.
    """

    def __init__(self, eps: bool = False) -> None:
        one = sp.Integer(1)
        self.eps_positive = eps
        self.rho_value: sp.Expr = gram.rho if eps else one
        self.table = Table(gram.batch_facts(self.rho_value))
        sigma = sp.sqrt(gram.rho) * gram.s if eps else gram.s
        self.symbols: dict[str, sp.Expr] = {
            "m": gram.m,
            "s": gram.s,
            "sigma": sigma,
            "rho": self.rho_value,
            "eps": (1 - self.rho_value) * gram.s**2,
            "gamma": sp.Symbol("gamma", real=True),
            "beta": sp.Symbol("beta", real=True),
            "mu": sp.Symbol("mu", real=True),
            "lam": sp.Symbol("lam", positive=True),
        }
        self._images: dict[str, GramVector] = {}

    def base(self, name: str) -> GramVector:
        return GramVector(self.table, {((), name): sp.Integer(1)})

    @property
    def input(self) -> GramVector:
        """y = mu 1 + s y-hat"""
        return self.base("1") * self.symbols["mu"] + self.base("yhat") * self.symbols["s"]

    def standardise(self, y: GramVector) -> Normalised:
        """The definition of BatchNorm at y, whose numbers may be jets."""
        m, eps = self.symbols["m"], self.symbols["eps"]
        return standardise(y, self.base("1"), m, eps, lambda u, w: u.dot(w), root)

    def _through(self, p: GramVector, q: GramVector) -> tuple[Normalised, GramVector]:
        """The definition at y + e1 p + e2 q: the statistics and z, with jets for numbers."""
        out = self.standardise(self._plain(p, q))
        one = self.base("1")
        return out, affine(out.yhat, one, self.symbols["gamma"], self.symbols["beta"])

    @staticmethod
    def _part(vector: GramVector, part: str) -> GramVector:
        terms = {basis: sp.expand(getattr(Jet.of(c), part)) for basis, c in vector.terms.items()}
        return GramVector(vector.table, {basis: c for basis, c in terms.items() if c != 0})

    def _plain(self, p: GramVector, q: GramVector) -> GramVector:
        """The activations of the plain network at y + e1 p + e2 q."""
        return self.input + p * Jet(0, 1) + q * Jet(0, 0, 1)

    def _loss(self, p: GramVector, q: GramVector, plain: bool = False) -> tuple[sp.Expr, sp.Expr]:
        """Directional derivatives of L(z(y)), or of L(y): along p, and along p and q, for any L with gradient g
        and Hessian H."""
        z = self._plain(p, q) if plain else self._through(p, q)[1]
        along_p, along_q, both = (self._part(z, part) for part in ("c1", "c2", "c12"))
        g = self.base("g")
        return g.dot(along_p), g.dot(both) + along_p.dot(along_q.apply("H"))

    def _zero(self) -> GramVector:
        return GramVector(self.table, {})

    def vec(self, name: str) -> GramVector:
        if name == "y":
            return self.input
        if name == "z":
            return self.base("yhat") * self.symbols["gamma"] + self.base("1") * self.symbols["beta"]
        if name in {"v", "dW"}:
            if name not in self._images:
                direction = self.base("§p").apply("X") if name == "dW" else self.base("§p")
                first, _ = self._loss(direction, self._zero())
                self._images[name] = riesz(self.table, first, "§p")
            return self._images[name]
        if name == "yhat_scaled":
            scaled = self.input * sp.Symbol("alpha", positive=True)
            return self.standardise(scaled).yhat
        if name == "dW_plain":
            return self.base("g").apply("T")
        return self.base(name)

    def op(self, name: str, u: GramVector) -> GramVector:
        if name in {"H", "X", "T"}:
            return u.apply(name)
        if name == "B":
            _, second = self._loss(self.base("§p"), u)
            return riesz(self.table, second, "§p")
        if name in {"HW", "HW_plain"}:
            _, second = self._loss(self.base("§p").apply("X"), u.apply("X"), plain=name == "HW_plain")
            return riesz(self.table, second, "§p")
        if name == "Dyhat":
            out, _ = self._through(u, self._zero())
            return self._part(out.yhat, "c1")
        if name == "Dz":
            _, z = self._through(u, self._zero())
            return self._part(z, "c1")
        raise KeyError(name)

    def dot(self, u: GramVector, w: GramVector) -> Any:
        return u.dot(w)

    def sym(self, name: str) -> sp.Expr:
        """A named scalar; a name outside the vocabulary is a free real number."""
        return self.symbols[name] if name in self.symbols else sp.Symbol(name, real=True)

    def sqrt(self, value: Any) -> sp.Expr:
        return sp.sqrt(value)

    def num(self, value: Fraction) -> sp.Expr:
        return sp.Rational(value.numerator, value.denominator)

    def absolute(self, value: Any) -> sp.Expr:
        return sp.Abs(value)

    def derivative(self, f: Callable[[Setting], Any], direction: GramVector, wrt: str) -> Any:
        value = f(Moving(self, wrt, direction, Jet(0, 1), root))
        return self._part(value, "c1") if isinstance(value, GramVector) else Jet.of(value).c1

    def max_grad(self, u: GramVector) -> sp.Expr:
        """lambda^2 |u|^2: attained at X = lambda u e'/|u| (for which S u = lambda^2 u), bounded by the lemma."""
        lam = self.symbols["lam"]
        attained = lam**2 * u.dot(u) * u.dot(u) / u.dot(u)
        bound = lam**2 * u.dot(u)
        if simplified(attained - bound) != 0:
            raise ArithmeticError("the witness does not attain the bound")
        return bound


def root(value: Any) -> Any:
    return value.sqrt() if isinstance(value, Jet) else sp.sqrt(sp.factor(sp.cancel(value)))


def simplified(expression: Any) -> sp.Expr:
    """The canonical form of a rational function of the table's symbols and sqrt(m)."""
    return sp.cancel(sp.together(sp.expand(expression)))
