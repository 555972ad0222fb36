r"""BatchNorm with the unbiased variance sigma_u^2 = |y - mu 1|^2/(m - 1).

Then |y-hat|^2 = m - 1, and every term that comes from y-hat gets 1/(m - 1) where it had 1/m; the term of the mean
keeps its 1/m. PyTorch normalises with the biased variance and keeps the unbiased one for evaluation.
"""

from __future__ import annotations

from functools import partial

from bnverify.theory.claim import (
    SCOPE,
    Claim,
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
)
from bnverify.theory.claims.santurkar_2018 import fact_c_1, fact_c_2, thm_4_1, thm_4_2_1
from bnverify.theory.equation import centred as C
from bnverify.theory.equation import formula, statement

WHERE = "beyond the sources: BatchNorm with the unbiased variance"
UNBIASED = Data(fixed="gamma, beta; sigma is the unbiased standard deviation")
SIGN = Hypothesis("sign", r"\gamma \langle g, \hat{y}\rangle \ge 0", "0 <= gamma * (g @ yhat)")
SAMPLES = Hypothesis("samples", r"1/m \le 1/(m-1), that is m \ge 2", "1/m <= 1/(m - 1)")
PAIR = Hypothesis("pair", r"1/\sqrt{m} \le 1/(m-1), that is m = 2", "1/sqrt(m) <= 1/(m - 1)")
GAP_PAIR = ("gamma**2 * (g @ yhat)**2/sigma**2*given0",)
GAP_GRADIENT = ("gamma**2 * (g @ yhat)**2/sigma**2*given0",)
GAP_FORM = ("1/sigma**2*given1*given0 * (v @ v)",)


_formula = partial(
    formula,
    "ext-unbiased",
    WHERE,
    "an identity with 1/(m - 1) in the terms of y-hat",
    UNBIASED,
    SCOPE,
    norm="unbiased",
)


def _fact(slug: str, title: str, printed: str, corrected: str, quotation: str) -> Claim:
    return statement(
        f"ext-unbiased.{slug}",
        title,
        WHERE,
        quotation,
        Reading(
            slug="as-printed",
            summary="the printed formula with sigma read as the unbiased standard deviation",
            says=printed,
            data=UNBIASED,
            refutation=Refutation(PROBED, PROBED_GENERIC),
            norm="unbiased",
        ),
        corrected=Corrected(says=corrected, text="1/(m - 1) in the term of y-hat", norm="unbiased"),
        why="the term of y-hat needs 1/(m - 1)",
    )


PROBED_GENERIC = Instance(
    y=(0, 0, 1), g=(0, 1, 0), extra=(("a", (0, 1, 0)), ("b", (0, 1, 0))), note="m = 3, every term non-zero"
)
PROBED = Instance(y=(0, 1), g=(0, 1), extra=(("a", (0, 1)), ("b", (0, 1))), note="m = 2")
SMALLEST = Instance(y=(0, 0, 1), g=(0, 0, 1), note="m = 3, the right side is negative")
GENERIC = Instance(y=(0, 0, 1), g=(0, 1, 0), note="m = 3, every term non-zero")

