"""The size of the groups, eps against their spread, their mean against it, and what is not finite."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from bnverify.numerics.audit.findings.fault import Fault, Severity, named
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.profile import Profile
from bnverify.numerics.audit.findings.rules.channels import constant, flat, rounding
from bnverify.numerics.audit.findings.rules.merged import Hit, found, merged, several

FEW_OF_A_SAMPLE = 2
"""A group of one sample with so few numbers, or fewer, keeps nothing but signs."""
HALF = 16
"""|mu|/sigma that counts in half precision, where every input is rounded at 2^-8 or 2^-11 already."""


ALONE = "Use fewer groups or larger maps; a larger batch or eval mode does not help here."
"""Where every sample is normalised by itself."""
FADING = 0.05
"""Share sigma^2/(sigma^2 + eps) from which eps is a note: y-hat keeps a fifth of its size, and training adds to it."""


def non_finite(profile: Profile) -> Iterator[Fault]:
    if profile.infinite:
        name = profile.infinite_at
        text = f"{name or 'the model'}: {profile.infinite}; it is the first in forward order"
        yield found("non-finite", None, 1.0, text, layer=name, layers=(name,))


def tiny_batch(profile: Profile) -> Iterator[Fault]:
    if profile.refusal:
        name = profile.place
        text = f"{name or 'the model'}: m = 1, and PyTorch refuses to normalise a single number"
        advice = ALONE if "spatial" in profile.refusal else KINDS["tiny-batch"].advice
        yield found(
            "tiny-batch",
            None,
            1.0,
            text,
            layer=name,
            layers=(name,),
            severity=str(Severity.ERROR),
            advice=advice,
        )
    hits = []
    for call in profile.calls:
        limit = KINDS["tiny-batch"].threshold if call.unit == "channel" else FEW_OF_A_SAMPLE + 0.5
        # F.normalize makes directions, in the plane as well.
        if call.own and call.size < limit and call.function != "normalize":
            hits.append(Hit(call, call.size))
    if hits:
        hits.sort(key=lambda hit: hit.call.node is None)  # a layer that learns stands for the others
        worst, layers = merged(hits, min)
        limit = KINDS["tiny-batch"].threshold if worst.call.unit == "channel" else FEW_OF_A_SAMPLE + 0.5
        scatter = (
            ""
            if worst.value < 2
            else f"; the spread is known to {100 * (2 / (worst.value - 1)) ** 0.5:.0f} %"
        )
        text = f"{worst.call.title}: m = {int(worst.value)} numbers share one mean and one spread{scatter}"
        severity = Severity.ERROR if worst.value == 1 else KINDS["tiny-batch"].severity
        advice = KINDS["tiny-batch"].advice
        if worst.call.unit != "channel":
            advice = ALONE
        yield found(
            "tiny-batch",
            worst.call,
            worst.value,
            text + several(layers),
            layers=layers,
            severity=str(severity),
            threshold=limit,
            advice=advice,
        )


def eps_dominates(profile: Profile) -> Iterator[Fault]:
    limit = KINDS["eps-dominates"].threshold
    hits, partly = [], []
    for call in profile.calls:
        live = ~flat(call)
        if not call.own or not bool(live.any()):
            continue
        rho = call.rho
        middle = float(rho[live].median())
        low = live & (rho < limit)
        channels = tuple(low.nonzero().flatten().tolist()) if call.unit == "channel" else ()
        if middle < limit:
            hits.append(Hit(call, middle, () if bool(low.all()) else channels))
        elif channels:
            partly.append(Hit(call, float(rho[low].min()), channels))
    for group, severity in ((hits, KINDS["eps-dominates"].severity), (partly, Severity.NOTE)):
        if group:
            worst, layers = merged(group, min)
            which = f"{named(worst.channels, 0)[0]}: " if worst.channels else ""
            text = (
                f"{worst.call.title}: {which}sigma^2/(sigma^2 + eps) is {worst.value:.2g} at eps = {worst.call.eps:g}"
                f"{several(layers)}"
            )
            yield found(
                "eps-dominates",
                worst.call,
                worst.value,
                text,
                channels=worst.channels,
                layers=layers,
                severity=str(severity if worst.value < FADING else Severity.NOTE),
            )


def ill_conditioned(profile: Profile) -> Iterator[Fault]:
    limit = KINDS["ill-conditioned"].threshold
    hits = []
    for call in profile.calls:
        live = ~constant(call)
        if not call.own or call.function == "rms_norm" or not bool(live.any()):
            continue
        roundoff = torch.finfo(call.dtype).eps / 2
        error = torch.where(live, rounding(call), torch.zeros_like(call.mean))
        bad = (error > limit) & (error >= HALF * roundoff)
        if call.unit == "channel" and bool(bad.any()):
            channels = () if bool(bad.all()) else tuple(bad.nonzero().flatten().tolist())
            hits.append(Hit(call, float(error.max()), channels))
        elif call.unit != "channel" and 2 * int(bad.sum()) > len(bad):
            hits.append(Hit(call, float(error[live].median())))
    if hits:
        worst, layers = merged(hits, max)
        ratio = worst.value / (torch.finfo(worst.call.dtype).eps / 2)
        which = f"{named(worst.channels, 0)[0]}: " if worst.channels else ""
        text = (
            f"{worst.call.title}: {which}|mean| is {ratio:.2g} times the spread, so "
            f"{str(worst.call.dtype).removeprefix('torch.')} leaves y-hat a relative error of {worst.value:.1g}"
            f"{several(layers)}"
        )
        yield found("ill-conditioned", worst.call, worst.value, text, channels=worst.channels, layers=layers)
