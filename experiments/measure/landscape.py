"""The loss along a line: loss variation, gradient predictiveness, effective beta, curvature (A.2.2, Figures 4, 10-13).

A `Objective` is the loss of a network on one batch as a function of a flat parameter vector. Evaluating it
leaves the network's parameters, buffers, gradients and every random generator untouched to the bit: buffers
are copied, noise is the draw of the objective's step, and nothing is written back.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

import torch
from bnverify.numerics.measure.norms import Noise
from torch import Tensor, nn
from torch.func import functional_call

Moving = Literal["all", "weights"]
Mode = Literal["train", "eval"]
Scaling = Literal["gradient-norm", "filter"]
LossFn = Callable[[Tensor, Tensor], Tensor]


@dataclass(frozen=True)
class Objective:
    """Loss of ``model`` on the batch ``(x, y)`` with the noise draw of ``step``, in training mode.

    ``moving="weights"`` holds gamma, beta and biases fixed: their entries of every gradient are 0. ``mode="eval"``
    takes running statistics in place of the batch's, and no noise.
    """

    model: nn.Module
    x: Tensor
    y: Tensor
    loss_fn: LossFn
    step: int = 0
    moving: Moving = "all"
    mode: Mode = "train"

    def point(self) -> Tensor:
        """The parameters now, flattened in the order of ``named_parameters``: ``(P,)``."""
        return torch.cat([p.detach().reshape(-1) for p in self.model.parameters()])

    def named(self, w: Tensor) -> dict[str, Tensor]:
        """Views of the flat vector ``w`` under the parameters' names and shapes."""
        out, at = {}, 0
        for name, p in self.model.named_parameters():
            out[name] = w[at : at + p.numel()].view_as(p)
            at += p.numel()
        return out

    def mask(self) -> Tensor | None:
        """1 where a parameter moves, 0 elsewhere, ``(P,)``; None when all move."""
        if self.moving == "all":
            return None
        return torch.cat(
            [torch.full_like(p, float(p.dim() > 1)).reshape(-1) for p in self.model.parameters()]
        )

    def loss(self, w: Tensor) -> Tensor:
        """L(w), differentiable as often as the network is; a scalar."""
        return self.loss_at(self.named(w))

    def loss_at(self, parameters: dict[str, Tensor]) -> Tensor:
        """L at parameters given by name."""
        with self.held():
            return self.loss_fn(functional_call(self.model, parameters, (self.x,)), self.y)

    @contextmanager
    def held(self) -> Iterator[None]:
        """The network in ``mode`` with the noise of ``step`` and copies of its buffers, then as it was."""
        modules, wanted = list(self.model.modules()), self.mode == "train"
        changed = [module for module in modules if module.training is not wanted]
        noises = [(module, module.step) for module in modules if isinstance(module, Noise)]
        buffers = [(b, b.data) for b in self.model.buffers()]
        try:
            for module in changed:
                module.training = wanted
            for b, kept in buffers:
                b.data = kept.clone()
            for noise, _ in noises:
                noise.step = self.step
            yield
        finally:
            for module in changed:
                module.training = not wanted
            for b, kept in buffers:
                b.data = kept
            for noise, step in noises:
                noise.step = step

    @contextmanager
    def standing(self, w: Tensor) -> Iterator[list[nn.Parameter]]:
        """The network's own parameters with the values ``w``, in their order; afterwards they are as they
        were. Cheaper than `loss_at`, but nothing can be differentiated with respect to ``w``."""
        parameters = list(self.model.parameters())
        own = [p.data for p in parameters]
        values = w.detach().split([p.numel() for p in parameters])
        try:
            for p, value in zip(parameters, values, strict=True):
                p.data = value.view_as(p)
            with self.held():
                yield parameters
        finally:
            for p, kept in zip(parameters, own, strict=True):
                p.data = kept

    def value_and_grad(self, w: Tensor) -> tuple[Tensor, Tensor]:
        """L(w) and its gradient ``(P,)``, both detached."""
        with self.standing(w) as parameters:
            loss = self.loss_fn(self.model(self.x), self.y)
            grad = flat(torch.autograd.grad(loss, parameters))
        mask = self.mask()
        return loss.detach(), grad if mask is None else grad * mask

    def hvp(self, w: Tensor) -> Callable[[Tensor], Tensor]:
        """The function v -> H v at ``w``, with H the Hessian over the moving parameters."""
        # Leaves, since the gradient of a slice of w would be filled up to P numbers.
        leaves = {name: p.requires_grad_() for name, p in self.named(w.detach()).items()}
        at = list(leaves.values())
        grads = torch.autograd.grad(self.loss_at(leaves), at, create_graph=True)
        mask = self.mask()

        def apply(v: Tensor) -> Tensor:
            parts = (v if mask is None else v * mask).split([p.numel() for p in at])
            shaped = [part.view_as(p) for part, p in zip(parts, at, strict=True)]
            product = flat(
                torch.autograd.grad(grads, at, shaped, retain_graph=True, materialize_grads=True)
            ).detach()
            return product if mask is None else product * mask

        return apply


