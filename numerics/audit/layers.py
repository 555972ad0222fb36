"""What each normalisation layer is: which numbers it divides by which spread, and where its gamma sits.

A *group* is a set of m numbers that share one mean and one spread: a channel of BatchNorm, a sample of
LayerNorm, a sample's channel of InstanceNorm. Within a group

    yhat = (y - mu) / s,   s = sqrt(sigma^2 + eps),   z = gamma yhat + beta      (Section 4.1)

with mu = 0 for RMSNorm. Where gamma differs within a group (LayerNorm, GroupNorm, RMSNorm, noise) it is *folded*:
the rows speak of the gradient at y-hat, gamma * dL/dz, and gamma is 1.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import torch
import torch.distributed as dist
from bnverify.numerics.audit.table.column import Column
from bnverify.numerics.measure.norms import LpNorm, NoisyBatchNorm, lp_scale, per_unit
from bnverify.numerics.measure.norms import SyncBatchNorm as ProjectSyncBatchNorm
from torch import Tensor, nn


class Family(StrEnum):
    """How the spread comes about."""

    CENTRED = "centred"  # mean and variance of the group itself
    RMS = "rms"  # the root mean square of the group, no mean
    LP = "lp"  # mean and an l_p norm
    FIXED = "fixed"  # running statistics: an affine map
    DEFINED = "defined"  # by a definition of its own, of which no theorem speaks


class Unit(StrEnum):
    """What one group is."""

    CHANNEL = "channel"
    SAMPLE_CHANNEL = "sample, channel"
    SAMPLE_GROUP = "sample, group"
    POSITION = "sample, position"


@dataclass(frozen=True)
class Kind:
    """One covered layer type: its name, the unit of its rows, and how a call of it is read."""

    name: str
    unit: Unit
    describe: Callable[[nn.Module, Tensor], Spec]


@dataclass(frozen=True)
class Labels(Sequence[str]):
    """The names of groups: "3" where there is one number a group, "0,3" where the first is the sample's."""

    groups: int
    shape: tuple[int, ...]

    def __len__(self) -> int:
        return self.groups

    def __getitem__(self, index: Any) -> Any:
        inner = math.prod(self.shape[1:])
        return str(index) if len(self.shape) == 1 else f"{index // max(1, inner)},{index % max(1, inner)}"


@dataclass(frozen=True)
class Spec:
    """One call of one layer, as the reductions need it.

    view: reshapes a tensor like the layer's input to groups in dimension 1, ``(A, G, ...)``; a view where the
        memory layout allows.
    groups: G.
    size: m, the numbers in a group on this process.
    gamma: ``(G,)``; ones where it is folded or absent.
    fold: a factor that broadcasts over the *original* shape and multiplies dL/dz, or None.
    mean, spread_sq: the running mean and variance of a FIXED call, ``(G,)``; None otherwise.
    process_group: the processes that share the statistics; None where each has its own.
    p, scale, one_divisor: of an l_p layer: the exponent, y -> the divisor, whether all units share one.
    normalise: of a DEFINED call: groups as ``view`` gives them -> yhat, differentiable.
    restore: takes a viewed tensor back to the shape of the second; None where that is a reshape.
    """

    family: Family
    unit: Unit
    view: Callable[[Tensor], Tensor]
    groups: int
    size: int
    label_shape: tuple[int, ...]
    eps: float
    gamma: Tensor
    fold: Tensor | None = None
    mean: Tensor | None = None
    spread_sq: Tensor | None = None
    process_group: dist.ProcessGroup | None = None
    synchronised: bool = False
    p: float = 0.0
    scale: Callable[[Tensor], Tensor] | None = None
    one_divisor: bool = False
    normalise: Callable[[Tensor], Tensor] | None = None
    restore: Callable[[Tensor, Tensor], Tensor] | None = None

    @property
    def weighs_places(self) -> bool:
        """Rows along the last dimensions, with a factor at every place of a row."""
        plain = self.restore is None and self.normalise is None and not self.synchronised
        rows = self.unit is Unit.POSITION and self.family in (Family.CENTRED, Family.RMS)
        return plain and rows and self.fold is not None and self.fold.numel() == self.size

    @property
    def weighs_channels(self) -> bool:
        """Groups of consecutive channels of a sample, with a factor for each channel."""
        folded = self.fold is not None and self.fold.dim() > 1 and self.fold.numel() == self.fold.shape[1]
        plain = self.restore is None and self.normalise is None and not self.synchronised
        return plain and folded and self.unit is Unit.SAMPLE_GROUP and self.family is Family.CENTRED

    def labels(self) -> Column[str]:
        """Names of the groups in order: "3" for channel 3, "0,3" for sample 0 and channel (group, position) 3."""
        return Column(torch.arange(self.groups), Labels(self.groups, self.label_shape))

    def dot(self, a: Tensor, b: Tensor) -> Tensor:
        """<a, b> per group, ``(G,)``, over all processes that share the group."""
        a, b = self.view(a), self.view(b)
        return self.total((a * b).sum([d for d in range(a.dim()) if d != 1]))

    def total(self, sums: Tensor) -> Tensor:
        """Sums over the processes that share the statistics."""
        if self.synchronised:
            sums = sums.contiguous()
            dist.all_reduce(sums, group=self.process_group)
        return sums

    def samples(self) -> float:
        """m of the call, over the processes that share the statistics."""
        if not self.synchronised:
            return float(self.size)
        place = "cuda" if dist.get_backend(self.process_group) == "nccl" else "cpu"
        return float(self.total(torch.full((1,), float(self.size), device=place)))

    def spread(self, per_group: Tensor, like: Tensor) -> Tensor:
        """A ``(G,)`` tensor as a tensor that has the shape of ``like``."""
        viewed = self.view(like)
        full = per_group.view(1, -1, *[1] * (viewed.dim() - 2)).expand(viewed.shape)
        return full.reshape(like.shape) if self.restore is None else self.restore(full, like)


