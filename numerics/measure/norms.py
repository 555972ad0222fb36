"""Normalisation layers of the paper that PyTorch does not have: l_p, noisy, synchronised.

Every layer takes ``(m, J)`` or ``(m, J, *space)`` tensors, J units in dimension 1. As in the paper, the
spatial positions of a convolution count as part of the batch: below, b runs over batch and positions, and m
counts them all. All operations are composed of differentiable ones, so that second derivatives exist wherever
the formula has them.
"""

from __future__ import annotations

import hashlib
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Literal

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn import functional as dist_functional

from bnverify.base.errors import InputError

Average = Literal["power-mean", "norm-over-m", "layer-mean", "sample-mean"]
Of = Literal["raw", "centred"]
SigmaReading = Literal["sd", "variance"]
Place = Literal["output", "whitened"]

AVERAGES: tuple[Average, ...] = ("power-mean", "norm-over-m", "layer-mean", "sample-mean")


def per_unit(v: Tensor, like: Tensor) -> Tensor:
    """Reshape a scalar or a ``(J,)`` tensor so that it broadcasts over the units of ``like`` (``(m, J,
    ...)``)."""
    return v if v.dim() == 0 else v.view(1, -1, *[1] * (like.dim() - 2))


def _batch_dims(y: Tensor) -> list[int]:
    return [d for d in range(y.dim()) if d != 1]


def _require_batch(y: Tensor, num_features: int) -> None:
    if y.dim() < 2 or y.shape[1] != num_features:
        raise InputError(
            f"a normalisation layer of {num_features} units got an input of shape {tuple(y.shape)}; "
            f"expected (batch, {num_features}, ...)"
        )


def lp_scale(y: Tensor, p: float, average: Average = "power-mean", eps: float = 1e-5) -> Tensor:
    """The divisor n of an l_p normalisation, in each reading of "the average of their l_p-norm" (Section
    3.3).

    With the floored norm N_p(v) = (eps^(p/2) + mean |v|^p)^(1/p), and max(sqrt(eps), max |v|) at p = inf:

    - ``power-mean``: n_j = N_p(y_j), per unit over the batch; at p = 2 on centred y this is BatchNorm's
      sigma_j.
    - ``norm-over-m``: n_j = |y_j|_p / m, per unit; the same up to the factor m^(1/p - 1).
    - ``layer-mean``: n = mean_j N_p(y_j), one scalar per layer.
    - ``sample-mean``: n = mean_b |y^(b)|_p, the l_p norm over the units of one sample, averaged over the
      batch.

    Args:
        y: ``(m, J, ...)``, floating point.
        p: 1, 2 or ``math.inf``.
        average: the reading.
        eps: in the unit of y^2, as BatchNorm's.

    Returns:
        ``(J,)`` for the first two readings, a scalar for the others; the unit of y.
    """
    a = y.abs()
    m = y.numel() // y.shape[1]
    if average == "sample-mean":
        if math.isinf(p):
            per_sample = a.amax(1).clamp_min(math.sqrt(eps))
        else:
            per_sample = (eps ** (p / 2) + (a if p == 1 else y * y).sum(1)) ** (1 / p)
        return per_sample.mean()
    dims = _batch_dims(y)
    if math.isinf(p):
        n = a.amax(dims).clamp_min(math.sqrt(eps))
    else:
        # The sum is divided, not each element on the way back.
        n = (eps ** (p / 2) + (a if p == 1 else y * y).sum(dims) / m) ** (1 / p)
    if average == "norm-over-m":
        return n * m ** ((0.0 if math.isinf(p) else 1 / p) - 1)
    return n.mean() if average == "layer-mean" else n