def flat(parts: Iterable[Tensor]) -> Tensor:
    """Tensors as one vector, in their order."""
    return torch.cat([part.reshape(-1) for part in parts])


def lengths(low: float, high: float, lr: float, count: int) -> list[float]:
    """Step lengths t, log-spaced over [low, high] x lr: the probe is w - t grad (A.2.2)."""
    return [lr * low * (high / low) ** (i / (count - 1)) for i in range(count)]


def beyond(high: float, far: float, lr: float, count: int) -> list[float]:
    """Step lengths past the longest of `lengths`: log-spaced over (high, far x high] x lr, the end included."""
    return [lr * high * far ** ((i + 1) / count) for i in range(count)]


@dataclass(frozen=True)
class Ray:
    """What was seen at w - t d for the step lengths t (``lengths``), d the direction, g and L at w.

    Attributes:
        loss: L at w. grad_norm: |g|. direction_norm: |d|; the distance of a probe is t |d|.
        losses: L at each probe. changes: |g_t - g|. cosines: cos(g_t, g); nan where a gradient is 0.
        beta_pairs: max over pairs of points on the ray, w included, of |g_s - g_t| / (|s - t| |d|).
    """

    lengths: list[float]
    loss: float
    grad_norm: float
    direction_norm: float
    losses: list[float]
    changes: list[float]
    cosines: list[float]
    beta_pairs: float

    @property
    def beta_max(self) -> float:
        """Effective beta: max over the probes of |g_t - g| / (t |d|)."""
        distances = [t * self.direction_norm for t in self.lengths]
        slopes = [c / r if r > 0 else math.nan for c, r in zip(self.changes, distances, strict=True)]
        return max(slopes, default=math.nan)


def along(
    objective: Objective,
    step_lengths: list[float],
    start: tuple[Tensor, Tensor, Tensor] | None = None,
    direction: Tensor | None = None,
) -> Ray:
    """Probe w - t d for every step length; d is the gradient unless given.

    Args:
        objective: the loss.
        step_lengths: positive, increasing.
        start: (w, L, g), if a step has computed them already; costs one evaluation otherwise.
        direction: d, ``(P,)``.
    """
    w, loss, grad = start if start is not None else _start(objective)
    d = grad if direction is None else direction
    seen = [objective.value_and_grad(w - t * d) for t in step_lengths]
    return ray_of(
        loss, grad, d, step_lengths, torch.stack([s[0] for s in seen]), torch.stack([s[1] for s in seen])
    )


def _start(objective: Objective) -> tuple[Tensor, Tensor, Tensor]:
    w = objective.point()
    return (w, *objective.value_and_grad(w))


