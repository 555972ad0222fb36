"""The report from nothing: evidence, random batches, the real case, then the folder of pages.

Without torch and matplotlib it is the pages of the theory alone.
"""

from __future__ import annotations

import importlib.util
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bnverify.experiments.report import html, markdown
from bnverify.experiments.report.content import NAMED, Entry, Note, Report, entries_of, environment_of
from bnverify.experiments.report.folder import MARK, building, require_free
from bnverify.experiments.report.mathml import contrasted, mathml
from bnverify.experiments.report.notes_page import body
from bnverify.experiments.report.pages import render
from bnverify.theory import store
from bnverify.theory.derivations import derivations
from bnverify.theory.notes import PREFACE, erroneous, in_source_order, source_of
from bnverify.theory.registry import registry
from bnverify.theory.results import NOTES as FOLDER
from bnverify.theory.writing.claim_page import corrected, like, name_of, printed
from markupsafe import Markup

from bnverify.base.errors import InputError
from bnverify.base.files import finite

if TYPE_CHECKING:
    from bnverify.experiments.report.digits_case import DigitsCase
    from bnverify.numerics.check.run import ClaimFindings

MADE_BY = "bnverify report"
REPRODUCTION = "reproduction.html"
TRUSTED = (
    "Certificates are exact identities in an algebra that holds for every batch size, derived from the definition of "
    "BatchNorm; counterexamples are exact points, differentiated by another route. Besides these, proofs rest on the "
    "following facts, each named where it is used."
)

NOTES: dict[str, tuple[str, Callable[[dict[str, store.Stored]], str]]] = {
    "derivations": ("Derivations", derivations),
    "conjectures": (
        "Conjectures, decided",
        lambda entries: (FOLDER / "conjectures.md").read_text(encoding="utf-8"),
    ),
}
"""Further pages: their name, title, and what writes their Markdown from the stored evidence."""

Progress = Callable[[str, int, int], None]


def measuring() -> bool:
    """Whether what random batches and a real network need is installed."""
    return all(importlib.util.find_spec(name) for name in ("torch", "matplotlib", "sklearn"))


