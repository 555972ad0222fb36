"""The exact room: one instance, differentiated by plain SymPy.

Shares no derivative with the Gram room: the loss is composed with the definition of BatchNorm as an ordinary
expression in y (or in W) and differentiated with `sympy.diff`.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cached_property
from typing import Any

import sympy as sp
from bnverify.theory.batchnorm import affine, standardise
from bnverify.theory.claim import Instance, rational
from bnverify.theory.moving import Moving
from bnverify.theory.settings import Extremum, Setting


def number(value: Any) -> sp.Expr:
    """An exact SymPy number from an int, a Fraction or a string like "1/2"; SymPy values pass through."""
    if isinstance(value, sp.Basic):
        return value
    fraction = rational(value)
    return sp.Rational(fraction.numerator, fraction.denominator)


def column(values: Any) -> sp.Matrix:
    return sp.Matrix([number(value) for value in values])


def tidy(value: sp.Expr) -> sp.Expr:
    """The canonical form of a number built from rationals and square roots of rationals."""
    return sp.expand(sp.radsimp(sp.expand(value)))


def sign(value: sp.Expr) -> int:
    """The exact sign of a number in Q(sqrt d1, sqrt d2, ...); zero is decided by canonical form.

    Raises:
        ArithmeticError: ``value`` is not an exact real number.
    """
    form = tidy(sp.sympify(value))
    if form.has(sp.Float) or not form.is_number or not form.is_real:
        raise ArithmeticError(f"not an exact real number: {form}")
    if form == 0:
        return 0
    approximation = form.evalf(60)
    if abs(approximation) < sp.Float("1e-45"):
        raise ArithmeticError(f"too close to zero to sign: {form}")
    return 1 if approximation > 0 else -1


def dot(u: sp.Matrix, w: sp.Matrix) -> sp.Expr:
    return (u.T * w)[0, 0]


class Exact(Setting):
    """The vocabulary at one `Instance`; every value is an exact SymPy number.

    ``symbolic`` replaces named entries (g, H, gamma) by given SymPy objects for cross-checks of whole formulas.
    """

    def __init__(self, instance: Instance, **symbolic: Any) -> None:
        self.instance = instance
        self.symbolic = symbolic
        self.size = instance.m
        self.one_ = sp.ones(self.size, 1)
        self.y = column(instance.y)
        self.X = None if instance.X is None else sp.Matrix([[number(x) for x in row] for row in instance.X])
        self.W = None if instance.W is None else column(instance.W)
        if self.X is not None and self.W is not None and self.y != self.X * self.W:
            raise ValueError("the instance says y = X W, but X W is another vector")
        self.extra = dict(instance.extra)
        self.eps_ = number(instance.eps)

    def standardise(self, y: sp.Matrix) -> Any:
        """The definition of BatchNorm at y, whose entries may hold symbols."""
        return standardise(y, self.one_, sp.Integer(self.size), self.eps_, dot, sp.sqrt)

    @cached_property
    def stats(self) -> Any:
        return self.standardise(self.y)

    @cached_property
    def gamma_(self) -> sp.Expr:
        if "gamma" in self.symbolic:
            return self.symbolic["gamma"]
        return self.stats.s if self.instance.gamma == "s" else number(self.instance.gamma)

    @cached_property
    def beta_(self) -> sp.Expr:
        return self.stats.mu if self.instance.beta == "mu" else number(self.instance.beta)

    def _network(self, y: sp.Matrix) -> sp.Matrix:
        return affine(self.standardise(y).yhat, self.one_, self.gamma_, self.beta_)

    @cached_property
    def z(self) -> sp.Matrix:
        return self._network(self.y).applyfunc(tidy)

    @cached_property
    def g_(self) -> sp.Matrix:
        return self.symbolic.get("g", None) or column(self.instance.g)

    @cached_property
    def H_(self) -> sp.Matrix:
        if "H" in self.symbolic:
            return self.symbolic["H"]
        if self.instance.H is None:
            return sp.zeros(self.size, self.size)
        matrix = sp.Matrix([[number(x) for x in row] for row in self.instance.H])
        if matrix != matrix.T:
            raise ValueError("the Hessian of the instance is not symmetric")
        return matrix

    def loss(self, u: sp.Matrix) -> sp.Expr:
        """L(u) = <g, u - z> + (u - z)'H(u - z)/2"""
        d = u - self.z
        return dot(self.g_, d) + dot(d, self.H_ * d) / 2

    def _gradient(self, composed: Any, at: sp.Matrix) -> sp.Matrix:
        entries = []
        for i in range(at.rows):
            t = sp.Symbol("t", real=True)
            moved = sp.Matrix([at[k] + (t if k == i else 0) for k in range(at.rows)])
            entries.append(tidy(sp.diff(composed(moved), t).subs(t, 0)))
        return sp.Matrix(entries)

    def _hessian(self, composed: Any, at: sp.Matrix) -> sp.Matrix:
        t, r = sp.symbols("t r", real=True)
        size = at.rows
        matrix = sp.zeros(size, size)
        for i in range(size):
            for j in range(i, size):
                moved = sp.Matrix([at[k] + (t if k == i else 0) + (r if k == j else 0) for k in range(size)])
                second = sp.diff(sp.diff(composed(moved), t).subs(t, 0), r).subs(r, 0)
                matrix[i, j] = matrix[j, i] = tidy(second)
        return matrix

    @cached_property
    def v_(self) -> sp.Matrix:
        return self._gradient(lambda y: self.loss(self._network(y)), self.y)

    @cached_property
    def B_(self) -> sp.Matrix:
        return self._hessian(lambda y: self.loss(self._network(y)), self.y)

    def _jacobian(self, function: Any) -> sp.Matrix:
        columns = []
        for i in range(self.size):
            t = sp.Symbol("t", real=True)
            moved = sp.Matrix([self.y[k] + (t if k == i else 0) for k in range(self.size)])
            columns.append(function(moved).diff(t).subs(t, 0).applyfunc(tidy))
        return sp.Matrix.hstack(*columns)

    def _inputs(self) -> tuple[sp.Matrix, sp.Matrix]:
        if self.X is None or self.W is None:
            raise ValueError("this statement lives in weight space: the instance needs X and W")
        return self.X, self.W

    def _other(self) -> sp.Matrix:
        """A second input batch of the same network, for statements in which X varies and y = X W with it."""
        return sp.Matrix([[number(x) for x in row] for row in self.extra["X_other"]])

    def vec(self, name: str) -> sp.Matrix:
        match name:
            case "1":
                return self.one_
            case "yhat":
                return self.stats.yhat.applyfunc(tidy)
            case "yhat_scaled":
                return self.standardise(self.y * self.sym("alpha")).yhat.applyfunc(tidy)
            case "y" | "z":
                return getattr(self, name)
            case "g":
                return self.g_
            case "v":
                return self.v_
            case "g_own":
                return self._gradient(self.loss, self.y)
            case "W":
                return self._inputs()[1]
            case "dW":
                X, W = self._inputs()
                return self._gradient(lambda w: self.loss(self._network(X * w)), W)
            case "dW_plain":
                X, W = self._inputs()
                return self._gradient(lambda w: self.loss(X * w), W)
            case "dW_hat":
                X, _ = self._inputs()
                return self._gradient(lambda w: self.loss(self._network(X * w)), column(self.extra["What"]))
            case "dW_other":
                X, W = self._other(), self._inputs()[1]
                return self._gradient(lambda w: self.loss(self._network(X * w)), W)
        if name in self.extra:
            return column(self.extra[name])
        if name in {"a", "b"}:
            return sp.Matrix(sp.symbols(f"{name}1:{self.size + 1}", real=True))
        raise KeyError(f"the instance holds no vector {name}")

    def op(self, name: str, u: sp.Matrix) -> sp.Matrix:
        match name:
            case "H":
                return self.H_ * u
            case "B":
                return self.B_ * u
            case "Dyhat":
                return self._jacobian(lambda y: self.standardise(y).yhat) * u
            case "Dz":
                return self._jacobian(self._network) * u
            case "X":
                return self._inputs()[0] * u
            case "T":
                return self._inputs()[0].T * u
            case "HW":
                X, W = self._inputs()
                return self._hessian(lambda w: self.loss(self._network(X * w)), W) * u
            case "HW_plain":
                X, W = self._inputs()
                return self._hessian(lambda w: self.loss(X * w), W) * u
            case "HW_other":
                X, W = self._other(), self._inputs()[1]
                return self._hessian(lambda w: self.loss(self._network(X * w)), W) * u
        if name in self.extra:
            return sp.Matrix([[number(x) for x in row] for row in self.extra[name]]) * u
        raise KeyError(name)

    def dot(self, u: sp.Matrix, w: sp.Matrix) -> sp.Expr:
        return dot(u, w)

    def sym(self, name: str) -> sp.Expr:
        match name:
            case "m":
                return sp.Integer(self.size)
            case "gamma":
                return self.gamma_
            case "beta":
                return self.beta_
            case "mu":
                return self.stats.mu
            case "s":
                return self.stats.s
            case "sigma":
                return sp.sqrt(self.stats.s**2 - self.eps_)
            case "eps":
                return self.eps_
            case "rho":
                return 1 - self.eps_ / self.stats.s**2
            case "lam":
                return number(self.instance.lam)
            case "lambda_min_H":
                return min(self.H_.eigenvals(), key=lambda value: value.evalf(40))
            case "frobenius_other":
                return sum((x**2 for x in self._other()), sp.Integer(0))
        return number(self.extra[name])

    def sqrt(self, value: Any) -> sp.Expr:
        return sp.sqrt(value)

    def num(self, value: Fraction) -> sp.Expr:
        return number(value)

    def absolute(self, value: Any) -> sp.Expr:
        return sp.Abs(value)

    def derivative(self, f: Callable[[Setting], Any], direction: sp.Matrix, wrt: str) -> Any:
        t = sp.Symbol("t", real=True)
        value = f(Moving(self, wrt, direction, t, sp.sqrt))
        rate = sp.sympify(value.diff(t)).subs(t, 0)
        return rate.applyfunc(tidy) if isinstance(rate, sp.MatrixBase) else tidy(rate)

    def max_grad(self, u: sp.Matrix) -> Extremum:
        """Attained at S = XX' = lambda^2 u u'/|u|^2; bounded by lambda^2 |u|^2."""
        lam, square = self.sym("lam"), tidy(dot(u, u))
        if square == 0:
            return Extremum(sp.Integer(0), sp.Integer(0))
        S = u * u.T * (lam**2 / square)
        return Extremum(tidy(dot(u, S * u)), tidy(lam**2 * square))

    def max_form(self, u: sp.Matrix, operator: str) -> Extremum:
        """Attained among S = 0, S = lambda^2 I and the instance's own inputs; bounded by lambda^4 |u|^2 times
        the largest absolute row sum of K, which bounds every eigenvalue."""
        K = self.H_ if operator == "H" else self.B_
        lam = self.sym("lam")
        candidates = [sp.Integer(0), lam**4 * dot(u, K * u)]
        for rows in self.extra.get("inputs", ()):
            S = sp.Matrix([[number(x) for x in row] for row in rows])
            S = S * S.T
            if not (sp.eye(self.size) * lam**2 - S).is_positive_semidefinite:
                raise ValueError("an input of the instance has a norm above lambda")
            candidates.append(dot(S * u, K * (S * u)))
        attained = max(candidates, key=lambda value: tidy(value).evalf(40))
        row_sum = max(
            (sum((sp.Abs(x) for x in K.row(i)), sp.Integer(0)) for i in range(K.rows)),
            key=lambda value: value.evalf(40),
        )
        quadratic_bound = lam**4 * dot(u, u) * row_sum
        if all(x == 0 for x in K):
            quadratic_bound = sp.Integer(0)
        return Extremum(tidy(attained), tidy(quadratic_bound))