def _channels_first(t: Tensor) -> Tensor:
    return t


def _ones(count: int, like: Tensor) -> Tensor:
    return torch.ones(count, dtype=_accumulator(like), device=like.device)


def _accumulator(like: Tensor) -> torch.dtype:
    """Half precisions are summed in float32."""
    return torch.float32 if like.dtype in (torch.float16, torch.bfloat16) else like.dtype


def _detached(t: Tensor | None, like: Tensor) -> Tensor | None:
    """A copy: an optimizer step or the next call changes the original in place."""
    return None if t is None else t.detach().to(_accumulator(like), copy=True)


def per_channel(
    y: Tensor, weight: Tensor | None, eps: float, running: tuple[Tensor | None, Tensor | None] | None = None
) -> Spec:
    """Batch normalisation of ``y``, ``(N, C, ...)``: one group a channel; ``running``: mean and variance in use."""
    channels = y.shape[1]
    gamma = _detached(weight, y)
    mean, spread_sq = (None, None) if running is None else (_detached(t, y) for t in running)
    return Spec(
        family=Family.CENTRED if running is None else Family.FIXED,
        unit=Unit.CHANNEL,
        view=_channels_first,
        groups=channels,
        size=y.numel() // channels,
        label_shape=(channels,),
        eps=eps,
        gamma=_ones(channels, y) if gamma is None else gamma,
        mean=mean,
        spread_sq=spread_sq,
    )


def per_sample_channel(
    y: Tensor,
    weight: Tensor | None,
    eps: float,
    running: tuple[Tensor | None, Tensor | None] | None = None,
    batched: bool = True,
) -> Spec:
    """Instance normalisation of ``y``, ``(N, C, ...)``, or ``(C, ...)`` where it is not batched."""
    channels = y.shape[1] if batched else y.shape[0]
    samples = y.shape[0] if batched else 1
    groups = samples * channels
    gamma = _detached(weight, y)
    mean, spread_sq = (None, None) if running is None else (_detached(t, y) for t in running)

    def view(t: Tensor) -> Tensor:
        return t.reshape(1, groups, -1)

    return Spec(
        family=Family.CENTRED if running is None else Family.FIXED,
        unit=Unit.SAMPLE_CHANNEL,
        view=view,
        groups=groups,
        size=y.numel() // groups,
        label_shape=(samples, channels),
        eps=eps,
        gamma=_ones(groups, y) if gamma is None else gamma.repeat(samples),
        mean=None if mean is None else mean.repeat(samples),
        spread_sq=None if spread_sq is None else spread_sq.repeat(samples),
    )


