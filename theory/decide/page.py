"""A decision as people read and cite it: Markdown with mathematics, LaTeX, BibTeX, and a folder of all of it."""

from __future__ import annotations

import json
import platform
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from bnverify.theory.decide.decision import SIDES, Decision, is_zero
from bnverify.theory.grammar import GrammarError, Node, lines, parse
from bnverify.theory.normalisations import normalisation
from bnverify.theory.points.script import script
from bnverify.theory.vocabulary import VOCABULARY
from bnverify.theory.writing.cite import LETTERS

from bnverify.base.errors import InputError
from bnverify.base.files import require_folder, write_text

_RELATION = {"<=": r"\le", ">=": r"\ge", "<": "<", ">": ">", "==": "=", "!=": r"\ne"}


_TIGHT = {"number", "name", "/", "sqrt", "norm", "abs", "mean", "min", "max", "d", "at", "sign"}


_OPERATORS = {"H", "B", "X", "T", "D", "HW", "HW_plain"}


def latex(node: Node) -> str:
    """A statement of the grammar in LaTeX."""
    head, args = node.head, node.args
    if head in _RELATION:
        return f"{latex(args[0])} {_RELATION[head]} {latex(args[1])}"
    match head:
        case "number":
            return str(args[0])
        case "name":
            return _name(args[0])
        case "neg":
            return f"-{_factor(args[0])}"
        case "+":
            return f"{latex(args[0])} + {latex(args[1])}"
        case "-":
            return f"{latex(args[0])} - {_summand(args[1])}"
        case "*":
            return rf"{_factor(args[0])}\,{_factor(args[1])}"
        case "/":
            return rf"\frac{{{latex(args[0])}}}{{{latex(args[1])}}}"
        case "**" if args[1] == 2 and args[0].head == "norm":
            return f"{latex(args[0])}^{{2}}"
        case "**" if args[0].head == "@" and (pair := _pair(args[0].args)) and pair[0] != pair[1]:
            return f"{latex(args[0])}^{{{args[1]}}}"
        case "**":
            return f"{_factor(args[0], power=True)}^{{{args[1]}}}"
        case "@" if (pair := _pair(args)) is not None:
            left, right = map(latex, pair)
            return rf"\left\|{left}\right\|^{{2}}" if left == right else rf"\langle {left}, {right}\rangle"
        case "@":
            row, *rest = map(_factor, args)
            applied = args[0].head == "name" and args[0].args[0] in _OPERATORS
            return r"\,".join([row if applied else rf"{row}^\top", *rest])
        case "sqrt":
            return rf"\sqrt{{{latex(args[0])}}}"
        case "norm":
            return rf"\left\|{latex(args[0])}\right\|"
        case "abs":
            return rf"\left|{latex(args[0])}\right|"
        case "or":
            return r" \;\text{or}\; ".join(map(latex, args))
        case "iff":
            return rf"{latex(args[0])} \iff {latex(args[1])}"
        case "psd":
            return rf"{latex(args[0])} \succeq 0"
        case "maximum":
            return rf"\max_{{\|X\| \le {latex(args[2])}}} {_factor(args[0])}"
    inside = ", ".join(latex(x) for x in args if isinstance(x, Node))
    return rf"\operatorname{{{head}}}\left({inside}\right)"


def _pair(args: tuple[Any, ...]) -> tuple[Node, Node] | None:
    """The two vectors of which a chain is the inner product, where none of its letters stands between them."""
    if len(args) > 2 and args[0].head == "@":  # (H @ u) @ (H @ w) is read with its second H and w apart
        return args[0], Node("@", args[1:])
    if len(args) == 2 and not any(x.head == "name" and x.args[0] in _OPERATORS for x in args):
        return args
    return None


def _name(name: str) -> str:
    """A letter; of a hypothesis h_1, h_2, ... its right side minus its left one."""
    if match := re.fullmatch(r"(given|need)(\d+)", name):
        return f"{match[1][0].replace('g', 'h')}_{{{int(match[2]) + 1}}}"
    known = VOCABULARY.get(name)
    if name == "c":
        return name
    if known:
        return known.latex
    head, _, index = name.partition("_")
    if index and head in VOCABULARY:
        return f"{VOCABULARY[head].latex}_{{{index}}}"
    return rf"\mathrm{{{name}}}".replace("_", r"\_") if len(name) > 1 else name


def _summand(node: Node) -> str:
    return rf"\left({latex(node)}\right)" if node.head in {"+", "-", "neg"} else latex(node)


