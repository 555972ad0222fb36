"""An audit on the terminal: tables, a sentence a layer, what is not covered, and the answer in a few lines."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bnverify.base.terminal import console

if TYPE_CHECKING:
    from bnverify.numerics.audit.report import AuditReport

ROOMY, WIDE = 100, 120
"""Columns from which a table also says what kind each layer is."""

FIRST = {
    "in": "∇ in",
    "out": "∇ out",
    "ratio": "in/out",
    "m": "m",
    "ŷ term": "ŷ",
    "mean": "mean",
    "kept": "kept",
    "4.1 printed exceeded": "4.1 broken",
    "4.1 corrected slack": "slack",
    "worst residual": "residual",
}
NARROW = ("4.1 corrected slack", "worst residual")
"""Columns of the first table that a screen below `ROOMY` leaves out."""
CONDITIONS = {
    "⟨g, ŷ⟩ ≥ 0": "⟨g,ŷ⟩≥0",
    "median cosine": "cosine",
    "smallest": "least",
    "largest": "most",
    "u′Hu ≥ 0 along probes": "u′Hu≥0",
    "smallest u′Hu/|u|²": "least u′Hu",
    "largest u′Hu/|u|²": "most",
}
SECOND = {
    "v′Bv": "v′Bv",
    "(Jv)′H(Jv)": "chain",
    "bend of the layer": "bend",
    "v′Hv": "v′Hv",
    "g′Hg": "g′Hg",
    "|Bv|/|v|": "|Bv|/|v|",
}
MODES = {
    "|dL̂/dy|² in train": "|dL̂/dy|² train",
    "in eval": "eval",
    "eval / train": "eval/train",
    "kept in train": "kept train",
    "kept in eval": "kept eval",
}
LEGENDS = {
    "table": "∇ in, ∇ out: gradient norms at the layer's input and output. ŷ, mean: shares of γ²/s² |dL/dz|² that "
    "the two reductions of Theorem 4.1 remove; kept: what is left; 4.1 broken: rows that exceed its printed bound, "
    "a misprint and no fault of the model.",
    "conditions": "The two conditions of Theorem 4.2: how often ⟨g,ŷ⟩ ≥ 0, with the cosine of g and ŷ over the rows",
    "second": "v′Bv = chain + bend: what comes from downstream, (Jv)′H(Jv), and from the layer itself.",
    "modes": "Train and eval side by side: squared norm of the gradient at the layer's input, and the share kept.",
    "identities": "Identities: rows in which each holds, and its largest relative residual.",
}


MOST = 25
"""Layers that are printed where no other number is asked for."""


def show(report: AuditReport, most: int = MOST) -> None:
    """Print the report; proved statements that the numbers contradict go to stderr.

    most: layers in the tables, those of most interest; 0 for all of them.
    """
    from bnverify.experiments.report import audit_page

    screen = console()
    found(screen, report)
    places = sorted(audit_page.by_interest(report)[: most or None])
    rows = [audit_page.row(index, report.layers[index]) for index in places]
    several = len({row["mode"] for row in rows}) > 1
    for part, columns in (("table", FIRST), ("conditions", CONDITIONS), ("second", SECOND)):
        chosen = [row for row in rows if row[part]]
        if chosen:
            left_out = NARROW if screen.width < ROOMY else ()
            known = {k: name for k, name in columns.items() if k in chosen[0][part] and k not in left_out}
            _table(screen, ((_lead(row, several), _struck(row, part)) for row in chosen), known, several)
            _legend(screen, LEGENDS[part] + _about_probes(part, chosen[0][part]))
    modes = audit_page.side_by_side(report)
    if modes:
        _table(screen, (({"layer": row["title"]}, row["modes"]) for row in modes), MODES, False)
        _legend(screen, LEGENDS["modes"])
    _identities(screen, audit_page.identities(report))
    struck = [row["title"] for row in rows if row["ill_conditioned"]]
    if struck:
        screen.print(
            f"ill-conditioned: {', '.join(struck)}: the mean is so far from 0 against the spread that less than two "
            "digits are left; the numbers are struck through\n",
            markup=False,
        )
    for row in rows:
        mode = f", {row['mode']}" if several else ""
        screen.print(f"[bold]{row['title']}[/bold]{mode}: {row['sentence']}")
    screen.print()
    if report.not_covered:
        screen.print("[bold]not covered[/bold]")
        for group in report.uncovered:
            names = ", ".join(group["names"][:3])
            more = f" and {len(group['names']) - 3} more" if len(group["names"]) > 3 else ""
            way = f"; say what it is with {group['way']}" if group["way"] else ""
            screen.print(f"  {names}{more} ({group['what']}): {group['why']}{way}", markup=False)
        screen.print()
    if len(places) < len(report.layers):
        screen.print(
            f"{len(report.layers) - len(places)} more layer calls with --rows 0 or --json\n", style="dim"
        )
    for line in audit_page.summary(report):
        screen.print(line)
    for layer, statement in report.failures:
        print(
            f"bnverify: {layer.mode}, {layer.title}: {statement.key} is contradicted in {statement.failed} rows; "
            f"{layer.diagnosis}",
            file=sys.stderr,
        )


STYLES = {"error": "bold red", "warning": "yellow", "note": "dim", "nothing": "green"}


def found(screen: Console, report: AuditReport) -> None:
    """The findings, before anything else."""
    from bnverify.numerics.audit.findings.words import lines

    for line in lines(report.findings, looked_at(report), screen.width):
        style = STYLES.get(line.partition(" ")[0], "dim" if line.startswith("  ") else "")
        screen.print(line, style=style, markup=False, highlight=False)
    if report.environment.get("hidden"):
        hidden = report.environment["hidden"]
        screen.print(f"left out, since the baseline has them: {hidden}", style="dim")
    screen.print()


def looked_at(report: AuditReport) -> str:
    """What the rules were asked of, in words."""
    seen = report.environment.get("looked_at")
    if seen is None:
        return f"{len(report.layers)} layer calls were measured, and no rule could be asked"
    left = f" ({'; '.join(seen['not'])})" if seen["not"] else ""
    if not seen["calls"]:
        return f"no normalisation layer was called, so {seen['rules']} rules had nothing to look at{left}"
    calls = f"{seen['calls']} call{'s' if seen['calls'] > 1 else ''}"
    return f"{seen['rules']} rules at {calls} of normalisation layers{left}"


def _struck(row: Mapping[str, Any], part: str) -> Mapping[str, Any]:
    """The cells of a row, struck through where conditioning leaves its numbers less than two digits."""
    cells: Mapping[str, Any] = row[part]
    if not row["ill_conditioned"]:
        return cells
    return {key: replace(cell, text=f"[strike]{cell.text}[/strike]") for key, cell in cells.items()}


def _lead(row: Mapping[str, Any], several: bool) -> dict[str, str]:
    lead = {"mode": row["mode"]} if several else {}
    return lead | {"layer": row["title"], "kind": row["kind"]}


def _table(
    screen: Console,
    rows: Iterable[tuple[Mapping[str, str], Mapping[str, Any]]],
    columns: Mapping[str, str],
    several: bool,
) -> None:
    """Numbers are never cut; a layer's name takes more lines where there is no room."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    leads = [*(["mode"] if several else []), "layer"]
    listed = list(rows)
    if screen.width >= WIDE and "kind" in listed[0][0]:
        leads.append("kind")
    for name in leads:
        table.add_column(name, overflow="fold", no_wrap=name == "mode", min_width=5)
    for name in columns.values():
        table.add_column(name, justify="right", no_wrap=True)
    for lead, cells in listed:
        table.add_row(*(lead[name] for name in leads), *(cells[key].text for key in columns))
    screen.print(table)


def _legend(screen: Console, text: str) -> None:
    screen.print(text + "\n", style="dim", markup=False)


def _about_probes(part: str, cells: Mapping[str, Any]) -> str:
    if part != "conditions":
        return ""
    if "u′Hu ≥ 0 along probes" in cells:
        return "; and along how many probed directions u′Hu ≥ 0, with u′Hu/|u|² over them."
    return "; the one on H needs --second-order."


def _identities(screen: Console, found: Sequence[Mapping[str, Any]]) -> None:
    if not found:
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("identity", overflow="fold")
    for name in ("holds", "residual"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("at", overflow="fold")
    for item in found:
        table.add_row(item["key"], f"{item['holds']} of {item['rows']}", item["residual"].text, item["at"])
    screen.print(table)
    _legend(screen, LEGENDS["identities"])
