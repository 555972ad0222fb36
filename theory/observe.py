"""The room of expression trees."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

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
