"""Findings over the recorded steps of a training: a fault is one finding, with the layers and the steps it shows in."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any

from bnverify.numerics.audit.findings.fault import Fault, Severity
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.ranking import ranked
from bnverify.numerics.audit.loop.record import LayerRecord, Recorded

LASTING = 3
"""A state has to show in so many records, or in all of fewer, to be one of the training and not of a batch."""
ROUNDED = 16
"""|mu|/sigma that counts in any dtype."""
LOST = 10.0
"""Times its first value that the loss ends at where steps are too large."""
UNEVEN = 4.0
"""Largest over smallest m of a layer above which the batches are uneven."""

Seen = list[tuple[int, LayerRecord, float]]
"""(step, layer, value) wherever something shows."""


def findings(records: Sequence[Recorded]) -> tuple[Fault, ...]:
    """What is wrong over these steps, most important first."""
    clean = [record for record in records if not record.overflow]
    told = list(_diverging(records)) or list(_overflows(records))
    for rule in (_constant, _tiny, _eps, _conditioned, _stale, _growth, _uneven):
        told += list(rule(clean))
    return ranked(told)


def _fault(kind: str, seen: Seen, text: str, value: float, **other: Any) -> Fault:
    entry, (_, layer, _) = KINDS[kind], seen[0]
    given: dict[str, Any] = {
        "threshold": entry.threshold,
        "severity": str(entry.severity),
        "advice": entry.advice,
        "layers": tuple(dict.fromkeys(item.name for _, item, _ in seen)),
    } | other
    steps = [step for step, _, _ in seen]
    span = (min(steps), max(steps))
    when = f"step {span[0]}" if span[0] == span[1] else f"steps {span[0]} to {span[1]}"
    more = len(set(given["layers"])) - 1
    tail = f", {when}" + (f", and {more} more layer{'s' if more > 1 else ''}" if more else "")
    return Fault(
        kind=kind,
        layer=layer.name,
        call=layer.call,
        channels=(),
        value=value,
        text=f"{layer.title}: {text}{tail}",
        why=entry.why,
        claim=entry.claim,
        steps=span,
        **given,
    )


def _lasting(seen: Seen, records: Sequence[Recorded]) -> Seen:
    """What shows in a layer in enough records."""
    need = min(LASTING, len(records))
    steps: dict[str, set[int]] = {}
    for step, layer, _ in seen:
        steps.setdefault(layer.name, set()).add(step)
    return [item for item in seen if len(steps[item[1].name]) >= need]


def _calls(records: Sequence[Recorded]) -> Iterator[tuple[int, LayerRecord]]:
    for record in records:
        for layer in record.layers:
            yield record.step, layer


def _overflows(records: Sequence[Recorded]) -> Iterator[Fault]:
    bad = [record for record in records if record.overflow or not _finite(record.loss)]
    if not bad:
        return
    entry = KINDS["non-finite"]
    # A gradient scaler tries a scale that is too large now and then, and skips the step.
    scaled = all(record.scale != 1 for record in bad) and len(bad) * 2 < len(records)
    span = (bad[0].step, bad[-1].step)
    name = bad[0].untouched[0] if bad[0].untouched else ""
    text = f"{len(bad)} of {len(records)} recorded steps had a loss or a gradient that is NaN or infinite"
    yield Fault(
        "non-finite",
        name,
        0,
        (),
        float(len(bad)),
        0.0,
        text,
        entry.why,
        entry.advice,
        str(Severity.NOTE if scaled else entry.severity),
        entry.claim,
        steps=span,
    )


def _finite(loss: float | None) -> bool:
    return loss is None or math.isfinite(loss)


def _diverging(records: Sequence[Recorded]) -> Iterator[Fault]:
    """The loss ends far above where it began, or did so before it was no number any more."""
    known = [record for record in records if record.loss is not None]
    losses = [record.loss for record in known if record.loss is not None and math.isfinite(record.loss)]
    lost = len(losses) < len(known)
    if not losses or losses[0] <= 0 or (len(losses) < 2 * LASTING and not lost):
        return
    end = max(losses) if lost else median(losses[-LASTING:])
    if end <= LOST * losses[0]:
        return
    entry = KINDS["step-too-large"]
    text = f"the loss rose from {losses[0]:.3g} to {end:.3g}" + (" and then was no number" if lost else "")
    yield Fault(
        "step-too-large",
        "",
        0,
        (),
        end / losses[0],
        LOST,
        text,
        "The loss rises over the steps instead of falling.",
        "Lower the learning rate, or warm up.",
        str(Severity.ERROR if lost else entry.severity),
        entry.claim,
        steps=(known[0].step, known[-1].step),
    )


def _constant(records: Sequence[Recorded]) -> Iterator[Fault]:
    """Groups without a spread; behind a layer whose scales are all 0 they are that layer's fault."""
    still: Seen = []
    dead: Seen = []
    for record in records:
        closed: LayerRecord | None = None
        for before, layer in zip((None, *record.layers), record.layers, strict=False):
            if layer.quantiles["sigma"][0 if layer.unit == "channel" else 1] != 0:
                continue
            if before is not None and before.micro == layer.micro and _scales_are_zero(before):
                closed = before
                dead.append((record.step, before, 0.0))
            elif closed is None or closed.micro != layer.micro:
                still.append((record.step, layer, 0.0))
    if dead := _lasting(dead, records):
        text = (
            "every scale is 0, so what follows gets an input that does not vary, and nothing before it learns"
        )
        yield _fault("dead-scale", dead, text, 0.0)
    if still := _lasting(still, records):
        yield _fault("constant-input", still, "some groups do not vary", 0.0)