def per_group(y: Tensor, weight: Tensor | None, eps: float, count: int) -> Spec:
    """Group normalisation of ``y``, ``(N, C, ...)``, its channels in ``count`` groups."""
    samples = y.shape[0]
    weight = _detached(weight, y)

    def view(t: Tensor) -> Tensor:
        return t.reshape(1, samples * count, -1)

    return Spec(
        family=Family.CENTRED,
        unit=Unit.SAMPLE_GROUP,
        view=view,
        groups=samples * count,
        size=y.numel() // (samples * count),
        label_shape=(samples, count),
        eps=eps,
        gamma=_ones(samples * count, y),
        fold=None if weight is None else per_unit(weight, y),
    )


def over_last(
    y: Tensor, weight: Tensor | None, eps: float | None, shape: Sequence[int], family: Family = Family.CENTRED
) -> Spec:
    """Layer normalisation of ``y`` over its last dimensions, of the given ``shape``; RMSNorm by its family."""
    size = math.prod(shape)
    rows = y.numel() // size

    def view(t: Tensor) -> Tensor:
        return t.reshape(1, rows, size)

    return Spec(
        family=family,
        unit=Unit.POSITION,
        view=view,
        groups=rows,
        size=size,
        label_shape=(y.shape[0], rows // max(1, y.shape[0])) if y.dim() > len(shape) else (1, rows),
        eps=torch.finfo(y.dtype).eps if eps is None else eps,
        gamma=_ones(rows, y),
        fold=_detached(weight, y),
    )


def along_axis(y: Tensor, axis: int, eps: float) -> Spec:
    """y/max(|y|, eps) along an axis: an RMSNorm with gamma = 1/sqrt(m), folded.

    Its eps is eps^2/m: with it sqrt(|y|^2 + eps^2) is max(|y|, eps) at |y| = 0 and, to the last digit, where |y| is
    above 1e8 eps.
    """
    moved = y.movedim(axis, -1)
    size = moved.shape[-1]
    rows = y.numel() // max(1, size)

    def view(t: Tensor) -> Tensor:
        return t.movedim(axis, -1).reshape(1, rows, size)

    def restore(full: Tensor, like: Tensor) -> Tensor:
        return full.reshape(like.movedim(axis, -1).shape).movedim(-1, axis)

    return Spec(
        family=Family.RMS,
        unit=Unit.POSITION,
        view=view,
        groups=rows,
        size=size,
        label_shape=(moved.shape[0], rows // max(1, moved.shape[0])),
        eps=eps**2 / size,
        gamma=_ones(rows, y),
        fold=torch.full([1] * y.dim(), 1 / math.sqrt(size), dtype=_accumulator(y), device=y.device),
        restore=restore,
    )


def _running(module: nn.Module) -> tuple[Tensor | None, Tensor | None]:
    return module.running_mean, module.running_var  # type: ignore[return-value]


def _batch_norm(module: nn.Module, y: Tensor) -> Spec:
    assert isinstance(module, nn.modules.batchnorm._BatchNorm)
    fixed = not module.training and module.running_mean is not None
    return per_channel(y, module.weight, module.eps, _running(module) if fixed else None)


def shares_statistics(group: dist.ProcessGroup | None) -> bool:
    """Whether a layer that synchronises over ``group`` has another process to synchronise with."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size(group) > 1


def _sync_batch_norm(module: nn.Module, y: Tensor) -> Spec:
    if isinstance(module, ProjectSyncBatchNorm):
        fixed, group, eps = not module.training, module.group, module.eps
    else:
        assert isinstance(module, nn.SyncBatchNorm)
        fixed = not module.training and module.running_mean is not None
        group, eps = module.process_group, module.eps
    spec = per_channel(y, module.weight, eps, _running(module) if fixed else None)
    return replace(spec, process_group=group, synchronised=not fixed and shares_statistics(group))


def _noisy_batch_norm(module: nn.Module, y: Tensor) -> Spec:
    assert isinstance(module, NoisyBatchNorm)
    norm, noise = module.norm, module.noise
    spec = _batch_norm(norm, y)
    if not noise.training and not noise.at_test:
        return spec
    scale, _ = noise.draw(y.detach())
    fold = scale.to(_accumulator(y)) * per_unit(spec.gamma, y)
    return replace(spec, gamma=torch.ones_like(spec.gamma), fold=fold)


def _lp_norm(module: nn.Module, y: Tensor) -> Spec:
    assert isinstance(module, LpNorm)
    norm = module

    def scale(t: Tensor) -> Tensor:
        centred = t - per_unit(t.mean([d for d in range(t.dim()) if d != 1]), t)
        return lp_scale(t if norm.of == "raw" else centred, norm.p, norm.average, norm.eps)

    spec = per_channel(y, module.weight, module.eps)
    if module.training:
        shared = module.running_scale.dim() == 0
        return replace(spec, family=Family.LP, p=module.p, scale=scale, one_divisor=shared)
    mean, divisor = _detached(module.running_mean, y), _detached(module.running_scale, y)
    assert mean is not None
    assert divisor is not None
    return replace(spec, family=Family.FIXED, mean=mean, spread_sq=divisor.expand_as(mean) ** 2, eps=0.0)


def _instance_norm(module: nn.Module, y: Tensor) -> Spec:
    assert isinstance(module, nn.modules.instancenorm._InstanceNorm)
    batched = y.dim() == _instance_rank(module)
    fixed = not module.training and module.track_running_stats and module.running_mean is not None
    running = _running(module) if fixed else None
    return per_sample_channel(y, module.weight, module.eps, running, batched)


def _instance_rank(module: nn.Module) -> int:
    ranks = {nn.InstanceNorm1d: 3, nn.InstanceNorm2d: 4, nn.InstanceNorm3d: 5}
    return next(rank for cls, rank in ranks.items() if isinstance(module, cls))


def _group_norm(module: nn.Module, y: Tensor) -> Spec:
    assert isinstance(module, nn.GroupNorm)
    return per_group(y, module.weight, module.eps, module.num_groups)


def _over_last(family: Family) -> Callable[[nn.Module, Tensor], Spec]:
    def describe(module: nn.Module, y: Tensor) -> Spec:
        assert isinstance(module, nn.LayerNorm | nn.RMSNorm)
        return over_last(y, module.weight, module.eps, module.normalized_shape, family)

    return describe


_KINDS: tuple[tuple[type[nn.Module], Kind], ...] = (
    (NoisyBatchNorm, Kind("NoisyBatchNorm", Unit.CHANNEL, _noisy_batch_norm)),
    (LpNorm, Kind("LpNorm", Unit.CHANNEL, _lp_norm)),
    (ProjectSyncBatchNorm, Kind("SyncBatchNorm", Unit.CHANNEL, _sync_batch_norm)),
    (nn.SyncBatchNorm, Kind("SyncBatchNorm", Unit.CHANNEL, _sync_batch_norm)),
    (nn.BatchNorm1d, Kind("BatchNorm1d", Unit.CHANNEL, _batch_norm)),
    (nn.BatchNorm2d, Kind("BatchNorm2d", Unit.CHANNEL, _batch_norm)),
    (nn.BatchNorm3d, Kind("BatchNorm3d", Unit.CHANNEL, _batch_norm)),
    (nn.LayerNorm, Kind("LayerNorm", Unit.POSITION, _over_last(Family.CENTRED))),
    (nn.RMSNorm, Kind("RMSNorm", Unit.POSITION, _over_last(Family.RMS))),
    (nn.GroupNorm, Kind("GroupNorm", Unit.SAMPLE_GROUP, _group_norm)),
    (nn.InstanceNorm1d, Kind("InstanceNorm1d", Unit.SAMPLE_CHANNEL, _instance_norm)),
    (nn.InstanceNorm2d, Kind("InstanceNorm2d", Unit.SAMPLE_CHANNEL, _instance_norm)),
    (nn.InstanceNorm3d, Kind("InstanceNorm3d", Unit.SAMPLE_CHANNEL, _instance_norm)),
)


def kind_of(module: nn.Module) -> Kind | None:
    """The covered kind of ``module``, or None.

    A subclass that overrides ``forward`` may compute something else and is not covered.
    """
    for cls, kind in _KINDS:
        if isinstance(module, cls):
            return kind if type(module).forward is _forward_of(cls) else None
    return None


def _forward_of(cls: type[nn.Module]) -> object:
    return cls.forward
