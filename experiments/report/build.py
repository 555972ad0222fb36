"""The report from nothing: evidence, random batches, the real case, then the folder of pages."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from bnverify.experiments.report import digits_case, digits_page, mutants_page, reproduction_page
from bnverify.experiments.report.content import (
    INLINE,
    Entry,
    Note,
    Report,
    entries_of,
    environment_of,
)
from bnverify.experiments.report.digits_case import DigitsCase
from bnverify.experiments.report.folder import MARK, building, require_free
from bnverify.experiments.report.notes_page import body
from bnverify.experiments.report.pages import render
from bnverify.experiments.report.random_batches import measured
from bnverify.numerics.check.run import ClaimFindings, check_claims, validated
from bnverify.numerics.tester import kills
from bnverify.numerics.tester.mutants import Row
from bnverify.theory import store
from bnverify.theory.derivations import derivations
from bnverify.theory.notes import errata
from bnverify.theory.registry import registry

from bnverify.base.errors import InputError

MADE_BY = "bnverify report"
REPRODUCTION = "reproduction.html"

NOTES: dict[str, tuple[str, Callable[[dict[str, store.Stored]], str]]] = {
    "errata": ("Errata", lambda entries: errata(entries.values())),
    "derivations": ("Derivations", derivations),
}
"""Further pages: their name, title, and what writes their Markdown from the stored evidence."""

Progress = Callable[[str, int, int], None]


def build(
    out: Path,
    trials: int = 10_000,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress = lambda stage, done, total: None,
) -> Report:
    """Write the report to ``out``, whole or not at all.

    Args:
        trials: random instances per theorem.
        seed: of the instances and of the real case.
        progress: called with (stage, done, total).

    Raises:
        InputError: fewer than one trial, a device that is not there, no stored evidence, a folder that cannot be
            written or holds something else.
    """
    started = time.perf_counter()
    validated(trials, device)
    require_free(out.expanduser().resolve(), MADE_BY)
    with building(out, MADE_BY) as work, _one_thread():
        report = compose(trials, seed, device, progress, started)
        write(report, work, progress)
    return report


@contextmanager
def _one_thread() -> Iterator[None]:
    """The batches are small: waiting for a second thread costs more than it brings."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def compose(trials: int, seed: int, device: str, progress: Progress, started: float) -> Report:
    """Everything the report says; nothing is written."""
    stored = store.load()
    if not stored:
        raise InputError("there is no stored evidence; `bnverify prove` derives it")
    killed = kills.load()
    names = checked(stored)
    findings = check_claims(
        names,
        trials=trials,
        seed=seed,
        device=device,
        progress=lambda done, total, what: progress("random batches", done, total),
    )
    recipe = digits_case.Recipe(seed=seed, device=device)
    units = digits_case.units(recipe)
    case = digits_case.run(recipe, lambda done: progress("a real network", done, units))
    rows, derived = mutants_page.judged(names, seed, lambda done, total: progress("mutants", done, total))
    pictures: dict[str, Any] = {}
    for index, one in enumerate(findings, 1):
        if (found := measured(one)) is not None:
            pictures[one.id] = found
        progress("pictures", index, len(findings) + 1)
    digits = digits_page.section(case)
    progress("pictures", len(findings) + 1, len(findings) + 1)
    environment = environment_of(seed, trials, device)
    environment["wall time"] = f"{time.perf_counter() - started:.0f} s"
    return Report(
        claims=entries_of(stored.values(), pictures, killed),
        kills=tuple(killed.values()),
        digits=digits,
        mutants=mutants_page.section(rows, derived),
        environment=environment,
        notes=_notes(stored),
        failures=(*_failures(findings, rows, derived, case), *mutants_page.failures(killed.values())),
        reproduction=reproduction_page.summaries(),
        commands=_commands(trials, seed, device, findings),
    )


def _failures(
    findings: list[ClaimFindings], rows: list[Row], derived: list[mutants_page.Derived], case: DigitsCase
) -> tuple[str, ...]:
    """One line for everything in which the numbers and the certificates disagree."""
    found = [f"{one.id}: random batches violate a proved statement" for one in findings if one.contradiction]
    found += [
        f"{row.statement.claim} {row.statement.about}: a mutant got away or a true one was convicted"
        for row in rows
        if not row.skipped and not row.sound
    ]
    found += [f"derivation, {name}: the mutant got away" for name, state, _ in derived if state == "survived"]
    for snapshot in case.snapshots:
        for layer in snapshot.layers:
            second = layer.second.statements if layer.second else ()
            found += [
                f"{layer.name} after {snapshot.step} steps: {one.key} is proved and fails in {one.failed} channels"
                for one in (*layer.statements, *second)
                if one.failed
            ]
    return tuple(found)


