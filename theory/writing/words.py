"""ASCII mathematics of a sentence, exact numbers and scopes as people write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from bnverify.theory import kernel

_ASCII = (
    (re.compile(r"\by-hat\b|\byhat\b"), "ŷ"),
    (re.compile(r"\bg-hat\b"), "ĝ"),
    (re.compile(r"\bL\^(?![\w{])"), "L̂"),
    (re.compile(r"\bd2?L\^/"), lambda m: m.group(0).replace("L^", "L̂")),
    (re.compile(r"\bsqrt\(([^()\s]+)\)"), r"√\1"),
    (re.compile(r"(?<=\d)\*(?=√)"), ""),
    (re.compile(r"\bgamma(?![a-zA-Z])"), "γ"),
    (re.compile(r"\bsigma(?![a-zA-Z])"), "σ"),
    (re.compile(r"\blambda\b"), "λ"),
    (re.compile(r"\balpha\b"), "α"),
    (re.compile(r"\bkappa\b"), "κ"),
    (re.compile(r"\bW0\b"), "W₀"),
    (re.compile(r"\bepsilon\b|\beps\b"), "ε"),
    (re.compile(r"\bbeta\b(?!-)"), "β"),
    (re.compile(r"\bmu\b"), "μ"),
    (re.compile(r"\brho\b"), "ρ"),
    (re.compile(r"\b([gvuwpy])'(?=[A-Z(]|[a-z]\b)"), r"\1ᵀ"),
    (re.compile(r"<([^<>=,]{1,12}), ?([^<>=,]{1,12})>"), r"⟨\1, \2⟩"),
    (re.compile(r"(?<![<>=!-])<=(?!=)"), "≤"),
    (re.compile(r"(?<![<>=!])>=(?!=)"), "≥"),
    (re.compile(r"!="), "≠"),
    (re.compile(r"(?<=[\w)²⟩]) - (?=[\w(‖|⟨])"), " − "),
    (re.compile(r"(?<=[\w)⟩γσλεβμρ|])\^2\b"), "²"),
    (re.compile(r"(?<=[\w)⟩γσλεβμρ|])\^4\b"), "⁴"),
    (re.compile(r"(?<=\s)->(?=\s)"), "→"),
    (re.compile(r"(?<![A-Za-z])([a-zA-Zμσ])_j(?![A-Za-z0-9_])"), r"\1ⱼ"),
)


def ascii_math(text: str) -> str:
    """The ASCII mathematics of a sentence ("v'Hv <= g'Hg", "sigma > 0") in Unicode; LaTeX is not touched."""
    for pattern, replacement in _ASCII:
        text = pattern.sub(replacement, text)
    return text


def exact_text(value: str) -> str:
    """An exact number such as 3*sqrt(2)/4 - 1 as people write it: 3√2/4 − 1."""
    text = re.sub(r"\b(\d+)/(\d+)\*sqrt\((\w+)\)", r"\1*√\3/\2", value)  # -1/4*sqrt(2)
    text = re.sub(r"sqrt\((\w+)\)", r"√\1", text).replace("sqrt", "√")
    text = re.sub(r"(?<![\d/])1\*√", "√", text)
    return (
        text.replace("*√", "√").replace("*", "·").replace(" - ", " − ").replace("(-", "(−").replace("-", "−")
    )


def number(text: str) -> float:
    """An exact number such as 3*sqrt(2)/4 - 1 in float64, up to a few roundings where it holds roots."""
    try:
        return float(Fraction(text))
    except ValueError:
        return approximate(kernel.exact(text))


def approximate(number: kernel.Exact) -> float:
    """An exact number of the kernel's in float64."""
    return float(sum(float(c) * root**0.5 for root, c in number.parts.items()))


_COMMANDS = {
    r"\\widehat\{\\mathcal\{L\}\}": "L̂",
    r"\\mathcal\{L\}": "L",
    r"\\widehat\{W\}": "Ŵ",
    r"\\(?:mathrm|text)\{([^{}]*)\}": r"\1",
    r"\\nabla_?": "∇",
    r"\\top": "ᵀ",
    r"\\le\b": "≤",
    r"\\ge\b": "≥",
    r"\\ne\b": "≠",
    r"\\det": "det",
    r"\\lambda": "λ",
    r"\\mu": "μ",
    r"\\gamma": "γ",
    r"\\sigma": "σ",
    r"\\hat\{y\}": "ŷ",
    r"\\\|": "‖",
    r"\\langle ?": "⟨",
    r" ?\\rangle": "⟩",
    r"\\[,;] ?": " ",
    r"\^\{\*ᵀ\}": "*ᵀ",
    r"\^\{?\*\}?": "*",
    r"\^ᵀ ?": "ᵀ",
}


def plain(text: str) -> str:
    """A line of words for a terminal: the few LaTeX commands in it and its ASCII mathematics in Unicode."""
    return outside_formulas(text, _without_commands)


def outside_formulas(text: str, change: Callable[[str], str]) -> str:
    """``change`` applied to the words; a formula between $ stays LaTeX."""
    return "".join(part if part.startswith("$") else change(part) for part in re.split(r"(\$[^$]*\$)", text))


def _without_commands(text: str) -> str:
    for command, sign in _COMMANDS.items():
        text = re.sub(command, sign, text)
    return ascii_math(text).replace("^2", "²")


def scope_text(scope: Mapping[str, str]) -> str:
    """Where a statement holds, in a line."""
    return ", ".join(plain(f"{name} {value}") for name, value in scope.items())
