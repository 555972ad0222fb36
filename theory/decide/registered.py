"""Claims of the registry as conjectures, so that they are decided anew by means that know nothing of their evidence."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from bnverify.theory.claim import Claim
from bnverify.theory.decide.conjecture import Conjecture, cases
from bnverify.theory.grammar import names_in, parse
from bnverify.theory.normalisations import names_of, normalisation
from bnverify.theory.said import OPERATORS, VECTORS

from bnverify.base.errors import InputError

NORMS = {
    "activations": "batch-norm",
    "affine": "batch-norm",
    "unbiased": "unbiased",
    "layer-norm": "layer-norm",
    "rms-norm": "rms-norm-elementwise",
    "l1-norm": "l1-norm",
    "l2-norm": "l2-norm",
    "linf-norm": "linf-norm",
}
"""The normalisation that a reading's setting is about; the other settings are outside the reach."""


@dataclass(frozen=True)
class Part:
    """A reading of a claim, or its correction, as a conjecture, and what the claim's evidence says of it."""

    claim: str
    name: str
    asked: Conjecture
    verdict: str


def parts(claim: Claim) -> Iterator[Part]:
    """The readings and the correction that this wing can ask; readings without evidence for all m are left out."""
    for reading in claim.readings:
        verdict = "proved" if reading.proof else "refuted" if reading.refutation else ""
        witness = reading.proof is not None and (
            reading.proof.at is not None or reading.proof.lemma is not None
        )
        cited = reading.refutation is not None and reading.refutation.smallest is None
        if verdict and not witness and not cited:
            yield from _part(claim, reading.slug, reading, verdict)
    if claim.corrected is not None and claim.corrected.proof.at is None:
        yield from _part(claim, "corrected", claim.corrected, "proved")


def _part(claim: Claim, name: str, stated: object, verdict: str) -> Iterator[Part]:
    setting, says = stated.setting, stated.says.text  # type: ignore[attr-defined]
    if setting not in NORMS:
        return
    given = [entry.says.text for entry in stated.hypotheses]  # type: ignore[attr-defined]
    norm = NORMS[setting]
    used = set().union(*(names_in(parse(text)) for text in (says, *given)))
    free = used - set(names_of(normalisation(norm)))
    scope = dict(claim.scope)
    signs = (["!="], [">"], [">="])
    given += [f"{key} {scope[key]}" for key in ("gamma", "lam") if scope.get(key, "").split()[:1] in signs]
    if scope.get("eps", "= 0") != "= 0" and "eps" not in used:
        given.append("eps > 0")
    outside = ("norm(X)", "at(", "g_own", "dW", "HW")
    if any(word in text for text in (says, *given) for word in outside) or free & OPERATORS:
        return
    vectors, numbers = tuple(sorted(free & VECTORS)), tuple(sorted(free - VECTORS))
    yield Part(claim.id, name, divisible(Conjecture(says, tuple(given), norm, vectors, numbers)), verdict)


def divisible(asked: Conjecture) -> Conjecture:
    """The conjecture with what it divides by assumed not to be 0: a printed formula says so by dividing."""
    for _ in range(3):
        try:
            cases(asked)
        except InputError as error:
            need = re.search(r'exclude it with --given "(.*) != 0"', str(error))
            if need is None:
                raise
            asked = replace(asked, given=(*asked.given, f"{need[1]} != 0"))
    return asked
