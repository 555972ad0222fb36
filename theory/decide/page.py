"""A decision as people read and cite it: Markdown with mathematics, LaTeX, BibTeX, and a folder of all of it."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bnverify.theory.decide.decision import SIDES, Decision, is_zero
from bnverify.theory.grammar import GrammarError, Node, lines, names_in, parse, put
from bnverify.theory.normalisations import normalisation
from bnverify.theory.points.script import script
from bnverify.theory.script import LATEX
from bnverify.theory.writing.cite import LETTERS, LOSS

from bnverify.base.errors import InputError
from bnverify.base.files import require_folder, write_text

_OWN = {name: x for name, x in LATEX.names.letters.items() if name != "c"}
PAGE = replace(LATEX, names=replace(LATEX.names, letters=_OWN))
"""LaTeX in which c is c, for a definition says what it is."""


def formula(text: str) -> str:
    """A text of the grammar in LaTeX, or as it stands where it is longer than the grammar reads.

    In a certificate given0 is the right side minus the left one of the first hypothesis: h_1.
    """
    try:
        tree = parse(re.sub(r"(?<![<>=!])=(?!=)", "==", text), logic=True)
    except GrammarError:
        return rf"\text{{{text}}}"
    gaps = {name: f"{name[0].replace('g', 'h')}_{int(name[-1]) + 1}" for name in names_in(tree) if _GAP(name)}
    return PAGE.write(put(tree, {name: Node("name", (letter,)) for name, letter in gaps.items()}))


_GAP = re.compile(r"(given|need)\d").fullmatch


def entries(value: Any) -> str:
    """An exact number, vector or table in LaTeX."""
    if not isinstance(value, list):
        return formula(str(value)) if isinstance(value, str) else f"{value:.12g}"
    if value and isinstance(value[0], list):
        rows = r" \\ ".join(" & ".join(map(entries, row)) for row in value)
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
    return rf"\left({', '.join(map(entries, value))}\right)"


def instance(point: dict[str, Any]) -> Iterator[str]:
    """An exact instance: vectors and tables that are long as displayed formulas, then the rest in a line."""
    shown = {name: x for name, x in point.items() if name not in SIDES}
    parts = [f"{PAGE.names.of(name)} = {entries(x)}" for name, x in shown.items() if not is_zero(x)]
    if zeros := [PAGE.names.of(name) for name, x in shown.items() if is_zero(x)]:
        parts.append(" = ".join([*zeros, "0"]))
    yield from (f"$${part}$$" for part in parts if len(part) > LONG)
    if short := [f"${part}$" for part in parts if len(part) <= LONG]:
        yield ("With " if len(short) < len(parts) else "At ") + ", ".join(short) + "."


LONG = 64
"""Characters of LaTeX from which on a part of an instance stands by itself."""


def markdown(decision: Decision) -> Iterator[str]:
    """The blocks of a decision: statement, hypotheses, answer, and its evidence."""
    yield f"$${formula(decision.statement)}$$"
    about = [] if decision.norm == "batch-norm" else [f"for `{decision.norm}`"]
    given = [f"${formula(text)}$" for text in decision.given]
    if given or about:
        words = " ".join([*about, *(["given"] if given else []), ", ".join(given)]).strip()
        yield f"{words[0].upper()}{words[1:]}."
    scope = ", ".join(f"${formula(text)}$" for text in decision.scope)
    if decision.answer == "proved":
        kinds = ", ".join(sorted({check.method for check in decision.verified}))
        yield f"*Proved* for {scope}: the kernel accepted a certificate ({kinds})."
    elif decision.answer == "refuted":
        least = ", the smallest there is" if decision.smallest else ""
        yield f"*Refuted* at $m = {decision.m}${least}; scope {scope}."
    elif decision.answer == "vacuous":
        core = ", ".join(f"${formula(text)}$" for text in decision.needed or ())
        yield f"*Vacuous*: nothing satisfies {core or 'the hypotheses'} ({' and '.join(decision.decided_by)})."
    elif decision.decided_by:
        who = " and ".join(decision.decided_by)
        yield f"*Decided* by {who}, without a certificate: no counterexample for {scope}."
    else:
        yield f"*Open*: neither a proof nor a counterexample was found for {scope}."
        yield from (f"- {text}" for text in decision.tried)
    yield from evidence(decision)


def evidence(decision: Decision) -> Iterator[str]:
    """The counterexample, the terms of the proof, what was needed, where it is tight, the best constant, the repair."""
    point = decision.counterexample
    if point:
        yield from instance(point)
        of = f" of ${formula(decision.failing)}$" if decision.failing else ""
        both = f"The left side{of} is ${entries(point['left'])}$, the right side ${entries(point['right'])}$"
        floats = "; by differentiating the loss in float64 they are {:.12g} and {:.12g}"
        yield (
            both
            + (floats.format(point["left_float"], point["right_float"]) if "left_float" in point else "")
            + "."
        )
    if decision.range:
        yield f"{decision.range[0].upper()}{decision.range[1:]}."
    if decision.answer == "proved":
        if decision.needed is not None and decision.given:
            used = ", ".join(f"${formula(text)}$" for text in decision.needed)
            yield f"Needed: {used}." if used else "No hypothesis is needed."
        for item in decision.certificate:
            terms = item["certificate"].get("terms", [])
            if terms:
                yield f"Of `{item['statement']}`, right minus left is, times a positive factor or squared, the sum of"
                yield from (f"$${formula(term)}$$" for term in terms)
        if any(
            "given" in term for item in decision.certificate for term in item["certificate"].get("terms", [])
        ):
            yield "where $h_i$ is the right side minus the left one of the hypothesis $i$."
    if decision.zeros:
        yield "Terms that are 0: " + ", ".join(f"${formula(text)}$" for text in decision.zeros) + "."
    if decision.tight_at:
        yield f"Tight: both sides are ${entries(decision.tight_at['left'])}$."
        yield from instance(decision.tight_at)
    if decision.best:
        from bnverify.theory.decide.decision import said_best

        yield "; ".join(line.strip() for line in said_best(decision.best)) + "."
    if decision.repair and decision.repair["change"]:
        yield f"True instead (`{decision.repair['change']}`):"
        yield f"$${formula(decision.repair['statement'])}$$"
        more = [f"${formula(text)}$" for text in decision.repair["given"]]
        if more:
            yield f"given {', '.join(more)}."


def letters(decision: Decision) -> str:
    """What y, z, g and the names of the definition are."""
    pairs = lines(normalisation(decision.norm).text)
    definition = ", ".join(f"${PAGE.names.of(name)} = {PAGE.write(tree)}$" for name, tree in pairs)
    return f"{LETTERS} {definition}. {LOSS}"


def versions() -> str:
    """What the decision was made with."""
    found = [f"Python {platform.python_version()}"]
    for name in ("bnverify", "numpy", "z3-solver", "cvc5"):
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            found.append(f"no {name}")
    return ", ".join(found)


def bibtex(decision: Decision, command: str) -> str:
    """An entry for the decision; no verbatim text, which the styles of bibliographies do not bear."""
    said = re.sub(r"([#$%&_{}])", r"\\\1", command)
    return "\n".join(
        [
            "@misc{bnverify-decision,",
            "  title   = {bnverify: verdicts on claims about normalisation layers},",
            "  author  = {{The bnverify authors}},",
            f"  version = {{{version('bnverify')}}},",
            rf"  note    = {{decision: {decision.word}; \texttt{{{said}}}}}",
            "}",
        ]
    )


def tex(decision: Decision, command: str) -> str:
    """The decision as a paragraph of LaTeX."""
    body = "\n".join(markdown(decision))
    body = re.sub(r"\$\$(.+?)\$\$", lambda match: rf"\[ {match[1]} \]", body)
    body = re.sub(r"`([^`]*)`", lambda match: rf"\verb|{match[1]}|", body)
    body = re.sub(r"(?<!\\)\*(\w+)\*", lambda match: rf"\emph{{{match[1]}}}", body)
    made = f"Made by \\verb|{command.replace('|', ' ')}| with {versions()}."
    return "\n".join([rf"\paragraph{{Decision: {decision.word}.}}", body, letters(decision), made])


def document(decision: Decision, command: str) -> str:
    """The page in Markdown."""
    blocks = [
        f"# {decision.word.capitalize()}",
        *markdown(decision),
        "## What the letters mean",
        letters(decision),
        "## How it was made",
        f"```\n{command}\n```",
        f"{versions()}; {decision.seconds:.1f} s. As text: `{decision.statement}`"
        + "".join(f", given `{text}`" for text in decision.given)
        + ".",
        *beside(decision),
        "## To cite it",
        f"```\n{bibtex(decision, command)}\n```",
    ]
    return "\n\n".join(blocks)


def beside(decision: Decision) -> Iterator[str]:
    """What lies in the folder beside the page, and what to do with it."""
    if decision.certificate:
        command = "`python -I kernel.py certificate.json`"
        yield f"[certificate.json](certificate.json) is what the kernel accepted: {command}."
    if replayed(decision):
        yield "[replay.py](replay.py) replays the counterexample with torch alone: `python replay.py`."


def replayed(decision: Decision) -> str:
    """The lines of torch that replay the counterexample; empty where there are none."""
    bad = next((outcome for outcome in decision.outcomes if outcome.instance), None)
    if bad is not None and bad.instance is not None:
        with suppress(InputError):
            return script(bad.case.claim, bad.instance)
    return ""


def write(decision: Decision, folder: Path, command: str, html: Callable[[str, str], str]) -> list[str]:
    """Write the folder; the names of its files. ``html`` makes a page of a title and Markdown.

    Raises:
        InputError: the folder cannot be written.
    """
    require_folder(folder)
    files = {
        "decision.json": json.dumps(decision.to_json(), ensure_ascii=False, indent=2),
        "decision.tex": tex(decision, command),
        "citation.bib": bibtex(decision, command),
        "index.html": html(f"{decision.word}: {decision.statement}", document(decision, command)),
    }
    if decision.certificate:
        files["certificate.json"] = json.dumps(list(decision.certificate), ensure_ascii=False, indent=1)
    if lines_of_torch := replayed(decision):
        files["replay.py"] = lines_of_torch
    try:
        for name, text in files.items():
            write_text(folder / name, text + "\n")
    except InputError:  # no half of a decision
        for name in files:
            (folder / name).unlink(missing_ok=True)
        raise
    return sorted(files)
