"""Losses downstream of a BatchNorm: from the m activations z of one unit to one number per instance.

Every loss maps z of shape (N, m) to N losses, each of its own row alone, so that one backward pass of their sum
serves all rows. The other units of the layer are fixed at random values. Each loss bounds the magnitudes from
which autograd forms its gradient and its Hessian-vector products; nothing else about it is known in closed form.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import torch
from bnverify.numerics.measure.derivatives import standardise
from bnverify.numerics.measure.tolerance import length
from torch import Tensor
from torch.nn import functional

Activation = Literal["relu", "tanh"]
SHARED = {"shared": True}


def _norm(t: Tensor) -> Tensor:
    """Euclidean norm of everything but the first dimension, (N,)."""
    return length(t.flatten(1))


@dataclass(frozen=True)
class Downstream(ABC):
    """A loss of each row. Tensor fields have the N instances first, unless they are marked `SHARED`."""

    @abstractmethod
    def __call__(self, z: Tensor) -> Tensor:
        """(N, m) -> (N,)"""

    @abstractmethod
    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Bounds (N,), (N,): on the norm of what the gradient, and the Hessian times a unit vector, are formed from."""

    @property
    @abstractmethod
    def depth(self) -> int:
        """Roundings on the longest path of one evaluation."""

    def rows(self, index: Tensor | slice) -> Self:
        """The loss of the chosen instances alone."""
        return self._map(lambda t, shared: t if shared else t[index])

    def to(self, device: torch.device | str, dtype: torch.dtype) -> Self:
        """The same loss on another device or in another floating point dtype."""
        return self._map(lambda t, _: t.to(device, dtype) if t.is_floating_point() else t.to(device))

    def _map(self, change: Callable[[Tensor, bool], Tensor]) -> Self:
        new: dict[str, Any] = {}
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(value, Tensor):
                new[f.name] = change(value, bool(f.metadata))
            elif isinstance(value, Downstream):
                new[f.name] = value._map(change)
        return dataclasses.replace(self, **new)


@dataclass(frozen=True)
class Linear(Downstream):
    """L(z) = <c, z>: no curvature of its own, all of B comes from BatchNorm. c: (N, m)."""

    c: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        return (self.c * z).sum(1)

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return _norm(self.c), torch.zeros_like(self.c[:, 0])

    @property
    def depth(self) -> int:
        return 1


@dataclass(frozen=True)
class Quadratic(Downstream):
    """L(z) = <c, z> + sum_i d_i z_i^2 / 2 + sum_k e_k <U_k, z>^2 / 2, a Hessian of full rank applied in O(m).

    c, d: (N, m); U: (N, r, m); e: (N, r). Positive semidefinite where d and e are non-negative.
    """

    c: Tensor
    d: Tensor
    U: Tensor
    e: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        along = (self.U @ z.unsqueeze(-1)).squeeze(-1)
        return ((self.c + self.d * z / 2) * z).sum(1) + (self.e * along.square()).sum(1) / 2

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        curvature = self.d.abs().amax(1) + (self.e.abs() * self.U.square().sum(2)).sum(1)
        return _norm(self.c) + curvature * _norm(z), curvature

    @property
    def depth(self) -> int:
        return self.d.shape[1] + self.e.shape[1] + 4


@dataclass(frozen=True)
class DenseQuadratic(Downstream):
    """L(u) = <g, u - at> + (u - at)'H(u - at)/2, with gradient g and Hessian H at ``at``, as in exact instances.

    g, at: (N, m); H: (N, m, m), symmetric.
    """

    g: Tensor
    H: Tensor
    at: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        d = z - self.at
        return ((self.g + (self.H @ d.unsqueeze(-1)).squeeze(-1) / 2) * d).sum(1)

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        curvature = _norm(self.H)
        return _norm(self.g) + curvature * _norm(z - self.at), curvature

    @property
    def depth(self) -> int:
        return self.g.shape[1] + 4


