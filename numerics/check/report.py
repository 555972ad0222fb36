"""Findings as tables, lines and JSON."""

from __future__ import annotations

from typing import Any

from bnverify.numerics.check.replay import Replayed
from bnverify.numerics.check.run import LEVELS, ClaimFindings, LossFindings, StatementFindings
from bnverify.numerics.measure.sides import Finding
from rich.console import Console
from rich.table import Table
from rich.text import Text

COUNTS = {
    Finding.HOLDS: "holds",
    Finding.VIOLATED: "violated",
    Finding.WITHIN_ROUNDOFF: "rounding",
    Finding.OUTSIDE_ASSUMPTIONS: "outside",
    Finding.ERROR: "error",
}
SIGNS = {"le": "≤", "lt": "<", "eq": "="}
_STYLES = {"proved": "green", "refuted": "red", "conditional": "yellow", "open": "magenta"}


def _share(part: int, whole: int) -> str:
    if not whole:
        return "–"
    percent = 100 * part / whole
    return f"{percent:.0f}%" if percent in (0, 100) else f"{min(max(percent, 0.1), 99.9):.1f}%"


def _spread(quantiles: tuple[float, ...]) -> str:
    """Median and, in brackets, the 5% and 95% quantiles."""
    if not quantiles:
        return "–"
    low, middle, high = (quantiles[LEVELS.index(level)] for level in (0.05, 0.5, 0.95))
    return f"{middle:.2g} [{low:.2g}, {high:.2g}]"


def in_words(statement: StatementFindings) -> str:
    """One sentence: what the numbers say of a statement."""
    if statement.why_not:
        return f"not checkable numerically: {statement.why_not}"
    violated, held = statement.count(Finding.VIOLATED), statement.count(Finding.HOLDS)
    inside = statement.inside
    if statement.exists:
        odd = "CONTRADICTS its certificate: " if statement.contradiction else ""
        return f"{odd}there is such an instance: {held} of {inside} random ones are"
    if statement.contradiction:
        return f"CONTRADICTS its certificate: violated at {violated} of {inside} instances inside its assumptions"
    if not inside:
        return "no instance met its hypotheses"
    if statement.verdict == "refuted":
        if not violated:
            return f"refuted, though none of {inside} random instances shows it beyond rounding"
        return f"fails at {_share(violated, inside)} of {inside} instances inside its assumptions"
    if not held:
        return f"undecided: rounding explains both sides at all {inside} instances inside; more digits are needed"
    seen = "as the equality it is" if statement.tight else "as stated"
    return f"holds, {seen}, at {held} of {inside} instances inside its assumptions; none violates it"


def show(claims: list[ClaimFindings], out: Console) -> None:
    """One table per statement, then what replays its worst instance, then a summary."""
    for claim in claims:
        out.print(
            Text.assemble(
                (claim.id, "bold"), f"  {claim.title}  ", (claim.verdict, _STYLES.get(claim.verdict, ""))
            )
        )
        for statement in claim.statements:
            _show_statement(statement, claim, out)
        if not claim.statements:
            out.print(
                f"  nothing to check on random instances; `bnverify show {claim.id}` says what it rests on"
            )
        out.print()
    out.print(_summary(claims))


