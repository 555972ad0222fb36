"""The statements of a claim with what a check must know of each: verdict, kind of instances, what it is tested as."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bnverify.numerics.check.findings import term_nodes
from bnverify.numerics.measure.instances import Family, Kind
from bnverify.numerics.measure.spaces import TEXTS, WHY_NOT
from bnverify.theory.cases import eps_of
from bnverify.theory.claim import Claim, Corrected, Data, Reading, rational, status_of
from bnverify.theory.grammar import Node, names_in, parse
from bnverify.theory.registry import registry
from bnverify.theory.script import PLAIN
from bnverify.theory.store import Stored

MINIMUM = "g == H @ (z - beta*one)"
"""The hypothesis that the loss downstream is a quadratic one whose minimum has all z equal to beta."""


@dataclass(frozen=True)
class Stated:
    """One statement, ready to be checked; the fields are those of `bnverify.numerics.check.run.StatementFindings`."""

    slug: str
    role: str
    summary: str
    tree: Node
    hypotheses: tuple[Node, ...]
    admitted: bool
    verdict: str
    tight: bool
    as_equality: bool
    tested_as: str
    kind: Kind | None
    why_not: str
    written: str
    term_names: tuple[str, ...]
    lhs_terms: int
    claim_verdict: str
    exists: bool


def _names(stated: Reading | Corrected) -> frozenset[str]:
    """The names that a statement and its hypotheses speak of."""
    texts = (stated.says, *(hypothesis.says for hypothesis in stated.hypotheses))
    return frozenset().union(*(names_in(parse(text)) for text in texts))


def _positive_eps(claim: Claim, reading: Reading | Corrected) -> bool:
    """Whether the evidence, a proof or a counterexample, is about eps > 0."""
    refutation = reading.refutation if isinstance(reading, Reading) else None
    points = () if refutation is None else (refutation.smallest, refutation.generic)
    positive = any(instance is not None and rational(instance.eps) != 0 for instance in points)
    return positive or (reading.proof is not None and eps_of(claim, reading)[0] == "positive")


def _matched(reading: Reading | Corrected, data: Data) -> bool:
    """Whether it is about gamma = sigma, beta = mu: a hypothesis, its data or the instance that refutes it say so."""
    refutation = getattr(reading, "refutation", None)
    smallest = None if refutation is None else refutation.smallest
    if any(hypothesis.name == "same-activations" for hypothesis in reading.hypotheses):
        return True
    return "gamma = sigma" in data.fixed or (smallest is not None and smallest.gamma == "s")


def kind_of(claim: Claim, reading: Reading | Corrected) -> tuple[Kind | None, str]:
    """The kind of instances on which a statement is checked, or None and why there is none."""
    eps = _positive_eps(claim, reading)
    family: Family
    hypotheses = {h.name for h in reading.hypotheses}
    match reading.setting:
        case "activations" if "plain-stationary" in hypotheses:
            return Kind("stationary-in-y", matched=True, eps=eps), ""
        case "activations":
            return Kind("batches", matched="same-activations" in hypotheses, eps=eps), ""
        case "matched":
            return Kind("batches", matched=True, eps=eps), ""
        case "matched-weights":
            return Kind("weights", bias=True, matched=True, eps=eps, setting="weights-with-bias"), ""
        case "inputs":
            return Kind("inputs", eps=eps, setting="inputs"), ""
        case "optima":
            return Kind("optima", bias=True, matched=True, setting="optima"), ""
        case "weights-with-bias":
            return Kind("weights", bias=True, matched=True, eps=eps, setting="weights"), ""
        case "weights" if "What" in _names(reading):
            return Kind("least-squares", matched=True, setting="weights"), ""
        case "weights":
            data = getattr(reading, "data", Data())
            bias = data.bias == "the range of X contains 1"
            family = "weights" if "plain-stationary" in hypotheses else "inputs"
            return Kind(family, bias=bias, matched=_matched(reading, data), eps=eps, setting="weights"), ""
    if reading.setting in TEXTS:
        family = "inputs" if TEXTS[reading.setting].startswith("y =") else "batches"
        if any(h.says == MINIMUM for h in reading.hypotheses):
            family = "minimum-at-beta"
        return Kind(family, eps=eps, setting=reading.setting), ""
    return None, WHY_NOT.get(
        reading.setting, f"no random batch has the quantities of the setting {reading.setting!r}"
    )


def _exists(reading: Reading | Corrected) -> bool:
    """Whether it says "there is an instance with ...": a point is exhibited, or the negation is proved for all."""
    refutation = getattr(reading, "refutation", None)
    exhibited = reading.proof is not None and reading.proof.at is not None
    return exhibited or (refutation is not None and refutation.negation is not None)


_OPS = {"<=": "le", "<": "lt", "==": "eq", "psd": "le"}


@cache
def _stated(name: str) -> tuple[Stated, ...]:
    claim = registry()[name]
    evidence = Stored(claim).evidence
    verdict = str(status_of(claim, evidence))
    found = {item.reading: item for item in evidence}
    listed: list[tuple[str, str, str, Reading | Corrected]] = [
        (reading.slug, "reading", reading.summary, reading) for reading in claim.readings
    ]
    if claim.corrected is not None:
        listed.append(("corrected", "corrected", claim.corrected.text, claim.corrected))
    out = []
    for slug, role, summary, item in listed:
        tight = found[slug].tight
        kind, why_not = kind_of(claim, item)
        tree = parse(item.says)
        left, right = ([], []) if why_not else term_nodes(tree)
        out.append(
            Stated(
                slug=slug,
                role=role,
                summary=summary,
                tree=tree,
                hypotheses=tuple(parse(hypothesis.says) for hypothesis in item.hypotheses),
                admitted=getattr(item, "admitted", True),
                verdict=str(found[slug].status),
                tight=tight,
                as_equality=tight,
                tested_as="eq" if tight else _OPS[tree.head],
                kind=kind,
                why_not=why_not,
                written=PLAIN.statement(tree),
                term_names=tuple(PLAIN.write(term) for term in left + right),
                lhs_terms=len(left),
                claim_verdict=verdict,
                exists=_exists(item),
            )
        )
    return tuple(out)


def stated(claim: Claim) -> tuple[Stated, ...]:
    """The readings of a claim and, last, its correction; its evidence is verified from nothing, once a process."""
    return _stated(claim.id)
