"""The statements of a claim with what a check must know of each: verdict, kind of instances, what it is tested as."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bnverify.numerics.check.findings import term_nodes
from bnverify.numerics.measure.instances import Family, Kind
from bnverify.theory.cases import eps_of
from bnverify.theory.claim import Claim, Corrected, Data, Reading, rational, status_of
from bnverify.theory.grammar import Node, names_in, parse
from bnverify.theory.normalisations import BATCH_NORM, IN_WEIGHTS, text_of
from bnverify.theory.registry import registry
from bnverify.theory.script import PLAIN
from bnverify.theory.store import Stored
from bnverify.theory.witness import unasked

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
    given = {hypothesis.says for hypothesis in reading.hypotheses}
    if given >= {"gamma == sigma", "beta == mu"} or any(
        h.name == "same-activations" for h in reading.hypotheses
    ):
        return True
    return "gamma = sigma" in data.fixed or (smallest is not None and smallest.gamma == "s")


def kind_of(claim: Claim, reading: Reading | Corrected) -> tuple[Kind | None, str]:
    """The kind of instances on which a statement is checked, or None and why there is none."""
    if why_not := unasked(reading):
        return None, why_not
    eps, text = _positive_eps(claim, reading), text_of(reading.norm)
    stationary = any(h.name == "plain-stationary" for h in reading.hypotheses)
    given = {hypothesis.says for hypothesis in reading.hypotheses}
    data = getattr(reading, "data", Data())
    if text == "z = y" and names_in(parse(reading.says)) & {"W0", "Wstar"}:
        return Kind("optima", bias=True, matched=True), ""
    if text == IN_WEIGHTS:
        bias = data.bias == "the range of X contains 1"
        family: Family = "weights" if stationary else "inputs"
        return Kind(family, bias=bias, matched=_matched(reading, data), eps=eps), ""
    if text.startswith("y ="):
        return Kind("inputs", eps=eps, norm=text), ""
    if stationary:
        return Kind("stationary-in-y", matched=True, eps=eps, norm=text), ""
    loss = "quadratic-psd" if "psd(H)" in given else "linear" if "H @ v == 0" in given else ""
    matched = text == BATCH_NORM and _matched(reading, Data())
    family = "minimum-at-beta" if MINIMUM in given else "batches"
    return Kind(family, matched=matched, eps=eps, norm=text, loss=loss), ""


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
        left, right = ((), ()) if why_not else term_nodes(tree)
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
