"""Templates to text: the jinja environment of every page, and the filters that set exact numbers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from bnverify.experiments.report.mathml import ascii_math, displayed, inline, mathml, prose
from bnverify.theory.names import LATEX_NAMES
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

_USUAL = {"gamma": None, "beta": "0", "eps": "0", "lam": "1"}
_LETTERS = {"gamma": r"\gamma", "beta": r"\beta", "eps": r"\epsilon", "lam": r"\lambda"}


def exact_text(value: str) -> str:
    """An exact number such as 3*sqrt(2)/4 - 1 as people write it: 3√2/4 − 1."""
    text = re.sub(r"sqrt\((\w+)\)", r"√\1", value).replace("sqrt", "√")
    return (
        text.replace("*√", "√").replace("*", "·").replace(" - ", " − ").replace("(-", "(−").replace("-", "−")
    )


def exact_latex(value: str) -> str:
    """An exact number in LaTeX: 3*sqrt(2)/4 as 3 \\sqrt{2}/4, 1/2 as a fraction."""
    if match := re.fullmatch(r"(-?)(\d+)/(\d+)", value):
        return rf"{match[1]}\tfrac{{{match[2]}}}{{{match[3]}}}"
    return re.sub(r"sqrt\((\w+)\)", r"\\sqrt{\1}", value).replace("*", r"\,")


def tensor_latex(value: Any) -> str:
    """A number, a vector in one line, a matrix, or a row of matrices, in LaTeX."""
    if _depth(value) > 2:
        return r",\, ".join(tensor_latex(entry) for entry in value)
    if isinstance(value, list) and value and isinstance(value[0], list):
        rows = r" \\ ".join(" & ".join(tensor_latex(entry) for entry in row) for row in value)
        return rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}"
    if isinstance(value, list):
        return "(" + r",\, ".join(tensor_latex(entry) for entry in value) + ")"
    return exact_latex(str(value))


def _depth(value: Any) -> int:
    return 1 + _depth(value[0]) if isinstance(value, list) and value else 0


def _label(name: str) -> str:
    """A further quantity of a point, as the statements write it."""
    for names in (LATEX_NAMES.vectors, LATEX_NAMES.operators, LATEX_NAMES.scalars):
        if name in names:
            return names[name]
    return name if len(name) == 1 else rf"\text{{{name.replace('_', ' ')}}}"


def given_latex(point: Mapping[str, Any]) -> list[str]:
    """The data of an exact point in LaTeX: y, g, H, X, W, gamma and what differs from its usual value."""
    parts = [
        f"{name} = {tensor_latex(point[name])}"
        for name in ("y", "g", "H", "X", "W")
        if point.get(name) is not None
    ]
    for name, usual in _USUAL.items():
        if point.get(name) is not None and point[name] != usual:
            value = {"s": r"\sigma", "mu": r"\mu"}.get(point[name], tensor_latex(point[name]))
            parts.append(f"{_LETTERS[name]} = {value}")
    parts += [f"{_label(name)} = {tensor_latex(value)}" for name, value in point.get("extra", {}).items()]
    return parts


def capfirst(text: str) -> str:
    """``text`` with a capital first letter, unless it starts with a symbol such as g_j or y = XW or mathematics."""
    if re.match(r"a [a-z]{2}", text):
        return f"A{text[1:]}"
    word = re.match(r"[a-z]+", text)
    if (
        word is None
        or len(word[0]) < 2
        or re.match(r"[a-z]+[-_^']?[_^=('/]", text)
        or ascii_math(word[0]) != word[0]
    ):
        return text
    if re.match(r"(?:y-hat|g-hat|m =|eps\b|mu_|exp\(|sup\b\W|max\b\W)", text):
        return text
    return text[0].upper() + text[1:]


def breakable(identifier: str) -> Markup:
    """An id that may break after a hyphen or a point where the column is narrow."""
    return Markup("<wbr>").join(part for part in re.split(r"(?<=[-.])", identifier))


def page_of(identifier: str) -> str:
    """The file of a claim's page; a colon would make the name a scheme in a link, and no file on some systems."""
    return f"{identifier.replace(':', '.')}.html"


@cache
def environment() -> Environment:
    """The templates of this package. HTML is escaped; style sheets, scripts and Markdown are text."""
    made = Environment(
        loader=PackageLoader("bnverify.experiments.report"),
        autoescape=lambda name: name is not None and name.endswith(".html"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "math": mathml,
        "display": displayed,
        "inline": inline,
        "prose": prose,
        "breakable": breakable,
        "page": page_of,
        "cell": lambda text: str(text).replace("|", r"\|"),
        "quoted": lambda text: "\n".join(f"> {line}".rstrip() for line in text.strip().splitlines()),
        "plain": ascii_math,
        "exact": exact_text,
        "given": given_latex,
        "capfirst": capfirst,
        "minus": lambda number: str(number).replace("-", "−"),
    }
    return made


def render(template: str, **values: Any) -> str:
    """The text of ``template``; every name it uses must be given. Markdown has no two blank lines in a row."""
    text = environment().get_template(template).render(**values)
    return re.sub(r"\n{3,}", "\n\n", text) if template.endswith(".md") else text
