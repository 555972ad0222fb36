"""What a reproduction found, claim by claim, as plain data: made from summaries alone, of one or several data
sets."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnverify.experiments.report import labels
from bnverify.experiments.report.content import Column, Table
from bnverify.experiments.report.numbers import number
from bnverify.experiments.report.reproduction_notes import in_order
from bnverify.experiments.report.strips import Axis, axis_of, strip
from bnverify.experiments.run.record import Row
from markupsafe import Markup

DECISIONS = ("holds", "fails", "undecided")
# What the paper's own words come to as a ratio, where they come to one.
PAPER_RATIOS = {"fig-1b": 0.17 / 0.20, "fig-4b": 0.01}


@dataclass(frozen=True)
class Source:
    """One reproduction: a name for anchors, the data it used, in words, and its summary."""

    name: str
    data: str
    summary: Row


@dataclass(frozen=True)
class CellRow:
    """One test in one place, ready to be read; ``picture`` is its ratio, interval and seeds on the claim's axis."""

    statistic: str
    code: str
    compared: str
    rate: str
    phase: str
    claimed: str
    ratio: str
    seeds: str
    p: str
    decision: str
    missing: str
    picture: Markup


@dataclass(frozen=True)
class Found:
    """What one reproduction says of a claim. where: for each decision the places in which it was taken."""

    source: Source
    verdict: str
    p: str
    p_holm: str
    counts: dict[str, int]
    where: dict[str, tuple[str, ...]]
    rows: tuple[CellRow, ...]
    headline: str


@dataclass(frozen=True)
class ClaimView:
    """A claim of the paper with what every reproduction says of it."""

    id: str
    place: str
    quotation: str
    paper: str
    found: tuple[Found, ...]

    @property
    def figure(self) -> str:
        """The name of the paper's figure that shows the claim, if one does: fig-4 for fig-4b."""
        number = re.match(r"(?:fig-|.*Figure )(\d+)", self.id if self.id.startswith("fig-") else self.place)
        return f"fig-{number[1]}" if number else ""

    def of(self, source: Source) -> Found | None:
        """What ``source`` says of the claim; None if it did not train its networks."""
        return next((found for found in self.found if found.source == source), None)


def source(name: str, summary: Row) -> Source:
    """A summary with its data in words."""
    return Source(name, labels.data_sets(summary["data"]), summary)


def claims(sources: Sequence[Source]) -> tuple[ClaimView, ...]:
    """Every claim that any summary has, in the order in which they were fixed beforehand."""
    views = []
    for name, first in in_order(one.summary for one in sources).items():
        pairs = [(one, claim) for one in sources for claim in one.summary["claims"] if claim["id"] == name]
        axis = axis_of([cell for _, claim in pairs for cell in claim["cells"]], PAPER_RATIOS.get(name))
        found = tuple(_found(one, claim, axis) for one, claim in pairs)
        views.append(ClaimView(name, first["place"], first["quotation"], first["paper"], found))
    return tuple(views)


def _found(one: Source, claim: Row, axis: Axis) -> Found:
    cells = claim["cells"]
    counts = Counter(cell["decision"] for cell in cells)
    return Found(
        one,
        claim["verdict"],
        number(claim["p"]),
        number(claim["p_holm"]),
        {decision: counts[decision] for decision in DECISIONS},
        {decision: places(cells, decision) for decision in DECISIONS},
        tuple(_row(cell, axis, PAPER_RATIOS.get(claim["id"])) for cell in cells),
        _headline(claim),
    )


def compared(cell: Row) -> str:
    """What is divided by what: "BatchNorm / Standard", or the network alone where it is held against 1."""
    of = _short(cell["of"])
    if cell["model"].startswith("insert"):
        return "with / without the BatchNorm"
    if cell["model"].startswith("predict"):
        return f"{_features(cell['of'])} / {_features(cell['against'])}"
    if isinstance(cell["against"], str):
        return f"{of} / {_short(cell['against'])}"
    return of if cell["against"] == 1 else f"{of} / {cell['against']:g}"


def _short(norm: str) -> str:
    return labels.NETWORKS.get(norm, norm).removeprefix("Standard + ")


def _features(name: str) -> str:
    return labels.FEATURES.get(name, name)


def claimed(cell: Row) -> str:
    """What the preregistration asks of the ratio."""
    bound = f"{cell['bound']:g}"
    if cell["claim"] == "within":
        return f"1/{bound} … {bound}"
    return f"{'<' if cell['claim'] == 'below' else '>'} {bound}"


def _ends(comparison: Row) -> str:
    low, high = (math.inf if comparison[end] is None else comparison[end] for end in ("low", "high"))
    return f"[{number(low)}, {'∞' if math.isinf(high) else number(high)}]"


def ratio(cell: Row) -> str:
    """The ratio and its 95 % interval."""
    comparison = cell["comparison"]
    return "not measured" if comparison is None else f"{number(comparison['ratio'])} {_ends(comparison)}"


def seeds_of(cell: Row) -> list[tuple[str, float | None]]:
    """The ratio of every seed; None where the statistic is undefined or was not measured."""
    logs = cell["log_ratios"].items()
    return [(seed, None if log is None else math.exp(log) if log < 700 else math.inf) for seed, log in logs]


