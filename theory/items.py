"""A claim with its evidence as plain data: the item that ``--json`` promises, and what ``show`` adds to it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from bnverify.theory.claim import (
    Check,
    Claim,
    Corrected,
    Evidence,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Says,
    status_of,
)
from bnverify.theory.exact import tidy
from bnverify.theory.expand import certificate, expanded
from bnverify.theory.latex import LATEX, PLAIN, as_data, legend, statement, written
from bnverify.theory.lemmas import LEMMAS
from bnverify.theory.rooms import point
from bnverify.theory.settings import Extremum
from bnverify.theory.syntax import Node, evaluate, walk

PROMISED = (
    "id",
    "title",
    "where",
    "kind",
    "verdict",
    "tight",
    "scope",
    "assumptions",
    "notation",
    "readings",
    "corrected",
    "counterexample",
    "lemmas",
    "quotation",
)


def item_of(claim: Claim, evidence: tuple[Evidence, ...]) -> dict[str, Any]:
    """The item of ``bnverify claims --json``, with exactly the fields in `PROMISED`, in that order."""
    by_slug = {item.reading: item for item in evidence}
    readings = [_reading(reading, by_slug[reading.slug]) for reading in claim.readings]
    admitted = [item for item in readings if item["admitted"]]
    assumptions = list(claim.assumptions)
    for item in admitted:
        assumptions += item["assumptions"] if item["verdict"] == "proved" else []
    lemmas = [lemma for item in evidence for check in item.checks for lemma in check.lemmas]
    return {
        "id": claim.id,
        "title": claim.title,
        "where": claim.where,
        "kind": claim.kind,
        "verdict": str(status_of(claim, evidence)),
        "tight": bool(admitted) and all(item["tight"] for item in admitted),
        "scope": dict(claim.scope),
        "assumptions": list(dict.fromkeys(assumptions)),
        "notation": list(claim.notation),
        "readings": readings,
        "corrected": None if claim.corrected is None else _with_conditions(claim.corrected),
        "counterexample": next((x["counterexample"] for x in admitted if x["counterexample"]), None),
        "lemmas": list(dict.fromkeys(lemmas)),
        "quotation": claim.quotation,
    }


def _reading(reading: Reading, evidence: Evidence) -> dict[str, Any]:
    return {
        "slug": reading.slug,
        "summary": reading.summary,
        "statement": written(reading.says),
        "data": {name: getattr(reading.data, name) for name in reading.data.__dataclass_fields__},
        "admitted": reading.admitted,
        "why": reading.why,
        "verdict": str(evidence.status),
        "tight": evidence.tight,
        "assumptions": list(reading.assumptions) or [hypothesis.text for hypothesis in reading.hypotheses],
        "counterexample": _counterexample(reading, evidence),
    }


def _with_conditions(corrected: Corrected) -> str:
    conditions = [written(hypothesis.says) for hypothesis in corrected.hypotheses]
    return written(corrected.says) + "".join(rf" \quad \text{{if }} {text}" for text in conditions)


def _counterexample(reading: Reading, evidence: Evidence) -> dict[str, Any] | None:
    if reading.refutation is None or reading.refutation.smallest is None:
        return None
    found = {check.kind: check for check in evidence.checks}
    smallest = _point(reading, reading.refutation.smallest, found["instance"])
    generic = reading.refutation.generic
    smallest["generic"] = None if generic is None else _point(reading, generic, found["instance-generic"])
    return smallest


def _point(reading: Reading, instance: Instance, check: Check) -> dict[str, Any]:
    data = {name: _text(getattr(instance, name)) for name in instance.__dataclass_fields__ if name != "extra"}
    values = dict(check.values)
    return {
        "m": instance.m,
        **data,
        "extra": {name: _text(value) for name, value in instance.extra},
        "relation": statement(reading.says).op,
        "lhs": values["lhs"],
        "rhs": values["rhs"],
        "lhs_float": values["lhs_float"],
        "rhs_float": values["rhs_float"],
    }


def _text(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_text(item) for item in value]
    if isinstance(value, dict):
        return {str(key): _text(item) for key, item in value.items()}
    return None if value is None else str(value)


def detail_of(claim: Claim, evidence: tuple[Evidence, ...]) -> dict[str, Any]:
    """What ``bnverify show`` prints beyond the item: statements, proofs and worked counterexamples."""
    by_slug = {item.reading: item for item in evidence}
    corrected = claim.corrected
    return {
        "why": claim.why,
        "remarks": list(claim.remarks),
        "part_of": claim.part_of,
        "readings": [_reading_detail(reading, by_slug[reading.slug]) for reading in claim.readings],
        "corrected": None if corrected is None else _corrected_detail(corrected, by_slug["corrected"]),
        "legend": [list(entry) for entry in legend(_statements(claim))],
    }


def _statements(claim: Claim) -> Iterator[Says]:
    for stated in (*claim.readings, *((claim.corrected,) if claim.corrected else ())):
        yield stated.says
        yield from (hypothesis.says for hypothesis in stated.hypotheses)


def _reading_detail(reading: Reading, evidence: Evidence) -> dict[str, Any]:
    refutation = reading.refutation
    points: list[Instance] = []
    if refutation is not None and refutation.smallest is not None:
        points = [refutation.smallest]
        if refutation.generic is not None and refutation.generic != refutation.smallest:
            points.append(refutation.generic)
    return {
        "slug": reading.slug,
        "statement": as_data(reading.says),
        "hypotheses": [_hypothesis(hypothesis) for hypothesis in reading.hypotheses],
        "necessary": reading.necessary,
        "proof": [] if reading.proof is None else list(_steps(reading, reading.proof, evidence)),
        "points": [_worked(reading, instance) for instance in points],
        "contradictions": list(_contradictions(reading, evidence)),
    }


def _contradictions(reading: Reading, evidence: Evidence) -> Iterator[dict[str, Any]]:
    """What refutes a reading without an instance: a certificate of the negation, or a citation."""
    refutation = reading.refutation
    if refutation is None:
        return
    for check in evidence.checks:
        if check.kind == "negation" and refutation.negation is not None:
            step = refutation.negation
            yield _step(replace(check, kind="certificate"), reading, None, step.says, step.terms)
        if check.kind == "citation":
            yield _step(check, reading, None)


def _corrected_detail(corrected: Corrected, evidence: Evidence) -> dict[str, Any]:
    return {
        "text": corrected.text,
        "statement": as_data(corrected.says),
        "hypotheses": [_hypothesis(hypothesis) for hypothesis in corrected.hypotheses],
        "assumptions": list(corrected.assumptions),
        "proved": evidence.proved,
        "tight": evidence.tight,
        "proof": list(_steps(corrected, corrected.proof, evidence)),
    }


def _hypothesis(hypothesis: Hypothesis) -> dict[str, Any]:
    return {
        "name": hypothesis.name,
        "text": hypothesis.text,
        "latex": written(hypothesis.says),
        "plain": written(hypothesis.says, PLAIN),
    }


def _both(node: Node) -> dict[str, str]:
    return {"latex": LATEX.write(node), "plain": PLAIN.write(node)}


def _steps(stated: Reading | Corrected, proof: Proof, evidence: Evidence) -> Iterator[dict[str, Any]]:
    """The steps of a proof in order, the statement itself last, each with the check that verified it."""
    against = ("instance", "negation", "citation")
    checks = iter(check for check in evidence.checks if not check.kind.startswith(against))
    for step in proof.steps:
        if step.lemma is not None:
            yield _step(next(checks), stated, step.lemma)
        elif step.says is not None:
            yield _step(next(checks), stated, None, step.says, step.terms, proof.eps)
    if proof.lemma is not None:
        yield _step(next(checks), stated, proof.lemma, stated.says)
    else:
        yield _step(next(checks), stated, None, stated.says, proof.terms, proof.eps)


def _step(
    check: Check,
    stated: Reading | Corrected,
    lemma: str | None,
    says: Any = None,
    terms: Any = None,
    eps: bool = False,
) -> dict[str, Any]:
    sides: Node | None = None
    slack: Node | None = None
    if says is not None and check.kind == "identity":
        sides = expanded(says, eps, stated.setting)
    if says is not None and check.kind == "certificate" and terms is not None:
        slack = certificate(terms, stated.hypotheses)
    return {
        "kind": check.kind,
        "text": check.text,
        "holds": check.holds,
        "statement": None if says is None else as_data(says, equal=check.kind == "identity"),
        "expanded": None if sides is None else _both(sides),
        "slack": None if slack is None else _both(slack),
        "lemma": lemma,
        "lemma_text": None if lemma is None else LEMMAS.get(lemma),
    }


def _worked(reading: Reading, instance: Instance) -> dict[str, Any]:
    """A counterexample worked out: every name and every inner product of the statement at the point."""
    q = point(reading.setting, instance)
    relation = statement(reading.says)
    seen: dict[Node, None] = {}
    for side in (relation.lhs, relation.rhs):
        for _, node in walk(side):
            if node.head in {"sym", "vec", "dot", "max_grad", "max_form"}:
                seen.setdefault(node)
    order = {"sym": 0, "vec": 1, "dot": 2, "max_grad": 3, "max_form": 3}
    rows = []
    for node in sorted(seen, key=lambda node: order[node.head]):
        if node.head == "vec" and node.args[0] in {"1", "a", "b"}:
            continue
        value = evaluate(node, q)
        rows.append({**_both(node), "value": _exact(value), "latex_value": _exact_latex(value)})
    return {"m": instance.m, "note": instance.note, "values": rows}


def _exact(value: Any) -> str:
    if isinstance(value, Extremum):
        low, high = _exact(value.attained), _exact(value.bound)
        return low if low == high else f"between {low} and {high}"
    if hasattr(value, "tolist"):
        return "(" + ", ".join(str(tidy(entry)) for entry in value) + ")"
    return str(tidy(value))


def _exact_latex(value: Any) -> str:
    from sympy import latex

    if isinstance(value, Extremum):
        low, high = _exact_latex(value.attained), _exact_latex(value.bound)
        return low if low == high else rf"\left[{low},\, {high}\right]"
    if hasattr(value, "tolist"):
        return r"\left(" + r",\, ".join(latex(tidy(entry)) for entry in value) + r"\right)"
    return str(latex(tidy(value)))
