"""A page in Markdown, its formulas in LaTeX between dollar signs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

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
from bnverify.theory.writing.words import ascii_math


def written(page: Page, level: int = 1) -> str:
    """The page; its title is a heading of ``level``."""
    head = f"{'#' * level} {ascii_math(page.title)}\n\n`{page.id}`, {ascii_math(page.place)}"
    return "\n\n".join([head, *_blocks(page.blocks, level)]) + "\n"


def _blocks(blocks: Iterable[Block], level: int) -> Iterator[str]:
    for block in blocks:
        yield from _block(block, level)


def _block(block: Block, level: int) -> Iterator[str]:
    match block:
        case Part(title, deep):
            yield f"{'#' * (level + deep - 1)} {ascii_math(title)}"
        case Words(text):
            yield ascii_math(text)
        case Judged(lead, word, tight, why):
            said = f"**{word}**{', an equality' if tight else ''}. {ascii_math(why)}"
            yield f"{lead}: {said}" if lead else said
        case Formula(latex, _, given):
            yield f"$$\n{latex}\n$$"
            for condition, _ in given:
                yield f"if ${condition}$"
        case Quote(text, where):
            yield "\n".join(
                f"> {line}".rstrip() for line in [*text.strip().splitlines(), "", f"({ascii_math(where)})"]
            )
        case Facts(rows):
            yield "\n".join(f"- {name}: {ascii_math(text)}" for name, text in rows)
        case Lines(items, numbered):
            yield "\n".join(
                f"{i if numbered else '-'}{'.' if numbered else ''} {ascii_math(t)}"
                for i, t in enumerate(items, 1)
            )
        case Values(pairs):
            yield ", ".join(f"${latex}$" for latex, _ in pairs)
        case Code(text, language):
            yield f"```{language.lower()}\n{text}\n```"
        case Cells(rows):
            lines = ["| | of / against | size, 95 % | |", "|---|---|---:|---|"]
            lines += [
                f"| {row['name']} | {row['of']} / {row['against']} | {row.get('size', row['missing'])} | "
                f"{row['word']} |"
                for row in rows
            ]
            yield "\n".join(lines)
        case Arrows(_, caption):
            yield ascii_math(caption)
        case Fold(title, inside):
            yield f"{'#' * (level + 2)} {ascii_math(title)}"
            yield from _blocks(inside, level)
