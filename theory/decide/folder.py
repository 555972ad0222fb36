"""A decision as a folder that can be cited: a page, LaTeX, the certificate, the replay script and the JSON."""

from __future__ import annotations

import json
from html import escape
from pathlib import Path

from bnverify.theory.decide.decision import Decision
from bnverify.theory.decide.replay import script
from bnverify.theory.grammar import Node, parse
from bnverify.theory.vocabulary import VOCABULARY

from bnverify.base.files import require_folder, write_text

_RELATION = {"<=": r"\le", ">=": r"\ge", "<": "<", ">": ">", "==": "=", "!=": r"\ne"}


def latex(node: Node) -> str:
    """A statement of the grammar in LaTeX."""
    head, args = node.head, node.args
    if head in _RELATION:
        return f"{latex(args[0])} {_RELATION[head]} {latex(args[1])}"
    match head:
        case "number":
            return str(args[0])
        case "name":
            known = VOCABULARY.get(args[0])
            return known.latex if known else rf"\mathrm{{{args[0]}}}" if len(args[0]) > 1 else args[0]
        case "neg":
            return f"-{_factor(args[0])}"
        case "+" | "-":
            return f"{latex(args[0])} {head} {_factor(args[1])}"
        case "*":
            return rf"{_factor(args[0])}\,{_factor(args[1])}"
        case "/":
            return rf"\frac{{{latex(args[0])}}}{{{latex(args[1])}}}"
        case "**":
            return f"{_factor(args[0], power=True)}^{{{args[1]}}}"
        case "@":
            row, *rest = map(_factor, args)
            return (
                rf"{row}\," + r"\,".join(rest)
                if args[0].head != "name" or args[0].args[0] in {"H", "B"}
                else (rf"{row}^\top " + " ".join(rest))
            )
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
    inside = ", ".join(latex(x) for x in args if isinstance(x, Node))
    return rf"\operatorname{{{head}}}\left({inside}\right)"


def _factor(node: Node, power: bool = False) -> str:
    simple = node.head in {"number", "name", "/", "sqrt", "norm", "abs"} and not (power and node.head == "/")
    return (
        latex(node) if simple or (node.head in {"**", "*"} and not power) else rf"\left({latex(node)}\right)"
    )


def write(decision: Decision, folder: Path, command: str) -> list[str]:
    """Write the folder; the names of its files.

    Raises:
        InputError: the folder cannot be written.
    """
    from importlib.metadata import version

    require_folder(folder)
    formula = latex(parse(decision.statement, logic=True))
    given = [latex(parse(text, logic=True)) for text in decision.given]
    lines = decision.lines()
    bibtex = (
        "@misc{bnverify-decision,\n"
        f"  title = {{Decision: {decision.word}}},\n"
        f"  howpublished = {{bnverify {version('bnverify')}, \\verb|{command}|}}\n}}"
    )
    assumed = "".join(rf" \\ &\text{{given }} {text}" for text in given)
    files = {
        "decision.json": json.dumps(decision.to_json(), ensure_ascii=False, indent=2),
        "decision.tex": "\n".join(
            [
                rf"\begin{{align*}} &{formula}{assumed} \end{{align*}}",
                r"\begin{verbatim}",
                *lines,
                r"\end{verbatim}",
            ]
        ),
        "citation.bib": bibtex,
        "index.html": _page(decision, command, lines, bibtex, formula),
    }
    if decision.certificate:
        files["certificate.json"] = json.dumps(list(decision.certificate), ensure_ascii=False, indent=1)
    bad = next((outcome for outcome in decision.outcomes if outcome.instance), None)
    if bad is not None and bad.instance is not None:
        files["replay.py"] = script(bad.case.claim, bad.instance)
    for name, text in files.items():
        write_text(folder / name, text + "\n")
    return sorted(files)


def _page(decision: Decision, command: str, lines: list[str], bibtex: str, formula: str) -> str:
    """One self-contained HTML page."""
    body = [
        f"<h1>{escape(decision.word)}</h1>",
        f"<p><code>{escape(decision.statement)}</code></p>",
        *(f"<p>given <code>{escape(text)}</code></p>" for text in decision.given),
        f"<pre>{escape(chr(10).join(lines))}</pre>",
        f"<p>Command: <code>{escape(command)}</code></p>",
        f"<h2>LaTeX</h2><pre>{escape(formula)}</pre>",
        f"<h2>BibTeX</h2><pre>{escape(bibtex)}</pre>",
    ]
    style = "body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}pre{overflow-x:auto}"
    view = "<meta charset=utf-8><meta name=viewport content='width=device-width'>"
    head = f"{view}<title>{escape(decision.word)}</title>"
    return f"<!doctype html><html lang=en><head>{head}<style>{style}</style></head><body>{''.join(body)}</body></html>"
