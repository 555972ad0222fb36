"""Sentences with ASCII mathematics, and exact numbers, in LaTeX."""

from __future__ import annotations

import re

_NAME = (
    r"(?:\b(?:m )?\|g\|\^2|<[\w-]+, \w>|\|gamma\||\b(?:m\^2|(?:gamma|sigma|beta|eps)\b(?:\^2)?)|\b[vg]'H[vg]\b"
    r"|sqrt\([^()]*\)|[gy]-hat|\bl_(?:inf|\w)\b|\(m - 1\)|n\(y\))"
)
_TERM = rf"-?(?:{_NAME}|\b[mvg01]\b)"
_FORMULA = re.compile(
    rf"{_TERM}(?:(?:/| (?:[<>=+-]|<=|>=|!=) ){_TERM})+|-?{_NAME}|(?<!Appendix )\b[mvBDg]\b(?!')"
)
_SIGNS = (
    (r"\b(gamma|sigma|beta|mu)\b", r"\\\1"),
    (r"^s$", r"\\sigma"),
    (r"\beps\b", r"\\epsilon"),
    (r"\bvariance\b", r"\\mathrm{variance}"),
    (r"(\d+)/(\d+)\*sqrt", r"\\tfrac{\1}{\2}sqrt"),
    (r"sqrt\(([^()]*)\)", r"\\sqrt{\1}"),
    (r"([gy])-hat", r"\\hat \1"),
    (r"\b([vg])'H([vg])\b", r"\1^\\top H \2"),
    (r"\bl_inf\b", r"l_\\infty"),
    (r"<([^<>]+), (\w)>", r"\\langle \1, \2 \\rangle"),
    (r"\|g\|", r"\\|g\\|"),
    (r"between (.*) and \1$", r"\1"),
    (r"between (.*) and (.*)", r"\\text{between }\1\\text{ and }\2"),
    (r"!=", r"\\ne"),
    (r"<=", r"\\le"),
    (r">=", r"\\ge"),
    (r"(?<=\d)\*(?=\\sqrt)", r""),
    (r"\*", r" "),
)

_LETTERS = {"γ": r"\gamma", "β": r"\beta", "ε": r"\epsilon", "σ": r"\sigma", "×": r"\times", "ŷ": r"\hat y"}

_LINE = 100
"""So many signs of a formula fit on a line."""


def prose(text: str) -> str:
    """Words of a sentence in LaTeX: its formulas between dollars, the rest safe to typeset."""
    parts, end = [], 0
    for found in _FORMULA.finditer(text):
        parts += [_words(text[end : found.start()]), f"${formula(found[0])}$"]
        end = found.end()
    return "".join([*parts, _words(text[end:])])


def _words(text: str) -> str:
    text = re.sub(r"([_&%#])", r"\\\1", text)
    return re.sub(f"[{''.join(_LETTERS)}]", lambda letter: f"${_LETTERS[letter[0]]}$", text)


def formula(text: str) -> str:
    """ASCII mathematics such as 2 - 2*sqrt(2) or |gamma| > sigma in LaTeX."""
    for pattern, sign in _SIGNS:
        text = re.sub(pattern, sign, text)
    return text


def displayed(latex: str) -> str:
    """A displayed formula; a long one as a paragraph that TeX breaks before its signs."""
    width = len(re.sub(r"\\(?:left|right|frac|mathcal|widehat|partial|,|text|mathrm)|[{}^_ ]", "", latex))
    if width <= _LINE:
        return rf"\[ {latex} \]"
    loose = re.sub(r"\\(?:left|right)(?=\\\||\\langle|\\rangle)", "", latex)
    loose = re.sub(r"\\(left|right)(?=[()\[\].|])", lambda side: rf"\big{side[1][0]}", loose)
    return rf"\begin{{quote}}\raggedright$\displaystyle {loose}$\end{{quote}}"
