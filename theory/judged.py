"""The verdicts: a function of what the kernel verified, and of nothing else.

`evidence_of` asks the kernel about every certificate of a claim, now; what it said last stands in `verdicts`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Any

from bnverify.theory import kernel, shelf
from bnverify.theory.cases import Case, cases
from bnverify.theory.claim import Check, Claim, Evidence
from bnverify.theory.grammar import additive_terms, parse, unparse
from bnverify.theory.writing.words import number


def evidence_of(
    claim: Claim, items: Mapping[tuple[str, str], dict[str, Any]] | None = None
) -> tuple[Evidence, ...]:
    """The evidence on every reading of a claim and, last, on its corrected statement, judged by the kernel now."""
    known = shelved() if items is None else items
    asked: dict[str, list[tuple[Case, Check, bool]]] = {}
    for case in cases(claim):
        check, tight = _check(case, known.get((case.claim, case.label)))
        asked.setdefault(case.reading, []).append((case, check, tight))
    slugs = [reading.slug for reading in claim.readings] + ["corrected"] * (claim.corrected is not None)
    return tuple(_evidence(slug, asked.get(slug, [])) for slug in slugs)


@cache
def shelved() -> dict[tuple[str, str], dict[str, Any]]:
    """The committed certificates."""
    return shelf.load()


def _evidence(slug: str, asked: list[tuple[Case, Check, bool]]) -> Evidence:
    against = ("smallest", "generic", "negation")
    proofs = [entry for entry in asked if entry[0].part not in against]
    refutations = [entry for entry in asked if entry[0].part in against]
    proved = bool(proofs) and all(check.holds for _, check, _ in proofs)
    refuted = bool(refutations) and all(check.holds for _, check, _ in refutations)
    tight = proved and any(tight for case, _, tight in proofs if not case.part)
    return Evidence(slug, proved, refuted, tight, tuple(check for _, check, _ in asked))


def _check(case: Case, item: Mapping[str, Any] | None) -> tuple[Check, bool]:
    """What the kernel makes of one certificate, and whether it found an equality."""
    kinds = {"smallest": "instance", "generic": "instance-generic", "negation": "negation"}
    kind = kinds.get(case.part) or ("witness" if case.asked.quantifier == "exists" else "certificate")
    try:
        found = shelf.judge(case, item)
    except kernel.Refused as reason:
        return Check(kind, False, case.text or str(reason), values=(("refused", str(reason)),)), False
    if found.method == "identity":
        kind = "identity"
    wanted = "refuted" if case.part in kinds else "proved"
    holds = found.verdict == wanted
    values: tuple[tuple[str, str], ...] = ()
    if found.sides is not None:
        lhs, rhs = map(written, found.sides)
        values = (("lhs", lhs), ("rhs", rhs), ("lhs_float", _float(lhs)), ("rhs_float", _float(rhs)))
    if case.part == "generic" and item is not None and not every_term_counts(case.asked, item["certificate"]):
        holds, values = False, (("every term non-zero", "False"), *values)
    return Check(kind, holds, case.text, found.lemmas, values), found.tight


def point_of(asked: kernel.Claim, certificate: Mapping[str, Any]) -> kernel.Point:
    """The exact point of a certificate, made once for whoever looks at it after the kernel."""
    return _point(replace(asked, example=None), json.dumps(certificate))


@lru_cache(maxsize=64)
def _point(asked: kernel.Claim, certificate: str) -> kernel.Point:
    said = json.loads(certificate)
    return kernel.Point(asked, said["point"], said.get("maxima", ()))


def every_term_counts(asked: kernel.Claim, certificate: Mapping[str, Any]) -> bool:
    """Whether no additive term of the statement is 0 at the point of a certificate."""
    point = point_of(asked, certificate)
    tree = parse(asked.statement)
    for side in tree.args:
        for term in additive_terms(side):
            value = kernel.walk(kernel.parse(unparse(term)), point)
            if isinstance(value, kernel.Exact) and value.sign() == 0:
                return False
            if isinstance(value, kernel.Column) and not value:
                return False
    return True


def written(exact: str) -> str:
    """An exact number of the kernel's, as people write it: -3*sqrt(2)/4 - 1."""
    if exact.startswith("["):
        return "between " + " and ".join(map(written, exact.strip("[]").split(", ")))
    text = ""
    for term in exact.split(" + "):
        match = re.fullmatch(r"(-?)(\d+)(?:/(\d+))?(?:\*sqrt\((\d+)\))?", term)
        if match is None:
            return exact
        sign, over, under, inside = match.groups()
        body = over if inside is None else f"sqrt({inside})" if over == "1" else f"{over}*sqrt({inside})"
        body += f"/{under}" if under else ""
        text += (f" {sign or '+'} " if text else sign) + body
    return text


def _float(text: str) -> str:
    """A written number, or a vector of such, to six digits; of an interval its lower end."""
    first = text.removeprefix("between ").partition(" and ")[0]
    if first.startswith("("):
        return f"({', '.join(map(_float, first[1:-1].split(', ')))})"
    return f"{number(first):.6g}"
