"""The proof of what is true, in LaTeX for somebody who has this text alone: from the definition to the last line."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bnverify.theory.cases import Case, cases
from bnverify.theory.derivations import section
from bnverify.theory.grammar import names_in, parse
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.registry import registry
from bnverify.theory.store import Stored
from bnverify.theory.writing.claim_page import proved_reading
from bnverify.theory.writing.tex import displayed, prose

OWN = {
    "thm-4.1": ("Theorem 4.1",),
    "thm-4.2.1": ("Theorem 4.2",),
    "thm-4.2.2": ("Theorem 4.2",),
    "obs-4.3.activations": ("Observation 4.3",),
    "obs-4.3.minima": ("Observation 4.3",),
    "thm-4.4": ("Theorem 4.1", "Theorem 4.4 and Theorem C.1"),
    "thm-C.1": ("Theorem 4.2", "Theorem 4.4 and Theorem C.1"),
    "lem-4.5": ("Observation 4.3", "Lemma 4.5"),
}
"""The parts of the derivations that a theorem's proof takes up after gradient and Hessian."""
IDENTITY = "z = y"
"""What stands for a layer in a question that is about none."""
CURVATURE = "The curvature is quartic"
"""Where Theorem C.1 begins in the section that it shares with Theorem 4.4."""
OF_HESSIANS = {"B", "HW"}
OF_GRADIENTS = {"v", "dW", "dgamma", "dbeta", *OF_HESSIANS}
DIFFERENTIATED = (
    r"A dot is the derivative along a direction $b$, by the rules for sums, products, quotients and roots applied to "
    r"the definition. The gradient of $\widehat{\mathcal{L}}$ satisfies $\langle \nabla\widehat{\mathcal{L}}, b\rangle "
    r"= \langle g, \dot z\rangle$ for every $b$; its Hessian takes $b$ to the derivative of the gradient along $b$, "
    r"where $\dot g = H \dot z$."
)
INSERTED = (
    r"With the derivatives inserted, both sides of each equation are the same polynomial in the scalars and in the "
    r"inner products of the vectors, whatever $m$ is."
)


def questions(entry: Stored) -> list[Case]:
    """What the kernel was asked for the proof: of the corrected statement, or else of the first proved reading."""
    slug = "corrected" if entry.detail["corrected"] else (proved_reading(entry) or {}).get("slug")
    return [
        case
        for case in cases(entry.claim)
        if case.reading == slug and (not case.part or case.part[:4] == "step")
    ]


def definition_of(entry: Stored) -> str:
    """The layer that a claim is about, as lines of the grammar; the identity where it is about none."""
    asked = [case.asked.definition for case in (*questions(entry)[::-1], *list(cases(entry.claim))[::-1])]
    layers = [text for text in asked if text != IDENTITY]
    return [*layers, *asked, NORMALISATIONS["batch-norm"].text][0]


def proof(entry: Stored) -> str:
    """A paragraph; empty where nothing is proved."""
    stated = entry.detail["corrected"] or proved_reading(entry)
    if stated is None or not stated["proof"]:
        return ""
    derived = list(_derived(entry))
    named = [name for name in re.findall(r"\\tag\{([\w.-]+)\}", "\n".join(derived)) if name in registry()]
    again = rf"\texttt{{bnverify prove {' '.join(dict.fromkeys([*named, entry.id]))}}}"
    end = rf"Each step was checked for every $m$ from the definition of the layer: {again}.\hfill$\square$"
    told = entry.id in OWN and len(derived) > 1  # the derivations end with that formula
    steps = [] if told else _steps(stated["proof"])
    return "\n".join([r"\par\emph{Proof.}", _tagged_once("\n".join(derived)), *steps, end])


def _tagged_once(text: str) -> str:
    """Of the formulas with one tag the last keeps it."""
    return re.sub(r" \\tag\{([^}]*)\}(?=.*\\tag\{\1\})", "", text, flags=re.DOTALL)


def _derived(entry: Stored) -> Iterator[str]:
    """How gradient and Hessian come out of the definition."""
    asked = [case.asked for case in questions(entry) if case.asked.definition != IDENTITY]
    names = frozenset().union(*(names_in(parse(one.statement)) for one in asked))
    batch_norm = NORMALISATIONS["batch-norm"].text
    if asked and all(one.definition.endswith(batch_norm) and one.eps == "zero" for one in asked):
        yield section("How the statistics move")
        if names & OF_GRADIENTS:
            yield section("The gradient")
        if names & OF_HESSIANS:
            yield section("The Hessian")
        for title in OWN.get(entry.id, ()):
            before, mark, after = section(title).partition(CURVATURE)
            yield {"thm-4.4": before.strip(), "thm-C.1": mark + after}.get(entry.id, "") if mark else before
    elif names & OF_GRADIENTS:
        yield DIFFERENTIATED


def _steps(steps: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Every step with its formula, and why an inequality holds."""
    steps = list(steps)
    yield "In steps:" if len(steps) > 1 else "Therefore"
    for number, step in enumerate(steps, 1):
        mark = f"({number}) " if len(steps) > 1 else ""
        words = f"{step['text']}; by the lemma: {step['lemma_text']}" if step["lemma"] else step["text"]
        if mark or words:
            yield f"{mark}{prose(words)}"
        if step["statement"] is not None:
            yield displayed(step["statement"]["latex"])
            yield from (f"where ${need['latex']}$" for need in step["given"])
        if step["slack"] is not None:
            yield f"since right minus left is {displayed(step['slack']['latex'] + chr(92) + 'ge 0.')}"
    if any(step["kind"] == "identity" for step in steps):
        yield INSERTED
