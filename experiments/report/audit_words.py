"""What an audit found at a layer, in a sentence a person can act on."""

from __future__ import annotations

import math

from bnverify.numerics.audit.report import LayerAudit, SecondOrder, StatementRows
from bnverify.numerics.audit.table.statements import Finding

PRINTED, CORRECTED = "thm-4.1:printed", "ext-eps.thm-4.1:sigma-read-as-s"
TIGHT = 0.01
"""A bound is called tight where the actual value is within this share of it."""


def percent(share: float) -> str:
    """A share in percent; what is above nothing is not written as 0, what is below all not as 100."""
    if math.isnan(share):
        return "–"
    if share < 0:
        return f"−{percent(-share)}"
    value = round(100 * share, 6)
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    near_an_end = value < 10 or value > 99
    return f"{value:.1f} %" if near_an_end and value != int(value) else f"{value:.0f} %"


def number(value: float | None) -> str:
    """Three digits, whole numbers in full, with a true minus sign."""
    if value is None or not math.isfinite(value):
        return "–"
    if value == int(value) and abs(value) < 1e6:
        return str(int(value)).replace("-", "−")
    text = f"{value:.3g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def of_layer(layer: LayerAudit) -> str:
    """How it was known, the gradient, the digits lost, the curvature where it was measured, and what fails."""
    known = f"{layer.recognised[:1].upper()}{layer.recognised[1:]}." if layer.recognised else ""
    parts = [known, _gradient(layer), _backward(layer), _digits(layer)]
    if layer.second is not None:
        parts.append(_curvature(layer.second))
    parts.append(_failed(layer))
    return " ".join(part for part in parts if part)


def _gradient(layer: LayerAudit) -> str:
    if layer.outside_theory:
        return f"No theorem speaks of this call: {layer.outside_theory}."
    if layer.total("grad_sq") == 0:
        return "No gradient arrives here, so there is nothing to remove."
    if layer.total("scale_sq") == 0:
        return "Every scale is 0, so the layer hands no gradient on."
    if layer.family == "fixed":
        factors = [scale**0.5 for scale in layer.columns["scale_sq"]]
        low, high = number(min(factors)), number(max(factors))
        by = low if low == high else f"{low} to {high}"
        return f"Running statistics: the layer scales the gradient by {by} and removes nothing."
    shares = layer.shares
    what, share = "the divisor's term" if layer.family == "lp" else "the ŷ term", shares["term_yhat"]
    does = "is removed" if share >= 0 else "is added"
    removed = f"{percent(abs(share))} of the squared gradient norm {does} by {what}"
    if layer.family != "rms":
        removed += f" and {percent(shares['term_mean'])} by the mean"
    return f"{_bound(layer)}{removed}{_printed(layer)}."


def _bound(layer: LayerAudit) -> str:
    corrected = layer.statement(CORRECTED)
    if corrected is None:
        return ""
    gap = slack(corrected)
    if gap < TIGHT:
        return "The bound is tight here; "
    return f"The bound is {percent(gap)} above the actual value; "


def _printed(layer: LayerAudit) -> str:
    printed = layer.statement(PRINTED)
    if printed is None:
        return ""
    exceeded, rows = printed.count(Finding.VIOLATED), len(printed.finding)
    if exceeded == 0 and printed.count(Finding.HOLDS) == rows:
        return f"; as printed, Theorem 4.1 holds in all {rows} rows"
    counts = {
        "broken": exceeded,
        "undecided": printed.count(Finding.WITHIN_ROUNDOFF),
        "vacuous (0 to rounding on both sides)": printed.count(Finding.VACUOUS),
        "not asked": printed.count(Finding.OUTSIDE_ASSUMPTIONS),
    }
    told = ", ".join(f"{word} in {count}" for word, count in counts.items() if count)
    return f"; as printed, Theorem 4.1 is {told} of {rows} rows"