def build(
    out: Path,
    trials: int = 4_000,
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
    if trials < 1:
        raise InputError(f"--trials {trials}: at least 1 is needed")
    require_free(out.expanduser().resolve(), MADE_BY)
    if measuring():
        from bnverify.numerics.check.run import validated

        validated(trials, device)
    with building(out, MADE_BY) as work:
        report = compose(trials, seed, device, progress, started)
        write(report, work, progress)
    return report


@contextmanager
def _one_thread() -> Iterator[None]:
    """The batches are small: waiting for a second thread costs more than it brings."""
    import torch

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
    environment = environment_of(seed, trials, device)
    notes = tuple(Note(title, f"{name}.html", made(stored)) for name, (title, made) in NOTES.items())
    if not measuring():
        return Report(entries_of(stored.values(), {}), None, environment, ("bnverify prove",), notes)
    from bnverify.experiments.report import digits_case, digits_page, reproduction_page
    from bnverify.experiments.report.random_batches import measured
    from bnverify.numerics.check.run import check_claims

    with _one_thread():
        findings = check_claims(
            checked(stored),
            trials=trials,
            seed=seed,
            device=device,
            progress=lambda done, total, what: progress("random batches", done, total),
        )
        recipe = digits_case.Recipe(seed=seed, device=device)
        units = digits_case.units(recipe)
        case = digits_case.run(recipe, lambda done: progress("a real network", done, units))
    pictures: dict[str, Any] = {}
    for index, one in enumerate(findings, 1):
        if (found := measured(one)) is not None:
            pictures[one.id] = found
        progress("pictures", index, len(findings) + 1)
    digits = digits_page.section(case)
    progress("pictures", len(findings) + 1, len(findings) + 1)
    environment["wall time"] = f"{time.perf_counter() - started:.0f} s"
    return Report(
        claims=entries_of(stored.values(), pictures),
        digits=digits,
        environment=environment,
        notes=notes,
        failures=_failures(findings, case),
        reproduction=reproduction_page.summaries(),
        commands=_commands(trials, seed, device, findings),
    )


def _failures(findings: list[ClaimFindings], case: DigitsCase) -> tuple[str, ...]:
    """One line for everything in which the numbers and the certificates disagree."""
    found = [f"{one.id}: random batches violate a proved statement" for one in findings if one.contradiction]
    for snapshot in case.snapshots:
        for layer in snapshot.layers:
            second = layer.second.statements if layer.second else ()
            found += [
                f"{layer.name} after {snapshot.step} steps: {one.key} is proved and fails in {one.failed} channels"
                for one in (*layer.statements, *second)
                if one.failed
            ]
    return tuple(found)


def checked(stored: Iterable[str]) -> list[str]:
    """The statements that random batches are drawn for: the named theorems."""
    return [name for name in stored if name.partition("-")[0] in NAMED and name in registry()]


def _commands(trials: int, seed: int, device: str, findings: list[ClaimFindings]) -> tuple[str, ...]:
    """What makes each part of the report again by itself."""
    where = "" if device == "cpu" else f" --device {device}"
    return (
        "bnverify prove",
        f"bnverify check {' '.join(one.id for one in findings)} --trials {trials} --seed {seed}{where}",
        "bnverify mutants",
        f"bnverify report --trials {trials} --seed {seed}{where}",
    )


def write(report: Report, folder: Path, progress: Progress = lambda stage, done, total: None) -> None:
    """All files of the report in an existing, empty folder; ``report.json`` lists the others and comes last."""
    texts = {"report.md": markdown.text(report)} | _sheets(report)
    total = len(report.claims) + 3
    trained = {claim["id"] for one in report.reproduction for claim in one.summary["claims"]}
    known = {entry.item["id"]: entry.href for entry in report.claims}
    progress("pages", 2, total)
    for index, entry in enumerate(report.claims):
        texts[entry.href] = render(
            "claim.html",
            claim=entry,
            body=html.written(entry.page.blocks, lambda name: f"../{known[name]}" if name in known else None),
            runs=REPRODUCTION if entry.item["id"] in trained else None,
            before=report.claims[index - 1].item["id"] if index else None,
            after=report.claims[index + 1].item["id"] if index + 1 < len(report.claims) else None,
            version=report.environment["bnverify"],
        )
        progress("pages", index + 3, total)
    figures = [picture for entry in report.claims for picture in entry.figures]
    figures += report.digits.figures if report.digits else ()
    texts |= {f"figures/{picture.name}.svg": picture.standalone for picture in figures}
    for name, text in texts.items():
        path = folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    data = as_data(report) | {"files": sorted(texts)}
    (folder / MARK).write_text(
        json.dumps(finite(data), ensure_ascii=False, indent=1, allow_nan=False) + "\n", encoding="utf-8"
    )
    progress("pages", total, total)


def _sheets(report: Report) -> dict[str, str]:
    """Every page but those of the claims."""
    known, version = {entry.item["id"]: entry.href for entry in report.claims}, report.environment["bnverify"]
    empty = {"errata": (), "section": None, "report": None, "version": version}
    texts = {
        "index.html": render("index.html", report=report, theorems=theorems(report.claims)),
        "claims.html": render("claims.html", report=report),
        "errata.html": render(
            "sheet.html", **empty | {"errata": errata(known), "title": "Errata", "words": (PREFACE,)}
        ),
        "made.html": render(
            "sheet.html", **empty | {"report": report, "title": "What is trusted", "words": (TRUSTED,)}
        ),
    }
    if report.digits:
        said = {"section": report.digits, "title": "A real network", "words": report.digits.words}
        texts["network.html"] = render("sheet.html", **empty | said)
    for note in report.notes:
        made = body(note.markdown, known.get)
        texts[note.href] = render("note.html", title=note.title, body=made, version=version)
    if report.reproduction:
        from bnverify.experiments.report import reproduction_page

        texts[REPRODUCTION] = reproduction_page.html(report.reproduction, home="index.html", link=known.get)
    return texts


_SHORT = (
    (r"\left(\nabla_{y}\widehat{\mathcal{L}}\right)^{\top}", r"v^{\top}"),
    (r"\nabla_{y}\widehat{\mathcal{L}}", "v"),
    (r"\frac{\partial^{2} \widehat{\mathcal{L}}}{\partial y\, \partial y}", "B"),
)
"""Gradient and Hessian at the layer's input by the letters of the grammar, so that ten formulas fit a screen."""


def theorems(claims: Iterable[Entry]) -> list[dict[str, Any]]:
    """The rows of the first screen: name, the statement as printed, what is true, and why in a sentence."""
    named = [entry for entry in claims if entry.named]
    stored = store.load([entry.item["id"] for entry in named])
    rows = []
    for entry in named:
        one = stored[entry.item["id"]]
        said, instead = printed(one), corrected(one)
        said_short, true_short = (_short(formula.latex) if formula else "" for formula in (said, instead))
        given = "".join(
            Markup('<div class="given"><span class="muted">if</span> {}</div>').format(mathml(_short(text)))
            for text, _ in (instead or said).given  # type: ignore[union-attr]
        )
        said_short = like(said_short, true_short)
        same = " ".join(said_short.split()) == " ".join(true_short.split())
        rows.append(
            {
                "href": entry.href,
                "name": _named(entry.item),
                "verdict": entry.item["verdict"],
                "tight": entry.item["tight"],
                "why": entry.detail["why"],
                "printed": contrasted(said_short, true_short),
                "true": _in_words(one)
                or (_SAME if same else contrasted(true_short, said_short)) + Markup(given)
                if instead
                else "",
            }
        )
    return rows


_SAME = Markup('<div class="same">the same</div>')


def _named(item: Mapping[str, Any]) -> str:
    """The theorem in one line; of two statements under one number the id says which: activations or minima."""
    name, word = name_of(item).replace(", part ", "."), item["id"].rpartition(".")[2]
    return f"{name.replace('Observation', 'Obs.')}, {word}" if word.isalpha() and len(word) > 1 else name


def _short(latex: str) -> str:
    for long, short in _SHORT:
        latex = latex.replace(long, short)
    return latex


def errata(ids: Iterable[str]) -> list[dict[str, Any]]:
    """What is off in the sources, in their order, a line each; of the theorems with the formula that is true."""
    rows = []
    order = ("paper", "blog", "summary")
    known = [entry for entry in in_source_order(store.load(ids).values()) if source_of(entry.id) in order]
    for one in sorted(known, key=lambda entry: order.index(source_of(entry.id))):
        if erroneous(one):
            formula = corrected(one) if one.id.partition("-")[0] in NAMED else None
            in_words = _in_words(one) if formula else None
            true = Markup("True is: {}.").format(in_words) if in_words else ""
            rows.append(
                {
                    "id": one.id,
                    "where": one.item["where"].partition(";")[0],
                    "verdict": one.item["verdict"],
                    "why": one.detail["why"],
                    "true": true or (html.written([formula]) if formula else ""),
                }
            )
    return rows


def _in_words(one: store.Stored) -> Markup | None:
    """What is true, in words, where a lemma ends its proof: its formula alone does not say it."""
    said = one.detail["corrected"]
    return html.line(said["text"]) if said and said["proof"] and said["proof"][-1]["lemma"] else None


def as_data(report: Report) -> dict[str, Any]:
    """The report as plain data: the items as ``bnverify claims --json`` prints them, with detail and measurements."""
    return {
        "made_by": MADE_BY,
        "format": 2,
        "summary": report.summary,
        "tally": report.tally,
        "failures": list(report.failures),
        "environment": report.environment,
        "commands": list(report.commands),
        "claims": [_claim(entry) for entry in report.claims],
        "digits": report.digits.data if report.digits else None,
        "lemmas": report.lemmas,
    }


def _claim(entry: Entry) -> dict[str, Any]:
    return entry.item | {
        "heading": entry.page.title,
        "stale": entry.stale,
        "detail": entry.detail,
        "measured": entry.measured.data if entry.measured else None,
    }