def _row(cell: Row, axis: Axis, paper: float | None) -> CellRow:
    seeds = seeds_of(cell)
    comparison = cell["comparison"]
    return CellRow(
        labels.statistic(cell["statistic"]),
        cell["statistic"],
        compared(cell),
        "" if cell["statistic"].endswith("_lr") else labels.power(cell["lr"]),
        cell["phase"],
        claimed(cell),
        ratio(cell),
        " · ".join("–" if value is None else number(value) for _, value in seeds),
        "–" if comparison is None else number(comparison["p"]),
        cell["decision"],
        cell["missing"],
        strip(cell, axis, paper),
    )


def places(cells: Sequence[Row], decision: str) -> tuple[str, ...]:
    """Where a decision was taken, one line for every statistic and learning rate: networks and phases."""
    models = {cell["model"] for cell in cells}
    rates = {(cell["model"], cell["lr"]) for cell in cells}
    networks = {_who(cell) for cell in cells}
    margins = {claimed(cell) for cell in cells}
    grouped: dict[tuple[str, str, float, str, str], list[str]] = {}
    for cell in cells:
        if cell["decision"] == decision:
            key = (cell["statistic"], cell["model"], cell["lr"], claimed(cell), _who(cell))
            grouped.setdefault(key, []).append(cell["phase"])
    merged: dict[tuple[str, str, float, str, tuple[str, ...]], list[str]] = {}
    for (name, model, lr, margin, who), phases in grouped.items():
        merged.setdefault((name, model, lr, margin, tuple(phases)), []).append(who)
    lines = []
    for (name, model, lr, margin, when), everyone in merged.items():
        parts = [labels.statistic(name)]
        if len(models) > 1:
            parts.insert(0, labels.MODELS.get(model, model))
        if len(networks) > 1:
            parts.append(", ".join(everyone))
        if len(rates) > len(models):
            parts.append(f"learning rate {labels.power(lr)}")
        if len(margins) > 1:
            parts.append(f"ratio {margin}")
        if when != ("all",):
            parts.append(", ".join(when))
        lines.append("; ".join(parts))
    return tuple(lines)


def _who(cell: Row) -> str:
    """What tells the tests of one statistic apart: the network, or what a prediction is compared with."""
    return compared(cell) if cell["model"].startswith("predict") else _short(cell["of"])


def _headline(claim: Row) -> str:
    """The measured ratios beside the paper's own number, where it gives one."""
    if not claim["paper"]:
        return ""
    own = PAPER_RATIOS.get(claim["id"])
    measured = [cell for cell in claim["cells"] if cell["comparison"] is not None]
    if not measured:
        return "not measured"
    said = list(dict.fromkeys(ratio(cell) for cell in measured))
    if len(said) > 1:
        low, *_, high = sorted(cell["comparison"]["ratio"] for cell in measured)
        said = [f"ratios from {number(low)} to {number(high)} in {len(measured)} tests"]
    return (f"the paper's words come to a ratio of {own:g}; " if own else "") + f"measured: {said[0]}"


def effects(summary: Row) -> Table | None:
    """What single fields of the linear networks' recipe change; None where it was not measured."""
    columns = (
        Column("network"),
        Column("field", code=True),
        Column("steps", True),
        Column("final / first loss", True),
        *(
            Column(f"ratio: {words}", True)
            for words in ("loss left", "λ max × learning rate", "relative ICS")
        ),
    )
    rows = []
    for row in summary.get("effects", []):
        own = row["values"]
        found = [own["loss_left"], *(row["against_default"].get(quantity) for quantity in own)]
        shown = ["–" if one is None else f"{number(one['ratio'])}\n{_ends(one)}" for one in found]
        name = labels.NETWORKS.get(row["norm"], row["norm"])
        rows.append((name, row["change"] or "unchanged", f"{row['steps']:,}", *shown))
    return Table(columns, tuple(rows)) if rows else None


PROTOCOLS = (
    ("fig-4b", "max_change", "the paper: largest ‖g′ − g‖ on one batch, along its gradient"),
    ("fig-4b", "relative_change", "the same without a scale: ‖g′ − g‖ / ‖g‖"),
    ("fig-4c", "beta_max", "the paper: effective β on one batch, along its gradient"),
    ("ext-protocol-across-batches", "across_batches", "elsewhere: change of g between successive batches"),
    ("fig-4a", "loss_range", "the paper: range of the loss along the gradient"),
)
"""Claims and statistics that the comparison of protocols takes up, and what each of them is."""


@dataclass(frozen=True)
class ProtocolRow:
    """One way to measure: the ratio of BatchNorm to Standard and what it says, by phase."""

    protocol: str
    cells: dict[str, tuple[str, str]]


def says(comparison: Row | None) -> str:
    """What a ratio and its interval say: BatchNorm is smoother, rougher, or neither for certain."""
    if comparison is None:
        return "not measured"
    if comparison["high"] is not None and comparison["high"] < 1:
        return "smoother"
    return "rougher" if comparison["low"] is not None and comparison["low"] > 1 else "uncertain"


def protocols(summary: Row) -> tuple[ProtocolRow, ...]:
    """The same networks by several protocols, as far as the summary has them."""
    by_claim: dict[str, Any] = {claim["id"]: claim for claim in summary["claims"]}
    rows = []
    for name, statistic, words in PROTOCOLS:
        cells = {
            cell["phase"]: (ratio(cell), says(cell["comparison"]))
            for cell in by_claim.get(name, {"cells": []})["cells"]
            if cell["statistic"] == statistic
        }
        if cells:
            rows.append(ProtocolRow(words, cells))
    return tuple(rows)
