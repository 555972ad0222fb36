"""What a reproduction found, claim by claim, as plain data: made from summaries alone, of one or several data sets."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from bnverify.experiments.judge.rules import NOTES, registered
from bnverify.experiments.report import labels
from bnverify.experiments.report.content import Column, Table
from bnverify.experiments.report.html import cells
from bnverify.experiments.report.numbers import number
from bnverify.experiments.report.strips import axis_of, course
from bnverify.experiments.run.record import Row
from markupsafe import Markup


@dataclass(frozen=True)
class Source:
    """One reproduction: a name for anchors, the data it used, in words, and its summary."""

    name: str
    data: str
    summary: Row


@dataclass(frozen=True)
class Found:
    """What one reproduction says of a claim: its tables of cells, and the ratio over the training, empty where it has
    none."""

    source: Source
    claim: Row
    primary: Markup
    parts: Markup
    grid: Markup
    curve: Markup

    @property
    def verdict(self) -> str:
        return str(self.claim["verdict"])

    @property
    def spread(self) -> str:
        return spread(self.claim)

    @property
    def endpoint(self) -> str:
        """What is compared, in a sentence."""
        return in_words(self.claim["endpoint"], self.claim["counts"])


@dataclass(frozen=True)
class ClaimView:
    """A claim with what every reproduction says of it. earlier: the words of older rules, by run."""

    id: str
    place: str
    quotation: str
    paper: str
    argued: str
    found: tuple[Found, ...]
    earlier: tuple[tuple[str, str], ...]

    @property
    def figure(self) -> str:
        """The name of the paper's figure that shows the claim, if one does: fig-4 for fig-4b."""
        match = re.match(r"(?:fig-|.*Figure )(\d+)", self.id if self.id.startswith("fig-") else self.place)
        return f"fig-{match[1]}" if match else ""

    def of(self, source: Source) -> Found | None:
        """What ``source`` says of the claim; None if it is not in its summary."""
        return next((found for found in self.found if found.source == source), None)


def source(name: str, summary: Row) -> Source:
    """A summary with its data in words."""
    return Source(name, labels.data_sets(summary["data"]), summary)


def earlier_verdicts(folder: Path = NOTES / "results") -> dict[str, list[tuple[str, str]]]:
    """Claim -> (run, word) of the summaries that version 1 of the rules judged; read as data, never judged again."""
    found: dict[str, list[tuple[str, str]]] = {}
    for path in sorted(folder.glob("reproduce-*.json")):
        for claim in json.loads(path.read_text())["claims"]:
            found.setdefault(claim["id"], []).append((path.stem.removeprefix("reproduce-"), claim["verdict"]))
    return found


def claims(sources: Sequence[Source], home: Path = NOTES / "results") -> tuple[ClaimView, ...]:
    """Every claim that any summary has, in the order in which they were fixed beforehand."""
    earlier = earlier_verdicts(home) if home.is_dir() else {}
    views = []
    for name, first in in_order(one.summary for one in sources).items():
        pairs = [(one, claim) for one in sources for claim in one.summary["claims"] if claim["id"] == name]
        found = tuple(_found(one, claim) for one, claim in pairs)
        place, quotation, paper, argued = (first[key] for key in ("place", "quotation", "paper", "argued"))
        views.append(ClaimView(name, place, quotation, paper, argued, found, tuple(earlier.get(name, ()))))
    return tuple(views)


def in_order(summaries: Iterable[Row]) -> dict[str, Row]:
    """Every claim that any summary has, by id, as the first summary that ran it has it, in the order of the rules."""
    first: dict[str, Row] = {}
    for one in summaries:
        for claim in one["claims"]:
            if claim["id"] not in first or first[claim["id"]]["verdict"] == "not-run":
                first[claim["id"]] = claim
    places = {name: i for i, name in enumerate(registered().claims)}
    return dict(sorted(first.items(), key=lambda item: places.get(item[0], len(places))))


def _found(one: Source, claim: Row) -> Found:
    endpoint = claim["endpoint"]
    axis = axis_of([*claim["cells"], *claim["parts"], *claim["grid"]], endpoint)
    primary, parts, grid = (cells(claim[key], endpoint, axis) for key in ("cells", "parts", "grid"))
    return Found(one, claim, primary, parts, grid, course(claim["curve"], endpoint))


def in_words(endpoint: Row, counts: str) -> str:
    """An endpoint as people say it."""
    window = endpoint["window"]
    when = {(0.0, 1.0): "over the whole training", (0.0, 0.0): "at initialisation"}.get(
        tuple(window), f"from {100 * window[0]:.3g} to {100 * window[1]:.3g} % of the training"
    )
    how = {"geometric": "log mean", "median": "median over time", "arithmetic": "mean", "mean": "mean"}
    against = [labels.NETWORKS.get(a, str(a)) for a in endpoint["against"] if isinstance(a, str)]
    of = ", ".join(labels.NETWORKS.get(name, name) for name in endpoint["of"])
    compared = f"{of} / {', '.join(against)}" if against else of
    return (
        f"{labels.statistic(endpoint['statistic'])}, {compared}; {when}, {how[endpoint['over']]}, learning rate "
        f"{labels.power(endpoint['lr'])}; {counts}"
    )


def spread(claim: Row) -> str:
    """How far the seeds lie apart, beside what the number of seeds was computed for: where it is much more, the badge
    decides less than was planned."""
    rule = registered().claims.get(claim["id"])
    known = [[float(v) for v in cell["log_ratios"].values() if v is not None] for cell in claim["cells"]]
    # Seeds that diverged lie infinitely far; where half of them do there is no spread.
    finite = [logs for logs in known if logs and math.isfinite(median(logs))]
    widths = [1.4826 * median(abs(v - median(logs)) for v in logs) for logs in finite]
    if rule is None or not widths or math.isinf(max(widths)):
        return ""
    return f", spread of the log ratio {number(max(widths))}, {number(rule.primary.spread)} expected"


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


def _ends(found: Row) -> str:
    low, high = (math.inf if found[end] is None else found[end] for end in ("low", "high"))
    return f"[{number(low)}, {'∞' if math.isinf(high) else number(high)}]"


PROTOCOLS = (
    ("fig-4a", "the paper: range of the loss along the gradient, at one point"),
    ("ext-protocol-band-over-rates", "elsewhere: range of the losses of networks trained apart, a rate each"),
    ("fig-4b", "the paper: largest ‖g′ − g‖ on one batch, along its gradient"),
    ("ext-protocol-across-batches", "elsewhere: change of g between successive batches"),
    ("fig-4c", "the paper: effective β on one batch, along its gradient"),
    ("fig-10a", "the paper, deep linear networks: range of the loss along the gradient, at one point"),
)
"""Claims that the comparison of protocols takes up, and what each of them is."""


def protocols(summary: Row) -> tuple[tuple[str, str], ...]:
    """The same networks by several protocols: what each is, and its badge."""
    by_claim = {claim["id"]: claim for claim in summary["claims"]}
    return tuple(
        (words, by_claim[name]["badge"])
        for name, words in PROTOCOLS
        if name in by_claim and by_claim[name]["verdict"] != "not-run"
    )
