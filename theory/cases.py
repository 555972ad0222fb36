"""What the judge is asked: every statement, step and point of a claim as a case of the kernel, with its certificate.

What is claimed (definition, statement, hypotheses, scope) comes from the claim; a certificate holds terms or a point.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

from bnverify.theory import kernel
from bnverify.theory.claim import Claim, Corrected, Instance, Proof, Reading
from bnverify.theory.grammar import lines, names_in, parse
from bnverify.theory.names import OPERATORS, VECTORS
from bnverify.theory.normalisations import text_of

from bnverify.base.errors import InputError

_NONE = text_of("identity")

_NAMED = """
one y g v H B m gamma beta eps L X T W dW HW any g_own dW_plain HW_plain dgamma dbeta nu N sigma rho z
"""
_UNITS = "y g v gamma beta sigma rho dgamma dbeta"
_WEIGHT_VECTORS = "u w W0 Wstar What p q"
_BASE = frozenset(_NAMED.split())
_PER_UNIT = frozenset(_UNITS.split())
_IN_WEIGHTS = frozenset(_WEIGHT_VECTORS.split())
_OPTIMA = frozenset(("W0", "Wstar", "What"))


_QUIET = "any real|any real, one for each unit|one for each element|not in question|= N H W"
_SILENT = frozenset((*_QUIET.split("|"), ">= 2 elements in a group", "= sigma", "= sigma at W*"))
"""Scopes that a statement or its hypotheses say themselves, or that restrict nothing."""
_ASKED = {"m": r">= \d+", "sigma": ">=? 0", "n": "> 0"}
"""The relations to which a question or its definition holds these; another one nobody would compare."""
_OPERATORS = {"C": "projector C", "I": "projector I", "K": "K: weights -> batch", "A": "matrix A"}


@dataclass(frozen=True)
class Case:
    """One question to the judge: part of a reading ("", "step 1", "smallest", "generic", "negation")."""

    claim: str
    reading: str
    part: str
    asked: kernel.Claim
    certificate: dict[str, Any]
    text: str = ""

    @property
    def label(self) -> str:
        return f"{self.reading}, {self.part}" if self.part else self.reading


def asked(
    stated: Reading | Corrected,
    claim: Claim,
    *,
    eps: str = "",
    says: str = "",
    hypotheses: tuple[str, ...] | None = None,
    terms: Iterable[str] = (),
) -> kernel.Claim:
    """The kernel's claim of a reading, or of one of its steps where ``says`` is given."""
    text = says or stated.says
    given = tuple(h.says for h in stated.hypotheses) if hypotheses is None else hypotheses
    definition = text_of(stated.norm)
    eps = eps or eps_of(claim, stated)[0]
    needs = tuple(
        need for need in _needs(claim, stated, eps) if _known(need, definition, (text, *given, *terms))
    )
    vectors, numbers, operators = _declared((text, *given, *needs, *terms), definition)
    return kernel.Claim(
        definition,
        text,
        given,
        needs,
        getattr(stated, "quantifier", "all"),
        eps,
        vectors,
        numbers,
        operators,
        _least(claim),
    )


def eps_of(claim: Claim, stated: Reading | Corrected) -> tuple[str, ...]:
    """What the scope of a claim says of eps: "zero", "positive" or both; the most general comes first.

    Raises:
        InputError: it is no scope that the judge knows.
    """
    known = {"= 0": ("zero",), "> 0": ("positive",), ">= 0": ("positive", "zero"), "": ("zero",)}
    said = dict(claim.scope).get("eps", "")
    if said not in known:
        raise InputError(f"{claim.id}: eps {said!a} is no scope; expected '= 0', '> 0' or '>= 0'")
    named = "eps" in text_of(stated.norm)
    return known[said] if named else ("zero",)


def _least(claim: Claim) -> int:
    """The least m of a claim."""
    found = re.fullmatch(r">= (\d+)", dict(claim.scope).get("m", ""))
    return int(found[1]) if found else 2


