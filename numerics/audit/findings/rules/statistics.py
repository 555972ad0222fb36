"""Running statistics: how they are kept, whether they fit, and which mode uses them."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from bnverify.numerics.audit.findings.fault import Fault, Severity, named
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.profile import Profile
from bnverify.numerics.audit.findings.rules.merged import Hit, found, merged, several
from bnverify.numerics.audit.findings.watch import NormCall
from torch import Tensor

NEVER = 1e-4
"""A momentum of less moves the running statistics in no training."""
SETTLED = 0.1
"""While the first values still weigh more than this in the running statistics, they are not judged."""
BROKEN = 5.0
"""Divergence of a single channel that is named although the median fits."""


def divergence(mean: Tensor, var: Tensor, other_mean: Tensor, other_var: Tensor) -> Tensor:
    """KL(N || N') + KL(N' || N) of normal distributions, elementwise: 0 where both fit."""
    a, b = var.double(), other_var.double()
    tiny = torch.finfo(torch.float64).tiny
    a, b = a.clamp_min(tiny), b.clamp_min(tiny)
    shift = (mean.double() - other_mean.double()) ** 2
    return ((a / b + b / a) - 2 + shift * (1 / a + 1 / b)) / 2


def gap(call: NormCall) -> Tensor | None:
    """The divergence of a call's own statistics from its running ones, channel by channel."""
    if call.running is None or call.function != "batch_norm":
        return None
    mean, var = call.running
    return divergence(call.mean, call.var + call.eps, mean, var + call.eps)


def _updates(call: NormCall) -> int | None:
    count = getattr(call.module, "num_batches_tracked", None)
    return None if count is None else int(count)


def _settled(call: NormCall) -> bool:
    """Whether the running statistics have forgotten their first values."""
    count, momentum = _updates(call), getattr(call.module, "momentum", None)
    if count is None:
        return True
    if momentum is None:
        return count > 0
    return count > 0 and (1 - min(float(momentum), 1.0)) ** count <= SETTLED


def momentum_extreme(profile: Profile) -> Iterator[Fault]:
    limit = KINDS["momentum-extreme"].threshold
    hits: dict[int, Hit] = {}
    for call in profile.calls:
        momentum = getattr(call.module, "momentum", None)
        if call.running is None or not call.own or not isinstance(momentum, int | float):
            continue
        if momentum > limit or momentum < NEVER:
            hits.setdefault(id(call.module), Hit(call, float(momentum)))
    if hits:
        head, layers = merged(list(hits.values()))
        low = head.value < NEVER
        text = (
            f"{head.call.title}: momentum = {head.value:g}, so the running statistics "
            f"{'never move' if low else f'are to {100 * head.value:.0f} % those of the last batch'}{several(layers)}"
        )
        yield found(
            "momentum-extreme", head.call, head.value, text, layers=layers, threshold=NEVER if low else limit
        )


def eval_in_training(profile: Profile) -> Iterator[Fault]:
    if not profile.training and not profile.optimized:
        return
    hits = []
    for call in profile.calls:
        distance = gap(call)
        if call.own or distance is None:
            continue
        value = float(distance.median())
        if value > KINDS["eval-in-training"].threshold or (profile.training and _updates(call) == 0):
            hits.append(Hit(call, value))
    if hits:
        head, layers = merged(hits)
        never = "were never updated" if _updates(head.call) == 0 else f"are {head.value:.2g} from its own"
        text = f"{head.call.title} runs in eval mode in training, and its running statistics {never}{several(layers)}"
        yield found("eval-in-training", head.call, head.value, text, layers=layers)


def stale_statistics(profile: Profile) -> Iterator[Fault]:
    limit = KINDS["stale-statistics"].threshold
    hits, partly = [], []
    for call in profile.calls:
        distance = gap(call)
        if distance is None or (profile.training and not _settled(call)):
            continue
        middle = float(distance.median())
        if middle > limit:
            hits.append(Hit(call, middle))
        elif float(distance.max()) > BROKEN and call.size >= 32:
            partly.append(
                Hit(call, float(distance.max()), tuple((distance > BROKEN).nonzero().flatten().tolist()))
            )
    if hits:
        head, layers = merged(hits)
        never = " (they were never updated)" if _updates(head.call) == 0 else ""
        text = (
            f"{head.call.title}: the running statistics are a divergence of {head.value:.2g} from those of this "
            f"batch{never}{several(layers)}"
        )
        yield found("stale-statistics", head.call, head.value, text, layers=layers)
    elif partly:
        head, layers = merged(partly)
        text = (
            f"{head.call.title}: the running statistics of {named(head.channels, 0)[0]} are a divergence of up to "
            f"{head.value:.2g} from those of this batch{several(layers)}"
        )
        yield found(
            "stale-statistics",
            head.call,
            head.value,
            text,
            layers=layers,
            channels=head.channels,
            threshold=BROKEN,
        )


def train_eval_gap(profile: Profile) -> Iterator[Fault]:
    """The loss in either mode, and where the layers' own statistics in eval mode leave the running ones."""
    settled = [call for call in profile.calls if call.running is not None and call.own and _settled(call)]
    if not profile.training or not settled or not math.isfinite(profile.loss_eval) or profile.loss <= 0:
        return
    ratio = profile.loss_eval / profile.loss
    limit = KINDS["train-eval-gap"].threshold
    away = []
    for call in profile.evaluated:
        distance = gap(call)
        if distance is not None and float(distance.median()) > KINDS["stale-statistics"].threshold:
            away.append(Hit(call, float(distance.median())))
    if ratio > limit or away:
        head = away[0].call if away else settled[0]
        layers = tuple(dict.fromkeys(hit.call.name for hit in away)) or (head.name,)
        text = f"{head.title}: the loss is {profile.loss:.3g} in train mode and {profile.loss_eval:.3g} in eval mode"
        if away:
            text += f"; in eval mode its input is {away[0].value:.2g} from the running statistics{several(layers)}"
        severity = KINDS["stale-statistics"].severity if ratio > limit and away else Severity.NOTE
        yield found("train-eval-gap", head, ratio, text, layers=layers, severity=str(severity))