@dataclass(frozen=True)
class Tilted(Downstream):
    """L(z) - <tilt, z>: with the gradient of L as tilt, a loss that is stationary there. tilt: (N, m)."""

    loss: Downstream
    tilt: Tensor

    def __call__(self, z: Tensor) -> Tensor:
        return self.loss(z) - (self.tilt * z).sum(1)

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        gradient, curvature = self.loss.scales(z)
        return gradient + _norm(self.tilt), curvature

    @property
    def depth(self) -> int:
        return self.loss.depth + 1


def _cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Mean over the samples of softmax cross-entropy; logits (N, c, n), target (N, n) -> (N,)."""
    return functional.cross_entropy(logits, target, reduction="none").mean(1)


def _residuals(logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """softmax p (N, c, n) and |p - onehot|/n, the magnitudes that the mean cross-entropy sends back."""
    p = logits.softmax(1)
    hit = p.gather(1, target.unsqueeze(1))
    return p, p.scatter(1, target.unsqueeze(1), 1 - hit) / target.shape[1]


def _activate(t: Tensor, activation: Activation) -> Tensor:
    return functional.relu(t) if activation == "relu" else torch.tanh(t)


def _slopes(t: Tensor, activation: Activation) -> tuple[Tensor, Tensor | None]:
    """Magnitudes of the first and second derivative of the activation at t; None for 0 everywhere."""
    if activation == "relu":
        return (t > 0).to(t.dtype), None
    slope = 1 - torch.tanh(t).square()
    return slope, 2 * slope


@dataclass(frozen=True)
class MLP(Downstream):
    """Mean softmax cross-entropy of V'act(w act(z_b) + C_b): this unit, the others fixed, a hidden and a top layer.

    w: (N, h), weights of this unit; C: (N, h, m), what the other units and the bias add; V: (N, h, c);
    target: (N, m) integers.
    """

    w: Tensor
    C: Tensor
    V: Tensor
    target: Tensor
    activation: Activation = "relu"

    def _hidden(self, z: Tensor) -> Tensor:
        return _activate(z, self.activation).unsqueeze(1) * self.w.unsqueeze(-1) + self.C

    def __call__(self, z: Tensor) -> Tensor:
        top = _activate(self._hidden(z), self.activation)
        return _cross_entropy(self.V.transpose(1, 2) @ top, self.target)

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The chain rule with every factor replaced by its absolute value; sample b touches z_b alone."""
        hidden, V, w = self._hidden(z), self.V.abs().transpose(1, 2), self.w.abs().unsqueeze(-1)
        p, residual = _residuals(self.V.transpose(1, 2) @ _activate(hidden, self.activation), self.target)
        outer, outer2 = _slopes(z, self.activation)
        inner, inner2 = _slopes(hidden, self.activation)
        straight = V @ (w * inner)
        jacobian = straight * outer.unsqueeze(1)
        curvature = 2 * (p * jacobian.square()).sum(1) / z.shape[1]
        if outer2 is not None and inner2 is not None:
            bend = outer2.unsqueeze(1) * straight + outer.square().unsqueeze(1) * (V @ (w.square() * inner2))
            curvature = curvature + (residual * bend).sum(1)
        return (residual * jacobian).sum(1).norm(dim=1), curvature.amax(1)

    @property
    def depth(self) -> int:
        return sum(self.V.shape[1:]) + 16


@dataclass(frozen=True)
class Convolution(Downstream):
    """z is one channel of n images of h x w, m = n h w: convolution, ReLU, mean over positions, softmax readout.

    K: (o, 1, 3, 3), shared by the instances; C: (N, n, o, h, w), what the other channels add; R: (N, o, c);
    target: (N, n) integers.
    """

    C: Tensor
    R: Tensor
    target: Tensor
    K: Tensor = field(metadata=SHARED)

    def _maps(self, z: Tensor) -> Tensor:
        h, w = self.C.shape[-2:]
        return functional.conv2d(z.reshape(-1, 1, h, w), self.K, padding=1).view(self.C.shape) + self.C

    def __call__(self, z: Tensor) -> Tensor:
        return _cross_entropy(self._logits(self._maps(z)), self.target)

    def _logits(self, maps: Tensor) -> Tensor:
        return (functional.relu(maps).mean((-2, -1)) @ self.R).transpose(1, 2)

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """The chain rule with every factor replaced by its absolute value; image i touches its own pixels alone."""
        maps = self._maps(z)
        p, residual = (part.transpose(1, 2) for part in _residuals(self._logits(maps), self.target))
        (N, n, c), (h, w) = p.shape, maps.shape[-2:]
        open_ = (maps > 0).to(z.dtype).unsqueeze(2) / (h * w)
        back = open_ * self.R.abs().transpose(1, 2)[:, None, :, :, None, None]
        jacobian = functional.conv_transpose2d(back.flatten(0, 2), self.K.abs(), padding=1).view(N, n, c, -1)
        curvature = 2 * (p * jacobian.square().sum(-1)).sum(-1) / n
        return (residual.unsqueeze(-1) * jacobian).sum(2).flatten(1).norm(dim=1), curvature.amax(1)

    @property
    def depth(self) -> int:
        return 9 + self.C.shape[-1] * self.C.shape[-2] + sum(self.R.shape[1:]) + 12