CLAIMS = (
    _fact(
        "fact-C.1",
        "Fact C.1 with the unbiased variance",
        fact_c_1.PRINTED,
        "v == gamma/(m*sigma) * (m*g - (one @ g)*one - m/(m - 1) * (g @ yhat)*yhat)",
        fact_c_1.QUOTATION,
    ),
    _fact(
        "fact-C.2",
        "Fact C.2 with the unbiased variance",
        fact_c_2.LINE_1,
        "d(yhat, y, b) == (b - mean(b)*one - (yhat @ b)/(m - 1)*yhat)/sigma",
        fact_c_2.QUOTATION,
    ),
    _formula(
        "gradient",
        "The gradient norm with the unbiased variance",
        "v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m - (2 - rho)/(m - 1) * (g @ yhat)**2)",
        "1/(m - 1) for the part along y-hat, 1/m for the mean",
        eps=">= 0",
    ),
    _formula(
        "hessian",
        "The Hessian with the unbiased variance",
        f"B @ b == gamma**2/sigma**2 * (H @ (b - mean(b)*one - (yhat @ {C('b')})/(m - 1)*yhat) - mean(H @ "
        f"(b - mean(b)*one - (yhat @ {C('b')})/(m - 1)*yhat))*one - (yhat @ (H @ (b - mean(b)*one - (yhat "
        f"@ {C('b')})/(m - 1)*yhat) - mean(H @ (b - mean(b)*one - (yhat @ {C('b')})/(m - "
        "1)*yhat))*one))/(m - 1)*yhat) - gamma/((m - 1)*sigma**2) * ((yhat @ b) * (g - mean(g)*one - "
        f"(yhat @ {C('g')})/(m - 1)*yhat) + ((g - mean(g)*one - (yhat @ {C('g')})/(m - 1)*yhat) @ b)*yhat "
        f"+ (g @ yhat) * (b - mean(b)*one - (yhat @ {C('b')})/(m - 1)*yhat))",
        "equation (40) with 1/(m - 1)",
    ),
    statement(
        "ext-unbiased.thm-4.1",
        "Theorem 4.1 with the unbiased variance",
        WHERE,
        thm_4_1.QUOTATION,
        Reading(
            slug="as-printed",
            summary="with 1/sqrt(m)",
            says=thm_4_1.PRINTED,
            data=UNBIASED,
            refutation=Refutation(SMALLEST, GENERIC),
            norm="unbiased",
        ),
        Reading(
            slug="with-1-over-m",
            summary="with 1/m, the coefficient that makes it an equality for the biased variance",
            says=thm_4_1.CORRECTED,
            data=UNBIASED,
            hypotheses=(SAMPLES,),
            proof=Proof(terms=GAP_GRADIENT),
            norm="unbiased",
            admitted=False,
            why="not what is printed",
        ),
        Reading(
            slug="two-samples",
            summary="with 1/sqrt(m), for m = 2",
            says=thm_4_1.PRINTED,
            data=UNBIASED,
            hypotheses=(PAIR,),
            proof=Proof(terms=GAP_PAIR, example=Instance(y=(0, 1), g=(1, 0))),
            norm="unbiased",
            admitted=False,
            why="at m = 2 the left side is 0, which says nothing of BatchNorm",
        ),
        corrected=Corrected(
            says="v @ v == gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/(m - 1))",
            text="with 1/(m - 1) an equality; with 1/m a true bound that is not tight",
            norm="unbiased",
        ),
        why="1/(m - 1) where 1/sqrt(m) is printed; as printed it fails for every m >= 3 with <g, y-hat> != 0",
        remarks=("At m = 2, where the gradient through BatchNorm is 0, the printed bound happens to hold.",),
    ),
    statement(
        "ext-unbiased.thm-4.2.1",
        "Theorem 4.2, first part, with the unbiased variance",
        WHERE,
        thm_4_2_1.QUOTATION,
        Reading(
            slug="as-printed",
            summary="with 1/m",
            says=thm_4_2_1.PRINTED,
            data=UNBIASED,
            refutation=Refutation(
                Instance(y=(0, 0, 1), g=(0, 1, 0), note="m = 3, H = 0, <g, y-hat> < 0"),
                Instance(
                    y=(0, 0, 1), g=(0, 1, 0), H=((0, 0, 0), (0, 1, 0), (0, 0, 0)), note="every term non-zero"
                ),
            ),
            norm="unbiased",
        ),
        Reading(
            slug="sign-of-gamma",
            summary="with 1/m, where <g, y-hat> has the sign of gamma",
            says=thm_4_2_1.PRINTED,
            data=UNBIASED,
            hypotheses=(SIGN, SAMPLES),
            assumptions=("gamma <g, y-hat> >= 0",),
            proof=Proof(terms=GAP_FORM),
            norm="unbiased",
            admitted=False,
            why="a condition of ours: the words do not name it",
        ),
        corrected=Corrected(
            says="v @ B @ v <= gamma**2/sigma**2 * (v @ H @ v) - gamma/((m - 1)*sigma**2) * (g @ yhat) * (v @ v)",
            text="with 1/(m - 1) an equality",
            norm="unbiased",
        ),
        why="with 1/m it holds exactly where gamma <g, y-hat> >= 0 or v = 0",
    ),
)
