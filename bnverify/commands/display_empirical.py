"""One empirical claim in full on a terminal: the paper's words, our badge, and what would change it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnverify.commands.display import scope_text, spelt, verdict_text
from bnverify.theory.writing.readers import for_readers

if TYPE_CHECKING:
    from bnverify.theory.store import Stored


def show_empirical(entry: Stored, out: Console) -> None:
    """Print quotation, verdict, the endpoint fixed beforehand, and for every result its size, seeds and origin."""
    item, detail = entry.item, entry.detail
    measured = detail["measured"]
    out.print(Text(f"{item['id']}  {item['title']}", style="bold"))
    out.print(Text(f"{item['kind']}; {item['where']}", style="dim"))
    if meaning := for_readers(item["id"]):
        out.print(Text(spelt(meaning)))
    out.print()
    verdict = Text("By training runs: ")
    verdict.append_text(verdict_text(item["verdict"]))
    out.print(verdict.append(f". {detail['why']}."))
    out.print(Text(f"Scope: {scope_text(item['scope'])}"))
    _part(out, "The paper's words", [item["quotation"]] if item["quotation"] else [])
    _part(out, "The paper's size", [measured["paper"]] if measured["paper"] else [])
    _part(out, "What is measured", [f"{spelt(measured['what'])}."])
    asked = f"{measured['endpoint']}; {measured['asked']} seeds"
    _part(
        out, "What has to hold, fixed beforehand in notes/preregistration-2.toml", [asked, measured["argued"]]
    )
    _part(out, "How its words are read", [f"- {spelt(text)}" for text in item["assumptions"]])
    for data in item["readings"]:
        _result(out, data)
    earlier = [f"{word} ({run})" for run, word in measured["earlier"]]
    _part(out, "What the first version of the rules said", ["; ".join(earlier)] if earlier else [])
    _part(out, "Remarks", [f"- {spelt(text)}" for text in detail["remarks"]])


def _part(out: Console, heading: str, lines: list[str]) -> None:
    if lines:
        out.print()
        out.print(Text(heading, style="bold underline"))
        for line in lines:
            out.print(Padding(Text(line), (0, 0, 0, 2), expand=False))


def _result(out: Console, data: dict[str, Any]) -> None:
    made = data["data"]
    out.print()
    out.print(Text(f"Runs {data['slug']}", style="bold underline"))
    lines = [
        data["summary"],
        f"scale {made['scale']}, {made['seeds']} seeds of {made['asked']} that the power asks for, {made['data set']}",
        f"p = {made['p']:g}, {made['p_holm']:g} after Holm over the primary endpoints",
        f"would change it: {made['change']}",
        f"made by `{made['command']}` on {made['date']}: {made['machine']}",
        *([f"note: {made['note']}"] if made["note"] else []),
    ]
    for line in lines:
        out.print(Padding(Text(line), (0, 0, 0, 2), expand=False))
    out.print(Padding(comparisons([*made["cells"], *made["parts"]]), (0, 0, 0, 2), expand=False))


def comparisons(cells: list[dict[str, Any]]) -> Table:
    """Size, interval and answer of every network, and of every part of the training."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("", "statistic", "of / against", "size [95 %], seeds as claimed", ""):
        table.add_column(head)
    for cell in cells:
        table.add_row(
            Text(cell["name"]),
            Text(cell["statistic"]),
            Text(f"{cell['of']} / {cell['against']}"),
            Text(cell.get("size", cell["missing"])),
            verdict_text(cell["word"]),
        )
    return table
