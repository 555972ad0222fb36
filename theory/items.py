"""A claim with its evidence as plain data: the item that ``--json`` promises, and what ``show`` adds to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bnverify.theory import kernel
from bnverify.theory.cases import Case, cases
from bnverify.theory.claim import (
    Check,
    Claim,
    Corrected,
    Evidence,
    Hypothesis,
    Instance,
    Reading,
    promised,
    reason_of,
    status_of,
)
from bnverify.theory.grammar import Node, names_in, nodes, parse, put, unparse
from bnverify.theory.judged import point_of
from bnverify.theory.judged import written as exact_text
from bnverify.theory.latex import as_data, legend, written
from bnverify.theory.script import LATEX, PLAIN
from bnverify.theory.witness import witnesses_of

_RELATION = {"<=": "le", "<": "lt", "==": "eq"}


def item_of(claim: Claim, evidence: tuple[Evidence, ...]) -> dict[str, Any]:
    """The item of ``bnverify claims --json``, with exactly the fields of `promised`, in that order."""
    by_slug = {item.reading: item for item in evidence}
    readings = [_reading(reading, by_slug[reading.slug]) for reading in claim.readings]
    admitted = [item for item in readings if item["admitted"]]
    assumptions = list(claim.assumptions)
    for item in admitted:
        assumptions += item["assumptions"] if item["verdict"] == "proved" else []
    lemmas = [lemma for item in evidence for check in item.checks for lemma in check.lemmas]
    return promised(claim) | {
        "verdict": str(status_of(claim, evidence)),
        "tight": bool(admitted) and all(item["tight"] for item in admitted),
        "assumptions": list(dict.fromkeys(assumptions)),
        "readings": readings,
        "corrected": None if claim.corrected is None else _with_conditions(claim.corrected),
        "counterexample": next((x["counterexample"] for x in admitted if x["counterexample"]), None),
        "lemmas": list(dict.fromkeys(lemmas)),
        "witnesses": witnesses_of(claim, evidence),
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
    found = {check.kind: check for check in evidence.checks if check.holds}
    if "instance" not in found:
        return None
    smallest = _point(reading, reading.refutation.smallest, found["instance"])
    generic = reading.refutation.generic
    smallest["generic"] = (
        _point(reading, generic, found["instance-generic"])
        if generic is not None and "instance-generic" in found
        else None
    )
    return smallest


def _point(reading: Reading, instance: Instance, check: Check) -> dict[str, Any]:
    data = {name: _text(getattr(instance, name)) for name in instance.__dataclass_fields__ if name != "extra"}
    values = dict(check.values)
    return {
        "m": instance.m,
        **data,
        "extra": {name: _text(value) for name, value in instance.extra},
        "relation": _RELATION[parse(reading.says).head],
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
        "why": reason_of(claim, evidence),
        "remarks": list(claim.remarks),
        "part_of": claim.part_of,
        "readings": [_reading_detail(claim, reading, by_slug[reading.slug]) for reading in claim.readings],
        "corrected": None if corrected is None else _corrected_detail(claim, corrected, by_slug["corrected"]),
        "legend": [list(entry) for entry in legend(_statements(claim))],
    }


def _statements(claim: Claim) -> Iterator[str]:
    for stated in (*claim.readings, *((claim.corrected,) if claim.corrected else ())):
        yield stated.says
        yield from (hypothesis.says for hypothesis in stated.hypotheses)


def _reading_detail(claim: Claim, reading: Reading, evidence: Evidence) -> dict[str, Any]:
    asked = [case for case in cases(claim) if case.reading == reading.slug]
    found = list(zip(asked, evidence.checks, strict=True))
    points: list[Case] = []
    for case in asked:
        if case.part in ("smallest", "generic") and all(
            case.certificate != known.certificate for known in points
        ):
            points.append(case)
    return {
        "slug": reading.slug,
        "text": reading.says,
        "statement": as_data(reading.says),
        "hypotheses": [_hypothesis(hypothesis) for hypothesis in reading.hypotheses],
        "necessary": reading.necessary,
        "proof": _steps(reading, found),
        "points": [_worked(case) for case in points],
        "contradictions": [_step(case, check) for case, check in found if case.part == "negation"],
    }


def _corrected_detail(claim: Claim, corrected: Corrected, evidence: Evidence) -> dict[str, Any]:
    asked = [case for case in cases(claim) if case.reading == "corrected"]
    return {
        "text": corrected.text,
        "statement": as_data(corrected.says),
        "hypotheses": [_hypothesis(hypothesis) for hypothesis in corrected.hypotheses],
        "assumptions": list(corrected.assumptions),
        "proved": evidence.proved,
        "tight": evidence.tight,
        "proof": _steps(corrected, list(zip(asked, evidence.checks, strict=True))),
    }


def _hypothesis(hypothesis: Hypothesis) -> dict[str, Any]:
    return {
        "name": hypothesis.name,
        "text": hypothesis.text,
        "latex": written(hypothesis.says),
        "plain": written(hypothesis.says, PLAIN),
    }


def _steps(stated: Reading | Corrected, found: list[tuple[Case, Check]]) -> list[dict[str, Any]]:
    """The steps of a proof in order, the statement itself last; steps in words alone stand between them."""
    if stated.proof is None:
        return []
    verified = {case.part: (case, check) for case, check in found}
    steps = []
    for number, step in enumerate(stated.proof.steps, 1):
        pair = verified.get(f"step {number}")
        made = _step(*pair) if pair else _empty("words", step.text)
        needs = [{"latex": written(text), "plain": written(text, PLAIN)} for text in step.needs]
        steps.append(made | {"given": needs})
    steps.append(_step(*verified[""]))
    return steps


def _empty(kind: str, text: str) -> dict[str, Any]:
    return {
        "kind": kind,
        "text": text,
        "holds": True,
        "statement": None,
        "expanded": None,
        "given": [],
        "slack": None,
        "lemma": None,
        "lemma_text": None,
    }


def _step(case: Case, check: Check) -> dict[str, Any]:
    terms = " + ".join(f"({text})" for text in case.certificate.get("terms", ()))
    slack = put(parse(terms), _gaps(case)) if terms and check.kind in ("certificate", "negation") else None
    lemma = check.lemmas[0] if check.lemmas else None
    return _empty(check.kind, check.text) | {
        "holds": check.holds,
        "statement": as_data(case.asked.statement, equal=check.kind == "identity"),
        "slack": None if slack is None else {"latex": LATEX.write(slack), "plain": PLAIN.write(slack)},
        "lemma": lemma,
        "lemma_text": None if lemma is None else kernel.LEMMAS.get(lemma),
    }


def _gaps(case: Case) -> dict[str, Node]:
    """Right minus left of every hypothesis, by the name that a certificate has for it."""
    gaps = {}
    for number, text in enumerate(case.asked.hypotheses):
        tree = parse(text)
        if tree.head != "psd":
            low, high = tree.args[::-1] if tree.head in (">", ">=") else tree.args
            gaps[f"given{number}"] = high if low == Node("number", (0,)) else Node("-", (high, low))
    return gaps


def _worked(case: Case) -> dict[str, Any]:
    """A counterexample worked out: every name and every inner product of the statement at the point."""
    point = point_of(case.asked, case.certificate)
    rows = []
    for node in dict.fromkeys(_quantities(parse(case.asked.statement))):
        try:
            value = kernel.walk(kernel.parse(unparse(node)), point)
        except kernel.Refused:
            continue
        text = _exact(value, point)
        if text:
            rows.append(
                {
                    "latex": LATEX.write(node),
                    "plain": PLAIN.write(node),
                    "value": text,
                    "latex_value": _latex_number(text),
                }
            )
    return {"m": point.size, "note": case.text, "values": rows}


def _quantities(tree: Node) -> list[Node]:
    """Names, then inner products, then maxima, then what is taken elsewhere: at(dW, X, K), not dW."""
    elsewhere = [node for node in nodes(tree) if node.head == "at"]
    seen = [node for node in _here(tree) if node.head in ("name", "@", "maximum")]
    moved = [
        Node("at", (Node("name", (name,)), *node.args[1:]))
        for node in elsewhere
        for name in sorted(names_in(node.args[0]))
    ]
    order = {"name": 0, "@": 1, "maximum": 2}
    found = sorted((node for node in seen if node.args[0] != "one"), key=lambda node: order[node.head])
    return [*found, *moved, *elsewhere]


def _here(tree: Node) -> Iterator[Node]:
    """The nodes of a tree but for what stands inside at(...)."""
    yield tree
    for inside in tree.args[2:] if tree.head == "at" else tree.args:
        if isinstance(inside, Node):
            yield from _here(inside)


def _latex_number(text: str) -> str:
    """An exact number, or a tuple of such, in LaTeX."""
    return re.sub(r"sqrt\((\d+)\)", r"\\sqrt{\1}", text).replace("*", " ")


def _exact(value: Any, point: kernel.Point) -> str:
    if isinstance(value, kernel.Exact | kernel.Interval):
        return exact_text(str(value))
    if isinstance(value, kernel.Column):
        size = point.sizes.get(value.space, point.size)
        return (
            "(" + ", ".join(exact_text(str(value.parts.get(i, kernel.Exact({})))) for i in range(size)) + ")"
        )
    return ""
