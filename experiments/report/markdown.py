"""The report as one file of Markdown: the same pages by another writer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from bnverify.experiments.report.content import Picture, Report, Table
from bnverify.theory.writing.markdown import written
from bnverify.theory.writing.words import ascii_math


def text(report: Report) -> str:
    """The whole report."""
    return "\n\n".join(_parts(report)) + "\n"


def _parts(report: Report) -> Iterator[str]:
    yield "# What holds in “How Does Batch Normalization Help Optimization?”"
    yield report.summary
    if report.failures:
        yield "**A check failed.** Numbers and certificates disagree:"
        yield "\n".join(f"- {line}" for line in report.failures)
    yield "## Verdicts"
    for group in report.groups:
        yield f"### {group.title}"
        head = _row(["id", "verdict", "tight", "why", "scope"])
        rows = [
            _row(
                [e.item["id"], e.item["verdict"], "yes" if e.item["tight"] else "", e.detail["why"], e.scope]
            )
            for e in group.entries
        ]
        yield "\n".join([head, "|---|---|---|---|---|", *rows])
    if report.digits:
        yield "## A real network: bound versus actual at every BatchNorm layer"
        yield from map(ascii_math, report.digits.words)
        yield from map(table, report.digits.tables)
        yield from pictures(report.digits.figures)
    yield "## The claims"
    for entry in report.claims:
        yield written(entry.page, 3).rstrip()
        if entry.measured:
            yield "#### Measured on random batches"
            yield ascii_math(entry.measured.sentence)
            yield from pictures(entry.figures)
            yield from map(table, entry.measured.tables)
    yield "## What is trusted"
    yield "\n".join(f"- {name}: {ascii_math(said)}" for name, said in report.lemmas.items())
    yield "## How this was made"
    yield "\n".join(f"- {name}: {value}" for name, value in report.environment.items())
    yield "\n".join(["```", *report.commands, "```"])


def table(data: Table) -> str:
    """A table, its caption before it."""
    rule = "|" + "".join("---:|" if column.numeric else "---|" for column in data.columns)
    lines = [_row([column.name for column in data.columns]), rule, *map(_row, data.rows)]
    return "\n".join([*([ascii_math(data.caption), ""] if data.caption else []), *lines])


def _row(cells: Iterable[object]) -> str:
    return (
        "| "
        + " | ".join(ascii_math(str(cell)).replace("|", r"\|").replace("\n", " ") for cell in cells)
        + " |"
    )


def pictures(figures: Iterable[Picture]) -> Iterator[str]:
    """Pictures of the folder with their captions."""
    for picture in figures:
        caption = ascii_math(picture.caption)
        yield f"![{caption}](figures/{picture.name}.svg)\n\n{caption}"