def _needs(claim: Claim, stated: Reading | Corrected, eps: str) -> Iterator[str]:
    """The scope of a claim as texts: gamma != 0, lam >= 0, ...; what a definition needs the kernel derives itself."""
    for name, value in claim.scope:
        relation = re.fullmatch(r"(!=|>=|>|<=|<) (\d+)", value)
        known = relation is not None and re.fullmatch(_ASKED.get(name, ".*"), value)
        if name in ("m", "gamma", "sigma", "n") and not known and value not in _SILENT:
            raise InputError(f"{claim.id}: {name} {value!a} is no scope; expected a relation such as '!= 0'")
        if relation and name not in ("m", "sigma", "eps", "n"):
            yield f"{name} {value}"
    if eps == "positive" and dict(claim.scope).get("sigma") == "> 0":
        yield "0 < sigma"  # where eps = 0 the definition divides by it
    if "norm(X)" in stated.says:
        yield "lam >= 0"  # it bounds a norm
    yield from stated.needs


def _known(need: str, definition: str, texts: Iterable[str]) -> bool:
    """Whether a need speaks of something that the texts or the definition name."""
    used = frozenset().union(
        *(names_in(parse(text)) for text in texts), *(names_in(tree) for _, tree in lines(definition))
    )
    return names_in(parse(need)) <= used


@cache
def _free(text: str) -> frozenset[str]:
    return names_in(parse(text))


def _declared(
    texts: Iterable[str], definition: str
) -> tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]:
    """The vectors, numbers and operators that texts name beside the vocabulary."""
    known = set(_BASE) | {name for name, _ in lines(definition)}
    used = frozenset().union(*map(_free, texts), *(names_in(tree) for _, tree in lines(definition)))
    if "z_j" in known:
        known |= {f"{name}_{unit}" for name in _PER_UNIT for unit in "jk"}
        known |= {f"{name}_{one}{other}" for name in "HB" for one in "jk" for other in "jk"}
    space = " in weights" if definition.startswith("y =") else ""
    vectors, numbers, operators = [], [], []
    for name in sorted(used - known):
        if name == "K_T" or re.fullmatch(r"(given|need)\d+", name):
            continue
        if name in OPERATORS:
            operators.append(_OPERATORS.get(name, name))
        elif name in VECTORS or name.startswith("bias"):
            vectors.append(name + " in weights" * (name in _IN_WEIGHTS and (bool(space) or name in _OPTIMA)))
        else:
            numbers.append(name)
    return tuple(vectors), tuple(numbers), tuple(operators)


def _plain(value: Any) -> Any:
    return [_plain(item) for item in value] if isinstance(value, tuple | list) else str(value)


def point_of(instance: Instance, asked_: kernel.Claim) -> dict[str, Any]:
    """The data of an exact instance as the kernel reads it: exact texts, one list a vector, one table an operator."""
    extra = dict(instance.extra)
    y, g = _plain(instance.y), _plain(instance.g)
    table = None if instance.H is None else _plain(instance.H)
    declared = {text.split()[0] for text in asked_.vectors} | set(asked_.numbers)
    declared |= {re.sub(r"^(matrix|projector) |:.*$", "", text) for text in asked_.operators}
    data: dict[str, Any] = {}
    if "z_j" in asked_.definition:
        half = len(y) // 2
        data = {"y_j": y[:half], "y_k": y[half:], "g_j": g[:half], "g_k": g[half:]}
        if table is not None:
            data["H_jj"] = [row[:half] for row in table[:half]]
            data["H_jk"] = [row[half:] for row in table[:half]]
            data["H_kk"] = [row[half:] for row in table[half:]]
        if "gammas" in extra:
            data["gamma_j"], data["gamma_k"] = _plain(extra.pop("gammas"))
    elif asked_.definition != _NONE:
        data = {
            "y": y,
            "g": g,
            "gamma": _matched(instance, instance.gamma),
            "beta": _matched(instance, instance.beta),
        }
        if table is not None:
            data["H"] = table
    if asked_.definition.startswith("y ="):
        del data["y"]
        data["X"], data["W"] = _plain(instance.X), _plain(instance.W)
    if asked_.eps == "positive":
        data["eps"] = str(instance.eps)
    if "scale" in declared and "scale" not in extra:
        data["scale"] = "1"
    if "lam" in declared:
        data["lam"] = str(instance.lam)
    if "D" in declared and "scale" in extra:
        scale = _plain(extra.pop("scale"))
        data["D"] = [[x if i == j else "0" for j in range(len(scale))] for i, x in enumerate(scale)]
        data["bias"] = ["0"] * len(scale)
    if "C" in declared:
        units = int(extra.pop("units", 1))
        data["C"] = _centring(len(y), units)
    return data | {name: _plain(value) for name, value in extra.items() if name in declared}


