"""The extensions against PyTorch's own layers, float64, at their default eps: every side by autograd."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property
from typing import Any

import pytest
import torch
from bnverify.numerics.measure.norms import Average, LpNorm, Of, lp_scale
from bnverify.theory.claim import Claim, Corrected, Reading
from bnverify.theory.registry import registry
from bnverify.theory.settings import Setting
from torch import Tensor, nn
from torch.autograd.functional import hessian, jacobian

Function = Callable[[Tensor], Tensor]
UNITS = ("j", "k")
TINY = 1e-300
"""Stands for eps = 0, which the layers refuse: no sum with it differs from the other summand."""


def normal(*shape: int, seed: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@dataclass
class Layer:
    """A normalisation of y in R^(units * m), flattened, and what the vocabulary asks of it."""

    net: Function
    y: Tensor
    eps: float
    units: int = 1
    mean: bool = True
    gamma: tuple[float, ...] = (1.0,)
    scale: Tensor | None = None
    divisor: Function | None = None
    count: int | None = None
    affine: Callable[[Tensor, Tensor], Tensor] | None = None
    X: Tensor | None = None
    W: Tensor | None = None
    through_weights: Function | None = None
    linear: bool = False
    symbols: dict[str, float] = field(default_factory=dict)


class Measured(Setting):
    """The vocabulary with every derivative by autograd; statements are the claims' own."""

    def __init__(self, layer: Layer, seed: int) -> None:
        self.layer, self.seed = layer, seed
        self.size = layer.y.numel()
        self.each = self.size // layer.units
        self.c = normal(self.size, seed=seed + 1)
        A = normal(self.size, self.size, seed=seed + 2)
        self.A, self.S = A, (A + A.T) / 2

    def loss(self, z: Tensor) -> Tensor:
        """Neither convex nor quadratic, and it couples the units."""
        if self.layer.linear:
            return self.c @ z
        return self.c @ z + torch.logsumexp(self.A @ z, 0) + z @ self.S @ z / 4

    @cached_property
    def z(self) -> Tensor:
        return self.layer.net(self.layer.y).detach()

    @cached_property
    def g_(self) -> Tensor:
        return torch.func.grad(self.loss)(self.z)

    @cached_property
    def H_(self) -> Tensor:
        return hessian(self.loss, self.z)

    def composed(self, y: Tensor) -> Tensor:
        return self.loss(self.layer.net(y))

    @cached_property
    def v_(self) -> Tensor:
        return jacobian(self.composed, self.layer.y)

    @cached_property
    def B_(self) -> Tensor:
        return hessian(self.composed, self.layer.y)

    def _weights(self, w: Tensor) -> Tensor:
        assert self.layer.through_weights is not None
        return self.loss(self.layer.through_weights(w))

    def centred(self, y: Tensor) -> Tensor:
        blocks = y.view(self.layer.units, self.each)
        return (blocks - blocks.mean(1, keepdim=True)).reshape(-1)

    def scales(self) -> Tensor:
        """s of every unit"""
        y = self.centred(self.layer.y) if self.layer.mean else self.layer.y
        count = self.layer.count or self.each
        return (y.view(self.layer.units, self.each).square().sum(1) / count + self.layer.eps).sqrt()

    def _yhat(self) -> Tensor:
        y = self.centred(self.layer.y) if self.layer.mean else self.layer.y
        if self.layer.divisor is not None:
            return y / self.layer.divisor(self.layer.y)
        return (y.view(self.layer.units, self.each) / self.scales().unsqueeze(1)).reshape(-1)

    def _of(self, stacked: Tensor, unit: str) -> Tensor:
        return stacked.view(self.layer.units, self.each)[UNITS.index(unit)]

    def vec(self, name: str) -> Tensor:
        base, _, unit = name.partition("_")
        if unit in UNITS:
            return self._of({"g": self.g_, "v": self.v_, "yhat": self._yhat()}[base], unit)
        match name:
            case "1":
                return torch.ones(self.each, dtype=torch.float64)
            case "g":
                return self.g_
            case "v":
                return self.v_
            case "yhat":
                return self._yhat()
            case "y":
                return self.layer.y
            case "W":
                assert self.layer.W is not None
                return self.layer.W
            case "dW":
                return jacobian(self._weights, self.vec("W"))
            case "nu":
                assert self.layer.divisor is not None
                return jacobian(self.layer.divisor, self.layer.y)
            case "sgn":
                return self.layer.y.sign()
            case "top":
                return jacobian(lambda y: y.abs().amax(), self.layer.y)
            case "a" | "b" | "u":
                size = self._probe_size()
                return normal(size, seed=self.seed + ord(name))
        raise KeyError(name)

    def _probe_size(self) -> int:
        if self.layer.W is not None:
            return self.layer.W.numel()
        return self.each if self.layer.divisor is None else self.size

    def op(self, name: str, u: Tensor) -> Tensor:
        letter, _, units = name.partition("_")
        if units:
            if letter == "D":
                assert self.layer.scale is not None
                return self._of(self.layer.scale, units) * u
            rows, columns = (slice(i * self.each, (i + 1) * self.each) for i in map(UNITS.index, units))
            return {"H": self.H_, "B": self.B_}[letter][rows, columns] @ u
        match name:
            case "H":
                return self.H_ @ u
            case "B":
                return self.B_ @ u
            case "C":
                return self.centred(u)
            case "D":
                assert self.layer.scale is not None
                return self.layer.scale * u
            case "N":
                assert self.layer.divisor is not None
                return hessian(self.layer.divisor, self.layer.y) @ u
            case "Dyhat":
                gamma = self.layer.gamma[0]
                return jacobian(self.layer.net, self.layer.y) @ u / gamma
            case "X":
                assert self.layer.X is not None
                return self.layer.X @ u
            case "T":
                assert self.layer.X is not None
                return self.layer.X.T @ u
            case "HW":
                return hessian(self._weights, self.vec("W")) @ u
        raise KeyError(name)

    def dot(self, u: Tensor, w: Tensor) -> Tensor:
        return u @ w

    def sym(self, name: str) -> Any:
        base, _, unit = name.partition("_")
        index = UNITS.index(unit) if unit in UNITS else 0
        s = self.scales()[index]
        match base if unit in UNITS else name:
            case "m":
                return float(self.each)
            case "gamma":
                return self.layer.gamma[index]
            case "s":
                return s
            case "sigma":
                return (s.square() - self.layer.eps).sqrt()
            case "eps":
                return self.layer.eps
            case "rho":
                scale = self.layer.divisor(self.layer.y) if self.layer.divisor is not None else s
                return 1 - self.layer.eps / scale**2
            case "mu":
                return self.layer.y.mean()
            case "n":
                return s if self.layer.divisor is None else self.layer.divisor(self.layer.y)
            case "lam":
                return 1.5
            case "dgamma" | "dbeta":
                return self._affine(name)
            case "dscale" | "dshift":
                return self._along(name)
        return self.layer.symbols[name]

    def _affine(self, name: str) -> Tensor:
        assert self.layer.affine is not None
        call = self.layer.affine
        gamma, beta = (torch.tensor([x], dtype=torch.float64) for x in (self.layer.gamma[0], 0.0))
        if name == "dgamma":
            return jacobian(lambda w: self.loss(call(w, beta)), gamma)[0]
        return jacobian(lambda w: self.loss(call(gamma, w)), beta)[0]

    def _along(self, name: str) -> Tensor:
        """Along a common factor of the layer's weight, or along bias + t weight."""
        assert self.layer.affine is not None
        assert self.layer.scale is not None
        call, scale, zero = self.layer.affine, self.layer.scale, torch.zeros_like(self.layer.scale)
        if name == "dscale":
            return jacobian(lambda w: self.loss(call(w, zero)), scale) @ scale
        return jacobian(lambda w: self.loss(call(scale, w)), zero) @ scale

    def sqrt(self, value: Any) -> Tensor:
        return torch.as_tensor(value, dtype=torch.float64).sqrt()

    def num(self, value: Fraction) -> float:
        return float(value)

    def max_grad(self, u: Tensor) -> Tensor:
        """The value at X = lambda u e'/|u|, where the maximum is attained."""
        X = 1.5 * u.unsqueeze(1) / u.norm()
        return (X.T @ u).square().sum()


