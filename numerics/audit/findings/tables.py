"""What the audit's own tables say of a layer: a wrong backward pass, a call outside the theory, rows left open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from statistics import median

from bnverify.numerics.audit.findings.fault import Fault
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.layers import Family
from bnverify.numerics.audit.report import LayerAudit
from bnverify.numerics.audit.table.statements import Finding

GRADIENT: dict[str, str] = {Family.CENTRED: "eq-4", Family.RMS: "ext-groups.rms-norm"}
"""The claim that gives the right gradient through a layer."""

OPEN = 0.5
"""Share of the rows of Theorem 4.1 that rounding has to leave open in a layer."""

DIGITS = 3
"""Decimal digits of a number: with more of them, rows are open since the two sides are nearly equal."""


def from_tables(layers: Sequence[LayerAudit]) -> Iterator[Fault]:
    yield from _wrong_backward(layers)
    yield from _outside(layers)
    yield from _undecided(layers)


def _fault(
    kind: str, layers: Sequence[LayerAudit], value: float, text: str, channels: tuple[int, ...] = ()
) -> Fault:
    entry, first = KINDS[kind], layers[0]
    more = len({layer.name for layer in layers}) - 1
    tail = f", and {more} more layer{'s' if more > 1 else ''}" if more else ""
    return Fault(
        kind,
        first.name,
        first.call,
        channels,
        value,
        entry.threshold,
        f"{first.title}: {text}{tail}",
        entry.why,
        entry.advice,
        str(entry.severity),
        entry.claim,
        tuple(dict.fromkeys(layer.name for layer in layers)),
    )


def _wrong_backward(layers: Sequence[LayerAudit]) -> Iterator[Fault]:
    """One finding for each way in which backward passes are wrong."""
    ways: dict[tuple[str, str, str], list[LayerAudit]] = {}
    for layer in layers:
        if layer.backward is not None and layer.backward.verdict == "wrong":
            way = layer.backward
            factor = "" if way.factor is None else f"{way.factor:.3g}"
            ways.setdefault((way.of, way.fault, factor), []).append(layer)
    for (of, _, _), group in ways.items():
        told = group[0].backward
        assert told is not None
        allowed = told.allowed.get(of, 0.0)
        value = told.errors.get(of, 0.0) / allowed if allowed > 0 else float("inf")
        alone = told.rows == 1 and told.where.isdigit()
        found = _fault("wrong-backward", group, value, told.text, (int(told.where),) if alone else ())
        yield replace(found, claim=GRADIENT.get(group[0].family, ""))


def _outside(layers: Sequence[LayerAudit]) -> Iterator[Fault]:
    reasons: dict[str, list[LayerAudit]] = {}
    for layer in layers:
        wrong = layer.backward is not None and layer.backward.verdict == "wrong"
        if layer.outside_theory and not wrong:
            reasons.setdefault(layer.outside_theory, []).append(layer)
    for reason, group in reasons.items():
        yield _fault("outside-theory", group, 1.0, reason)


def _undecided(layers: Sequence[LayerAudit]) -> Iterator[Fault]:
    left = []
    for layer in layers:
        # The theorem as printed: its two sides lie apart, while those of the corrected one are nearly equal.
        rows = next((rows for rows in layer.statements if rows.op == "le"), None)
        few = median(layer.columns["digits"]) < DIGITS
        if rows is not None and few and rows.count(Finding.WITHIN_ROUNDOFF) > OPEN * len(rows.finding):
            left.append((layer, rows.count(Finding.WITHIN_ROUNDOFF)))
    if left:
        text = (
            f"{left[0][1]} of {len(left[0][0].labels)} rows are left open by rounding in {left[0][0].dtype}"
        )
        yield _fault("undecided", [layer for layer, _ in left], float(left[0][1]), text)