class LpNorm(nn.Module):
    """z = weight (y - mu) / n + bias: fix the first moment, divide by an average l_p norm (Section 3.3).

    ``of="raw"`` takes the norm "before shifting the mean", as printed; ``of="centred"`` takes it of y - mu.
    At test time the running means of mu and n stand in for the batch's, as BatchNorm does it; the paper is
    silent.

    Args:
        num_features: J.
        p: 1, 2 or ``math.inf``.
        average: the reading of "average", see `lp_scale`.
        of: what the norm is taken of.
        eps: floor of the norm, in the unit of y^2.
        momentum: weight of the newest batch in the running statistics.
        affine: whether weight (gamma) and bias (beta) exist.

    Raises:
        InputError: p, average or ``of`` is none of the above, or an input has other than J units.
    """

    running_mean: Tensor
    running_scale: Tensor

    def __init__(
        self,
        num_features: int,
        p: float,
        *,
        average: Average = "power-mean",
        of: Of = "raw",
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
    ) -> None:
        super().__init__()
        if p not in (1, 2, math.inf):
            raise InputError(f"l_p normalisation got p = {p}; expected 1, 2 or inf")
        if average not in AVERAGES:
            raise InputError(
                f"reading {average!r} of the average is unknown; expected one of {', '.join(AVERAGES)}"
            )
        if of not in ("raw", "centred"):
            raise InputError(f"the norm is taken of {of!r}; expected raw or centred")
        self.num_features, self.p, self.eps, self.momentum = num_features, float(p), eps, momentum
        self.average, self.of = average, of
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        scale_shape = (num_features,) if average in ("power-mean", "norm-over-m") else ()
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_scale", torch.ones(scale_shape))

    def forward(self, y: Tensor) -> Tensor:
        _require_batch(y, self.num_features)
        if self.training:
            mu = y.sum(_batch_dims(y)) * (y.shape[1] / y.numel())
            centred = y - per_unit(mu, y)
            n = lp_scale(y if self.of == "raw" else centred, self.p, self.average, self.eps)
            with torch.no_grad():
                self.running_mean.lerp_(mu, self.momentum)
                self.running_scale.lerp_(n, self.momentum)
        else:
            centred, n = y - per_unit(self.running_mean, y), self.running_scale
        if self.weight is None or self.bias is None:
            return centred * per_unit(1 / n, y)
        return torch.addcmul(per_unit(self.bias, y), centred, per_unit(self.weight / n, y))

    def extra_repr(self) -> str:
        return f"{self.num_features}, p={self.p}, average={self.average}, of={self.of}"