def _matched(instance: Instance, value: Any) -> str:
    """gamma = "s" and beta = "mu" stand for the instance's own standard deviation and mean."""
    if value not in ("s", "mu"):
        return str(value)
    entries = [Fraction(x) for x in instance.y]
    mean = sum(entries) / len(entries)
    return str(mean) if value == "mu" else f"sqrt({sum((x - mean) ** 2 for x in entries) / len(entries)})"


def _centring(size: int, units: int) -> list[list[str]]:
    """I - 11'/m in each of the units that lie one below the other."""
    each = size // units
    return [
        [
            str(Fraction(int(i == j)) - (Fraction(1, each) if i // each == j // each else 0))
            for j in range(size)
        ]
        for i in range(size)
    ]


def cases(claim: Claim) -> Iterator[Case]:
    """Everything that the verdicts on a claim's readings rest on."""
    certificate: dict[str, Any]
    for reading in claim.readings:
        if reading.proof is not None:
            yield from _proof(claim, reading, reading.slug, reading.proof)
        if reading.refutation is not None:
            for part in ("smallest", "generic"):
                instance = getattr(reading.refutation, part)
                if instance is not None:
                    question = asked(reading, claim, eps=_eps_at(instance, eps_of(claim, reading)))
                    certificate = {"point": point_of(instance, question)}
                    if "maxima" in dict(instance.extra):
                        certificate["maxima"] = list(dict(instance.extra)["maxima"])
                    text = instance.note or "the statement fails here"
                    yield Case(claim.id, reading.slug, part, question, certificate, text)
            step = reading.refutation.negation
            if step is not None:
                question = asked(reading, claim, terms=step.terms)
                if reading.refutation.example is not None:
                    example = point_of(reading.refutation.example, question)
                    question = replace(question, example=example)
                certificate = {"terms": list(step.terms), "negation": True}
                yield Case(claim.id, reading.slug, "negation", question, certificate)
    if claim.corrected is not None:
        yield from _proof(claim, claim.corrected, "corrected", claim.corrected.proof)


def _eps_at(instance: Instance, known: tuple[str, ...]) -> str:
    """What is asked at a point; one outside the scope meets a question in which it does not fit."""
    return "zero" if str(instance.eps) == "0" and "zero" in known else known[0]


def _proof(claim: Claim, stated: Reading | Corrected, slug: str, proof: Proof) -> Iterator[Case]:
    for number, step in enumerate(proof.steps, 1):
        if step.says:
            own = replace(stated, norm=step.norm or stated.norm, needs=(*stated.needs, *step.needs))
            question = replace(
                asked(own, claim, says=step.says, hypotheses=(), terms=step.terms), quantifier="all"
            )
            yield Case(claim.id, slug, f"step {number}", question, {"terms": list(step.terms)})
    question = asked(stated, claim, terms=proof.terms)
    if proof.at is not None:
        yield Case(claim.id, slug, "", question, {"point": point_of(proof.at, question)}, proof.at.note)
        return
    if proof.example is not None:
        question = replace(question, example=point_of(proof.example, question))
    certificate: dict[str, Any] = {"terms": list(proof.terms)}
    if proof.multiplier != "1":
        certificate["multiplier"] = proof.multiplier
    if proof.lemma is not None:
        certificate["lemma"] = proof.lemma
    yield Case(claim.id, slug, "", question, certificate)
    for eps in eps_of(claim, stated)[1:]:
        yield Case(claim.id, slug, "eps = 0", replace(question, eps=eps), certificate)
