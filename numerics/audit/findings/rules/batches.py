"""Batches with copies, outliers or two kinds of samples."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from bnverify.numerics.audit.findings.fault import Fault, Severity
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.profile import Profile
from bnverify.numerics.audit.findings.rules.merged import found
from bnverify.numerics.audit.findings.rules.statistics import divergence
from bnverify.numerics.audit.findings.watch import NormCall
from torch import Tensor

SAMPLES = 8
"""Fewer samples say nothing about clusters and outliers."""
WORDS = 8
"""Whole numbers of a sample below which equal samples are nothing special."""
LEADING = 0.15
"""Share of all variance below which the leading direction says nothing of the batch."""
SPLIT, DECADE = 0.9, math.log(10)
"""Two kinds by their scale: the best split explains so much of the log of the samples' energies, this far apart."""
OTHER = 0.5
"""Divergence between two calls of one layer above which they read different data."""


def _batch_call(profile: Profile) -> NormCall | None:
    """The first call that normalises over the batch."""
    return next((call for call in profile.calls if call.own and call.function == "batch_norm"), None)


def duplicate_batch(profile: Profile) -> Iterator[Fault]:
    """All tensors of a batch have copies where its samples have: a mask alone may be the same for many."""
    shares: list[tuple[int, int]] = []
    for batch in profile.inputs:
        if batch.dim() < 2 or len(batch) < 4:
            continue
        rows = batch.flatten(1)
        if batch.is_floating_point() or rows.shape[1] >= WORDS:
            shares.append((len(torch.unique(rows, dim=0)), len(rows)))
    different, samples = max(shares, key=lambda pair: pair[0] / pair[1], default=(1, 1))
    if different > KINDS["duplicate-batch"].threshold * samples:
        return
    call = _batch_call(profile)
    severity = KINDS["duplicate-batch"].severity if call is not None else Severity.NOTE
    text = f"{samples} samples, of which {different} differ"
    if call is not None:
        text += f": {call.title} normalises over {different} samples and not {samples}"
    place = call or next(iter(profile.calls), None)
    yield found("duplicate-batch", place, different / samples, text, severity=str(severity))


def uneven_batch(profile: Profile) -> Iterator[Fault]:
    for call in profile.calls:
        if not call.own or call.samples is None or call.samples.shape[1] < SAMPLES:
            continue
        mean, square = call.samples.double()
        share = (square - 2 * call.mean * mean + call.mean**2).clamp_min(0)
        total = share.sum(0)
        live = total > 0
        if not bool(live.any()):
            continue
        each = (share[:, live] / total[live]).mean(1)
        value, sample = each.max(0)
        if float(value) > KINDS["uneven-batch"].threshold:
            text = (
                f"{call.title}: sample {int(sample)} of {len(each)} holds {100 * float(value):.0f} % of the spread, "
                f"where an equal share is {100 / len(each):.0f} %"
            )
            yield found("uneven-batch", call, float(value), text)
            return


def mixed_domains(profile: Profile) -> Iterator[Fault]:
    call = _batch_call(profile)
    if call is not None and call.samples is not None and call.samples.shape[1] >= SAMPLES:
        mean, square = call.samples.double()
        live = call.var > 0
        sd = call.var[live].double().sqrt()
        z = (mean[:, live] - call.mean[live]) / sd
        value = 0.0
        if z.numel():
            left, values, _ = torch.linalg.svd(z, full_matrices=False)
            if float(values[0] ** 2) >= LEADING * z.numel():
                value = _split(left[:, 0])[0]
            energy = (
                (square[:, live] - 2 * call.mean[live] * mean[:, live] + call.mean[live] ** 2) / sd**2
            ).mean(1)
            scale, apart = _split(energy.clamp_min(1e-30).log())
            if scale > SPLIT and apart > DECADE and value < KINDS["mixed-domains"].threshold:
                text = (
                    f"{call.title}: the batch holds two kinds of samples whose scales differ by a factor of "
                    f"{math.exp(apart / 2):.2g}"
                )
                yield found("mixed-domains", call, scale, text, threshold=SPLIT)
                return
        if value > KINDS["mixed-domains"].threshold:
            text = f"{call.title}: the samples form two clusters, {100 * value:.0f} % of the variance between them"
            yield found("mixed-domains", call, value, text)
            return
    first: dict[int, NormCall] = {}
    for other in profile.calls:
        if other.function != "batch_norm" or not other.own or other.module is None or other.running is None:
            continue
        before = first.setdefault(id(other.module), other)
        if before is not other:
            gap = float(
                divergence(before.mean, before.var + before.eps, other.mean, other.var + other.eps).median()
            )
            if gap > OTHER:
                text = f"{other.title}: its calls read different data, and one pair of running statistics is to fit all"
                yield found("mixed-domains", other, gap, text, threshold=OTHER)
                return


def _split(values: Tensor) -> tuple[float, float]:
    """The share of the variance that the best split in two (of an eighth or more) explains; the means' distance."""
    ordered = values.sort().values
    n = len(ordered)
    total = float(((ordered - ordered.mean()) ** 2).sum())
    best, apart = 0.0, 0.0
    if total == 0:
        return best, apart
    sums = ordered.cumsum(0)
    for k in range(max(1, n // 8), n - max(1, n // 8) + 1):
        low, high = float(sums[k - 1]) / k, float(sums[-1] - sums[k - 1]) / (n - k)
        between = k * (n - k) / n * (high - low) ** 2 / total
        if between > best:
            best, apart = between, high - low
    return best, apart