@dataclass(frozen=True)
class SecondBatchNorm(Downstream):
    """relu(z_b) w + C_b through a second BatchNorm (eps > 0) over the batch, ReLU, softmax readout.

    w, scale, shift: (N, h); C: (N, h, m); V: (N, h, c); target: (N, m) integers.
    """

    w: Tensor
    C: Tensor
    scale: Tensor
    shift: Tensor
    V: Tensor
    target: Tensor
    eps: float = 1e-5

    def _hidden(self, z: Tensor) -> Tensor:
        return functional.relu(z).unsqueeze(1) * self.w.unsqueeze(-1) + self.C

    def __call__(self, z: Tensor) -> Tensor:
        normal = standardise(self._hidden(z), self.eps).yhat
        out = normal * self.scale.unsqueeze(-1) + self.shift.unsqueeze(-1)
        return _cross_entropy(self.V.transpose(1, 2) @ functional.relu(out), self.target)

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Absolute values through the readout; through BatchNorm 3 terms of 1/s, and 9 of 1/(s^2 sqrt m)."""
        m = z.shape[1]
        mu, s, yhat, _ = standardise(self._hidden(z), self.eps)
        cond = (1 + mu.abs() / s).squeeze(-1)
        out = yhat * self.scale.unsqueeze(-1) + self.shift.unsqueeze(-1)
        p, residual = _residuals(self.V.transpose(1, 2) @ functional.relu(out), self.target)
        open_, V = (out > 0).to(z.dtype), self.V.abs()
        sent = (open_ * (V @ residual)).norm(dim=2)
        per_s = self.w.abs() / s.squeeze(-1)
        rate = cond * self.scale.abs() * per_s
        jacobian = V.transpose(1, 2) @ (open_ * rate.unsqueeze(-1))
        straight = 18 * (p * jacobian.square()).sum(1).amax(1) / m
        bent = 9 * (sent * rate * per_s).sum(1) / m**0.5
        return 3 * (sent * rate).sum(1), straight + bent

    @property
    def depth(self) -> int:
        return 2 * self.target.shape[1] + sum(self.V.shape[1:]) + 24


@dataclass(frozen=True)
class Coupled(Downstream):
    """Of two units, z = (z_j, z_k): first(z_j + a z_k) + second(z_j - b z_k), so that every block of H is there.

    first, second: losses of m samples; a, b: (N,).
    """

    first: Downstream
    second: Downstream
    a: Tensor
    b: Tensor

    def _mixed(self, z: Tensor) -> tuple[Tensor, Tensor]:
        j, k = z.chunk(2, dim=-1)
        return j + self.a.unsqueeze(-1) * k, j - self.b.unsqueeze(-1) * k

    def __call__(self, z: Tensor) -> Tensor:
        one, other = self._mixed(z)
        return self.first(one) + self.second(other)

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        found = [
            loss.scales(part) for loss, part in zip((self.first, self.second), self._mixed(z), strict=True)
        ]
        one, other = 1 + self.a.abs(), 1 + self.b.abs()
        return one * found[0][0] + other * found[1][0], one**2 * found[0][1] + other**2 * found[1][1]

    @property
    def depth(self) -> int:
        return self.first.depth + self.second.depth + 3
