"""All rules, what a finding explains of the others, and the order of what is left."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

from bnverify.numerics.audit.findings.fault import RANK, Fault, Severity
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.profile import Profile
from bnverify.numerics.audit.findings.rules import batches, channels, gradients, spread, statistics

RULES: tuple[Callable[[Profile], Iterator[Fault]], ...] = (
    spread.non_finite,
    channels.constant_input,
    channels.dead_scale,
    channels.dead_channel,
    spread.tiny_batch,
    batches.duplicate_batch,
    batches.uneven_batch,
    batches.mixed_domains,
    spread.eps_dominates,
    gradients.gradient_trend,
    statistics.momentum_extreme,
    statistics.eval_in_training,
    statistics.stale_statistics,
    statistics.train_eval_gap,
    gradients.wrong_axis,
    spread.ill_conditioned,
    gradients.step_too_large,
    gradients.outside_theory,
    gradients.bias_before_norm,
)

ANYWHERE: dict[str, tuple[str, ...]] = {
    "non-finite": tuple(kind for kind in KINDS if kind not in ("non-finite", "wrong-backward")),
    "duplicate-batch": (
        "tiny-batch",
        "uneven-batch",
        "mixed-domains",
        "constant-input",
        "ill-conditioned",
        "stale-statistics",
        "train-eval-gap",
    ),
    "uneven-batch": ("mixed-domains", "stale-statistics", "train-eval-gap"),
    "momentum-extreme": ("stale-statistics", "train-eval-gap"),
    "eval-in-training": ("stale-statistics", "train-eval-gap"),
    "stale-statistics": ("train-eval-gap",),
    "tiny-batch": ("stale-statistics", "train-eval-gap", "mixed-domains"),
    "gradient-growth": ("step-too-large",),
    "wrong-backward": ("gradient-growth", "gradient-decay", "bias-before-norm"),
    "constant-input": ("gradient-growth",),
    "eps-dominates": ("gradient-decay", "gradient-growth"),
    "effective-step-growth": ("eps-dominates", "stale-statistics", "train-eval-gap"),
}
"""Kind -> kinds that it explains wherever they show."""
SAME_LAYER: dict[str, tuple[str, ...]] = {
    "wrong-axis": ("bias-before-norm", "tiny-batch", "mixed-domains", "uneven-batch", "stale-statistics"),
    "constant-input": ("eps-dominates", "ill-conditioned", "mixed-domains"),
    "tiny-batch": ("constant-input",),
    "ill-conditioned": ("mixed-domains",),
    "dead-scale": ("gradient-decay",),
}
"""Kind -> kinds that it explains in the layers it names."""
SAME_CHANNELS: dict[str, tuple[str, ...]] = {
    "dead-scale": ("dead-channel",),
    "dead-channel": ("constant-input",),
}
"""Kind -> kinds that it explains in the layer and channels it names."""
DEEPER: dict[str, tuple[str, ...]] = {"gradient-growth": ("uneven-batch", "mixed-domains")}
"""Kind -> kinds that it explains behind the first layer: in a stack so deep a sample, or a few, take over."""
DOWNSTREAM: dict[str, tuple[str, ...]] = {
    "constant-input": ("constant-input",),
    "dead-scale": ("constant-input", "dead-channel", "dead-scale"),
    "dead-channel": ("constant-input", "dead-channel", "dead-scale"),
}
"""Kind -> kinds that follow in later layers: in the same channels, or in all where it shows in a whole layer."""


def examined(profile: Profile) -> tuple[Fault, ...]:
    """What is wrong, most important first; a fault is one finding, and what it explains is held back."""
    return ranked(from_rules(profile), profile)


def from_rules(profile: Profile) -> list[Fault]:
    """What every rule says, nothing held back."""
    return [finding for rule in RULES for finding in rule(profile)]


def ranked(findings: Iterable[Fault], profile: Profile | None = None) -> tuple[Fault, ...]:
    """Findings without those that another one explains, by severity, then by kind, then in forward order."""
    listed = list(findings)
    order = (
        {}
        if profile is None
        else {call.name: place for place, call in reversed(list(enumerate(profile.calls)))}
    )
    widths = {} if profile is None else {call.name: len(call.top) for call in profile.calls}
    left: list[Fault] = []
    for one in listed:
        again = any(
            other.kind == one.kind == "outside-theory" and one.layer in other.layers for other in left
        )
        if not again and not any(_explains(other, one, order, widths) for other in listed):
            left.append(one)
    left = _gathered(left)
    kinds = list(KINDS)
    return tuple(
        sorted(
            left,
            key=lambda one: (RANK[Severity(one.severity)], kinds.index(one.kind), order.get(one.layer, 0)),
        )
    )


MANY = 3
"""More layers with channels of one kind are one finding."""


def _gathered(listed: list[Fault]) -> list[Fault]:
    """The findings, those of one kind and severity that name channels in many layers as one, at the first of them."""
    groups: dict[tuple[str, str, bool], list[Fault]] = {}
    for one in listed:
        groups.setdefault((one.kind, one.severity, one.certified), []).append(one)
    found = []
    for one in listed:
        group = groups[one.kind, one.severity, one.certified]
        if len(group) <= MANY or not all(item.channels for item in group):
            found.append(one)
        elif one is group[0]:
            layers = tuple(dict.fromkeys(name for item in group for name in item.layers))
            found.append(replace(one, text=f"{one.text}, and {len(group) - 1} more layers", layers=layers))
    return found


def _explains(cause: Fault, one: Fault, order: dict[str, int], widths: dict[str, int]) -> bool:
    if cause is one or (RANK[Severity(cause.severity)] > RANK[Severity(one.severity)] and one.alarming):
        return False
    if one.kind in ANYWHERE.get(cause.kind, ()):
        return True
    if one.kind in DEEPER.get(cause.kind, ()) and order.get(one.layer, 0) > 0:
        return True
    shared = set(cause.layers) & set(one.layers)
    if shared and one.kind in SAME_LAYER.get(cause.kind, ()):
        return (
            not cause.channels
            or not one.channels
            or bool(set(cause.channels) & set(one.channels))
            or (len(cause.channels) >= widths.get(cause.layer, 1))
        )
    if shared and one.kind in SAME_CHANNELS.get(cause.kind, ()):
        return set(one.channels) <= set(cause.channels)
    whole = len(cause.channels) >= widths.get(cause.layer, len(cause.channels) + 1)
    later = order.get(one.layer, -1) > order.get(cause.layer, len(order))
    same = bool(one.channels) and set(one.channels) <= set(cause.channels)
    if (whole or same) and later and one.kind in DOWNSTREAM.get(cause.kind, ()):
        return True
    return whole and cause.kind in DOWNSTREAM and one.kind == "gradient-decay"
