"""A verdict to cite: BibTeX of the paper as it was read and of this project, an erratum in LaTeX, a script."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bnverify.theory.cases import Case, cases
from bnverify.theory.grammar import Node, lines, names_in, parse
from bnverify.theory.names import LATEX_NAMES
from bnverify.theory.script import LATEX
from bnverify.theory.store import Stored
from bnverify.theory.vocabulary import VOCABULARY
from bnverify.theory.writing.blocks import Formula
from bnverify.theory.writing.claim_page import corrected, deciding, heading_of, printed, refuting
from bnverify.theory.writing.proof import IDENTITY, definition_of, proof, questions
from bnverify.theory.writing.readers import for_readers
from bnverify.theory.writing.tex import displayed, formula, prose
from bnverify.theory.writing.words import outside_formulas

PAPER = r"""% The proceedings print Madry; with \usepackage[T1]{fontenc} it may be M{\k{a}}dry.
@inproceedings{santurkar2018how,
  title     = {How Does Batch Normalization Help Optimization?},
  author    = {Santurkar, Shibani and Tsipras, Dimitris and Ilyas, Andrew and Madry, Aleksander},
  booktitle = {Advances in Neural Information Processing Systems 31},
  year      = {2018},
  url       = {https://arxiv.org/abs/1805.11604},
  note      = {read with its Appendices A to C, in the text of arXiv:1805.11604 that is marked NIPS 2018, Montr{\'e}al}
}"""
OURS = r"""@misc{{bnverify-{name},
  title        = {{bnverify: verdicts on claims about normalisation layers}},
  author       = {{{{The bnverify authors}}}},
  year         = {{{year}}},
  howpublished = {{Python package bnverify, version {version}, {state}}},
  note         = {{claim {name}: {verdict}; shown by the command bnverify show {name}}}
}}"""
SAID = {
    "proved": "holds as printed",
    "refuted": "does not hold as printed",
    "conditional": "depends on how it is read",
}
LETTERS = (
    r"Here $y \in \mathbb{R}^m$ are the outputs of one unit over a batch of $m$, $\mathbf{1}$ is the vector of ones, "
    r"$\langle a, b\rangle = a^\top b$, and the layer is"
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
WEIGHTED = {"T", "W", "dW", "HW", "dW_plain", "HW_plain"}
"""Names whose meaning needs the inputs."""
SPACES = {"batch": r"$\mathbb{R}^m$", "weights": "the space of weights"}
SCOPE = ("m", "gamma", "sigma", "eps")
ASSUMED = {
    "XX' = lambda^2 I instead of the maxima": r"inputs with $XX^\top = \lambda^2 I$ (not for the maxima over $X$)",
    "the layer has a bias": "a layer with a bias",
    "gamma = sigma, beta = mu at W*": r"$\beta = \mu$ at $W^*$",
    "g, y-hat, sigma held fixed while X varies": r"$g$, $\hat y$ and $\sigma$ held fixed while $X$ varies",
}
"""Assumptions beside the scope and the printed conditions, in LaTeX."""
SHIFTS = (("beta", "beta"), ("epsilon", "eps"))


def bibtex(items: list[dict[str, Any]], version: str, year: str, state: str) -> str:
    """Entries, of types that plain.bst knows: the paper, and this project once a claim, with its verdict."""
    ours = (
        OURS.format(version=version, state=state, year=year, name=item["id"], verdict=item["verdict"])
        for item in items
    )
    return "\n\n".join([PAPER, *ours])


def erratum(entry: Stored) -> str:
    """LaTeX (with amsmath and amssymb) of what is printed, what is true, a counterexample, the letters, the proof."""
    item = entry.item
    parts = [rf"\paragraph{{{prose(heading_of(item))} ({prose(item['where'])}).}}"]
    verdict = item["verdict"]
    said, true = printed(entry), corrected(entry)
    parts.append(f"The statement {SAID.get(verdict, f'has the verdict {verdict}')}.")
    if said is not None:
        parts.append(rf"{'Read formally, it says' if said.given else 'It reads'} {_shown(said)}")
    if meaning := for_readers(item["id"]):
        parts.append(prose(meaning))
    if true is not None:
        parts.append(f"What is true is {_shown(true)}{_scope(entry)}")
    elif verdict == "proved" and not entry.claim.measured:
        parts.append(_scope(entry))
    if (place := refuting(item, entry.detail)) is not None:
        point, more = item["readings"][place]["counterexample"], entry.detail["readings"][place]
        parts.append(
            f"A counterexample {_against(entry, place)}: {_point(entry, point, more)}; {_sides(point)}."
        )
    if not entry.claim.measured:
        shown, ending = "\n".join(parts), proof(entry)
        parts.append(_letters(entry))
        if re.search(r"P (?:\\nabla|g|X)", shown + ending) and "Write $P" not in ending:
            parts.append(PROJECTOR)
        parts.append(ending)
    return "\n".join(filter(None, parts))


def _against(entry: Stored, place: int) -> str:
    """What a counterexample is one to: the statement shown, that with <= for <, or another reading, written out."""
    first, one = deciding(entry.item), entry.detail["readings"][place]
    if first is None or place == first:
        return "to the printed statement"
    text = entry.detail["readings"][first]["text"]
    if one["text"] == text:
        return rf"to the printed statement in the reading \texttt{{{entry.item['readings'][place]['slug']}}}"
    if one["text"] == text.replace(" < ", " <= "):
        return r"to the printed statement, even with $\le$ for $<$"
    given = tuple((text["latex"], text["plain"]) for text in one["hypotheses"])
    said = _shown(Formula(one["statement"]["latex"], one["statement"]["plain"], given))
    return f"to the reading {said.removesuffix('.')}"


def _sides(point: Mapping[str, Any]) -> str:
    """The two sides at a counterexample; of enclosed ones the ends that decide."""
    ends = (r"between (.*) and .*", r"between .* and (.*)")
    if point["relation"] in ("le", "lt") and any("between" in point[side] for side in ("lhs", "rhs")):
        left, right = (re.fullmatch(end, point[side]) for end, side in zip(ends, ("lhs", "rhs"), strict=True))
        said = [f"at least ${formula(left[1])}$" if left else f"${formula(point['lhs'])}$"]
        said += [f"at most ${formula(right[1])}$" if right else f"${formula(point['rhs'])}$"]
        why = f" ({_meaning(point['note'])})" if point["note"] else ""
        return f"the left side is {said[0]}, the right side {said[1]}{why}"
    return f"the left side is ${formula(point['lhs'])}$, the right side ${formula(point['rhs'])}$"


OF_EPS = {
    frozenset({"positive"}): "> 0",
    frozenset({"zero", "positive"}): r"\ge 0",
}
LAYERS = {"gamma": "gamma", "eps": "eps", "sigma": "s"}
"""What a scope says of a layer, and the name that a definition has where it can be said of it."""


def _own(definition: str) -> set[str]:
    """The names of a definition, without their units."""
    names = set().union(*({name} | names_in(tree) for name, tree in lines(definition)))
    return {name.partition("_")[0] for name in names}


def _scope(entry: Stored) -> str:
    """Where it is true."""
    said: list[str] = []
    item = entry.item
    definition = definition_of(entry)
    if definition == IDENTITY:
        return ""
    for name, value in (item["scope"] or {}).items():
        if name in LAYERS and LAYERS[name] not in _own(definition):
            continue
        found = re.fullmatch(r"((?:<|>|<=|>=|!=|=) \w+)(.*)", value)
        if name in SCOPE and found:
            said.append(f"${formula(f'{name} {found[1]}')}${_meaning(found[2])}")
        elif name in SCOPE and value.startswith("any"):
            said.append(f"any real ${formula(name)}$")
    said += [ASSUMED[one] for one in item["assumptions"] if one in ASSUMED]
    return f" This holds for {', '.join(said)}." if said else ""


def _shown(one: Formula) -> str:
    given = ", ".join(f"${latex}$" for latex, _ in one.given)
    return displayed(one.latex) + (f" if {given}." if given else "")


def _letters(entry: Stored) -> str:
    """What every letter of the formulas means."""
    asked = [case.asked for case in (*shown(entry), *questions(entry))]
    used = frozenset().union(
        *(names_in(parse(text)) for one in asked for text in (one.statement, *one.hypotheses))
    )
    definition = definition_of(entry)
    layer = [] if definition == IDENTITY else lines(definition)
    used |= frozenset().union(*(names_in(tree) for _, tree in layer))
    starred = "W" in used and "W^*" in entry.item["quotation"]
    used |= {"X", "W"} if used & WEIGHTED else set()
    used |= {"sigma"} if "rho" in used or r"$\sigma" in _scope(entry) else set()
    free = {name for one in asked for name in one.numbers} - ({"lam"} if "X" in used else set())
    made = {name.partition("_")[0] for name, _ in layer}
    pairs = [pair for pair in layer if pair[0] not in ("c", "c_j") and pair[0][-2:] != "_k"]
    other = "for each of its units $j$ and $k$" if any(name[-2:] == "_j" for name, _ in pairs) else ""
    meanings = (
        [rf"$\epsilon {OF_EPS.get(frozenset(one.eps for one in asked), '= 0')}$"] if "eps" in used else []
    )
    vectors = {name: space for one in asked for name, space in one.declared_vectors().items() if name in used}
    known = made | free | set(vectors) | (SAID_BY_THEM if layer else set())
    meanings += [
        f"${name.latex} = {LATEX.write(parse(name.text))}$"
        if name.text and not name.text.startswith("d(") and layer
        else f"${name.latex}$ is {_meaning(name.meaning)}"
        for name in VOCABULARY.values()
        if name.name in used - known
    ]
    for space in SPACES:
        if named := ", ".join(f"${LATEX.write(parse(name))}$" for name in vectors if vectors[name] == space):
            meanings.append(f"{named} in {SPACES[space]}, any but for the conditions said")
    if matrices := ", ".join(
        sorted(
            {
                f"${LATEX.write(parse(found[0]))}$"
                for one in asked
                for found in one.declared_operators()
                if found[0] in used - set(VOCABULARY)
            }
        )
    ):
        meanings.append(f"{matrices} are matrices, any but for the conditions said")
    if numbers := ", ".join(
        f"${LATEX.write(parse(name))}$" for name in sorted(free & used - set(VOCABULARY))
    ):
        meanings.append(rf"{numbers} in $\mathbb{{R}}$, any but for the conditions said")
    if starred:
        meanings.append("the $W$ of the printed statement is the $W^*$ of the paper")
    learned = [said for name, said in SHIFTED if {name, f"{name}_j"} & used]
    said = [LETTERS, other, _layer(pairs), *learned, LOSS] if layer else []
    ending = "; ".join(meanings)
    return " ".join(
        [*filter(None, said), *([f"{ending if said else 'Here ' + ending}."] if meanings else [])]
    )


def shown(entry: Stored) -> list[Case]:
    """What was asked about the reading that is shown as printed and the one that a counterexample refutes."""
    places = {deciding(entry.item), refuting(entry.item, entry.detail)} - {None}
    slugs = {entry.item["readings"][place]["slug"] for place in places}
    return [case for case in cases(entry.claim) if case.reading in slugs]


def _layer(pairs: Iterable[tuple[str, Node]]) -> str:
    """The lines of a definition; a long list breaks between them alone."""
    made = []
    for name, tree in pairs:
        latex = rf"{LATEX.write(parse(name))} = {LATEX.write(tree)}"
        bracketed = re.escape(VOCABULARY["c"].latex)
        inner = VOCABULARY["c"].latex[1:-1].replace("\\", "\\\\")
        latex = re.sub(rf"(\\\|){bracketed}(?=\\right\\\||\\\|)", rf"\1{inner}", latex)
        made.append(re.sub(rf"(\\frac\{{){bracketed}\}}", rf"\1{inner}}}", latex))
    whole = displayed(r",\quad ".join(made) + ".")
    if whole.startswith(r"\["):
        return whole
    boxes = r",\quad ".join(rf"\mbox{{$\displaystyle {latex}$}}" for latex in made)
    return rf"\begin{{quote}}\raggedright {boxes}.\end{{quote}}"


def _meaning(text: str) -> str:
    """Words of the vocabulary or of a note, in which a letter alone is a name."""
    letters = r"\b(y = X W|X = 0|[nydWXL])\b(?![*'])"
    named = outside_formulas(
        prose(text).replace("W*", "$W^*$"), lambda words: re.sub(letters, r"$\1$", words)
    )
    return named.replace(r"$ $\times$ $", r" \times ")


def _point(entry: Stored, point: Mapping[str, Any], reading: Mapping[str, Any]) -> str:
    """The numbers of a counterexample: what its statement names; beta and eps only where they are not 0."""
    said = names_in(parse(reading["text"]))
    named = said.union(*(names_in(tree) for _, tree in lines(definition_of(entry))))
    numbers = [("m", str(point["m"]))]
    numbers += [(name, _vector(point[name])) for name in ("y", "g")]
    m = point["m"]
    hessian = point["H"] or ([["0"] * m] * m if said & {"H", "B"} else None)
    numbers += [
        (name, _matrix(rows)) for name, rows in (("H", hessian), ("X", point["X"])) if rows is not None
    ]
    numbers += [("W", _vector(point["W"]))] if point["W"] is not None else []
    for name, value in point["extra"].items():
        if isinstance(value, str):
            numbers.append((LATEX_NAMES.of(name), formula(value)))
        elif all(isinstance(entry, str) for entry in value):
            numbers.append((LATEX_NAMES.of(name), _vector(value)))
    numbers += [(r"\gamma", formula(point["gamma"]))] if "gamma" in named else []
    numbers += [(r"\lambda", formula(point["lam"]))] if "lam" in said else []
    numbers += [(rf"\{name}", formula(point[key])) for name, key in SHIFTS if point[key] != "0"]
    return ", ".join(f"${name} = {value}$" for name, value in numbers)


def _vector(entries: list[str]) -> str:
    return f"({', '.join(map(formula, entries))})"


def _matrix(rows: list[list[str]]) -> str:
    inner = r" \\ ".join(" & ".join(map(formula, row)) for row in rows)
    return rf"\bigl(\begin{{smallmatrix}} {inner} \end{{smallmatrix}}\bigr)"
