"""The page of the reproduction: claims with every cell and seed, figures, insertions, protocols, networks,
definitions. From a folder of runs, or from summaries alone."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from bnverify.experiments.judge import summary, verdicts
from bnverify.experiments.judge.rules import NOTES, registered
from bnverify.experiments.judge.verdicts import Judged
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report import labels
from bnverify.experiments.report import reproduction_content as content
from bnverify.experiments.report.content import Table
from bnverify.experiments.report.notes_page import Link, body
from bnverify.experiments.report.pages import render
from bnverify.experiments.run import record
from bnverify.experiments.run.record import Row, Run
from markupsafe import Markup

from bnverify.base.errors import InputError
from bnverify.base.files import finite, write_text

PAGE = "index.html"
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Figure:
    """One figure of the paper as measured: inline SVG, its caption, its width in pixels and its vector file."""

    name: str
    caption: str
    svg: Markup
    width: int
    file: str | None


@dataclass(frozen=True)
class FromRuns:
    """What a folder of runs adds to its summary. missing: a line for everything that is not at its end. compact: it
    keeps statistics alone. band: see `reproduction_runs.band_over_rates`."""

    figures: tuple[Figure, ...]
    networks: tuple[tuple[str, Table], ...]
    insertions: tuple[tuple[str, Table], ...]
    missing: tuple[str, ...]
    compact: bool
    band: tuple[str, str] | None


@dataclass(frozen=True)
class Written:
    """Where the page is, what is missing from it, and how to go on."""

    page: Path
    judged: int
    missing: tuple[str, ...]
    resume: str


def summaries(folder: Path = NOTES / "results") -> tuple[content.Source, ...]:
    """The committed summaries of these rules, by name; none where there is none."""
    paths = sorted(folder.glob("runs-*.json"))
    found = {path.stem.removeprefix("runs-"): summary.read(path) for path in paths}
    titles = labels.titles({name: one["data"] for name, one in found.items()})
    return tuple(content.Source(name, titles[name], one) for name, one in found.items())


def html(
    sources: Sequence[content.Source],
    runs: FromRuns | None = None,
    home: str | None = None,
    link: Link = lambda name: None,
) -> str:
    """The page as text. home: a page to lead back to. link: where a claim has a page of its own, if anywhere."""
    return render(
        "reproduction.html",
        sources=sources,
        claims=content.claims(sources),
        others={name for name in registered().claims if ":" in name},
        effects=[(one, content.effects(one.summary)) for one in sources],
        tallies=[Counter(claim["verdict"] for claim in one.summary["claims"]) for one in sources],
        protocols=[
            (one, (*content.protocols(one.summary), *([runs.band] if runs and runs.band else [])))
            for one in sources
        ],
        diverged=labels.diverged,
        runs=runs,
        drawn={figure.name for figure in runs.figures} if runs else set(),
        definitions=definitions(),
        version=version("bnverify"),
        home=home,
        link=link,
    )


def definitions(path: Path = NOTES / "definitions.md") -> Markup | None:
    """The table of definitions, its headings one level down; None where the file is not installed."""
    if not path.is_file():
        return None
    text = re.sub(r"^# .*\n", "", path.read_text(encoding="utf-8"))
    return body(re.sub(r"(?m)^## ", "### ", text))


def write(
    folder: Path, out: Path | None = None, progress: Progress = lambda stage, done, total: None
) -> Written:
    """Write the page of the reproduction in ``folder`` to ``out``/index.html, ``folder``/index.html by default.

    Raises:
        InputError: the folder holds no runs, none of them has ended, no claim rests on them, they cannot be judged
            together, or the page cannot be written.
    """
    runs = record.runs_under(folder)
    ended = [run for run in runs if run.result is not None]
    resume = f"`bnverify reproduce --out {folder} --resume`, with the options it was begun with"
    if not ended:
        raise InputError(f"none of the {len(runs)} runs in {folder} has ended; go on with {resume}")
    from bnverify.experiments.report import reproduction_runs

    progress("runs", 1, 1)
    missing = reproduction_runs.missing(runs, folder)
    judged = verdicts.judge(registered(), runs, common=bool(missing))
    if all(one.verdict == "not-run" for one in judged):
        raise InputError(
            f"no claim rests on the {len(ended)} runs in {folder}; name a folder that bnverify reproduce wrote"
        )
    progress("verdicts", 1, 1)
    place = out or folder
    source = content.source(folder.resolve().name, _summary(folder, runs, judged))
    text = html((source,), from_runs(folder, place, runs, missing, progress))
    write_text(place / PAGE, text)
    progress("page", 1, 1)
    return Written(place / PAGE, sum(one.verdict != "not-run" for one in judged), missing, resume)


def _summary(folder: Path, runs: list[Run], judged: list[Judged]) -> Row:
    """The summary as it would be written now, with the command of the one that is there."""
    path = folder / "summary.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    command = kept.get("command", "unknown; the reproduction has not come to its end")
    found: Row = finite(summary.summarise(registered(), runs, judged, command, kept.get("note", "")))
    return found


def from_runs(
    folder: Path, place: Path, runs: list[Run], missing: tuple[str, ...], progress: Progress = lambda *_: None
) -> FromRuns:
    """Everything that a page shows beyond the summary."""
    from bnverify.experiments.report import reproduction_runs as read

    shelf = Shelf(runs)
    tables = (
        ("VGG", read.insertions(shelf, "insert", 0.1)),
        ("DLN", read.insertions(shelf, "insert-dln", 1e-6)),
    )
    return FromRuns(
        figures(shelf, folder, place, progress),
        tuple((title, table) for title in read.GROUPS if (table := read.networks(runs, title)).rows),
        tuple((name, table) for name, table in tables if table is not None),
        missing,
        shelf.compact,
        read.band_over_rates(runs, bool(missing)),
    )


def figures(
    shelf: Shelf, folder: Path, place: Path, progress: Progress = lambda *_: None
) -> tuple[Figure, ...]:
    """Every figure whose runs are there, inline."""
    from bnverify.experiments import figures as drawn
    from bnverify.experiments.figures import style
    from bnverify.experiments.report.plots import themed

    made = []
    with _inline():
        for name, figure in drawn.draw(shelf):
            stem = name.replace("_", "-")
            caption = drawn.caption(name)
            svg = themed(figure, stem, caption, style.inks())
            file = f"figures/{stem}.pdf"
            there = place == folder and (folder / file).exists()
            made.append(
                Figure(stem, caption, Markup(svg), round(figure.get_figwidth() * 96), file if there else None)
            )
            progress("figures", len(made), len(drawn.plates()))
    return tuple(made)


@contextmanager
def _inline() -> Iterator[None]:
    """The figures' own look, with text as text: the page's fonts, and a third of the bytes."""
    import matplotlib as mpl
    from bnverify.experiments.figures import style

    with style.look(), mpl.rc_context({"svg.fonttype": "none"}):
        yield
