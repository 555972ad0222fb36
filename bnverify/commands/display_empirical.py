"""One empirical claim in full on a terminal: what was measured, by which margin, and every comparison."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnverify.commands.display import scope_text, spelt, verdict_text

if TYPE_CHECKING:
    from bnverify.theory.store import Stored

_STYLES = {"holds": "green", "fails": "red", "undecided": "magenta"}


def show_empirical(entry: Stored, out: Console) -> None:
    """Print quotation, verdict, the tests fixed beforehand, and for every summary its comparisons and what made it."""
    item, detail = entry.item, entry.detail
    out.print(Text(f"{item['id']}  {item['title']}", style="bold"))
    out.print(Text(f"{item['kind']}; {item['where']}", style="dim"))
    out.print()
    verdict = Text("By training runs: ")
    verdict.append_text(verdict_text(item["verdict"]))
    out.print(verdict.append(f". {detail['why']}."))
    out.print(Text(f"Scope: {scope_text(item['scope'])}"))
    if item["quotation"]:
        _part(out, "Quotation", [item["quotation"]])
    tests = [f"{number}. {test['plain']}" for number, test in enumerate(detail["measured"]["tests"], 1)]
    _part(out, "What is measured", [f"{spelt(detail['measured']['what'])}."])
    _part(out, "What has to hold, fixed beforehand in notes/preregistration.toml", tests)
    if detail["measured"]["paper"]:
        _part(out, "The paper gives", [detail["measured"]["paper"]])
    _part(out, "How its words are read", [f"- {spelt(text)}" for text in item["assumptions"]])
    for data, more in zip(item["readings"], detail["readings"], strict=True):
        _summary(out, data, more)
    _part(out, "Remarks", [f"- {spelt(text)}" for text in detail["remarks"]])


def _part(out: Console, heading: str, lines: list[str]) -> None:
    if lines:
        out.print()
        out.print(Text(heading, style="bold underline"))
        for line in lines:
            out.print(Padding(Text(line), (0, 0, 0, 2), expand=False))


def _summary(out: Console, data: dict[str, Any], more: dict[str, Any]) -> None:
    out.print()
    out.print(Text(f"Runs {data['slug']}", style="bold underline"))
    verdict = Text("  ")
    verdict.append_text(verdict_text(data["verdict"]))
    verdict.append("" if data["admitted"] else f"; does not count: {data['why']}")
    out.print(verdict)
    lines = [
        data["summary"],
        *(f"{name}: {'; '.join(where)}" for name, where in more["places"].items() if where),
    ]
    made = data["data"]
    lines += [f"p = {made['p']:g}, {made['p_holm']:g} after Holm over all claims of these runs"]
    lines += [f"made by `{made['command']}` on {made['date']}: {made['machine']}"]
    lines += [f"note: {made['note']}"] if made["note"] else []
    for line in lines:
        out.print(Padding(Text(line), (0, 0, 0, 2), expand=False))
    out.print(Padding(comparisons(made["cells"]), (0, 0, 0, 2), expand=False))


def comparisons(cells: list[dict[str, Any]]) -> Table:
    """Ratio, 95 % interval and p (after Holm over the tests of the claim) in every place where a test is made."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("statistic", "of / against", "rate", "phase"):
        table.add_column(head)
    for head in ("margin", "seeds", "ratio [95 %]", "p"):
        table.add_column(head, justify="right")
    table.add_column("")
    for cell in cells:
        table.add_row(
            Text(cell["statistic"]),
            Text(f"{cell['of']} / {_number(cell['against'])}"),
            f"{cell['learning rate']:g}",
            cell["phase"],
            Text(f"{cell['claim']} {cell['margin']:g}"),
            str(cell["seeds"]),
            Text(interval_text(cell)),
            "–" if cell["p_holm"] is None else f"{cell['p_holm']:.2g}",
            Text(
                cell["decision"] + (f"; {cell['missing']}" if cell["missing"] else ""),
                _STYLES[cell["decision"]],
            ),
        )
    return table


def _number(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def interval_text(cell: dict[str, Any]) -> str:
    """Ratio and interval with three digits; an end without bound is written as infinity."""
    if cell["interval"] is None:
        return "not measured"
    ratio, low, high = (
        "∞" if value is None else f"{value:.3g}" for value in (cell["ratio"], *cell["interval"])
    )
    return f"{ratio} [{low}, {high}]"