def _call(module: nn.Module, y: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    return torch.func.functional_call(module, {"weight": weight, "bias": bias}, (y,))


def batch_norm(positive: bool, seed: int, m: int = 7, linear: bool = False) -> Layer:
    module = nn.BatchNorm1d(1, track_running_stats=False, dtype=torch.float64)
    module.eps = module.eps if positive else TINY
    y = normal(m, seed=seed) * (3e-3 if positive else 1.5) + 0.4
    gamma = torch.tensor([-1.3], dtype=torch.float64)

    def net(y: Tensor) -> Tensor:
        return _call(module, y.unsqueeze(1), gamma, torch.zeros(1, dtype=torch.float64)).squeeze(1)

    def affine(weight: Tensor, bias: Tensor) -> Tensor:
        return _call(module, y.unsqueeze(1), weight, bias).squeeze(1)

    return Layer(net, y, module.eps, gamma=(-1.3,), affine=affine, linear=linear, symbols={"t": 0.7})


def unbiased(positive: bool, seed: int) -> Layer:
    eps, y = (1e-5 if positive else 0.0), normal(6, seed=seed) * 4e-3 + 0.2

    def net(y: Tensor) -> Tensor:
        return 0.7 * (y - y.mean()) / (y.var(correction=1) + eps).sqrt()

    return Layer(net, y, eps, gamma=(0.7,), count=5)


def layer_norm(positive: bool, seed: int) -> Layer:
    module = nn.LayerNorm(6, dtype=torch.float64)
    module.eps = module.eps if positive else TINY
    return _elementwise(module, normal(6, seed=seed) * 4e-3 + 0.2, module.eps, seed, mean=True)


def rms_norm(positive: bool, seed: int) -> Layer:
    module = nn.RMSNorm(6, dtype=torch.float64)
    default = torch.finfo(torch.float64).eps
    module.eps = module.eps if positive else TINY
    y = normal(6, seed=seed) * (2e-8 if positive else 1.0)
    eps = default if positive else 0.0
    weight = normal(6, seed=seed + 9)

    def net(y: Tensor) -> Tensor:
        return torch.func.functional_call(module, {"weight": weight}, (y,))

    def affine(w: Tensor, bias: Tensor) -> Tensor:
        return torch.func.functional_call(module, {"weight": w}, (y,)) + bias

    return Layer(net, y, eps, mean=False, scale=weight, affine=affine)


def _elementwise(module: nn.Module, y: Tensor, eps: float, seed: int, mean: bool) -> Layer:
    weight, bias = normal(y.numel(), seed=seed + 9), torch.zeros_like(y)
    return Layer(
        lambda y: _call(module, y, weight, bias),
        y,
        eps,
        mean=mean,
        scale=weight,
        affine=lambda w, b: _call(module, y, w, b),
    )


def group_norm(positive: bool, seed: int) -> Layer:
    """One sample of 2 groups of 3 channels of 2 positions: m = 6, each channel's gamma twice."""
    module = nn.GroupNorm(2, 6, dtype=torch.float64)
    module.eps = module.eps if positive else TINY
    weight, bias = normal(6, seed=seed + 9), normal(6, seed=seed + 10)

    def net(y: Tensor) -> Tensor:
        return _call(module, y.view(1, 6, 2), weight, bias).reshape(-1)

    y = normal(12, seed=seed) * 4e-3
    return Layer(net, y, module.eps, units=2, scale=weight.repeat_interleave(2))


def instance_norm(positive: bool, seed: int) -> Layer:
    """Two channels of one sample, m = 5 positions."""
    module = nn.InstanceNorm1d(2, affine=True, dtype=torch.float64)
    module.eps = module.eps if positive else TINY
    return _two_units(lambda y: y.view(1, 2, 5), lambda z: z.reshape(-1), module, module.eps, 5, seed)


def batch_norm_layer(positive: bool, seed: int) -> Layer:
    """Two units of BatchNorm1d over 5 samples."""
    module = nn.BatchNorm1d(2, track_running_stats=False, dtype=torch.float64)
    module.eps = module.eps if positive else TINY
    return _two_units(lambda y: y.view(2, 5).T, lambda z: z.T.reshape(-1), module, module.eps, 5, seed)


def _two_units(give: Function, take: Function, module: nn.Module, eps: float, m: int, seed: int) -> Layer:
    gamma = (0.8, -1.7)
    weight, bias = torch.tensor(gamma, dtype=torch.float64), torch.zeros(2, dtype=torch.float64)
    y = normal(2 * m, seed=seed) * (4e-3 if eps else 1.0)
    return Layer(lambda y: take(_call(module, give(y), weight, bias)), y, eps, units=2, gamma=gamma)


def lp_norm(p: float, average: Average, of: Of, units: int, positive: bool, seed: int) -> Layer:
    """Our own layers: PyTorch has none."""
    layer = LpNorm(units, p, average=average, of=of).double().train()
    layer.eps = layer.eps if positive else 0.0
    m = 5
    y = normal(units * m, seed=seed) * (5e-3 if positive else 1.0) + (5e-3 if positive else 0.5)

    def give(y: Tensor) -> Tensor:
        return y.view(units, m).T

    def net(y: Tensor) -> Tensor:
        state = {
            "weight": torch.full((units,), -0.6, dtype=torch.float64),
            "bias": torch.zeros(units).double(),
        }
        return torch.func.functional_call(layer, state, (give(y),)).T.reshape(-1)

    def divisor(y: Tensor) -> Tensor:
        given = give(y)
        given = given - given.mean(0) if of == "centred" else given
        return lp_scale(given, p, average, layer.eps).reshape(())

    return Layer(net, y, layer.eps, units=units, gamma=(-0.6,), divisor=divisor)


def linear(positive: bool, seed: int, centred: bool = False, whitened: bool = False) -> Layer:
    """nn.Linear without bias and BatchNorm1d."""
    base = batch_norm(positive, seed, m=8)
    X = normal(8, 3, seed=seed + 20)
    if centred or whitened:
        X = X - X.mean(0)
    if whitened:
        X = torch.linalg.qr(X).Q
    W = normal(3, seed=seed + 21)
    W = W * (3e-3 if positive else 1.0)

    def through(w: Tensor) -> Tensor:
        return base.net(nn.functional.linear(X, w.unsqueeze(0)).squeeze(1))

    return Layer(base.net, X @ W, base.eps, gamma=base.gamma, X=X, W=W, through_weights=through)


def convolution(positive: bool, seed: int) -> Layer:
    """conv2d and BatchNorm2d: m = N H W, X is the matrix of patches."""
    module = nn.BatchNorm2d(1, track_running_stats=False, dtype=torch.float64)
    module.eps = module.eps if positive else TINY
    images = normal(2, 2, 3, 3, seed=seed + 30)
    patches = nn.functional.unfold(images, kernel_size=2, padding=1).transpose(1, 2)
    X = patches.reshape(-1, patches.shape[2])
    W = normal(X.shape[1], seed=seed + 31) * (3e-3 if positive else 1.0)
    gamma = torch.tensor([1.2], dtype=torch.float64)
    zero = torch.zeros(1, dtype=torch.float64)

    def net(y: Tensor) -> Tensor:
        return _call(module, y.view(2, 1, 4, 4), gamma, zero).reshape(-1)

    def through(w: Tensor) -> Tensor:
        return _call(
            module, nn.functional.conv2d(images, w.view(1, 2, 2, 2), padding=1), gamma, zero
        ).reshape(-1)

    return Layer(net, X @ W, module.eps, gamma=(1.2,), X=X, W=W, through_weights=through)


P = {"1": 1.0, "2": 2.0, "inf": math.inf}
LAYERS: dict[str, tuple[Callable[[bool, int], Layer], ...]] = {
    "activations": (batch_norm,),
    "affine": (batch_norm,),
    "linear": (lambda positive, seed: batch_norm(positive, seed, linear=True),),
    "unbiased": (unbiased,),
    "layer-norm": (layer_norm,),
    "rms-norm": (rms_norm,),
    "group-norm": (group_norm,),
    "layer": (batch_norm_layer, instance_norm),
    "weights": (linear, convolution),
    "weights-at-X": (linear, convolution),
    "smooth-norm": tuple(
        lambda positive, seed, p=p, of=of: lp_norm(p, "power-mean", of, 1, positive, seed)
        for p in P.values()
        for of in ("raw", "centred")
    ),
}
for name, p in P.items():
    LAYERS[f"l{name}-norm"] = (
        lambda positive, seed, p=p: lp_norm(p, "power-mean", "raw", 1, positive, seed),
    )
    LAYERS[f"l{name}-centred"] = (
        lambda positive, seed, p=p: lp_norm(p, "power-mean", "centred", 1, positive, seed),
    )
LAYERS["shared-smooth-norm"] = tuple(
    lambda positive, seed, p=p, average=average: lp_norm(p, average, "raw", 2, positive, seed)
    for p in P.values()
    for average in ("layer-mean", "sample-mean")
)


def _stated(claim: Claim) -> list[Reading | Corrected]:
    stated: list[Reading | Corrected] = [item for item in claim.readings if item.proof is not None]
    return stated + ([claim.corrected] if claim.corrected is not None else [])


def _differentiates(item: Reading | Corrected) -> bool:
    """A layer here does not differentiate its divisor."""
    return any("d(n" in stated.says.text for stated in (item, *item.hypotheses))


CASES = [
    pytest.param(item, make, id=f"{name}:{getattr(item, 'slug', 'corrected')}-{number}")
    for name, claim in registry().items()
    if name.startswith("ext-")
    for item in _stated(claim)
    if item.proof is not None and item.proof.lemma is None and item.proof.at is None
    if item.setting in LAYERS and not _differentiates(item)
    for number, make in enumerate(LAYERS[item.setting])
]


@pytest.mark.parametrize(("stated", "make"), CASES)
def test_what_is_proved_holds_in_the_layer_itself(
    stated: Reading | Corrected, make: Callable[[bool, int], Layer]
) -> None:
    assert stated.proof is not None
    for seed in range(3):
        q = Measured(make(stated.proof.eps, 100 * seed), seed)
        statements = [(step.says, True) for step in stated.proof.steps if step.says is not None]
        statements.append((stated.says, stated.proof.terms is None))
        for says, equality in statements:
            relation = says(q)
            lhs, rhs = (torch.as_tensor(x, dtype=torch.float64) for x in relation.sides(q))
            scale = max(1.0, float(lhs.abs()), float(rhs.abs()), 1e-3 * float(q.B_.norm()))
            if equality:
                torch.testing.assert_close(lhs / scale, rhs / scale, rtol=1e-6, atol=1e-9)
            elif _met(stated, q):
                assert float(lhs) <= float(rhs) + 1e-9 * scale


def _met(stated: Reading | Corrected, q: Measured) -> bool:
    """Whether every hypothesis holds; equalities among them hold by how the layer is made."""
    for hypothesis in stated.hypotheses:
        lhs, rhs = (float(x) for x in hypothesis.says(q).sides(q))
        if hypothesis.says(q).op == "le" and lhs > rhs:
            return False
    return True


@pytest.mark.parametrize("seed", range(3))
def test_printed_theorem_4_1_fails_in_batchnorm_at_its_default_eps(seed: int) -> None:
    claim = registry()["ext-eps.thm-4.1-printed"]
    lhs, rhs = claim.readings[0].says(q := Measured(batch_norm(True, 100 * seed), seed)).sides(q)
    assert float(lhs) > float(rhs)


@pytest.mark.parametrize(("module", "eps"), [(nn.BatchNorm1d, 1e-5), (nn.LayerNorm, 1e-5)])
def test_the_default_eps_is_the_one_the_layers_have(module: Callable[..., Any], eps: float) -> None:
    assert module(3).eps == eps


def test_batchnorm_normalises_with_the_biased_variance() -> None:
    y = normal(6, seed=0)
    z = nn.BatchNorm1d(1, dtype=torch.float64)(y.unsqueeze(1)).squeeze(1)
    torch.testing.assert_close(z.square().mean(), y.var(correction=0) / (y.var(correction=0) + 1e-5))
