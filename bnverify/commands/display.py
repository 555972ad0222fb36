"""What terminals show of claims: verdicts, scopes, the table, a line of ``prove``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len, set_cell_size
from rich.table import Table
from rich.text import Text

from bnverify.theory.writing.words import plain, scope_text

if TYPE_CHECKING:
    from rich.console import Console

    from bnverify.theory.derive import Derived
    from bnverify.theory.store import Stored

STYLES = {
    "proved": "green",
    "reproduced": "green",
    "refuted": "red",
    "opposite": "red",
    "no-effect": "red",
    "conditional": "yellow",
    "too-small": "yellow",
    "mixed": "yellow",
    "underpowered": "magenta",
    "open": "magenta",
}


def verdict_text(verdict: str) -> Text:
    return Text(verdict, style=STYLES.get(verdict, ""))


def claims_table(entries: list[Stored]) -> Table:
    """id, verdict, tight, scope and one line of why."""
    table = Table(box=None, pad_edge=False, header_style="bold", expand=True)
    table.add_column("id", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    table.add_column("tight", no_wrap=True)
    table.add_column("scope", ratio=2)
    table.add_column("why", ratio=3)
    for entry in entries:
        verdict = verdict_text(entry.verdict)
        scope = entry.item["scope"] if entry.claim.measured else dict(entry.claim.scope)
        table.add_row(
            Text(entry.id),
            verdict,
            "yes" if entry.tight else "",
            Text(scope_text(scope)),
            Text(plain(entry.why)),
        )
    return table


def stacked(entries: list[Stored]) -> Text:
    """id and verdict in a line and the reason below, where there is no room for a table."""
    text = Text()
    for entry in entries:
        text.append(f"{entry.id} ", style="bold").append_text(verdict_text(entry.verdict))
        text.append(f"\n  {plain(entry.claim.why)}\n")
    text.rstrip()
    return text


def print_short(entries: list[Stored], out: Console) -> None:
    """id, verdict and one line of why, cut at the width of a terminal and whole in a file or a pipe."""
    if out.is_terminal:
        out.print(_short_table(entries, out))
        return
    first = max((len(entry.id) for entry in entries), default=0)
    second = max((len(entry.verdict) for entry in entries), default=0)
    for entry in entries:
        line = Text(f"{entry.id:<{first}}  {entry.verdict:<{second}}  ").append_text(_why(entry))
        out.print(line, soft_wrap=True)


def _short_table(entries: list[Stored], out: Console) -> Table:
    first = max((len(entry.id) for entry in entries), default=0)
    second = max((len(entry.verdict) for entry in entries), default=0)
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(min_width=first, no_wrap=True)
    table.add_column(min_width=second, no_wrap=True)
    table.add_column(no_wrap=True)
    for entry in entries:
        why = _cut(_why(entry).plain, out.width - first - second - 4, out.encoding)
        table.add_row(Text(entry.id), verdict_text(entry.verdict), Text(why))
    return table


def _cut(text: str, room: int, encoding: str) -> str:
    """The text as a terminal of that encoding writes it, with an ellipsis where it is cut."""
    text, end = (piece.encode(encoding, "spelt").decode(encoding) for piece in (text, "…"))
    return text if cell_len(text) <= room else set_cell_size(text, max(room - len(end), 0)) + end


def _why(entry: Stored) -> Text:
    said = "equality" in entry.why or "identity" in entry.why
    return Text(plain(entry.why) + (", an equality" if entry.tight and not said else ""))


def _runs(names: tuple[str, ...]) -> str:
    return f"by the runs {', '.join(names)}" if names else "by no runs yet"


def prove_line(derived: Derived) -> Text:
    """One line on a claim that was judged afresh."""
    line = Text(f"{derived.id:<24} ")
    if not derived.failures:
        line.append_text(verdict_text(f"{derived.verdict:<15}"))
        line.append(f" {derived.seconds:6.2f} s" if derived.runs is None else f" {_runs(derived.runs)}")
        return line
    line.append("does not verify", style="bold red")
    line.append(f" {derived.seconds:6.2f} s")
    for failure in derived.failures:
        line.append(f"\n    {failure}")
    return line