def _notes(stored: dict[str, store.Stored]) -> tuple[Note, ...]:
    """The notes whose evidence is stored."""
    found = []
    for name, (title, written) in NOTES.items():
        try:
            found.append(Note(title, f"{name}.html", written(stored)))
        except InputError:
            continue
    return tuple(found)


def checked(stored: Iterable[str]) -> list[str]:
    """The statements that random batches are drawn for: the named theorems."""
    return [name for name in stored if name.partition("-")[0] in INLINE and name in registry()]


def _commands(trials: int, seed: int, device: str, findings: list[ClaimFindings]) -> tuple[str, ...]:
    """What makes each part of the report again by itself."""
    where = "" if device == "cpu" else f" --device {device}"
    return (
        "bnverify prove",
        f"bnverify check {' '.join(one.id for one in findings)} --trials {trials} --seed {seed}{where}",
        f"bnverify mutants {' '.join(one.id for one in findings)} --seed {seed}",
        mutants_page.COMMAND,
        f"bnverify report --trials {trials} --seed {seed}{where}",
    )


def write(report: Report, folder: Path, progress: Progress = lambda stage, done, total: None) -> None:
    """All files of the report in an existing, empty folder; ``report.json`` lists the others and comes last."""
    pages = [entry for entry in report.claims if not entry.inline]
    total = len(pages) + 3
    texts = {
        "index.html": render(
            "index.html",
            report=report,
            lemma_link=lambda name: f"#lemma-{name}",
            claim_link=lambda name: _link(report, name),
            mutants_page=mutants_page.PAGE,
        ),
        "report.md": render("report.md", report=report),
    }
    trained = {claim["id"] for one in report.reproduction for claim in one.summary["claims"]}
    progress("pages", 2, total)
    for index, entry in enumerate(pages):
        texts[entry.href] = render(
            "claim.html",
            claim=entry,
            runs=REPRODUCTION if entry.item["id"] in trained else None,
            before=pages[index - 1].item["id"] if index else None,
            after=pages[index + 1].item["id"] if index + 1 < len(pages) else None,
            version=report.environment["bnverify"],
            lemma_link=lambda name: f"../index.html#lemma-{name}",
            claim_link=lambda name: _link(report, name, "../"),
            mutants_page=f"../{mutants_page.PAGE}",
        )
        progress("pages", index + 3, total)
    for note in report.notes:
        texts[note.href] = render(
            "note.html",
            title=note.title,
            body=body(note.markdown, lambda code: _link(report, code, page=True)),
            version=report.environment["bnverify"],
        )
    if report.kills:
        version = report.environment["bnverify"]
        texts[mutants_page.PAGE] = mutants_page.html(
            report.kills, version, lambda name: _link(report, name, page=True)
        )
    if report.reproduction:
        texts[REPRODUCTION] = reproduction_page.html(
            report.reproduction, home="index.html#verdicts", link=lambda name: _link(report, name, page=True)
        )
    figures = [picture for entry in report.claims for picture in entry.figures]
    figures += report.digits.figures if report.digits else ()
    texts |= {f"figures/{picture.name}.svg": picture.standalone for picture in figures}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    data = as_data(report) | {"files": sorted(texts)}
    (folder / MARK).write_text(
        json.dumps(_finite(data), ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    progress("pages", total, total)


def _link(report: Report, name: str, up: str = "", page: bool = False) -> str | None:
    """Where a statement stands, as seen from the first page; from another one with ``page``, ``up`` folders down."""
    entry = next((entry for entry in report.claims if entry.item["id"] == name), None)
    if entry is None:
        return None
    return f"{up}index.html{entry.href}" if entry.inline and (page or up) else f"{up}{entry.href}"


def as_data(report: Report) -> dict[str, Any]:
    """The report as plain data: the items as ``bnverify claims --json`` prints them, with detail and measurements."""
    return {
        "made_by": MADE_BY,
        "format": 1,
        "summary": report.summary,
        "tally": report.tally,
        "failures": list(report.failures),
        "environment": report.environment,
        "commands": list(report.commands),
        "claims": [_claim(entry) for entry in report.claims],
        "digits": report.digits.data if report.digits else None,
        "mutants": report.mutants.data if report.mutants else None,
        "kills": [mutants_page.data(one) for one in report.kills],
        "lemmas": report.lemmas,
    }


def _claim(entry: Entry) -> dict[str, Any]:
    return entry.item | {
        "heading": entry.heading,
        "stale": entry.stale,
        "detail": entry.detail,
        "measured": entry.measured.data if entry.measured else None,
    }


def _finite(value: Any) -> Any:
    """Numbers that are not finite become null, tuples lists."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return value