class Noise(nn.Module):
    """a_ij <- s_ij a_ij + m_ij with the time-varying noise of Algorithm 1 (Appendix A.2.1), to the letter.

    Per unit j and step t: mu ~ U(-n_mu, n_mu), sigma ~ U(1, n_sigma). Per sample i and unit j:
    m_ij ~ U(mu - r_mu, mu + r_mu), s_ij ~ N(sigma, r_sigma), where r_sigma is a standard deviation or a
    variance, according to ``sigma_reading``.

    The draw is a function of (seed, layer, step, shape) alone: fresh at every step, the same for every probe
    of one step, and no state to save but the step. Set the step with `set_noise_step`. Layers that `draw_together` has
    joined take their parts of one draw of (seed, step, shapes) instead.

    Raises:
        InputError: a constant is negative, or n_sigma is below 1.
    """

    def __init__(
        self,
        num_features: int,
        *,
        seed: int = 0,
        layer: int = 0,
        n_mu: float = 0.5,
        n_sigma: float = 1.25,
        r_mu: float = 0.1,
        r_sigma: float = 0.1,
        sigma_reading: SigmaReading = "sd",
        at_test: bool = False,
    ) -> None:
        super().__init__()
        if min(n_mu, r_mu, r_sigma) < 0 or n_sigma < 1:
            raise InputError(
                f"noise constants n_mu={n_mu}, n_sigma={n_sigma}, r_mu={r_mu}, r_sigma={r_sigma}; "
                "expected n_mu, r_mu, r_sigma >= 0 and n_sigma >= 1"
            )
        self.num_features, self.seed, self.layer, self.at_test = num_features, seed, layer, at_test
        self.n_mu, self.n_sigma, self.r_mu, self.r_sigma = n_mu, n_sigma, r_mu, r_sigma
        self.sigma_reading: SigmaReading = sigma_reading
        self.step = 0
        self._drawn: tuple[tuple[object, ...], tuple[Tensor, Tensor]] | None = None
        self._joined: list[tuple[Noise, tuple[int, ...]]] = []

    def draw(self, a: Tensor) -> tuple[Tensor, Tensor]:
        """(s, m) of this step for activations like ``a``: two tensors of its shape, dtype and device."""
        key = (self.step, a.shape, a.dtype, a.device)
        if self._drawn is None or self._drawn[0] != key:
            if self._joined:
                shapes = [(a.shape[0], one.num_features, *space) for one, space in self._joined]
                layers, name = [one for one, _ in self._joined], f"{self.seed}/{self.step}"
            else:
                shapes, layers, name = [tuple(a.shape)], [self], f"{self.seed}/{self.layer}/{self.step}"
            for one, shape, standard in zip(layers, shapes, _standard(name, shapes, a), strict=True):
                one._drawn = ((self.step, torch.Size(shape), a.dtype, a.device), one._scaled(*standard))
        assert self._drawn is not None
        return self._drawn[1]

    def _scaled(
        self, mean: Tensor, deviation: Tensor, sample: Tensor, normal: Tensor
    ) -> tuple[Tensor, Tensor]:
        """(s, m) from what `_standard` drew, of which the latter two are changed in place."""
        mu, sigma = (2 * mean - 1) * self.n_mu, 1 + deviation * (self.n_sigma - 1)
        sd = self.r_sigma if self.sigma_reading == "sd" else math.sqrt(self.r_sigma)
        shift = sample.mul_(2 * self.r_mu).add_(per_unit(mu - self.r_mu, sample))
        return normal.mul_(sd).add_(per_unit(sigma, normal)), shift

    def forward(self, a: Tensor) -> Tensor:
        _require_batch(a, self.num_features)
        if not self.training and not self.at_test:
            return a
        scale, shift = self.draw(a.detach())
        return torch.addcmul(shift, scale, a)


def _standard(name: str, shapes: list[tuple[int, ...]], like: Tensor) -> Iterator[tuple[Tensor, ...]]:
    """For every shape ``(m, J, ...)``: uniform numbers of [0, 1), ``(J,)`` twice and of the shape, and standard normal
    ones of the shape; four calls of one generator, whose seed is ``name``, however many shapes there are."""
    seed = int.from_bytes(hashlib.blake2b(name.encode(), digest_size=8).digest(), "big") >> 1
    generator = torch.Generator(device=like.device).manual_seed(seed)
    units, sizes = [shape[1] for shape in shapes], [math.prod(shape) for shape in shapes]

    def split(draw: Callable[..., Tensor], parts: list[int]) -> tuple[Tensor, ...]:
        return draw(sum(parts), generator=generator, dtype=like.dtype, device=like.device).split(parts)

    drawn = [
        split(draw, parts) for draw, parts in ((torch.rand, units), (torch.rand, units), (torch.rand, sizes))
    ]
    normal = split(torch.randn, sizes)
    for shape, mean, deviation, sample, z in zip(shapes, *drawn, normal, strict=True):
        yield mean, deviation, sample.view(shape), z.view(shape)


def draw_together(layers: list[tuple[Noise, tuple[int, ...]]]) -> None:
    """Let ``layers`` of one network, each with the space that its activations have, ``()`` or ``(h, w)``, draw by one
    generator: on a GPU four launches a step and not four a layer. They share a seed, and a step at every pass."""
    for one, _ in layers:
        one._joined = layers


