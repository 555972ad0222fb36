"""Findings on random batches as part of a statement's section: a sentence, a table a loss, and pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np
from bnverify.experiments.report.content import Column, Measured, Picture, Table
from bnverify.experiments.report.numbers import number, percent
from bnverify.experiments.report.plots import Dots, scatter, shares
from bnverify.numerics.check.run import ClaimFindings, Finding, LossFindings, Samples, StatementFindings
from numpy.typing import NDArray

SHOWN = 500
"""Points of a scatter; the share and the quantiles are of all instances."""

_LOSSES = {
    "linear": "linear",
    "quadratic-psd": "quadratic, PSD",
    "quadratic-indefinite": "quadratic, indefinite",
    "mlp-relu": "softmax, ReLU MLP",
    "mlp-tanh": "softmax, tanh MLP",
    "convolution": "softmax, convolution",
    "second-batchnorm": "second BatchNorm",
}
_COLUMNS = (
    Column("loss downstream"),
    Column("inside", True),
    Column("all terms ≠ 0", True),
    Column("holds", True),
    Column("violated", True),
    Column("within rounding", True),
    Column("slack / |bound|: least", True),
    Column("median", True),
    Column("most", True),
    Column("worst instance", code=True),
)
_SIGN = {"le": "≤", "lt": "<", "eq": "="}


def chosen(findings: ClaimFindings) -> tuple[StatementFindings | None, StatementFindings | None]:
    """The two statements that are set side by side: as printed, and what is true.

    As printed is the first admitted reading that is not proved, or the first. What is true is the correction, or
    the first proved reading that is another one.
    """
    numbered = [one for one in findings.statements if one.samples is not None and one.inside]
    readings = [one for one in numbered if one.role == "reading" and one.admitted]
    left = next((one for one in readings if one.verdict != "proved"), readings[0] if readings else None)
    corrected = next((one for one in numbered if one.role == "corrected"), None)
    right = corrected or next((one for one in readings if one.verdict == "proved" and one is not left), None)
    return left, right


def _name(statement: StatementFindings) -> str:
    return "corrected" if statement.role == "corrected" else f"reading {statement.slug}"


def _said(statement: StatementFindings) -> str:
    """How often a statement held, in one sentence."""
    violated, inside = statement.count(Finding.VIOLATED), statement.inside
    start = f"{_name(statement).capitalize()} (tested as {_SIGN[statement.tested_as]}): "
    if inside < statement.trials:
        start += f"{inside:,} of {statement.trials:,} instances meet its hypotheses, of which "
    else:
        start += f"of {inside:,} instances "
    if violated:
        return start + f"{violated:,} ({percent(violated / inside)}) violate it."
    unsure = statement.count(Finding.WITHIN_ROUNDOFF)
    rest = f", and {unsure:,} lie within rounding and say nothing" if unsure else ""
    return start + f"none violates it; it holds in {statement.count(Finding.HOLDS):,}{rest}."


def _row(findings: ClaimFindings, loss: LossFindings) -> tuple[str, ...]:
    counts, slack = loss.counts, loss.slack_bound
    worst = f"{loss.worst.loss}:{loss.worst.index}" if loss.worst else ""
    least, middle, most = (number(slack[i]) for i in (0, len(slack) // 2, -1)) if slack else ("–", "–", "–")
    return (
        _LOSSES.get(loss.loss, loss.loss),
        f"{loss.inside:,}",
        f"{loss.non_vacuous:,}",
        f"{counts['HOLDS']:,}",
        f"{counts['VIOLATED']:,}",
        f"{counts['WITHIN_ROUNDOFF']:,}",
        least,
        middle,
        most,
        worst,
    )


def _table(findings: ClaimFindings, statement: StatementFindings) -> Table:
    worst = next((loss.worst for loss in statement.losses if loss.worst), None)
    replay = f"; {findings.replay(worst)} shows the first of the worst again" if worst else ""
    caption = f"{_name(statement).capitalize()}: {statement.statement}{replay}"
    return Table(_COLUMNS, tuple(_row(findings, loss) for loss in statement.losses), caption)


def _inside(samples: Samples) -> NDArray[np.int64]:
    """Up to `SHOWN` samples inside the assumptions, evenly spread."""
    kept = np.flatnonzero((samples.code <= Finding.WITHIN_ROUNDOFF) & (samples.scale > 0))
    return kept[:: max(1, -(-len(kept) // SHOWN))]


def _ink(statement: StatementFindings) -> str:
    return "corrected" if statement.verdict == "proved" else "printed"


def _scatter(findings: ClaimFindings, statement: StatementFindings) -> list[Picture]:
    samples = statement.samples
    assert samples is not None
    kept = _inside(samples)
    if len(kept) == 0:
        return []
    scale = samples.scale[kept]
    broken = statement.count(Finding.VIOLATED)
    share = f"violated in {percent(broken / statement.inside)}" if broken else "never violated"
    dots = Dots((samples.rhs[kept] / scale).tolist(), (samples.lhs[kept] / scale).tolist(), _ink(statement))
    equal = statement.tested_as == "eq"
    sides = ("right side", "left side") if equal else ("bound", "actual")
    caption = (
        f"{_name(statement).capitalize()}: {sides[1]} against {sides[0]}, each over the sum of the magnitudes of all "
        f"terms; {len(kept)} of {statement.inside:,} instances, {share}. "
        + ("Off the line the sides differ." if equal else "Shaded: the bound is broken.")
    )
    axes = (f"{sides[0]} / Σ|terms|", f"{sides[1]} / Σ|terms|")
    return [scatter(f"{findings.id}-{statement.slug}-scatter", caption, [dots], *axes, shade=not equal)]


def breakdown(statement: StatementFindings) -> tuple[list[str], dict[str, list[float]]] | None:
    """Per loss, the mean share of each term of the right side in the sum of their magnitudes.

    None where the right side has fewer than two terms.
    """
    samples = statement.samples
    names = statement.term_names[statement.lhs_terms :]
    if samples is None or len(names) < 2:
        return None
    values = np.abs(samples.terms[statement.lhs_terms :])
    total = values.sum(0)
    labels: list[str] = []
    parts: dict[str, list[float]] = {name: [] for name in names}
    for position, loss in enumerate(statement.losses):
        rows = (samples.loss == position) & (samples.code <= Finding.WITHIN_ROUNDOFF) & (total > 0)
        if rows.any():
            labels.append(_LOSSES.get(loss.loss, loss.loss))
            for name, share in zip(names, (values[:, rows] / total[rows]).mean(1), strict=True):
                parts[name].append(float(share))
    return (labels, parts) if labels else None


def _terms(findings: ClaimFindings, statement: StatementFindings) -> list[Picture]:
    found = breakdown(statement)
    if found is None:
        return []
    labels, parts = found
    return [
        shares(
            f"{findings.id}-terms",
            f"{_name(statement).capitalize()}, term by term: the mean share of each term of the right side in "
            "the sum of their magnitudes, by downstream loss.",
            labels,
            parts,
            xlabel="share of Σ|terms of the right side|, %",
        )
    ]


def _data(statement: StatementFindings) -> dict[str, Any]:
    data: dict[str, Any] = {
        name: getattr(statement, name)
        for name in ("slug", "role", "statement", "verdict", "tight", "tested_as", "admitted", "why_not")
    }
    data |= {name: getattr(statement, name) for name in ("trials", "inside", "non_vacuous")}
    data["counts"] = {finding.name: statement.count(finding) for finding in Finding}
    data["losses"] = [asdict(loss) for loss in statement.losses]
    return data


def _points(statement: StatementFindings) -> dict[str, Any]:
    """The points that the pictures show."""
    samples = statement.samples
    assert samples is not None
    kept = _inside(samples)
    found = {
        name: [float(f"{value:.6g}") for value in getattr(samples, name)[kept]]
        for name in ("lhs", "rhs", "slack", "scale")
    }
    by_term = breakdown(statement)
    return {
        "slug": statement.slug,
        "m": samples.m[kept].tolist(),
        "loss": [statement.losses[position].loss for position in samples.loss[kept]],
        **found,
        "terms": None if by_term is None else {"losses": by_term[0], "shares": by_term[1]},
    }


def measured(findings: ClaimFindings) -> Measured | None:
    """What the random batches said of a claim; None where none of its statements has numbers."""
    left, right = chosen(findings)
    shown = [one for one in (left, right) if one is not None]
    if not shown:
        return None
    others = [
        one for one in findings.statements if one not in shown and one.samples is not None and one.inside
    ]
    sentence = " ".join(_said(one) for one in (*shown, *others))
    pictures = [picture for one in shown for picture in _scatter(findings, one)]
    pictures += _terms(findings, right or shown[0])
    data = {
        "trials": findings.trials,
        "seed": findings.seed,
        "dtype": findings.dtype,
        "device": findings.device,
        "seconds": findings.seconds,
        "statements": [_data(one) for one in findings.statements],
        "points": [_points(one) for one in shown],
    }
    return Measured(sentence, tuple(_table(findings, one) for one in shown), data, tuple(pictures))
