"""A verdict to cite: BibTeX of the paper as it was read and of this project, an erratum in LaTeX, a script."""

from __future__ import annotations

import re
from typing import Any

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


def bibtex(item: dict[str, Any], version: str) -> str:
    """Two entries: the paper and this project, with the claim and its verdict."""
    return PAPER + "\n\n" + OURS.format(version=version, name=item["id"], verdict=item["verdict"])


def erratum(item: dict[str, Any]) -> str:
    """A paragraph of LaTeX: what is printed, what is true, the counterexample, what the letters mean."""
    parts = [rf"\paragraph{{{item['title']} ({item['where']}).}}"]
    verdict = item["verdict"]
    parts.append(f"The statement {SAID.get(verdict, f'has the verdict {verdict}')}.")
    if meaning := for_readers(item["id"]):
        parts.append(_plain(meaning))
    if corrected := item.get("corrected"):
        parts.append(rf"What is true is \[ {corrected} \]")
    if point := item.get("counterexample"):
        numbers = [f"y = ({', '.join(point['y'])})", f"g = ({', '.join(point['g'])})"]
        parts.append(
            rf"A counterexample to the printed statement: $m = {point['m']}$, ${'$, $'.join(numbers)}$, "
            rf"$\gamma = {point['gamma']}$; the left side is ${point['lhs']}$, the right side ${point['rhs']}$."
        )
    return "\n".join([*parts, LETTERS])


def _plain(text: str) -> str:
    """Words of a sentence in LaTeX."""
    text = text.replace("sqrt(m)", r"$\sqrt{m}$").replace("eps", r"$\epsilon$")
    return re.sub(r"\|?(gamma|sigma|beta)\|?", _letter, text)


def _letter(found: re.Match[str]) -> str:
    return f"${found[0].replace(found[1], chr(92) + found[1])}$"