class NoisyBatchNorm(nn.Module):
    """BatchNorm followed by the noise of Algorithm 1.

    ``place="output"`` perturbs what the BatchNorm layer puts out, gamma and beta included ("noise injected
    after BatchNorm layers", Section 2.1); ``place="whitened"`` perturbs the whitened activation, before gamma
    and beta (line 4 of Algorithm 1 read strictly).

    Args:
        norm: an ``nn.BatchNorm1d`` or ``nn.BatchNorm2d``; its affine parameters are used in either place.
        noise: the noise, of the same number of units.
        place: see above.
    """

    def __init__(self, norm: nn.BatchNorm1d | nn.BatchNorm2d, noise: Noise, place: Place = "output") -> None:
        super().__init__()
        self.norm, self.noise = norm, noise
        self.place: Place = place

    def forward(self, y: Tensor) -> Tensor:
        if self.place == "output":
            noisy: Tensor = self.noise(self.norm(y))
            return noisy
        norm = self.norm
        whitened = nn.functional.batch_norm(
            y,
            norm.running_mean,
            norm.running_var,
            training=norm.training,
            momentum=norm.momentum if norm.momentum is not None else 0.1,
            eps=norm.eps,
        )
        z: Tensor = self.noise(whitened)
        return z if norm.weight is None else z * per_unit(norm.weight, y) + per_unit(norm.bias, y)


def set_noise_step(model: nn.Module, step: int) -> None:
    """Make every `Noise` of ``model`` draw for training step ``step``."""
    for module in model.modules():
        if isinstance(module, Noise):
            module.step = step


def _all_reduce(v: Tensor, group: dist.ProcessGroup | None) -> Tensor:
    if not (dist.is_available() and dist.is_initialized()):
        return v
    with warnings.catch_warnings():
        # PyTorch 2.13 deprecates this in favour of a private module; it is still the public differentiable
        # one.
        warnings.simplefilter("ignore", FutureWarning)
        total: Tensor = dist_functional.all_reduce(v, group=group or dist.group.WORLD)
    return total


class SyncBatchNorm(nn.Module):
    """BatchNorm over the union of the processes' batches, with second derivatives, on any backend (gloo
    included).

    Statistics are sums over all processes of a group, taken by a differentiable all-reduce, whose backward is
    an all-reduce again; gradients are those of the **sum** of the processes' losses. Every process has to run
    the same forward, backward and double-backward calls. Without a process group it is the BatchNorm of one
    process.

    Args:
        num_features: J.
        eps, momentum, affine: as in ``nn.BatchNorm2d``.
        group: the process group; None means the default one.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(
        self,
        num_features: int,
        eps: float = 1e-5,
        momentum: float = 0.1,
        affine: bool = True,
        group: dist.ProcessGroup | None = None,
    ) -> None:
        super().__init__()
        self.num_features, self.eps, self.momentum, self.group = num_features, eps, momentum, group
        self.weight = nn.Parameter(torch.ones(num_features)) if affine else None
        self.bias = nn.Parameter(torch.zeros(num_features)) if affine else None
        self.register_buffer("running_mean", torch.zeros(num_features))
        self.register_buffer("running_var", torch.ones(num_features))

    def forward(self, y: Tensor) -> Tensor:
        _require_batch(y, self.num_features)
        if self.training:
            dims = _batch_dims(y)
            local = y.new_full((1,), y.numel() // y.shape[1])
            total = _all_reduce(torch.cat([y.sum(dims), local]), self.group)
            m = total[-1].detach()
            mu = total[:-1] / m
            centred = y - per_unit(mu, y)
            var = _all_reduce((centred * centred).sum(dims), self.group) / m
            with torch.no_grad():
                self.running_mean.lerp_(mu, self.momentum)
                self.running_var.lerp_(var * m / (m - 1).clamp_min(1), self.momentum)
        else:
            centred, var = y - per_unit(self.running_mean, y), self.running_var
        z = centred * per_unit((var + self.eps).rsqrt(), y)
        if self.weight is None or self.bias is None:
            return z
        return z * per_unit(self.weight, y) + per_unit(self.bias, y)
