"""One claim in full on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from bnverify.commands.display import outside_formulas, scope_text, spelt, verdict_text
from bnverify.theory.rocq.witnesses import witnesses
from bnverify.theory.writing.readers import for_readers

if TYPE_CHECKING:
    from bnverify.theory.store import Stored

_SIGN = {"le": ("≤", "exceeds"), "lt": ("<", "is not below"), "eq": ("=", "differs from")}


def show_claim(entry: Stored, out: Console) -> None:
    """Print quotation, verdict, readings, proofs, counterexamples, correction and LaTeX."""
    item, detail = entry.item, entry.detail
    out.print(Text(f"{item['id']}  {item['title']}", style="bold"))
    out.print(Text(f"{item['kind']}; {item['where']}", style="dim"))
    if meaning := for_readers(item["id"]):
        out.print(Text(spelt(meaning)))
    out.print()
    verdict = Text("As printed: ")
    verdict.append_text(verdict_text(item["verdict"]).copy())
    verdict.append(", an equality" if item["tight"] else "")
    verdict.append(f". {spelt(detail['why'])}." if detail["why"] else "")
    out.print(verdict)
    if item["scope"]:
        out.print(Text(f"Scope: {scope_text(item['scope'])}"))
    _listed(out, "Assumes", [spelt_formula(text) for text in item["assumptions"]])
    if detail["part_of"]:
        out.print(Text(f"Part of: {detail['part_of']}"))
    if item["quotation"]:
        _heading(out, "Quotation")
        _indented(out, item["quotation"])
    for data, more in zip(item["readings"], detail["readings"], strict=True):
        _reading(out, data, more)
    if detail["corrected"] is not None:
        _corrected(out, detail["corrected"])
    if detail["legend"]:
        _heading(out, "Letters")
        for name, text in detail["legend"]:
            _indented(out, f"{name:<8} {text}")
    if item["notation"]:
        _heading(out, "Slips of notation that change no value")
        for text in item["notation"]:
            _indented(out, f"- {text}")
    if detail["remarks"]:
        _heading(out, "Remarks")
        for text in detail["remarks"]:
            _indented(out, f"- {spelt_formula(text)}")
    version, theorems = witnesses(item["id"])
    if theorems:
        _heading(out, f"Third witness: Rocq {version}, in theory/rocq (`make rocq`)")
        for name in theorems:
            _indented(out, f"- {name}")
    _latex(out, item, detail)


def spelt_formula(text: str) -> str:
    """The few LaTeX commands that occur in running words, and spelt letters, as Unicode."""
    return outside_formulas(text, _spelt_commands)


def _spelt_commands(text: str) -> str:
    for command, sign in {
        r"\\widehat\{\\mathcal\{L\}\}": "L̂",
        r"\\mathcal\{L\}": "L",
        r"\\nabla_?": "∇",
        r"\\top": "ᵀ",
        r"\\le\b": "≤",
        r"\\ge\b": "≥",
        r"\\ne\b": "≠",
        r"\\\|": "‖",
        r"\\langle ?": "⟨",
        r" ?\\rangle": "⟩",
        r"\\,": " ",
        r"\^ᵀ ?": "ᵀ",
        r"\^2": "²",
    }.items():
        text = re.sub(command, sign, text)
    return spelt(text)


def root_signs(value: str) -> str:
    """An exact number such as 3*sqrt(2)/4 - 1 as people write it: 3√2/4 − 1."""
    text = re.sub(r"sqrt\((\w+)\)", r"√\1", value).replace("sqrt", "√")
    return text.replace("*√", "√").replace("*", "·").replace(" - ", " − ")


def _heading(out: Console, text: str) -> None:
    out.print()
    out.print(Text(text, style="bold underline"))


def _indented(out: Console, text: str | Text, by: int = 2) -> None:
    body = text if isinstance(text, Text) else Text(text)
    out.print(Padding(body, (0, 0, 0, by), expand=False))


def _listed(out: Console, label: str, entries: Iterable[str]) -> None:
    if text := "; ".join(entries):
        out.print(Text(f"{label}: {text}"))


def _reading(out: Console, data: dict[str, Any], more: dict[str, Any]) -> None:
    _heading(out, f"Reading {data['slug']}")
    verdict = verdict_text(data["verdict"])
    verdict.append(", an equality" if data["tight"] else "", style="default")
    verdict.append("" if data["admitted"] else "; shown, but does not count: " + data["why"], style="default")
    _indented(out, verdict)
    _indented(out, data["summary"])
    _indented(out, Text(more["statement"]["plain"], style="bold"), 4)
    _indented(out, Text(more["text"], style="dim"), 4)
    for hypothesis in more["hypotheses"]:
        _indented(out, f"if {hypothesis['plain']}", 4)
    fields = ("quantifiers", "fixed", "varies", "norm", "right_side_at", "bias", "parameters")
    known = [
        f"{name.replace('_', ' ')}: {spelt(data['data'][name])}" for name in fields if data["data"].get(name)
    ]
    _indented(out, Text("; ".join(known), style="dim"))
    _proof(out, more["proof"])
    if data["counterexample"] is not None:
        _counterexample(out, data["counterexample"], more)
    for step in more["contradictions"]:
        _indented(out, Text("Contradicted by:", style="bold"))
        _indented(out, step["text"], 4)
        if step["statement"] is not None:
            _indented(out, step["statement"]["plain"], 4)
        if step["slack"] is not None:
            _indented(out, f"right − left = {step['slack']['plain']} ≥ 0", 4)
    if more["necessary"]:
        _indented(out, f"Needed: {more['necessary']}")


def _proof(out: Console, steps: list[dict[str, Any]]) -> None:
    if not steps:
        return
    _indented(out, Text("Proof, for every m:", style="bold"))
    for number, step in enumerate(steps, 1):
        last = number == len(steps)
        words = step["text"] or ("the statement" if last else "")
        if step["lemma"] is not None:
            words = f"{words} (lemma {step['lemma']}, trusted)"
        _indented(out, f"{number}. {words}", 4)
        if step["statement"] is not None and not (last and step["lemma"]):
            _indented(out, step["statement"]["plain"], 7)
        if step["expanded"] is not None:
            _indented(out, "differentiating the definition, the left side is", 7)
            _indented(out, step["expanded"]["plain"], 9)
            _indented(out, "and so is the right side: the difference is exactly 0", 7)
        if step["slack"] is not None:
            _indented(out, f"right − left = {step['slack']['plain']} ≥ 0", 7)
        if not step["holds"]:
            _indented(out, Text("this step does not verify", style="bold red"), 7)


def _counterexample(out: Console, point: dict[str, Any], more: dict[str, Any]) -> None:
    points = [("Smallest counterexample", point)]
    if point["generic"] is not None:
        same = len(more["points"]) == 1
        if same:
            points = [("Smallest counterexample; every term is non-zero", point)]
        else:
            points.append(("Smallest counterexample with every term non-zero", point["generic"]))
    for (label, data), worked in zip(points, more["points"], strict=True):
        _indented(out, Text(f"{label}, m = {data['m']}:", style="bold"))
        if data["note"]:
            _indented(out, data["note"], 4)
        _indented(out, _given(data), 4)
        for row in worked["values"]:
            if row["plain"] not in {"m", "g", "γ", "λ"} or data["gamma"] == "s":
                _indented(out, f"{row['plain']} = {root_signs(row['value'])}", 6)
        for label, side in (("left side ", "lhs"), ("right side", "rhs")):
            rounded = "" if data[side] == data[f"{side}_float"] else f" ≈ {data[f'{side}_float']}"
            _indented(out, f"{label} = {root_signs(data[side])}{rounded}", 4)
        sign, but = _SIGN[data["relation"]]
        _indented(out, Text(f"claimed left {sign} right; the left side {but} the right side", style="red"), 4)


def _given(data: dict[str, Any]) -> str:
    parts = []
    for name in ("y", "g", "H", "X", "W"):
        if data[name] is not None:
            parts.append(f"{name} = {_matrix(data[name])}")
    plain = {"gamma": "1", "beta": "0", "eps": "0", "lam": "1"}
    parts += [
        f"{spelt(name)} = {data[name]}"
        for name, usual in plain.items()
        if data[name] != usual or name == "gamma"
    ]
    parts += [f"{name} = {_matrix(value)}" for name, value in data["extra"].items()]
    return ", ".join(parts)


def _matrix(value: Any) -> str:
    if isinstance(value, list):
        return "(" + ", ".join(_matrix(entry) for entry in value) + ")"
    return root_signs(str(value))


def _corrected(out: Console, corrected: dict[str, Any]) -> None:
    _heading(out, "Corrected statement")
    _indented(out, spelt_formula(corrected["text"]))
    _indented(out, Text(corrected["statement"]["plain"], style="bold"), 4)
    for hypothesis in corrected["hypotheses"]:
        _indented(out, f"if {hypothesis['plain']}", 4)
    if corrected["tight"]:
        _indented(out, "an equality")
    _proof(out, corrected["proof"])


def _latex(out: Console, item: dict[str, Any], detail: dict[str, Any]) -> None:
    _heading(out, "LaTeX")
    for data in item["readings"]:
        out.print(Text(f"  % {data['slug']}", style="dim"))
        out.print(Text(f"  {data['statement']}"), soft_wrap=True)
    if detail["corrected"] is not None:
        out.print(Text("  % corrected", style="dim"))
        out.print(Text(f"  {item['corrected']}"), soft_wrap=True)