def _scales_are_zero(layer: LayerRecord) -> bool:
    gamma = layer.quantiles["gamma"]
    return gamma[0] == gamma[-1] == 0


def _tiny(records: Sequence[Recorded]) -> Iterator[Fault]:
    seen = []
    for step, layer in _calls(records):
        limit = KINDS["tiny-batch"].threshold if layer.unit == "channel" else 2.5
        if layer.median("size") < limit:
            seen.append((step, layer, layer.median("size")))
    if seen := _lasting(seen, records):
        value = min(value for _, _, value in seen)
        yield _fault("tiny-batch", seen, f"m = {int(value)} numbers share one mean and one spread", value)


def _eps(records: Sequence[Recorded]) -> Iterator[Fault]:
    limit = KINDS["eps-dominates"].threshold
    seen = [
        (step, layer, layer.median("rho"))
        for step, layer in _calls(records)
        if layer.median("sigma") > 0 and layer.median("rho") < limit
    ]
    if seen := _lasting(seen, records):
        value = min(value for _, _, value in seen)
        yield _fault(
            "eps-dominates",
            seen,
            f"sigma^2/(sigma^2 + eps) is {value:.2g} at eps = {seen[0][1].eps:g}",
            value,
        )


def _conditioned(records: Sequence[Recorded]) -> Iterator[Fault]:
    limit = KINDS["ill-conditioned"].threshold
    seen = []
    for step, layer in _calls(records):
        sigma = layer.median("sigma")
        ratio = abs(layer.median("mean")) / sigma if sigma > 0 else 0.0
        if ratio * layer.roundoff > limit and ratio >= ROUNDED:
            seen.append((step, layer, ratio * layer.roundoff))
    if seen := _lasting(seen, records):
        value = max(value for _, _, value in seen)
        yield _fault("ill-conditioned", seen, f"rounding leaves y-hat a relative error of {value:.1g}", value)


def _stale(records: Sequence[Recorded]) -> Iterator[Fault]:
    limit = KINDS["stale-statistics"].threshold
    late = records[-LASTING:]
    seen = [(step, layer, layer.divergence) for step, layer in _calls(late) if layer.divergence > limit]
    if seen := _lasting(seen, late):
        value = median(value for _, _, value in seen)
        yield _fault(
            "stale-statistics",
            seen,
            f"the running statistics are {value:.2g} from those of the batches",
            value,
        )


def _growth(records: Sequence[Recorded]) -> Iterator[Fault]:
    """1/|w|^2 of the weights before a normalisation, over its first value."""
    limit = KINDS["effective-step-growth"].threshold
    first: dict[str, float] = {}
    seen: Seen = []
    for step, layer in _calls(records):
        if not layer.weight > 0:
            continue
        growth = (first.setdefault(layer.name, layer.weight) / layer.weight) ** 2
        if growth > limit:
            seen.append((step, layer, growth))
    if seen:
        value = max(value for _, _, value in seen)
        yield _fault(
            "effective-step-growth", seen, f"1/|w|^2 of the weights before it grew {value:.3g} times", value
        )


def _uneven(records: Sequence[Recorded]) -> Iterator[Fault]:
    sizes: dict[str, list[tuple[int, LayerRecord, float]]] = {}
    for step, layer in _calls(records):
        if layer.unit == "channel":
            sizes.setdefault(layer.name, []).append((step, layer, layer.median("size")))
    seen: Seen = []
    worst = 1.0
    for listed in sizes.values():
        middle = median(value for _, _, value in listed)
        small = [item for item in listed if item[2] * UNEVEN < middle]
        seen += small
        worst = max([worst, *(middle / item[2] for item in small)])
    if seen:
        text = f"m is {int(seen[0][2])} here, {worst:.3g} times fewer than in most steps"
        yield _fault(
            "uneven-batch",
            seen,
            text,
            worst,
            threshold=UNEVEN,
            advice="Drop the last batch of an epoch (drop_last=True).",
        )
