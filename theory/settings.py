"""The vocabulary: what a room supplies, and every named quantity derived from it, once.

The letters are the paper's: a batch of outputs y in R^m of one unit, mean mu, biased variance sigma^2,
y-hat = (y - mu) / s with s^2 = sigma^2 + eps (s = sigma where eps = 0), z = gamma y-hat + beta,
g = dL/dz, H = d2L/dz2 at z, v = dL^/dy and B = d2L^/dy2 of the composed loss L^(y) = L(z(y)).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from fractions import Fraction
from typing import Any


class Setting(ABC):
    """One evaluation of the vocabulary. Scalars and vectors are whatever the room computes with.

    Vectors support ``+``, ``-`` and multiplication by the room's scalars. Only a room makes ``v``, ``B`` and
    the Jacobians, and only by differentiating the composed loss.

    Vector names: ``1``, ``yhat``, ``g``, ``v``, probes ``a`` and ``b``; where a room has them ``y``, ``z``,
    ``g_own`` (the gradient of L at the plain network's own output y), ``W`` and the weight-space ``dW``
    (gradient of L^ in W), ``dW_plain``, ``W0``, ``Wstar``.
    Operator names: ``H``, ``B``, ``Dyhat`` and ``Dz`` (Jacobians of y-hat and z in y); where a room has them
    ``X`` (the m x d input), ``T`` (its transpose), ``HW`` and ``HW_plain`` (Hessians in W). ``c`` and ``d`` are
    free probes in weight space.
    Symbols: ``m``, ``gamma``, ``beta``, ``mu``, ``sigma``, ``s``, ``eps``, ``rho`` = sigma^2 / s^2, ``lam``.
    """

    @abstractmethod
    def vec(self, name: str) -> Any: ...

    @abstractmethod
    def op(self, name: str, u: Any) -> Any: ...

    @abstractmethod
    def dot(self, u: Any, w: Any) -> Any: ...

    @abstractmethod
    def sym(self, name: str) -> Any: ...

    @abstractmethod
    def sqrt(self, value: Any) -> Any: ...

    @abstractmethod
    def num(self, value: Fraction) -> Any: ...

    def absolute(self, value: Any) -> Any:
        """|value| of a scalar; not every room has it."""
        raise NotImplementedError

    def max_grad(self, u: Any) -> Any:
        """max over ||X|| <= lambda of |X'u|^2, with u held fixed."""
        raise NotImplementedError

    def max_form(self, u: Any, operator: str) -> Any:
        """max over ||X|| <= lambda of (S u)'K(S u), S = XX', K the named operator, both held fixed."""
        raise NotImplementedError

    def derivative(self, f: Callable[[Setting], Any], direction: Any, wrt: str) -> Any:
        """The rate at which f(room) changes as ``wrt`` moves along ``direction``; f is a scalar or a vector.

        wrt = "y": y-hat, sigma, z and g follow; "W": y = X W with them; "z": moves freely, with
        y-hat = (z - beta)/gamma and g; "yhat": moves freely, with z and g (see `moving`).

        Raises:
            NotImplementedError: the room cannot differentiate statements.
        """
        raise NotImplementedError(f"the room {type(self).__name__} does not differentiate statements")

    def H(self, u: Any) -> Any:
        return self.op("H", u)

    def B(self, u: Any) -> Any:
        return self.op("B", u)

    @property
    def one(self) -> Any:
        return self.vec("1")

    @property
    def yhat(self) -> Any:
        return self.vec("yhat")

    @property
    def g(self) -> Any:
        return self.vec("g")

    @property
    def v(self) -> Any:
        return self.vec("v")

    @property
    def a(self) -> Any:
        """The first free probe: an equation of vectors is tested along it."""
        return self.vec("a")

    @property
    def b(self) -> Any:
        """The second free probe: an equation of matrices is tested on it."""
        return self.vec("b")

    @property
    def m(self) -> Any:
        return self.sym("m")

    @property
    def gamma(self) -> Any:
        return self.sym("gamma")

    @property
    def sigma(self) -> Any:
        return self.sym("sigma")

    @property
    def s(self) -> Any:
        return self.sym("s")

    @property
    def rho(self) -> Any:
        return self.sym("rho")

    @property
    def eps(self) -> Any:
        return self.sym("eps")

    @property
    def lam(self) -> Any:
        return self.sym("lam")

    @property
    def grad_sq(self) -> Any:
        """|g|^2"""
        return self.dot(self.g, self.g)

    @property
    def grad_sum(self) -> Any:
        """<1, g>, the gradient of beta"""
        return self.dot(self.one, self.g)

    @property
    def grad_proj(self) -> Any:
        """<g, y-hat>, the gradient of gamma"""
        return self.dot(self.g, self.yhat)

    @property
    def mu_g(self) -> Any:
        """mean of g"""
        return self.grad_sum / self.m

    @property
    def g_bar(self) -> Any:
        """g minus its mean, as a vector"""
        return self.g - self.one * self.mu_g

    @property
    def bn_grad_sq(self) -> Any:
        """|v|^2"""
        return self.dot(self.v, self.v)

    @property
    def hess_grad(self) -> Any:
        """g'Hg"""
        return self.dot(self.g, self.H(self.g))

    @property
    def hess_bn(self) -> Any:
        """v'Hv"""
        return self.dot(self.v, self.H(self.v))

    @property
    def bn_hess_bn(self) -> Any:
        """v'Bv"""
        return self.dot(self.v, self.B(self.v))

    def center(self, u: Any) -> Any:
        """u minus its mean: (I - 11'/m) u"""
        return u - self.one * (self.dot(self.one, u) / self.m)

    def off_yhat(self, u: Any) -> Any:
        """(I - y-hat y-hat'/m) u"""
        return u - self.yhat * (self.dot(self.yhat, u) / self.m)
