"""A verdict to cite: BibTeX of the paper as it was read and of this project, an erratum in LaTeX, a script."""

from __future__ import annotations

import re
from typing import Any

from bnverify.theory.grammar import lines, names_in, parse
from bnverify.theory.names import LATEX_NAMES
from bnverify.theory.script import LATEX
from bnverify.theory.store import Stored
from bnverify.theory.vocabulary import VOCABULARY
from bnverify.theory.writing.blocks import Formula
from bnverify.theory.writing.claim_page import corrected, heading_of, printed
from bnverify.theory.writing.proof import definition_of, proof, questions
from bnverify.theory.writing.readers import for_readers
from bnverify.theory.writing.tex import displayed, formula, prose
from bnverify.theory.writing.words import outside_formulas

PAPER = r"""@inproceedings{santurkar2018how,
  title     = {How Does Batch Normalization Help Optimization?},
  author    = {Santurkar, Shibani and Tsipras, Dimitris and Ilyas, Andrew and M{\k{a}}dry, Aleksander},
  booktitle = {Advances in Neural Information Processing Systems 31},
  year      = {2018},
  note      = {read in the version of arXiv:1805.11604 of April 2019, with appendices}
}"""
OURS = r"""@software{{bnverify-{name},
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
    r"Here $y \in \mathbb{R}^m$ are the outputs of one unit over a batch of $m$, $\mathbf{1}$ is the vector of ones, "
    r"and the layer is"
)
SHIFTED = (
    ("gamma", r"$\gamma$ and $\beta$ are the learned scale and shift."),
    ("D", r"$D$ is the diagonal matrix of the learned scales, $\mathrm{bias}$ the learned shifts."),
)
LOSS = (
    r"$\mathcal{L}$ is the loss as a function of what the layer gives, $g$ and $H$ are its gradient and Hessian there, "
    r"and $\widehat{\mathcal{L}}$ is the same loss as a function of $y$."
)
PROJECTOR = r"$P = (I - \frac1m\hat y\hat y^\top)(I - \frac1m\mathbf{1}\mathbf{1}^\top)$."
SAID_BY_THEM = {"m", "one", "y", "z", "g", "H", "L", "v", "B", "gamma", "beta", "eps"}
"""Names that these two sentences explain, or whose symbol is made of theirs."""
SHIFTS = (("beta", "beta"), ("epsilon", "eps"))


def bibtex(items: list[dict[str, Any]], version: str) -> str:
    """Entries: the paper, and this project once a claim, with its verdict."""
    ours = (OURS.format(version=version, name=item["id"], verdict=item["verdict"]) for item in items)
    return "\n\n".join([PAPER, *ours])


def erratum(entry: Stored) -> str:
    """LaTeX (with amsmath and amssymb) of what is printed, what is true, a counterexample, the letters, the proof."""
    item = entry.item
    parts = [rf"\paragraph{{{prose(heading_of(item))} ({prose(item['where'])}).}}"]
    verdict = item["verdict"]
    said, true = printed(entry), corrected(entry)
    parts.append(f"The statement {SAID.get(verdict, f'has the verdict {verdict}')}.")
    if said is not None:
        parts.append(rf"It reads {_shown(said)}")
    if meaning := for_readers(item["id"]):
        parts.append(prose(meaning))
    if true is not None:
        parts.append(f"What is true is {_shown(true)}")
    if point := item.get("counterexample"):
        parts.append(
            f"A counterexample to the printed statement: {_point(point)}; the left side is "
            f"${formula(point['lhs'])}$, the right side ${formula(point['rhs'])}$."
        )
    if not entry.claim.measured:
        shown, ending = "\n".join(parts), proof(entry)
        parts.append(_letters(entry))
        if re.search(r"P (?:\\nabla|g|X)", shown + ending) and "Write $P" not in ending:
            parts.append(PROJECTOR)
        parts.append(ending)
    return "\n".join(filter(None, parts))


def _shown(one: Formula) -> str:
    given = ", ".join(f"${latex}$" for latex, _ in one.given)
    return displayed(one.latex) + (f" if {given}." if given else "")


def _letters(entry: Stored) -> str:
    """What every letter of the formulas means."""
    asked = [case.asked for case in questions(entry)]
    readings = zip(entry.item["readings"], entry.detail["readings"], strict=True)
    texts = [more["text"] for data, more in readings if data["admitted"]]
    texts += [text for one in asked for text in (one.statement, *one.hypotheses)]
    used = frozenset().union(*(names_in(parse(text)) for text in texts))
    definition = definition_of(entry)
    used |= frozenset().union(*(names_in(tree) for _, tree in lines(definition)))
    used |= ({"X"} if "T" in used else set()) | ({"sigma"} if "rho" in used else set())
    free = {name for one in asked for name in (*one.declared_vectors(), *one.numbers)}
    free -= {"lam"} if "X" in used else set()
    made = {name.partition("_")[0] for name, _ in lines(definition)}
    pairs = [pair for pair in lines(definition) if pair[0] not in ("c", "c_j") and pair[0][-2:] != "_k"]
    layer = r",\quad ".join(f"{LATEX.write(parse(name))} = {LATEX.write(tree)}" for name, tree in pairs)
    other = "for each of its units $j$ and $k$" if any(name[-2:] == "_j" for name, _ in pairs) else ""
    zero = all(one.eps == "zero" for one in asked)
    meanings = [] if "eps" not in used else [r"$\epsilon = 0$" if zero else r"$\epsilon > 0$"]
    meanings += [
        f"${name.latex} = {LATEX.write(parse(name.text))}$"
        if name.text and not name.text.startswith("d(")
        else f"${name.latex}$ is {_meaning(name.meaning)}"
        for name in VOCABULARY.values()
        if name.name in used - made - SAID_BY_THEM - free
    ]
    learned = [said for name, said in SHIFTED if {name, f"{name}_j"} & used]
    said = [LETTERS, other, displayed(f"{layer}."), *learned, LOSS]
    return " ".join([*filter(None, said), *([f"{'; '.join(meanings)}."] if meanings else [])])


def _meaning(text: str) -> str:
    """Words of the vocabulary, in which a letter alone is a name."""
    return outside_formulas(prose(text), lambda words: re.sub(r"\b(y = X W|[nydW])\b", r"$\1$", words))


def _point(point: dict[str, Any]) -> str:
    """The numbers of a counterexample; beta and eps only where they are not 0."""
    numbers = [("m", str(point["m"]))]
    numbers += [(name, _vector(point[name])) for name in ("y", "g")]
    numbers += [(name, _matrix(point[name])) for name in ("H", "X") if point[name] is not None]
    numbers += [("W", _vector(point["W"]))] if point["W"] is not None else []
    for name, value in point["extra"].items():
        if isinstance(value, str):
            numbers.append((LATEX_NAMES.of(name), formula(value)))
        elif all(isinstance(entry, str) for entry in value):
            numbers.append((LATEX_NAMES.of(name), _vector(value)))
    numbers += [(r"\gamma", formula(point["gamma"]))]
    numbers += [(rf"\{name}", formula(point[key])) for name, key in SHIFTS if point[key] != "0"]
    return ", ".join(f"${name} = {value}$" for name, value in numbers)


def _vector(entries: list[str]) -> str:
    return f"({', '.join(map(formula, entries))})"


def _matrix(rows: list[list[str]]) -> str:
    inner = r" \\ ".join(" & ".join(map(formula, row)) for row in rows)
    return rf"\bigl(\begin{{smallmatrix}} {inner} \end{{smallmatrix}}\bigr)"
