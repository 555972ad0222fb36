"""What an audit found at a layer, in a sentence a person can act on."""

from __future__ import annotations

import math
from statistics import median

from bnverify.numerics.audit_report import LayerAudit, SecondOrder, StatementRows
from bnverify.numerics.layer_statements import Finding

PRINTED, CORRECTED = "thm-4.1:printed", "ext-eps.thm-4.1:sigma-read-as-s"
TIGHT = 0.01
"""A bound is called tight where the actual value is within this share of it."""


def percent(share: float) -> str:
    """A share in percent; what is above nothing is not written as 0, what is below all not as 100."""
    if math.isnan(share):
        return "–"
    value = 100 * share
    if 0 < value < 0.1:
        return "<0.1 %"
    if 99.9 < value < 100:
        return ">99.9 %"
    near_an_end = value < 10 or value > 99
    return f"{value:.1f} %" if near_an_end and value != int(value) else f"{value:.0f} %"


def number(value: float | None) -> str:
    """Three digits, with a true minus sign."""
    if value is None or math.isnan(value):
        return "–"
    if value == 0:
        return "0"
    text = f"{value:.3g}"
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


def of_layer(layer: LayerAudit) -> str:
    """One to four sentences: what is removed, what the theorem says of it, the two conditions, the curvature."""
    parts = [_removed(layer), _theorem(layer), _conditions(layer)]
    if layer.second is not None:
        parts.append(_curvature(layer.second))
    parts.append(_failed(layer))
    return " ".join(part for part in parts if part)


def _removed(layer: LayerAudit) -> str:
    if layer.total("grad_sq") == 0:
        return "No gradient arrives here, so there is nothing to remove."
    shares = layer.shares
    if layer.family == "fixed":
        factors = [scale**0.5 for scale in layer.columns["scale_sq"]]
        return (
            f"Running statistics: the layer scales the gradient by {number(min(factors))} to {number(max(factors))} "
            "and removes nothing."
        )
    what = {"centred": "the ŷ term", "rms": "the ŷ term", "lp": "the divisor's term"}[layer.family]
    mean = "" if layer.family == "rms" else f", {percent(shares['term_mean'])} by the mean"
    return (
        f"{percent(shares['term_yhat'])} of the squared gradient norm is removed by {what}{mean}; "
        f"{percent(shares['kept'])} is kept and scaled by γ²/s²."
    )


def _theorem(layer: LayerAudit) -> str:
    printed, corrected = layer.statement(PRINTED), layer.statement(CORRECTED)
    if printed is None or corrected is None or layer.total("grad_sq") == 0:
        return ""
    gap = slack(corrected)
    bound = (
        "The corrected bound of Theorem 4.1 is tight here"
        if gap < TIGHT
        else (f"The corrected bound of Theorem 4.1 is {percent(gap)} above the actual value")
    )
    exceeded, rows = printed.count(Finding.VIOLATED), len(printed.finding)
    if exceeded == 0:
        return f"{bound}; the printed one holds in all {rows} rows."
    return f"{bound}; the printed one is exceeded in {exceeded} of {rows} rows."


def slack(rows: StatementRows) -> float:
    """(bound - actual)/bound over the rows together."""
    bound = math.fsum(value for value in rows.rhs if math.isfinite(value))
    actual = math.fsum(value for value, other in zip(rows.lhs, rows.rhs, strict=True) if math.isfinite(other))
    return (bound - actual) / bound if bound > 0 else math.nan


def _conditions(layer: LayerAudit) -> str:
    if layer.family == "fixed" or layer.total("grad_sq") == 0:
        return ""
    cosines = layer.columns["cosine"]
    return (
        f"⟨g, ŷ⟩ ≥ 0, the first condition of Theorem 4.2, holds in {percent(layer.ascent)} of the rows "
        f"(median cosine {number(median(cosines))})."
    )


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
        f"{number(whole['smoothness'])}, and the curvature downstream is non-negative along {percent(second.psd)} of "
        f"{len(second.probes)} probed directions."
    )


def _failed(layer: LayerAudit) -> str:
    second = layer.second.statements if layer.second else ()
    failed = [rows for rows in (*layer.statements, *second) if rows.failed]
    if not failed:
        return ""
    names = ", ".join(f"{rows.key} in {rows.failed} rows" for rows in failed)
    if layer.dtype != "float64":
        return f"A proved statement is contradicted ({names}) in {layer.dtype}: audit in float64 before you trust it."
    return f"A proved statement is contradicted ({names}): a bug of this tool, or a layer outside its assumptions."


def worst_residual(layer: LayerAudit) -> float:
    """The largest relative residual among the identities of the layer."""
    second = layer.second.statements if layer.second else ()
    found = [
        residual
        for rows in (*layer.statements, *second)
        if rows.op == "eq" and rows.asserted
        for residual, finding in zip(rows.residual, rows.finding, strict=True)
        if finding != Finding.OUTSIDE_ASSUMPTIONS
    ]
    return max(found, default=math.nan)
