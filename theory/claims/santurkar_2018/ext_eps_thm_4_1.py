r"""Theorem 4.1 at eps > 0: with 1/m an inequality for every m, as printed one for at most three samples.

What replaces 1/m in the exact formula is (2 - rho)/m, and sqrt(m) <= 2 - rho leaves m <= 3 and small variances.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Proof, Reading, Refutation
from bnverify.theory.claims.santurkar_2018 import thm_4_1
from bnverify.theory.claims.santurkar_2018.ext_eps import ANY_EPS, SCOPE
from bnverify.theory.equation import projected, question, statement

WHERE = "beyond the sources: BatchNorm with eps > 0"
SIGMA_KEPT = Data(quantifiers=ANY_EPS.quantifiers, norm="sigma, not s, in the prefactor")
CORRECTED_WITH_S = "v @ v <= gamma**2/s**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)"
PRINTED_WITH_S = "v @ v <= gamma**2/s**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))"
FEW_SAMPLES = Hypothesis("few-samples", r"\sqrt{m} \le 2 - \rho", "sqrt(m) <= 2 - rho")
GAP_S = ("gamma**2*eps/(m*s**4) * (g @ yhat)**2",)
LESS = f"gamma**2*eps/(sigma**2*s**2) * ({projected('g')} @ {projected('g')})"
GAP_SIGMA = ("gamma**2*eps/(m*sigma**2*s**2) * (g @ yhat)**2", LESS)
GAP_FEW_S = ("gamma**2 * (g @ yhat)**2/(m*s**2)*given0",)
GAP_FEW_SIGMA = ("gamma**2 * (g @ yhat)**2/(m*sigma**2)*given0", LESS)
LARGE_VARIANCE = Instance(
    y=(0, 3), g=(0, 1), eps=1, note="m = 2: rho = 9/13 > 2/3, so sqrt(2) > 2 - rho, and H = 0"
)
CORRECTED_4_1 = question(
    "ext-eps.thm-4.1",
    "Theorem 4.1 with 1/m, at eps > 0",
    WHERE,
    Reading(
        slug="sigma-read-as-s",
        summary="the corrected bound with s in the prefactor",
        says=CORRECTED_WITH_S,
        data=ANY_EPS,
        proof=Proof(terms=GAP_S),
    ),
    Reading(
        slug="sigma-kept",
        summary="the corrected bound with sigma in the prefactor",
        says=thm_4_1.CORRECTED,
        data=SIGMA_KEPT,
        assumptions=("sigma > 0",),
        proof=Proof(terms=GAP_SIGMA),
        needs=("0 < sigma",),
    ),
    scope=SCOPE,
    why="an inequality now: with s the slack is gamma^2 eps <g,y-hat>^2 / (m s^4)",
)
PRINTED_4_1 = statement(
    "ext-eps.thm-4.1-printed",
    "Theorem 4.1 as printed, with 1/sqrt(m), at eps > 0",
    WHERE,
    thm_4_1.QUOTATION,
    Reading(
        slug="sigma-read-as-s",
        summary="as printed, with s in the prefactor",
        says=PRINTED_WITH_S,
        data=ANY_EPS,
        refutation=Refutation(LARGE_VARIANCE, LARGE_VARIANCE),
    ),
    Reading(
        slug="sigma-kept",
        summary="as printed, with sigma in the prefactor",
        says=thm_4_1.PRINTED,
        data=SIGMA_KEPT,
        refutation=Refutation(LARGE_VARIANCE, LARGE_VARIANCE),
    ),
    Reading(
        slug="few-samples-s",
        summary="with s, where sqrt(m) <= 2 - rho: at most three samples of small variance",
        says=PRINTED_WITH_S,
        data=ANY_EPS,
        hypotheses=(FEW_SAMPLES,),
        assumptions=("sqrt(m) <= 2 - rho",),
        proof=Proof(terms=GAP_FEW_S),
        admitted=False,
        why="a condition of ours: the words do not name it",
    ),
    Reading(
        slug="few-samples-sigma",
        summary="with sigma, under the same condition",
        says=thm_4_1.PRINTED,
        data=SIGMA_KEPT,
        hypotheses=(FEW_SAMPLES,),
        assumptions=("sqrt(m) <= 2 - rho", "sigma > 0"),
        proof=Proof(terms=GAP_FEW_SIGMA),
        admitted=False,
        why="a condition of ours: the words do not name it",
        needs=("0 < sigma",),
    ),
    corrected=Corrected(
        says=CORRECTED_WITH_S,
        proof=Proof(terms=GAP_S),
        text="with 1/m it holds for every m and every eps > 0",
    ),
    scope=SCOPE,
    why="with s it holds exactly where gamma <g,y-hat> = 0 or sqrt(m) <= 2 - rho, which no m >= 4 meets",
    remarks=(
        "With s the condition is necessary: the slack is gamma^2 <g,y-hat>^2 (2 - rho - sqrt(m)) / (m s^2).",
    ),
)

CLAIMS = (CORRECTED_4_1, PRINTED_4_1)
