"""A verdict to cite: BibTeX of the paper as it was read and of this project, an erratum in LaTeX, a script."""

from __future__ import annotations

import re
from typing import Any

from bnverify.theory.names import LATEX_NAMES
from bnverify.theory.writing.readers import for_readers

PAPER = r"""@inproceedings{santurkar2018how,
  title     = {How Does Batch Normalization Help Optimization?},
  author    = {Santurkar, Shibani and Tsipras, Dimitris and Ilyas, Andrew and M{\k{a}}dry, Aleksander},
  booktitle = {Advances in Neural Information Processing Systems 31},
  year      = {2018},
  note      = {read in the version of arXiv:1805.11604 of April 2019, with appendices}
}"""
OURS = r"""@software{{bnverify,
  title   = {{bnverify: verdicts on claims about normalisation layers}},
  author  = {{{{The bnverify authors}}}},
  version = {{{version}}},
  note    = {{claim {name}: {verdict}; bnverify show {name}}}
}}"""
SAID = {
    "proved": "holds as printed",
    "refuted": "does not hold as printed",
    "conditional": "depends on how it is read",
}
LETTERS = (
    r"Here $y \in \mathbb{R}^m$ are the outputs of one unit over a batch, $\hat y$ the same with mean $0$ and variance "
    r"$1$, $\sigma$ their standard deviation, $\gamma$ and $\beta$ the learned scale and shift, $\mathcal{L}$ the "
    r"loss as a function of $z = \gamma\hat y + \beta\mathbf{1}$, $g$ and $H$ its gradient and Hessian there, and "
    r"$\widehat{\mathcal{L}}$ the loss as a function of $y$."
)
SHIFTS = (("beta", "beta"), ("epsilon", "eps"))
MORE_LETTERS = (
    (r"\$s\$|(?<![A-Za-z\\])s(?:\^|\})", r"$s = \sqrt{\sigma^{2} + \epsilon}$ is the divisor."),
    (r"\\rho", r"$\rho = \sigma^{2}/(\sigma^{2} + \epsilon)$, which is $1$ where $\epsilon = 0$."),
    (r"P g|P \\nabla|P X", r"$P$ takes the components along $\mathbf{1}$ and $\hat y$ away."),
    (
        r"\bX\b",
        r"$X \in \mathbb{R}^{m \times d}$ are the inputs, $y = X W$, and $W$ the weights of the unit.",
    ),
    (r"\\lambda\b(?!_)", r"$\lambda$ bounds the spectral norm of the inputs $X$."),
    (r"W\^\{\*\}", r"$W^{*}$ is an optimum and $W_{0}$ the start."),
    (r"D g", r"$D$ is the diagonal matrix of the learned scales."),
    (r"n\^|\[n\]", r"$n$ is the divisor, a norm of $y$."),
    (r"\\nu", r"$\nu$ is the gradient of the divisor in $y$."),
)
_NAME = (
    r"(?:\b(?:m )?\|g\|\^2|<[\w-]+, \w>|\|gamma\||\b(?:gamma|sigma|beta|eps)\b|sqrt\([^()]*\)|[gy]-hat"
    r"|\bl_(?:inf|\w)\b|\(m - 1\)|n\(y\))"
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


def bibtex(item: dict[str, Any], version: str) -> str:
    """Two entries: the paper and this project, with the claim and its verdict."""
    return PAPER + "\n\n" + OURS.format(version=version, name=item["id"], verdict=item["verdict"])


def erratum(item: dict[str, Any]) -> str:
    """A paragraph of LaTeX: what is printed, what is true, the counterexample, what the letters mean."""
    parts = [rf"\paragraph{{{_prose(item['title'])} ({_prose(item['where'])}).}}"]
    verdict = item["verdict"]
    parts.append(f"The statement {SAID.get(verdict, f'has the verdict {verdict}')}.")
    if meaning := for_readers(item["id"]):
        parts.append(_prose(meaning))
    if corrected := item.get("corrected"):
        parts.append(rf"What is true is \[ {corrected} \]")
    if point := item.get("counterexample"):
        parts.append(
            f"A counterexample to the printed statement: {_point(point)}; the left side is "
            f"${_formula(point['lhs'])}$, the right side ${_formula(point['rhs'])}$."
        )
    said = " ".join(parts)
    more = [meaning for letter, meaning in MORE_LETTERS if re.search(letter, said)]
    return "\n".join([*parts, LETTERS, *more])


def _point(point: dict[str, Any]) -> str:
    """The numbers of a counterexample; beta and eps only where they are not 0."""
    numbers = [("m", str(point["m"]))]
    numbers += [(name, _vector(point[name])) for name in ("y", "g")]
    numbers += [(name, _matrix(point[name])) for name in ("H", "X") if point[name] is not None]
    numbers += [("W", _vector(point["W"]))] if point["W"] is not None else []
    for name, value in point["extra"].items():
        if isinstance(value, str):
            numbers.append((LATEX_NAMES.of(name), _formula(value)))
        elif all(isinstance(entry, str) for entry in value):
            numbers.append((LATEX_NAMES.of(name), _vector(value)))
    numbers += [(r"\gamma", _formula(point["gamma"]))]
    numbers += [(rf"\{name}", _formula(point[key])) for name, key in SHIFTS if point[key] != "0"]
    return ", ".join(f"${name} = {value}$" for name, value in numbers)


def _vector(entries: list[str]) -> str:
    return f"({', '.join(map(_formula, entries))})"


def _matrix(rows: list[list[str]]) -> str:
    inner = r" \\ ".join(" & ".join(map(_formula, row)) for row in rows)
    return rf"\bigl(\begin{{smallmatrix}} {inner} \end{{smallmatrix}}\bigr)"


def _prose(text: str) -> str:
    """Words of a sentence in LaTeX: its formulas between dollars, the rest safe to typeset."""
    parts, end = [], 0
    for found in _FORMULA.finditer(text):
        parts += [_words(text[end : found.start()]), f"${_formula(found[0])}$"]
        end = found.end()
    return "".join([*parts, _words(text[end:])])


def _words(text: str) -> str:
    return re.sub(r"([_&%#])", r"\\\1", text)


def _formula(text: str) -> str:
    """ASCII mathematics such as 2 - 2*sqrt(2) or |gamma| > sigma in LaTeX."""
    for pattern, sign in _SIGNS:
        text = re.sub(pattern, sign, text)
    return text