def ray_of(
    loss: Tensor, grad: Tensor, d: Tensor, step_lengths: list[float], losses: Tensor, grads: Tensor
) -> Ray:
    """The `Ray` of measured losses ``(K,)`` and gradients ``(K, P)``."""
    norm, d_norm = grad.norm(), d.norm()
    norms = grads.norm(dim=1)
    apart = torch.pdist(torch.cat([grad[None], grads]))
    t = torch.tensor([0.0, *step_lengths], dtype=torch.float64)
    gaps = torch.pdist(t[:, None]).to(apart) * d_norm
    singles = torch.stack([loss, norm, d_norm, (apart / gaps).max()])
    cosines = (grads @ grad) / (norms * norm)
    # One transfer from the device.
    row: list[float] = torch.cat([singles, losses, apart[: len(grads)], cosines]).tolist()
    (start, size, length, pairs), rest, k = row[:4], row[4:], len(grads)
    return Ray(step_lengths, start, size, length, rest[:k], rest[k : 2 * k], rest[2 * k :], pairs)


def random_direction(
    objective: Objective, scaling: Scaling, norm: float, generator: torch.Generator
) -> Tensor:
    """A Gaussian direction over the moving parameters, of Euclidean norm ``norm``.

    ``gradient-norm`` is isotropic. ``filter`` first gives each filter (row of a weight) the norm of the
    filter itself and each vector parameter the norm of the vector itself, so that only the direction is
    filter-normalised; both scalings are then probed at the same distances.
    """
    parts = []
    for p in objective.model.parameters():
        part = torch.randn(p.shape, generator=generator, dtype=p.dtype).to(p.device)
        if scaling == "filter":
            rows, own = (
                (part.flatten(1), p.detach().flatten(1)) if p.dim() > 1 else (part[None], p.detach()[None])
            )
            scaled = rows / rows.norm(dim=1, keepdim=True).clamp_min(1e-30) * own.norm(dim=1, keepdim=True)
            part = scaled.view_as(p)
        parts.append(part.reshape(-1))
    d = torch.cat(parts)
    mask = objective.mask()
    d = d if mask is None else d * mask
    return d * (norm / d.norm())


def lambda_max(hvp: Callable[[Tensor], Tensor], start: Tensor, iterations: int) -> Tensor:
    """Largest eigenvalue of symmetric operators by Lanczos with full reorthogonalisation; a lower bound of it.

    Args:
        hvp: v -> H v, row by row, ``(..., P)`` to ``(..., P)``.
        start: a vector for each operator, ``(..., P)``; its norm does not matter.
        iterations: products taken; a row whose invariant subspace is found earlier ignores the later ones.

    Returns:
        ``(...)``, float64; nan where the start is 0 or a product is not finite.
    """
    q = start / start.norm(dim=-1, keepdim=True)
    basis, alphas, betas = [q], [], []
    for _ in range(iterations):
        u = hvp(basis[-1])
        alphas.append((u * basis[-1]).sum(-1))
        for _ in range(2):  # Twice is enough: one sweep leaves rounding of the first behind.
            for b in basis:
                u = u - (u * b).sum(-1, keepdim=True) * b
        betas.append(u.norm(dim=-1))
        basis.append(u / betas[-1].clamp_min(1e-300 if u.dtype == torch.float64 else 1e-30)[..., None])
    a, b = torch.stack(alphas, -1).double().cpu(), torch.stack(betas, -1).double().cpu()
    found = [
        _top(row, off) for row, off in zip(a.reshape(-1, iterations), b.reshape(-1, iterations), strict=True)
    ]
    return torch.tensor(found, dtype=torch.float64).view(a.shape[:-1])


def _top(alphas: Tensor, betas: Tensor) -> float:
    if not (alphas.isfinite().all() and betas.isfinite().all()):
        return math.nan
    small = (betas <= 1e-7 * alphas.abs().max()).nonzero()
    size = int(small[0]) + 1 if len(small) else len(alphas)
    off = betas[: size - 1]
    return float(
        torch.linalg.eigvalsh(torch.diag(alphas[:size]) + torch.diag(off, 1) + torch.diag(off, -1))[-1]
    )
