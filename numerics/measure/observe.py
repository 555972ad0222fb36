"""The room of random batches: N instances at once, every derivative by autograd.

``v`` and ``B`` are made by differentiating the composed loss L(z(y)), ``g`` and ``H`` by differentiating L at z
as a leaf. No closed form of either is in here. The z that was computed, and what the loss computes forward from
it, are the point at which all of them are taken; tolerances bound the rounding of y-hat and of the sweeps.
"""

from __future__ import annotations

from fractions import Fraction
from functools import cached_property
from typing import Any

import torch
from bnverify.numerics.measure.derivatives import (
    Standardised,
    gradient,
    jacobian_product,
    matrix,
    product,
    standardise,
)
from bnverify.numerics.measure.downstream import Downstream
from bnverify.numerics.measure.extremum import along, input_for, maximum_on_ball
from bnverify.numerics.measure.tolerance import Measured, MeasuredVector, allowance, exact, roundings
from bnverify.numerics.measure.weights import Site, bent, norms, scales_at
from bnverify.theory.settings import Extremum, Setting
from torch import Tensor


class Batch(Setting):
    """N independent instances of one unit: y (N, m), gamma and beta (N,), a loss per row.

    Scalars are `Measured` with values (N,), vectors `MeasuredVector` with values (N, m) (or (N, d) in weight
    space). One backward pass serves ``v`` of all instances, one double-backward pass each ``B u``.

    Args:
        y: activations before BatchNorm, (N, m), floating point. With ``X`` and ``W`` it must be X W.
        gamma: scale, (N,), any sign.
        beta: shift, (N,).
        loss: the loss downstream of z = gamma y-hat + beta, as a function of the rows of z.
        eps: 0 for the paper's BatchNorm, > 0 for what PyTorch computes; a number or (N,).
        matched: take gamma = s and beta = mu of the batch, held constant, instead of the given ones
            (Observation 4.3).
        X: inputs of the layer, (N, m, d), with y = X W; needed by the weight-space names.
        W: weights of the unit, (N, d).
        X_other: a second input of the same unit, (N, m, d), for statements in which X varies.
        lam: the bound on the spectral norm of X, (N,); 1 where not given.
        vectors: further named vectors, (N, n) each; the probes ``a`` and ``b`` are taken from here if present and
            are otherwise drawn from a standard normal, seeded.
        symbols: further named scalars, (N,) each.

    Attributes:
        size: (N, m).
        cond: 1 + |mu|/s, (N,), the loss of relative accuracy in y - mean(y).
    """

    def __init__(
        self,
        y: Tensor,
        gamma: Tensor,
        beta: Tensor,
        loss: Downstream,
        *,
        eps: float | Tensor = 0.0,
        matched: bool = False,
        X: Tensor | None = None,
        W: Tensor | None = None,
        X_other: Tensor | None = None,
        lam: Tensor | None = None,
        vectors: dict[str, Tensor] | None = None,
        symbols: dict[str, Tensor] | None = None,
    ) -> None:
        self.loss = loss
        self.matched = matched
        self.size = tuple(y.shape)
        self.X, self.W, self.X_other = X, W, X_other
        self.y = y.detach().requires_grad_()
        self.eps_ = eps.unsqueeze(-1) if isinstance(eps, Tensor) and eps.dim() else eps
        self._stats = standardise(self.y, self.eps_)
        stats = self.stats
        self.gamma_ = stats.s.squeeze(-1) if matched else gamma
        self.beta_ = stats.mu.squeeze(-1) if matched else beta
        self.lam_ = torch.ones_like(gamma) if lam is None else lam
        self.cond = 1 + (stats.mu.abs() / stats.s).squeeze(-1)
        self._given = dict(vectors or {})
        self._symbols = dict(symbols or {})
        self._vectors: dict[str, MeasuredVector] = {}
        self._sites: dict[str, Site] = {}
        self._extrema: dict[tuple[str, int], tuple[MeasuredVector, Extremum]] = {}
        self._images: dict[tuple[str, int], tuple[MeasuredVector, MeasuredVector]] = {}

    @property
    def stats(self) -> Standardised:
        """The statistics as numbers."""
        return Standardised(*(part.detach() for part in self._stats))

    def network(self, y: Tensor) -> Tensor:
        """z = gamma y-hat + beta at other activations of the same shape."""
        return standardise(y, self.eps_).yhat * self.gamma_.unsqueeze(-1) + self.beta_.unsqueeze(-1)

    @cached_property
    def _z(self) -> Tensor:
        return self._stats.yhat * self.gamma_.unsqueeze(-1) + self.beta_.unsqueeze(-1)

    @cached_property
    def z(self) -> Tensor:
        """The same numbers as a leaf."""
        return self._z.detach().requires_grad_()

    @cached_property
    def _g(self) -> Tensor:
        return gradient(self.loss(self.z), self.z, keep=True)

    @cached_property
    def _v(self) -> Tensor:
        return gradient(self.loss(self._z), self.y, keep=True)

    @cached_property
    def scales(self) -> tuple[Tensor, Tensor]:
        """Bounds on what g, and H times a unit vector, are formed from."""
        return scales_at(self.loss, self.z.detach(), self.matched)

    @cached_property
    def _rate(self) -> Tensor:
        """|gamma|/s, the factor of each of the three terms in a sweep back through BatchNorm."""
        return (self.gamma_ / self.stats.s.squeeze(-1)).abs()

    def _first(self) -> float:
        return roundings(1, self.size[1], self.loss.depth)

    def _second(self) -> float:
        return roundings(2, self.size[1], self.loss.depth)

    def _own(self, value: Tensor, count: float = 1.0) -> MeasuredVector:
        return MeasuredVector(value, value.norm(dim=-1), count)

    def _inputs(self) -> tuple[Tensor, Tensor]:
        if self.X is None or self.W is None:
            raise KeyError("this statement lives in weight space: the batch needs X and W")
        return self.X, self.W

    def vec(self, name: str) -> MeasuredVector:
        if name not in self._vectors:
            self._vectors[name] = self._make(name)
        return self._vectors[name]

    def _make(self, name: str) -> MeasuredVector:
        g_scale = self.scales[0]
        match name:
            case "1":
                return self._own(torch.ones_like(self.z).detach(), 0.0)
            case "y":
                return self._own(self.y.detach())
            case "yhat":
                return self._own(self.stats.yhat, roundings(0, self.size[1]))
            case "z":
                return self._own(self.z.detach(), roundings(0, self.size[1]))
            case "g":
                return MeasuredVector(self._g.detach(), g_scale, self._first())
            case "v":
                return MeasuredVector(self._v.detach(), 3 * self._rate * g_scale, self._first())
            case "g_own":
                own = self.y.detach().requires_grad_()
                scale = self.loss.scales(own.detach())[0]
                return MeasuredVector(gradient(self.loss(own), own), scale, self._first())
            case "W":
                return self._own(self._inputs()[1])
            case "dW" | "dW_plain" | "dW_hat" | "dW_other":
                return self._site(name[2:]).grad
            case "yhat_scaled":
                scaled = standardise(self.y.detach() * self.sym("alpha").value.unsqueeze(-1), 0.0).yhat
                return self._own(scaled, roundings(0, self.size[1]) + 1)
        if name in {"a", "b"} and name not in self._given:
            generator = torch.Generator().manual_seed(ord(name))
            probe = torch.randn(self.size, generator=generator, dtype=torch.float64)
            return self._own(probe.to(self.y))
        return self._own(self._named(name))

    def op(self, name: str, u: MeasuredVector) -> MeasuredVector:
        key = (name, id(u))
        if key not in self._images:
            self._images[key] = (u, self._apply(name, u))
        return self._images[key][1]

    def _site(self, suffix: str) -> Site:
        """The network with BatchNorm at (X, W), the plain one, that at What, or that at (X_other, W)."""
        if suffix not in self._sites:
            X, W = self._inputs()
            if suffix == "_hat":
                W = self._named("What")
            if suffix == "_other":
                if self.X_other is None:
                    raise KeyError("the batch holds no second input X_other")
                X = self.X_other
            affine = None if suffix == "_plain" else (self.gamma_, self.beta_)
            self._sites[suffix] = Site(X, W, self.loss, affine, self.eps_, self.cond, self.matched)
        return self._sites[suffix]

    def _named(self, name: str) -> Tensor:
        if name not in self._given:
            raise KeyError(f"the batch holds no vector {name}")
        return self._given[name]

    def _apply(self, name: str, u: MeasuredVector) -> MeasuredVector:
        match name:
            case "H":
                return u.through(product(self._g, self.z, u.value), self.scales[1], self._first())
            case "B":
                gain = bent(self._rate, self.stats.s.squeeze(-1), self.size[1], *self.scales)
                return u.through(product(self._v, self.y, u.value), gain, self._second())
            case "Dyhat" | "Dz":
                out = self._stats.yhat if name == "Dyhat" else self._z
                rate = 1 / self.stats.s.squeeze(-1) if name == "Dyhat" else self._rate
                image = jacobian_product(out, self.y, u.value)
                return u.through(image, 3 * rate, self._first())
            case "HW" | "HW_plain" | "HW_other":
                return self._site(name[2:]).curve(u)
            case "X" | "T":
                X = self._inputs()[0] if name == "X" else self._inputs()[0].transpose(1, 2)
                image = (X @ u.value.unsqueeze(-1)).squeeze(-1)
                return u.through(image, norms(X), X.shape[2])
        raise KeyError(f"the batch holds no operator {name}")

    def dot(self, u: MeasuredVector, w: MeasuredVector) -> Measured:
        return u.dot(w)

    def sym(self, name: str) -> Measured:
        s = self.stats.s.squeeze(-1)
        count = roundings(0, self.size[1])
        match name:
            case "m":
                return self.num(Fraction(self.size[1]))
            case "gamma":
                return Measured(self.gamma_, self.gamma_.abs(), 0.0)
            case "beta":
                return Measured(self.beta_, self.beta_.abs(), 0.0)
            case "mu":
                mu = self.stats.mu.squeeze(-1)
                return Measured(mu, mu.abs() + s, count)
            case "s":
                return Measured(s, s, count)
            case "sigma":
                sigma = self.stats.variance.squeeze(-1).sqrt()
                return Measured(sigma, sigma, count)
            case "eps":
                eps = torch.as_tensor(self.eps_, dtype=s.dtype, device=s.device).reshape(-1).expand_as(s)
                return Measured(eps, eps, 0.0)
            case "rho":
                rho = self.stats.variance.squeeze(-1) / s.square()
                return Measured(rho, rho, 2 * count)
            case "lam":
                return Measured(self.lam_, self.lam_.abs(), 0.0)
            case "frobenius_other" if self.X_other is not None:
                total = self.X_other.square().sum((1, 2))
                return Measured(total, total, float(self.X_other[0].numel()))
        if name in self._symbols:
            value = self._symbols[name]
            return Measured(value, value.abs(), 0.0)
        raise KeyError(f"the batch holds no symbol {name}")

    def sqrt(self, value: Any) -> Measured:
        return self._number(value).sqrt()

    def num(self, value: Fraction) -> Measured:
        return exact(value, self.cond)

    def absolute(self, value: Any) -> Measured:
        return abs(self._number(value))

    def max_grad(self, u: MeasuredVector) -> Extremum:
        """max |X'u|^2: attained by X = lambda u e'/|u|; bounded by lambda^2 |u|^2 (Rayleigh)."""
        X = along(u.value, self.lam_)
        pulled = (X.transpose(1, 2) @ u.value.unsqueeze(-1)).squeeze(-1)
        attained = u.through(pulled, self.lam_.abs(), 2 * self.size[1] + 2)
        return Extremum(attained.dot(attained), self.sym("lam") ** 2 * u.dot(u))

    def max_form(self, u: MeasuredVector, operator: str) -> Extremum:
        """max (Su)'K(Su): with S = XX', Su fills the ball |w - lambda^2 u/2| <= lambda^2 |u|/2."""
        key = (operator, id(u))
        if key not in self._extrema:
            self._extrema[key] = (u, self._max_form(u, operator))
        return self._extrema[key][1]

    def _max_form(self, u: MeasuredVector, operator: str) -> Extremum:
        square, length, m = self.lam_.square(), u.norm, self.size[1]
        dense = matrix(self._v, self.y) if operator == "B" else matrix(self._g, self.z)
        ball = maximum_on_ball(dense, u.value * square.unsqueeze(-1) / 2, square * length / 2)
        X = input_for(ball.point, u.value, self.lam_)
        w = u.through((X @ (X.transpose(1, 2) @ u.value.unsqueeze(-1))).squeeze(-1), square, 4 * m)
        weight = square.square() * length
        error = 16 * m * ball.formed + 2 * m**0.5 * weight * self.op(operator, u).error
        bound = Measured(ball.bound, torch.maximum(ball.formed, ball.bound.abs()), 0, error)
        return Extremum(w.dot(self.op(operator, w)), bound)

    def _number(self, value: Any) -> Measured:
        return value if isinstance(value, Measured) else exact(value, self.cond)

    def allowance(self, *parts: Measured) -> Tensor:
        """The largest difference of the parts that rounding explains, (N,)."""
        return allowance(self.cond, *parts)
