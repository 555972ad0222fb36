"""``index.html`` and ``audit.json`` of an audit: one self-contained page that works offline."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bnverify.experiments.report import audit_depth
from bnverify.experiments.report import audit_words as words
from bnverify.experiments.report.audit_scatter import scatter
from bnverify.experiments.report.mathml import displayed
from bnverify.experiments.report.pages import render
from bnverify.numerics.audit.findings import words as findings_words
from bnverify.numerics.audit.findings.fault import Fault
from bnverify.numerics.audit.findings.words import verdict
from bnverify.numerics.audit.layers import Family
from bnverify.numerics.audit.report import AuditReport, LayerAudit, StatementRows
from bnverify.numerics.audit.table.statements import Asked, Finding, Statement, statements
from bnverify.theory.latex import written
from bnverify.theory.registry import registry
from markupsafe import escape

from bnverify.base.files import write_text


def write(report: AuditReport, folder: Path) -> Path:
    """Write ``index.html`` and ``audit.json`` to ``folder``; returns the page.

    Raises:
        InputError: the folder cannot be written.
    """
    page = folder / "index.html"
    write_text(folder / "audit.json", report.to_json(indent=1) + "\n")
    write_text(page, html(report))
    return page


def html(report: AuditReport) -> str:
    """The page as text."""
    return render(
        "audit.html",
        environment=report.environment,
        verdict=verdict(
            report.findings, report.environment.get("looked_at", {}).get("calls", len(report.layers))
        ),
        findings=[_told(item, report) for item in report.findings],
        depth=_depth(report),
        cards=[_card(report.layers[index], index, report) for index in by_interest(report)],
        summary=summary(report),
        failures=[
            f"{layer.mode}, {layer.title}: {rows.key} in {rows.failed} of {len(rows.finding)} rows; {layer.diagnosis}"
            for layer, rows in report.failures
        ],
        layers=[row(index, layer) for index, layer in enumerate(report.layers)],
        modes=side_by_side(report),
        second=any(layer.second for layer in report.layers),
        claims=_claims(report),
        not_covered=report.not_covered,
    )


def by_interest(report: AuditReport) -> list[int]:
    """The layers' places: those with findings first, most important first, then by how far they change the gradient."""
    named: dict[str, int] = {}
    for place, item in enumerate(report.findings):
        for name in (item.layer, *item.layers) if item.alarming else (item.layer,):
            named.setdefault(name, place)

    def change(layer: LayerAudit) -> float:
        ratio = audit_depth.ratio(layer)
        return abs(math.log(ratio)) if ratio > 0 and math.isfinite(ratio) else math.inf

    order = range(len(report.layers))
    return sorted(
        order, key=lambda i: (named.get(report.layers[i].name, math.inf), -change(report.layers[i]), i)
    )


def _told(item: Fault, report: AuditReport) -> dict[str, Any]:
    place = next((i for i, layer in enumerate(report.layers) if layer.name == item.layer), None)
    return {
        "kind": item.kind,
        "severity": item.severity,
        "text": item.text,
        "number": findings_words.number(item),
        "why": item.why,
        "advice": item.advice,
        "claim": item.claim,
        "says": findings_words.CLAIMS.get(item.claim, ""),
        "anchor": None if place is None else f"card-{place}",
    }


def _depth(report: AuditReport) -> list[dict[str, Any]]:
    found = []
    for mode in dict.fromkeys(layer.mode for layer in report.layers):
        drawn = audit_depth.picture([layer for layer in report.layers if layer.mode == mode])
        if drawn is not None:
            found.append({"mode": mode, "svg": drawn})
    return found


