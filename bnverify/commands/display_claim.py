"""One claim on a terminal: the writer of the blocks of `bnverify.theory.writing.blocks`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from itertools import takewhile
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bnverify.commands.display import verdict_text
from bnverify.theory.writing.blocks import (
    Arrows,
    Block,
    Cells,
    Code,
    Facts,
    Fold,
    Formula,
    Judged,
    Lines,
    Page,
    Part,
    Quote,
    Values,
    Words,
)
from bnverify.theory.writing.difference import marked
from bnverify.theory.writing.words import plain

FIRST = (
    "What it says",
    "Is it true?",
    "What is true instead",
    "Why",
    "As a picture",
    "What it means for your network",
)
"""Parts of a page before its evidence; `show --short` ends with the corrected statement and the meaning."""
SHORT = ("What it says", "Is it true?", "What is true instead", "What it means for your network")
CODES = ("LaTeX", "Certificate and witnesses")


def show_page(page: Page, out: Console, short: bool = False, everything: bool = False) -> None:
    """Print a page. short: the verdict and what is true alone. everything: also what is folded, LaTeX, certificates."""
    out.print(Text(f"{page.id}  {plain(page.title)}", style="bold"))
    out.print(Text(plain(page.place), style="dim"))
    part, quotes = "", []
    # Where there is a formula it says the same, and the verdict has to be on the first screen.
    says = takewhile(lambda block: block != Part(FIRST[1]), page.blocks)
    in_words = not any(isinstance(block, Formula) for block in says)
    for block in _first_things_first(page.blocks):
        if isinstance(block, Part) and block.level == 2:
            part = block.title
        if short and (part not in SHORT or isinstance(block, Facts | Quote)):
            if isinstance(block, Quote) and part == FIRST[0] and in_words:
                _print(out, block, 2)
            continue
        if isinstance(block, Quote) and part == FIRST[0] and not in_words:
            quotes.append(block)
            continue
        if part not in FIRST and quotes:
            out.print(Text("\nThe words of the source", style="bold underline"))
            _print(out, quotes.pop(), 2)
        if everything or not (
            isinstance(block, Fold | Arrows) or (part in CODES and not isinstance(block, Facts | Part))
        ):
            if not everything and isinstance(block, Part) and block.title in ("LaTeX", "As a picture"):
                continue
            _print(out, block, 2, everything)
    for quote in quotes:
        if not short:
            out.print(Text("\nThe words of the source", style="bold underline"))
            _print(out, quote, 2)


def _first_things_first(blocks: Iterable[Block]) -> Iterator[Block]:
    """The verdict's scope and assumptions after what is true instead, which belongs right under the verdict."""
    held: list[Block] = []
    part = ""
    for block in blocks:
        if isinstance(block, Part):
            part = block.title
            if held and part != "What is true instead":
                yield from held
                held = []
        if isinstance(block, Facts) and part == "Is it true?":
            held.append(block)
            continue
        yield block
    yield from held


def _print(out: Console, block: Block, by: int, everything: bool = False) -> None:
    for body, deeper in _written(block, everything):
        if isinstance(body, Text) and not body.plain:
            out.print()
        elif isinstance(body, Text) and deeper < 0:
            out.print(body, soft_wrap=True)
        else:
            indent = 0 if isinstance(block, Part) else by
            out.print(Padding(body, (0, 0, 0, indent + max(deeper, 0)), expand=False))


def _written(block: Block, everything: bool) -> Iterator[tuple[Text | Table, int]]:
    """What is printed of a block, each with its further indentation; below 0 where no line may be broken."""
    match block:
        case Part(title, level):
            yield Text(), 0
            yield Text(plain(title), style="bold underline" if level == 2 else "bold"), 0
        case Words(text, muted):
            yield Text(plain(text).replace("`", ""), style="dim" if muted else ""), 0
        case Judged(lead, word, tight, why):
            judged = Text(f"{lead}: " if lead else "")
            judged.append_text(verdict_text(word))
            yield judged.append(f"{', an equality' if tight else ''}. {plain(why)}"), 0
        case Formula(_, text, given, _, against):
            shown = Text(style="bold")
            for piece, new in marked(text, against) if against else [(text, False)]:
                shown.append(piece, style="green underline" if new else "")
            yield shown, 2
            for _, condition in given:
                yield Text(f"if {condition}"), 2
        case Quote(text, where):
            yield Text(text), 0
            yield Text(f"({plain(where)})", style="dim"), 0
        case Facts(rows):
            for name, text in rows:
                yield Text(f"{name.capitalize()}: {plain(text).replace('`', '')}"), 0
        case Lines(items, numbered):
            for number, item in enumerate(items, 1):
                yield Text(f"{number}. {plain(item)}" if numbered else f"- {plain(item)}"), 0
        case Values(pairs):
            yield Text(", ".join(text for _, text in pairs)), 2
        case Code(text, _):
            yield Text(text), -1
        case Cells(rows):
            yield _table(rows), 0
        case Arrows(_, caption):
            yield Text(plain(caption)), 0
        case Fold(title, inside):
            yield Text(plain(title), style="bold"), 0
            for one in inside:
                yield from _written(one, everything)


def _table(rows: Iterable[Mapping[str, Any]]) -> Table:
    """Size, interval and answer of every network, and of every part of the training."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for head in ("", "of / against", "size [95 %], seeds as claimed", ""):
        table.add_column(head)
    for cell in rows:
        of = f"{cell['of']} / {cell['against']}"
        table.add_row(
            Text(cell["name"]), Text(of), Text(cell.get("size", cell["missing"])), verdict_text(cell["word"])
        )
    return table
