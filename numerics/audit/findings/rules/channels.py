"""Groups without spread, scales of 0 and channels that nothing passes."""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
from bnverify.numerics.audit.findings.fault import Fault, Severity, named
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.profile import Profile
from bnverify.numerics.audit.findings.rules.merged import found
from bnverify.numerics.audit.findings.watch import FLAT, NormCall
from torch import Tensor

ZERO = 1e-24
"""A squared gradient of at most this part of the layer's largest is 0."""
FADED = 1e-8
"""A squared gradient of at most this part of the layer's median is as good as 0 behind a saturated activation."""
FEW_ROWS = 16
"""Fewer numbers of a channel may all lie below 0 by chance."""
FEW = 0.1
"""Share of the groups of single samples below which constant ones are a note."""


def flat(call: NormCall) -> Tensor:
    """Groups whose spread is rounding, ``(G,)``."""
    roundings = FLAT * torch.finfo(call.var.dtype).eps * call.mean.abs()
    return call.var.sqrt() <= roundings


def rounding(call: NormCall) -> Tensor:
    """The relative error that rounding of the input makes in y-hat: u |mu|/s of every group, ``(G,)``."""
    if call.function == "rms_norm":
        return torch.zeros_like(call.mean)
    s = (call.var + call.eps).sqrt().clamp_min(torch.finfo(call.var.dtype).tiny)
    return torch.finfo(call.dtype).eps / 2 * call.mean.abs() / s


def constant(call: NormCall) -> Tensor:
    """Groups without a spread, ``(G,)``: numbers that differ in their last digits alone are not constant where eps is
    so small that y-hat is made of those digits."""
    if call.equal is None:
        return flat(call)
    return call.equal | (flat(call) & (rounding(call) <= KINDS["ill-conditioned"].threshold))


def constant_input(profile: Profile) -> Iterator[Fault]:
    for call in profile.calls:
        still = constant(call)
        count, groups = int(still.sum()), len(still)
        if not count or not call.own or call.size < 2:
            continue
        sigma = float(call.var[still].sqrt().max())
        gain = 1 / math.sqrt(call.eps) if call.eps > 0 else math.inf
        tail = f"the gradient behind it is multiplied by up to {gain:.4g} |gamma|"
        if call.unit == "channel":
            channels = tuple(still.nonzero().flatten().tolist())
            which, do = named(channels, groups)
            text = f"{call.title}: {which} of the input {do} not vary over the batch; {tail}"
            yield found("constant-input", call, sigma, text, channels=channels)
            continue
        whole = count == groups and not bool(call.mean.any())
        empty = whole and any(
            other.name == call.name and other is not call and not bool(constant(other).all())
            for other in profile.calls
        )
        reached = call.grad_group is None or bool((call.grad_group[still] > 0).any())
        quiet = not reached or empty or (call.unit != "sample, position" and count < FEW * groups)
        text = f"{call.title}: {count} of {groups} rows ({call.unit}) do not vary; {tail}"
        if not reached:
            text += ", but the loss does not look at these rows"
        elif empty:
            text += "; all are 0 in this call alone, as the state is that a recurrent layer starts from"
        severity = Severity.NOTE if quiet else KINDS["constant-input"].severity
        yield found("constant-input", call, sigma, text, severity=str(severity))


def _silent(call: NormCall) -> Tensor | None:
    """Channels without a gradient in a layer that otherwise has one, ``(C,)``; None where no gradient was seen."""
    if call.grad_sq is None:
        return None
    return call.grad_sq <= ZERO * call.grad_sq.max()


def _bound(call: NormCall) -> float:
    """The largest |y-hat| that any input can have."""
    if not call.own:
        return math.inf
    return math.sqrt(call.size if call.function == "rms_norm" else max(call.size - 1, 0))


def dead_scale(profile: Profile) -> Iterator[Fault]:
    for place, call in enumerate(profile.calls):
        if call.gamma is None or call.grad_sq is None:
            continue
        zero, silent = call.gamma == 0, _silent(call)
        assert silent is not None
        closing = profile.closing.get(place, False)
        beta = torch.zeros_like(call.gamma) if call.beta is None else call.beta
        shut = zero & (beta <= 0) if closing else torch.zeros_like(zero)
        reached = float(call.grad_sq.max()) > 0
        dead = shut & silent
        if reached:
            dead |= zero & silent
            if not profile.trained.get(place, True):
                dead |= zero
        channels = tuple(dead.nonzero().flatten().tolist())
        if channels:
            certified = bool(shut[dead].all())
            how = (
                "scale 0 and shift <= 0 before ReLU: closed for every input (certified)"
                if certified
                else (
                    "scale 0 and no gradient on this batch; not certified, since another batch may give one"
                )
            )
            text = f"{call.title}: {named(channels, len(dead))[0]} can never learn, {how}"
            yield found("dead-scale", call, 0.0, text, channels=channels, certified=certified)
        elif bool(zero.all()) and place in profile.on_trunk and reached and call.grad_in == 0:
            text = f"{call.title}: every scale is 0 and there is no way around the layer, so nothing before it learns"
            yield found("dead-scale", call, 0.0, text, channels=range(len(zero)))


def dead_channel(profile: Profile) -> Iterator[Fault]:
    limit = KINDS["dead-channel"].threshold
    for place, call in enumerate(profile.calls):
        silent = _silent(call)
        if silent is None or call.beta is None or call.gamma is None:
            continue
        assert call.grad_sq is not None
        size = call.gamma.abs().double()
        opening = torch.where(size > 0, -call.beta.double() / size, torch.zeros_like(size))
        closing = profile.closing.get(place, False)
        shut = silent & (call.top <= 0) & (call.gamma != 0) if closing else torch.zeros_like(silent)
        faint = call.grad_sq <= FADED * call.grad_sq.median()
        saturated = faint & (opening.abs() >= limit) & (call.gamma != 0)
        if not profile.activated.get(place, False):
            # Something further on closes these channels.
            saturated = torch.zeros_like(saturated)
        dead = shut | saturated
        sure = opening >= _bound(call) if closing else torch.zeros_like(dead)
        still = flat(call) if call.unit == "channel" and call.own else torch.zeros_like(dead)
        rows = math.prod(call.shape) // max(1, call.top.numel())
        grave = dead & (sure | still | ((opening.abs() >= limit) & (rows >= FEW_ROWS)))
        yield from _dead(call, grave, sure, still, opening, KINDS["dead-channel"].severity)
        if call.unit == "channel":
            # Statistics of single samples leave a channel closed on some batch by chance.
            yield from _dead(call, dead & ~grave, sure, still, opening, Severity.NOTE)


def _dead(
    call: NormCall, dead: Tensor, sure: Tensor, still: Tensor, opening: Tensor, severity: Severity
) -> Iterator[Fault]:
    channels = tuple(dead.nonzero().flatten().tolist())
    if not channels:
        return
    far = float(opening[dead].abs().min())
    which, do = named(channels, len(dead))
    certified = bool(sure[dead].all())
    if bool(still[dead].all()):
        how = "the input does not vary and the output is <= 0 before ReLU"
    elif certified:
        how = f"|y-hat| <= {_bound(call):.3g} can never make up for the shift (certified at this m)"
    else:
        how = f"opens only where y-hat passes {far:.3g}; not certified, since another batch may reach it"
    text = f"{call.title}: {which} {do} not let anything through and no gradient comes back; {how}"
    yield found(
        "dead-channel", call, far, text, channels=channels, certified=certified, severity=str(severity)
    )
