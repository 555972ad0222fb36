"""The gradient along the trunk, at the bias before a layer, along the wrong axis, and one step of the optimizer."""

from __future__ import annotations

import math
from collections.abc import Iterator

from bnverify.numerics.audit.findings.fault import Fault, Severity
from bnverify.numerics.audit.findings.graph import ends
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.profile import Profile
from bnverify.numerics.audit.findings.rules.merged import Hit, found, merged, several
from bnverify.numerics.audit.findings.watch import Point

VACUOUS = 1e-5
"""A gradient of which the layer leaves at most this share is rounding: the loss does not see the direction."""
FAR = 8.0
"""Ratio of a step above which it is no note any more."""


def strength(point: Point) -> float:
    """Change of the loss per relative change of an activation: gradient norm times spread.

    At a normalisation it is taken at the input, after what the layer removes: |dL^/dy| sigma.
    """
    call = point.norm
    if call is None:
        return point.grad * point.sd
    return call.grad_in * float(call.var.double().mean().sqrt())


def trunk_ratio(profile: Profile) -> tuple[float, Point, Point, int] | None:
    """First over last strength on the trunk, their points and the normalisations between; None where undefined."""
    found = ends(profile.trunk)
    if found is None or not profile.calls:
        return None
    first, last, norms = found
    low, high = strength(last), strength(first)
    if last.norm is not None and low <= VACUOUS * last.grad * last.sd:
        return None
    if not (low > 0 and math.isfinite(high)):
        return None
    return high / low, first, last, norms


def gradient_trend(profile: Profile) -> Iterator[Fault]:
    """`gradient-growth` and `gradient-decay`."""
    told = trunk_ratio(profile)
    if told is None:
        return
    ratio, first, last, norms = told
    place = first.norm or next(
        (point.norm for point in profile.trunk if point.norm is not None), profile.calls[0]
    )
    layers = tuple(dict.fromkeys(call.name for call in profile.calls))
    each = f", {ratio ** (1 / (norms - 1)):.3g} a layer" if norms > 2 else ""
    ends = f"from {last.name or 'the end'} back to {first.name or 'the start'}"
    if ratio > KINDS["gradient-growth"].threshold:
        text = f"the gradient grows {ratio:.3g} times {ends}{each}"
        yield found("gradient-growth", place, ratio, text, layers=layers)
    elif ratio < KINDS["gradient-decay"].threshold:
        factor = f"{1 / ratio:.3g} times" if ratio > 0 else "to nothing"
        yield found(
            "gradient-decay", place, ratio, f"the gradient shrinks {factor} {ends}{each}", layers=layers
        )


def _share(profile: Profile, place: int) -> float:
    weights = profile.weights.get(place)
    return math.nan if weights is None or weights.weight == 0 else weights.bias / weights.weight


def bias_before_norm(profile: Profile) -> Iterator[Fault]:
    limit = KINDS["bias-before-norm"].threshold
    hits = []
    for place, call in enumerate(profile.calls):
        feed = profile.feeds.get(place)
        if feed is None or not feed.direct or not call.own or call.unit not in ("channel", "sample, channel"):
            continue
        share = _share(profile, place)
        if feed.axis in (1, None) and share < limit:
            hits.append(Hit(call, share))
    if hits:
        head, layers = merged(hits)
        index = next(i for i, call in enumerate(profile.calls) if call is head.call)
        text = (
            f"{profile.feeds[index].producer.name or 'the map'} has a bias that {head.call.title} subtracts again: "
            f"its gradient is {head.value:.1g} of the weight's{several(layers)}"
        )
        yield found("bias-before-norm", head.call, head.value, text, layers=layers)


def wrong_axis(profile: Profile) -> Iterator[Fault]:
    hits: list[Hit] = []
    words = ""
    for place, call in enumerate(profile.calls):
        feed, rank = profile.feeds.get(place), len(call.shape)
        if call.unit == "sample, position":
            wrong = feed is not None and feed.axis is not None and feed.axis not in call.axes
        elif feed is not None:
            wrong = rank > 2 and feed.axis not in (1, None)
        else:
            wrong = place == 0 and call.node_in is None and rank == 4 and _channels_last(call.shape)
        if not wrong:
            continue
        axis = rank - 1 if feed is None else feed.axis
        assert axis is not None
        if not hits:
            own = ", ".join(map(str, call.axes))
            source = "the images" if feed is None else (feed.producer.name or "the map before it")
            words = f"{call.title} normalises axis {own} of {call.shape}, but the channels of {source} are axis {axis}"
        hits.append(Hit(call, float(abs(axis - call.axes[0]))))
    if hits:
        head, layers = merged(hits)
        yield found("wrong-axis", head.call, head.value, words + several(layers), layers=layers)


def _channels_last(shape: tuple[int, ...]) -> bool:
    return shape[-1] in (1, 3) and shape[1] > 4 and shape[2] > 4


def outside_theory(profile: Profile) -> Iterator[Fault]:
    hits = [Hit(profile.calls[place], 1.0) for place in sorted(profile.twice)]
    if hits:
        head, layers = merged(hits)
        text = f"{head.call.title}: the loss contains a gradient taken through this layer{several(layers)}"
        yield found("outside-theory", head.call, 1.0, text, layers=layers)


def step_too_large(profile: Profile) -> Iterator[Fault]:
    step = profile.step
    if step is None or not step.ratio > KINDS["step-too-large"].threshold:
        return
    severity = KINDS["step-too-large"].severity if step.ratio > FAR else Severity.NOTE
    text = (
        f"one {step.optimizer} step d has -d'Hd/d'g = {step.ratio:.3g}, with |d| = {step.size:.2g} of the weights; "
        f"a step {step.ratio:.2g} times smaller is the best along this direction"
    )
    yield found("step-too-large", None, step.ratio, text, severity=str(severity), layers=())