def slack(rows: StatementRows) -> float:
    """(bound - actual)/bound over the rows together."""
    bound = math.fsum(value for value in rows.rhs if math.isfinite(value))
    actual = math.fsum(value for value, other in zip(rows.lhs, rows.rhs, strict=True) if math.isfinite(other))
    return (bound - actual) / bound if bound > 0 else math.nan


def _backward(layer: LayerAudit) -> str:
    if layer.backward is None or layer.backward.verdict != "wrong":
        return ""
    return f"{layer.backward.text[:1].upper()}{layer.backward.text[1:]}."


def _digits(layer: LayerAudit) -> str:
    """What narrower dtypes lose of the gradients, where that was counted."""
    lost = {} if layer.backward is None else layer.backward.lost
    if not lost:
        return ""
    told = "; ".join(
        f"{dtype} " + " and ".join(f"{value:.1f} of the {of} gradient" for of, value in each.items())
        for dtype, each in lost.items()
    )
    return f"Decimal digits lost to rounding inside the layer: {told}."


def _curvature(second: SecondOrder) -> str:
    whole = second.whole
    total, chain, bend = whole["bn_hess_bn"], whole["chain"], whole["bend"]
    assert total is not None
    assert chain is not None
    assert bend is not None
    own = "the layer itself bends nothing"
    if abs(bend) > 1e-9 * (abs(total) + abs(chain)):
        own = f"the layer's own bend {'lowers' if bend < 0 else 'raises'} it by {number(abs(bend))}"
    return (
        f"Along the gradient the curvature is {number(total)}; {own}. Effective smoothness |Bv|/|v| is "
        f"{number(whole['smoothness'])} in units of the loss per squared activation{_times_m(whole)}, and the "
        f"curvature downstream {_extremes(second)}."
    )


def _extremes(second: SecondOrder) -> str:
    """Between what the curvature downstream lies, where it was looked for, or its sign along the probes."""
    found = second.extremes
    if not found:
        return f"is non-negative along {percent(second.psd)} of {len(second.probes)} probed directions"
    least, most = number(found["least"]), number(found["most"])
    return (
        f"has an eigenvalue within {number(found['least_error'])} of {least} and one within "
        f"{number(found['most_error'])} of {most}, the extremes that {int(found['steps'])} Lanczos steps find"
    )


def _times_m(whole: dict[str, float | None]) -> str:
    """A mean loss has curvatures that fall as 1/m, so that only their product with m compares between batches."""
    product = whole.get("smoothness_times_m")
    return "" if product is None else f" ({number(product)} times 1/m: that of a mean loss falls as 1/m)"


def _failed(layer: LayerAudit) -> str:
    second = layer.second.statements if layer.second else ()
    failed = [rows for rows in (*layer.statements, *second) if rows.failed]
    if not failed:
        return ""
    names = ", ".join(f"{rows.key} in {rows.failed} rows" for rows in failed)
    if layer.dtype != "float64":
        return f"A proved statement is contradicted ({names}) in {layer.dtype}: audit in float64 before you trust it."
    return (
        f"A proved statement is contradicted ({names}): {layer.diagnosis or 'the cause was not looked for'}."
    )


def worst_residual(layer: LayerAudit) -> float:
    """The largest relative residual among the identities of the layer."""
    second = layer.second.statements if layer.second else ()
    exact = [rows for rows in (*layer.statements, *second) if rows.op == "eq" and rows.asserted]
    return max((value for rows in exact if (value := largest_residual(rows)) >= 0), default=math.nan)


def largest_residual(rows: StatementRows) -> float:
    """Over the rows to which the statement applies; -1 where there is none."""
    inside = (
        residual
        for residual, finding in zip(rows.residual, rows.finding, strict=True)
        if finding not in (Finding.OUTSIDE_ASSUMPTIONS, Finding.VACUOUS)
    )
    return max(inside, default=-1.0)