def _card(layer: LayerAudit, index: int, report: AuditReport) -> dict[str, Any]:
    out, into, gain = audit_depth.strengths(layer)
    return {
        "anchor": f"card-{index}",
        "row": f"layer-{index}",
        "title": layer.title,
        "short": audit_depth.middle(layer.title),
        "kind": layer.kind,
        "mode": layer.mode,
        "out": words.number(out),
        "into": words.number(into),
        "ratio": words.number(audit_depth.ratio(layer)),
        "gain": words.number(gain),
        "kept": words.percent(layer.shares["kept"]),
        "profile": audit_depth.profile(layer.columns["grad_in_sq"]),
        "kinds": [
            item.kind
            for item in report.findings
            if layer.name in (item.layer, *(item.layers if item.alarming else ()))
        ],
        "sentence": words.of_layer(layer),
    }


def snippet(report: AuditReport, most: int = 25) -> str:
    """A short HTML of a report for a notebook: the verdict, the findings, the layers of most interest."""
    calls = report.environment.get("looked_at", {}).get("calls", len(report.layers))
    lines = [f"<p><strong>{escape(verdict(report.findings, calls))}</strong></p>"]
    if report.findings:
        listed = "".join(
            f"<li><strong>{item.kind}</strong> ({item.severity}): {escape(item.text)}. {escape(item.advice)}</li>"
            for item in report.findings[:12]
        )
        lines.append(f"<ul>{listed}</ul>")
    rows = []
    for index in by_interest(report)[:most]:
        card = _card(report.layers[index], index, report)
        cells = "".join(
            f"<td>{escape(str(card[key]))}</td>" for key in ("title", "kind", "out", "into", "ratio", "kept")
        )
        rows.append(f"<tr>{cells}</tr>")
    heads = "".join(
        f"<th>{name}</th>" for name in ("layer", "kind", "gradient out", "gradient in", "in/out", "kept")
    )
    if rows:
        lines.append(f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>")
    if len(report.layers) > most:
        lines.append(f"<p>{len(report.layers) - most} more layers: report.show()</p>")
    return "".join(lines)


def summary(report: AuditReport) -> list[str]:
    """What was audited and what came out, in a few lines."""
    lines = []
    rows = sum(len(layer.labels) for layer in report.layers)
    if report.environment.get("refused"):
        return [f"No layer could be measured: {report.environment['refused']}."]
    lines.append(f"{_counted(len(report.layers), 'layer call')}, {_counted(rows, 'row')}.")
    for key, text in ((words.PRINTED, "as printed"), (words.CORRECTED, "corrected, with ε > 0")):
        asked = [found for layer in report.layers if (found := layer.statement(key)) is not None]
        total = sum(len(found.finding) for found in asked)
        if total:
            bad = sum(found.count(Finding.VIOLATED) for found in asked)
            open_ = sum(found.count(Finding.WITHIN_ROUNDOFF) for found in asked)
            empty = sum(found.count(Finding.VACUOUS) for found in asked)
            rest = f", undecided in {open_}" if open_ else ""
            rest += f", vacuous in {empty}" if empty else ""
            fault = ""
            if bad and key == words.PRINTED:
                fault = "; the misprint is the paper's, not your model's: bnverify show thm-4.1"
            lines.append(f"Theorem 4.1 {text}: exceeded in {bad} of {total} rows{rest}{fault}.")
    normalising = [layer for layer in report.layers if layer.family != "fixed"]
    if normalising:
        positive, negative, undecided = (
            sum(counts) for counts in zip(*(n.signs for n in normalising), strict=True)
        )
        everywhere = sum(layer.ascent == 1 and not layer.signs[2] for layer in normalising)
        share = positive / (positive + negative) if positive + negative else math.nan
        rest = f" ({undecided} more are undecided: 0 to rounding)" if undecided else ""
        lines.append(
            f"⟨g, ŷ⟩ ≥ 0 in {words.percent(share)} of the rows with statistics of their own{rest}, "
            f"and in all rows of {everywhere} of {_counted(len(normalising), 'layer')}."
            if positive + negative
            else f"⟨g, ŷ⟩ has a sign beyond rounding in no row{rest}."
        )
    curved = [layer.second for layer in normalising if layer.second is not None]
    if curved:
        along = [value >= 0 for second in curved for value in second.probes]
        everywhere = sum(second.psd == 1 for second in curved)
        lines.append(
            f"u′Hu ≥ 0 along {words.percent(sum(along) / len(along))} of {_counted(len(along), 'probed direction')}, "
            f"and along all of them in {everywhere} of {_counted(len(curved), 'layer')}."
        )
    return lines


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


@dataclass(frozen=True)
class Cell:
    """A table cell: what it shows, what it is sorted by, and its weight in a heat map."""

    text: str
    sort: float | str
    weight: float = 0.0


def _number(value: float | None) -> Cell:
    known = value is not None and math.isfinite(value)
    return Cell(words.number(value), float(value) if known and value is not None else -math.inf)


def _share(value: float) -> Cell:
    known = math.isfinite(value)
    return Cell(
        words.percent(value), value if known else -math.inf, min(1.0, max(0.0, value)) if known else 0.0
    )


def row(index: int, layer: LayerAudit) -> dict[str, Any]:
    """What the tables, the heat map and the figures show of one layer call."""
    printed, corrected = layer.statement(words.PRINTED), layer.statement(words.CORRECTED)
    shares = layer.shares
    fixed = layer.family == "fixed"
    exceeded = printed.count(Finding.VIOLATED) / len(printed.finding) if printed is not None else math.nan
    out, into, _ = audit_depth.strengths(layer)
    table = {
        "in": _number(into),
        "out": _number(out),
        "ratio": _number(audit_depth.ratio(layer)),
        "m": _number(max(layer.columns["size"])),
        "rows": _number(len(layer.labels)),
        "ŷ term": _share(shares["term_yhat"]),
        "mean": _share(shares["term_mean"]),
        "kept": _share(shares["kept"]),
        "4.1 printed exceeded": _share(exceeded),
        "4.1 corrected slack": _share(words.slack(corrected)) if corrected is not None else _share(math.nan),
        "⟨g, ŷ⟩ ≥ 0": _share(math.nan if fixed else layer.ascent),
        "worst residual": _number(words.worst_residual(layer)),
    }
    heat = {
        "removed by ŷ": _share(shares["term_yhat"]),
        "removed by the mean": _share(shares["term_mean"]),
        "kept": _share(shares["kept"]),
        "⟨g, ŷ⟩ ≥ 0": _share(math.nan if fixed else layer.ascent),
        "|cosine| of g and ŷ": _share(
            math.nan if fixed else median(abs(value) for value in layer.columns["cosine"])
        ),
        "printed 4.1 exceeded": _share(exceeded),
    }
    second: dict[str, Cell] = {}
    if layer.second is not None:
        whole = layer.second.whole
        second = {
            "v′Bv": _number(whole["bn_hess_bn"]),
            "(Jv)′H(Jv)": _number(whole["chain"]),
            "bend of the layer": _number(whole["bend"]),
            "v′Hv": _number(whole["hess_bn"]),
            "g′Hg": _number(whole["hess_grad"]),
            "|Bv|/|v|": _number(whole["smoothness"]),
            "|Hg|/|g|": _number(whole["hess_smoothness"]),
            "u′Hu ≥ 0 along probes": _share(layer.second.psd),
        }
    return {
        "anchor": f"layer-{index}",
        "mode": layer.mode,
        "title": layer.title,
        "kind": layer.kind,
        "unit": layer.unit,
        "synchronised": layer.synchronised,
        "ill_conditioned": layer.ill_conditioned,
        "sentence": words.of_layer(layer),
        "table": table,
        "heat": heat,
        "second": second,
        "conditions": _conditions(layer),
        "figure": scatter(printed, corrected),
    }


def _conditions(layer: LayerAudit) -> dict[str, Cell] | None:
    if layer.family == "fixed":
        return None
    held = layer.conditions
    assert held is not None
    found = {
        "⟨g, ŷ⟩ ≥ 0": _share(held["ascent"]),
        "median cosine": _number(held["cosine_median"]),
        "smallest": _number(held["cosine_least"]),
        "largest": _number(held["cosine_most"]),
    }
    second = layer.second
    if second is not None:
        for name, form in (("v′Hv ≥ 0", "hess_bn"), ("g′Hg ≥ 0", "hess_grad")):
            values = second.exact.get(form) or second.estimate.get(form)
            found[f"{name}, rows"] = _share(sum(v >= 0 for v in values) / len(values) if values else math.nan)
        found["u′Hu ≥ 0 along probes"] = _share(held["psd"])
        found["smallest u′Hu/|u|²"] = _number(held["quotient_least"])
        found["largest u′Hu/|u|²"] = _number(held["quotient_most"])
    return found


def side_by_side(report: AuditReport) -> list[dict[str, Any]]:
    """Train beside eval, layer by layer; empty where one mode was audited."""
    other = {layer.title: layer for layer in report.layers if layer.mode == "eval"}
    found = []
    for index, train in enumerate(report.layers):
        if train.mode != "train" or train.title not in other:
            continue
        one = other[train.title]
        base, there = train.total("grad_in_sq"), one.total("grad_in_sq")
        cells = {
            "|dL̂/dy|² in train": _number(base),
            "in eval": _number(there),
            "eval / train": _number(there / base if base > 0 else math.nan),
            "kept in train": _share(train.shares["kept"]),
            "kept in eval": _share(one.shares["kept"]),
        }
        found.append(
            {
                "anchor": f"layer-{index}",
                "mode": "both",
                "title": train.title,
                "modes": cells,
                "ill_conditioned": False,
            }
        )
    return found


def identities(report: AuditReport) -> list[dict[str, Any]]:
    """Every identity that some row was asked: rows in which it holds, its largest relative residual, and where."""
    found: dict[str, dict[str, Any]] = {}
    for layer in report.layers:
        for rows in (*layer.statements, *(layer.second.statements if layer.second else ())):
            if rows.op != "eq" or not rows.asserted:
                continue
            item = found.setdefault(
                rows.key, {"key": rows.key, "holds": 0, "rows": 0, "most": -1.0, "at": "–"}
            )
            item["holds"] += rows.count(Finding.HOLDS)
            item["rows"] += (
                len(rows.finding) - rows.count(Finding.OUTSIDE_ASSUMPTIONS) - rows.count(Finding.VACUOUS)
            )
            most = words.largest_residual(rows)
            if most > item["most"]:
                item |= {"most": most, "at": f"{layer.title}, {layer.mode} mode"}
    for item in found.values():
        item["residual"] = _number(item["most"] if item["rows"] else math.nan)
    return list(found.values())


def _claims(report: AuditReport) -> list[dict[str, Any]]:
    """Every statement that some layer was asked: what it says, how to cite it, and how it fared."""
    asked: dict[str, list[StatementRows]] = {}
    for layer in report.layers:
        for rows in (*layer.statements, *(layer.second.statements if layer.second else ())):
            asked.setdefault(rows.key, []).append(rows)
    known, exact = _every_statement(), {item["key"]: item for item in identities(report)}
    entries = []
    for key, tables in asked.items():
        statement, claim = known[key], registry().get(tables[0].id)
        entries.append(
            {
                "key": key,
                "id": statement.id,
                "text": statement.text,
                "asserted": statement.asserted,
                "formula": displayed(written(statement.says)),
                "where": claim.where if claim is not None else "an identity of this layer family",
                "title": claim.title if claim is not None else statement.text,
                "quotation": claim.quotation if claim is not None else "",
                "registered": claim is not None,
                "identity": exact.get(key),
                "counts": {
                    finding.value: count
                    for finding in Finding
                    if (count := sum(table.count(finding) for table in tables))
                },
            }
        )
    return entries


def _every_statement() -> dict[str, Statement]:
    """By key, for all kinds of layers."""
    kinds = [Asked(family, folded) for family in Family for folded in (False, True)]
    kinds += [Asked(Family.LP, p=p, shared=shared) for p in (1, 2, math.inf) for shared in (False, True)]
    return {item.key: item for kind in kinds for item in statements(kind)}
