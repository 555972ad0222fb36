r"""Theorem 4.1 at eps > 0: with 1/m an inequality for every m, as printed one for at most three samples.

What replaces 1/m in the exact formula is (2 - rho)/m, and sqrt(m) <= 2 - rho leaves m <= 3 and small variances.
"""

from __future__ import annotations

from bnverify.theory.claim import (
    Claim,
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Term,
    le,
)
from bnverify.theory.claims import thm_4_1
from bnverify.theory.claims.ext_eps import ANY_EPS, SCOPE, damped
from bnverify.theory.settings import Setting

WHERE = "beyond the sources: BatchNorm with eps > 0"
SIGMA_KEPT = Data(quantifiers=ANY_EPS.quantifiers, norm="sigma, not s, in the prefactor")


def corrected_with_s(q: Setting) -> Relation:
    return le(
        q.bn_grad_sq,
        q.gamma**2 / q.s**2 * (q.grad_sq - q.grad_sum**2 / q.m - q.grad_proj**2 / q.m),
    )


def printed_with_s(q: Setting) -> Relation:
    return le(
        q.bn_grad_sq,
        q.gamma**2 / q.s**2 * (q.grad_sq - q.grad_sum**2 / q.m - q.grad_proj**2 / q.sqrt(q.m)),
    )


def _few_samples(q: Setting) -> Relation:
    return le(q.sqrt(q.m), 2 - q.rho)


FEW_SAMPLES = Hypothesis("few-samples", r"\sqrt{m} \le 2 - \rho", _few_samples)


def _gap_s(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 * q.eps / (q.m * q.s**4), "square", q.grad_proj)]


def _gap_sigma(q: Setting) -> list[Term]:
    return [
        Term(q.gamma**2 * q.eps / (q.m * q.sigma**2 * q.s**2), "square", q.grad_proj),
        Term(q.gamma**2 * q.eps / (q.sigma**2 * q.s**2), "normsq", damped(q, q.g)),
    ]


def _gap_few_s(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 * q.grad_proj**2 / (q.m * q.s**2), "hypothesis", "few-samples")]


def _gap_few_sigma(q: Setting) -> list[Term]:
    return [
        Term(q.gamma**2 * q.grad_proj**2 / (q.m * q.sigma**2), "hypothesis", "few-samples"),
        Term(q.gamma**2 * q.eps / (q.sigma**2 * q.s**2), "normsq", damped(q, q.g)),
    ]


LARGE_VARIANCE = Instance(
    y=(0, 3), g=(0, 1), eps=1, note="m = 2: rho = 9/13 > 2/3, so sqrt(2) > 2 - rho, and H = 0"
)

CORRECTED_4_1 = Claim(
    id="ext-eps.thm-4.1",
    title="Theorem 4.1 with 1/m, at eps > 0",
    where=WHERE,
    kind="extension",
    quotation="",
    readings=(
        Reading(
            slug="sigma-read-as-s",
            summary="the corrected bound with s in the prefactor",
            says=corrected_with_s,
            data=ANY_EPS,
            proof=Proof(terms=_gap_s, eps=True),
        ),
        Reading(
            slug="sigma-kept",
            summary="the corrected bound with sigma in the prefactor",
            says=thm_4_1.corrected,
            data=SIGMA_KEPT,
            assumptions=("sigma > 0",),
            proof=Proof(terms=_gap_sigma, eps=True),
        ),
    ),
    scope=SCOPE,
    why="an inequality now: with s the slack is gamma^2 eps <g,y-hat>^2 / (m s^4)",
)

PRINTED_4_1 = Claim(
    id="ext-eps.thm-4.1-printed",
    title="Theorem 4.1 as printed, with 1/sqrt(m), at eps > 0",
    where=WHERE,
    kind="extension",
    quotation=thm_4_1.QUOTATION,
    readings=(
        Reading(
            slug="sigma-read-as-s",
            summary="as printed, with s in the prefactor",
            says=printed_with_s,
            data=ANY_EPS,
            refutation=Refutation(LARGE_VARIANCE, LARGE_VARIANCE),
        ),
        Reading(
            slug="sigma-kept",
            summary="as printed, with sigma in the prefactor",
            says=thm_4_1.printed,
            data=SIGMA_KEPT,
            refutation=Refutation(LARGE_VARIANCE, LARGE_VARIANCE),
        ),
        Reading(
            slug="few-samples-s",
            summary="with s, where sqrt(m) <= 2 - rho: at most three samples of small variance",
            says=printed_with_s,
            data=ANY_EPS,
            hypotheses=(FEW_SAMPLES,),
            assumptions=("sqrt(m) <= 2 - rho",),
            proof=Proof(terms=_gap_few_s, eps=True),
        ),
        Reading(
            slug="few-samples-sigma",
            summary="with sigma, under the same condition",
            says=thm_4_1.printed,
            data=SIGMA_KEPT,
            hypotheses=(FEW_SAMPLES,),
            assumptions=("sqrt(m) <= 2 - rho", "sigma > 0"),
            proof=Proof(terms=_gap_few_sigma, eps=True),
        ),
    ),
    corrected=Corrected(
        says=corrected_with_s,
        proof=Proof(terms=_gap_s, eps=True),
        text="with 1/m it holds for every m and every eps > 0",
    ),
    scope=SCOPE,
    why="with s it holds exactly where gamma <g,y-hat> = 0 or sqrt(m) <= 2 - rho, which no m >= 4 meets",
    remarks=(
        "With s the condition is necessary: the slack is gamma^2 <g,y-hat>^2 (2 - rho - sqrt(m)) / (m s^2).",
    ),
)

CLAIMS = (CORRECTED_4_1, PRINTED_4_1)