def _show_statement(statement: StatementFindings, claim: ClaimFindings, out: Console) -> None:
    sign = SIGNS.get(statement.tested_as, statement.tested_as)
    out.print(Text(f"\n  {statement.slug}: {statement.statement}", style="cyan"))
    out.print(f"  {in_words(statement)}" + ("" if statement.why_not else f"  (tested as {sign})"))
    if statement.why_not:
        return
    shown = [
        finding for finding in Finding if finding < Finding.OUTSIDE_ASSUMPTIONS or statement.count(finding)
    ]
    equality = statement.tested_as == "eq"
    table = Table(box=None, pad_edge=False, header_style="dim", padding=(0, 2, 0, 0))
    table.add_column("  loss downstream", no_wrap=True)
    heads = ["instances", "non-vacuous", *(COUNTS[finding] for finding in shown)]
    for head in (*heads, "slack/scale" if equality else "slack/|bound|"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("worst", no_wrap=True)
    for loss in statement.losses:
        counts = [str(loss.counts[finding.name]) for finding in shown]
        slack = _spread(loss.slack_scale if equality else loss.slack_bound)
        share = _share(loss.non_vacuous, loss.trials)
        place = "–" if loss.worst is None else f":{loss.worst.index}"
        table.add_row(f"  {loss.loss}", str(loss.trials), share, *counts, slack, place)
    out.print(table)
    graded = [loss.worst for loss in statement.losses if loss.worst is not None]
    if graded:
        bad = [worst for worst in graded if worst.finding == Finding.VIOLATED.name] or graded
        worst = min(bad, key=lambda w: w.slack / (abs(w.lhs) + abs(w.rhs) or 1.0))
        sides = f"{worst.lhs:.6g} {sign} {worst.rhs:.6g}"
        out.print(f"  {worst.finding}, {sides}: {claim.replay(worst)}", soft_wrap=True)


def _summary(claims: list[ClaimFindings]) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("claim", "statement", "certificate", "numbers"):
        table.add_column(head, no_wrap=head != "numbers")
    for claim in claims:
        for statement in claim.statements:
            text = Text(in_words(statement), style="bold red" if statement.contradiction else "")
            verdict = Text(statement.verdict, style=_STYLES.get(statement.verdict, ""))
            table.add_row(claim.id, statement.slug, verdict, text)
    return table


def as_data(claims: list[ClaimFindings]) -> list[dict[str, Any]]:
    """The findings without their samples, for ``--json``."""
    return [
        {
            "id": claim.id,
            "title": claim.title,
            "verdict": claim.verdict,
            "contradiction": claim.contradiction,
            "trials": claim.trials,
            "seed": claim.seed,
            "dtype": claim.dtype,
            "device": claim.device,
            "seconds": round(claim.seconds, 3),
            "statements": [_statement_data(statement, claim) for statement in claim.statements],
        }
        for claim in claims
    ]


def _statement_data(statement: StatementFindings, claim: ClaimFindings) -> dict[str, Any]:
    return {
        "slug": statement.slug,
        "role": statement.role,
        "statement": statement.statement,
        "summary": statement.summary,
        "admitted": statement.admitted,
        "certificate": statement.verdict,
        "tight": statement.tight,
        "tested_as": statement.tested_as,
        "exists": statement.exists,
        "checkable": not statement.why_not,
        "why_not": statement.why_not,
        "in_words": in_words(statement),
        "contradiction": statement.contradiction,
        "counts": {finding.name: statement.count(finding) for finding in Finding},
        "trials": statement.trials,
        "inside": statement.inside,
        "non_vacuous": statement.non_vacuous,
        "losses": [_loss_data(loss, claim) for loss in statement.losses],
    }


def _loss_data(loss: LossFindings, claim: ClaimFindings) -> dict[str, Any]:
    names = [f"{level:g}" for level in LEVELS]
    worst = loss.worst
    return {
        "loss": loss.loss,
        "trials": loss.trials,
        "inside": loss.inside,
        "non_vacuous": loss.non_vacuous,
        "counts": loss.counts,
        "slack_over_scale": dict(zip(names, loss.slack_scale, strict=False)),
        "slack_over_bound": dict(zip(names, loss.slack_bound, strict=False)),
        "worst": None
        if worst is None
        else {
            "instance": f"{worst.loss}:{worst.index}",
            "m": worst.m,
            "finding": worst.finding,
            "lhs": worst.lhs,
            "rhs": worst.rhs,
            "slack": worst.slack,
            "rounding_explains": worst.allowed,
            "replay": claim.replay(worst),
        },
    }


def show_replayed(name: str, instance: str, items: list[Replayed], out: Console) -> None:
    """One instance and both sides of every statement at it."""
    out.print(Text.assemble((name, "bold"), f" at {instance}"))
    shown: dict[str, Any] = {}
    for item in items:
        if item.instance and item.instance != shown:
            shown = item.instance
            for key, value in shown.items():
                out.print(f"  {key} = {_numbers(value)}", style="dim")
        out.print(Text(f"\n  {item.slug}: {item.statement}", style="cyan"))
        if item.why_not:
            out.print(f"  {item.why_not}")
            continue
        out.print(f"  {item.finding}: left {item.lhs:.17g}, right {item.rhs:.17g}")
        out.print(f"  right - left = {item.slack:.6g}; rounding explains {item.allowed:.3g}")
        for term, value in item.terms.items():
            out.print(f"    {term} = {value:.10g}", style="dim")
    out.print()


def _numbers(value: Any) -> str:
    if isinstance(value, list):
        return "(" + ", ".join(f"{x:.6g}" for x in value) + ")"
    return f"{value:.10g}"