def _factor(node: Node, power: bool = False) -> str:
    inner = node.head == "@" and _pair(node.args) is not None  # in its own brackets
    simple = (node.head in _TIGHT or inner) and not (power and node.head in {"/", "@"})
    return (
        latex(node) if simple or (node.head in {"**", "*"} and not power) else rf"\left({latex(node)}\right)"
    )


def formula(text: str) -> str:
    """A text of the grammar in LaTeX, or as it stands where it is longer than the grammar reads."""
    try:
        return latex(parse(re.sub(r"(?<![<>=!])=(?!=)", "==", text), logic=True))
    except GrammarError:
        return rf"\text{{{text}}}"


def entries(value: Any) -> str:
    """An exact number, vector or table in LaTeX."""
    if not isinstance(value, list):
        return formula(str(value)) if isinstance(value, str) else f"{value:.12g}"
    if value and isinstance(value[0], list):
        rows = r" \\ ".join(" & ".join(map(entries, row)) for row in value)
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
    return rf"\left({', '.join(map(entries, value))}\right)"


def instance(point: dict[str, Any]) -> str:
    """An exact instance in LaTeX; what is 0 at the end."""
    shown = {name: x for name, x in point.items() if name not in SIDES}
    parts = [f"{_name(name)} = {entries(x)}" for name, x in shown.items() if not is_zero(x)]
    zeros = [_name(name) for name, x in shown.items() if is_zero(x)]
    return r",\quad ".join(parts + ([" = ".join([*zeros, "0"])] if zeros else []))


def markdown(decision: Decision) -> Iterator[str]:
    """The blocks of a decision: statement, hypotheses, answer, and its evidence."""
    yield f"$${formula(decision.statement)}$$"
    about = [] if decision.norm == "batch-norm" else [f"for `{decision.norm}`"]
    given = [f"${formula(text)}$" for text in decision.given]
    if given or about:
        yield " ".join([*about, *(["given"] if given else []), ", ".join(given)]).strip().capitalize() + "."
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
        yield f"$${instance(point)}$$"
        both = f"The left side is ${entries(point['left'])}$, the right side ${entries(point['right'])}$"
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
        yield f"Tight: both sides are ${entries(decision.tight_at['left'])}$ at"
        yield f"$${instance(decision.tight_at)}$$"
    if decision.best:
        from bnverify.theory.decide.decision import said_best

        yield "; ".join(line.strip() for line in said_best(decision.best)) + "."
    if decision.repair and decision.repair["change"]:
        yield f"True instead (`{decision.repair['change']}`):"
        yield f"$${formula(decision.repair['statement'])}$$"
        more = [f"${formula(text)}$" for text in decision.repair["given"]]
        if more:
            yield f"given {', '.join(more)}."


def defined(decision: Decision) -> list[tuple[str, Node]]:
    """The lines of the normalisation that was asked about."""
    claims = [outcome.case.claim for outcome in decision.outcomes]
    return list(lines(claims[0].definition if claims else normalisation(decision.norm).text))


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
    """An entry for the decision."""
    return "\n".join(
        [
            "@software{bnverify-decision,",
            "  title   = {bnverify: verdicts on claims about normalisation layers},",
            "  author  = {{The bnverify authors}},",
            f"  version = {{{version('bnverify')}}},",
            rf"  note    = {{decision: {decision.word}; \verb|{command.replace('|', ' ')}|}}",
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
    definition = "; ".join(
        f"${_name(name)} = {latex(tree)}$" for name, tree in lines(normalisation(decision.norm).text)
    )
    return "\n".join(
        [rf"\paragraph{{Decision: {decision.word}.}}", body, f"Here {definition}.", LETTERS, made]
    )


def document(decision: Decision, command: str) -> str:
    """The page in Markdown."""
    definition = ", ".join(
        f"${_name(name)} = {latex(tree)}$" for name, tree in lines(normalisation(decision.norm).text)
    )
    blocks = [
        f"# {decision.word.capitalize()}",
        *markdown(decision),
        "## What the letters mean",
        f"{definition}. {LETTERS}",
        "## How it was made",
        f"```\n{command}\n```",
        f"{versions()}; {decision.seconds:.1f} s. As text: `{decision.statement}`"
        + "".join(f", given `{text}`" for text in decision.given)
        + ".",
        "## To cite it",
        f"```\n{bibtex(decision, command)}\n```",
    ]
    return "\n\n".join(blocks)


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
    bad = next((outcome for outcome in decision.outcomes if outcome.instance), None)
    if bad is not None and bad.instance is not None:
        with suppress(InputError):
            files["replay.py"] = script(bad.case.claim, bad.instance)
    for name, text in files.items():
        write_text(folder / name, text + "\n")
    return sorted(files)
