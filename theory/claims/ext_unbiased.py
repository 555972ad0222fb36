r"""BatchNorm with the unbiased variance sigma_u^2 = |y - mu 1|^2/(m - 1).

Then |y-hat|^2 = m - 1, and every term that comes from y-hat gets 1/(m - 1) where it had 1/m; the term of the mean
keeps its 1/m. PyTorch normalises with the biased variance and keeps the unbiased one for evaluation.
"""

from __future__ import annotations

from typing import Any

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
    Says,
    Step,
    Term,
    eq,
    le,
    veq,
)
from bnverify.theory.claims import fact_c_1, fact_c_2, thm_4_1, thm_4_2_1
from bnverify.theory.settings import Setting

WHERE = "beyond the sources: BatchNorm with the unbiased variance"
SCOPE = (("m", ">= 2"), ("gamma", "any real"), ("sigma", "> 0"), ("eps", "= 0"))
UNBIASED = Data(fixed="gamma, beta; sigma is the unbiased standard deviation")


def degrees(q: Setting) -> Any:
    """m - 1"""
    return q.m - 1


def _off(q: Setting, u: Any) -> Any:
    """P u = u - 1 <1,u>/m - y-hat <y-hat,u>/(m - 1)"""
    centered = q.center(u)
    return centered - q.yhat * (q.dot(q.yhat, centered) / degrees(q))


def jacobian(q: Setting) -> Relation:
    return veq(
        q.op("Dyhat", q.b),
        (q.b - q.one * (q.dot(q.one, q.b) / q.m) - q.yhat * (q.dot(q.yhat, q.b) / degrees(q)))
        * (1 / q.sigma),
    )


def gradient(q: Setting) -> Relation:
    return veq(
        q.v,
        (q.g * q.m - q.one * q.grad_sum - q.yhat * (q.m / degrees(q) * q.grad_proj))
        * (q.gamma / (q.m * q.sigma)),
    )


def gradient_norm(q: Setting) -> Relation:
    return eq(
        q.bn_grad_sq,
        q.gamma**2 / q.s**2 * (q.grad_sq - q.grad_sum**2 / q.m - (2 - q.rho) / degrees(q) * q.grad_proj**2),
    )


def gradient_norm_eps_0(q: Setting) -> Relation:
    return eq(
        q.bn_grad_sq,
        q.gamma**2 / q.sigma**2 * (q.grad_sq - q.grad_sum**2 / q.m - q.grad_proj**2 / degrees(q)),
    )


def hessian(q: Setting) -> Relation:
    Pg, Pb = _off(q, q.g), _off(q, q.b)
    return veq(
        q.B(q.b),
        _off(q, q.H(Pb)) * (q.gamma**2 / q.sigma**2)
        - (Pg * q.dot(q.yhat, q.b) + q.yhat * q.dot(Pg, q.b) + Pb * q.grad_proj)
        * (q.gamma / (degrees(q) * q.sigma**2)),
    )


def quadratic_form(q: Setting) -> Relation:
    return le(
        q.bn_hess_bn,
        q.gamma**2 / q.sigma**2 * q.hess_bn
        - q.gamma / (degrees(q) * q.sigma**2) * q.grad_proj * q.bn_grad_sq,
    )


def _sign(q: Setting) -> Relation:
    return le(0, q.gamma * q.grad_proj)


def _samples(q: Setting) -> Relation:
    return le(1 / q.m, 1 / degrees(q))


def _pair(q: Setting) -> Relation:
    return le(1 / q.sqrt(q.m), 1 / degrees(q))


SIGN = Hypothesis("sign", r"\gamma \langle g, \hat{y}\rangle \ge 0", _sign)
SAMPLES = Hypothesis("samples", r"1/m \le 1/(m-1), that is m \ge 2", _samples)


PAIR = Hypothesis("pair", r"1/\sqrt{m} \le 1/(m-1), that is m = 2", _pair)


def _gap_pair(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 * q.grad_proj**2 / q.sigma**2, "hypothesis", "pair")]


def _gap_gradient(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 * q.grad_proj**2 / q.sigma**2, "hypothesis", "samples")]


def _gap_form(q: Setting) -> list[Term]:
    return [Term(1 / q.sigma**2, "product", ("samples", "sign", q.v))]


def _formula(
    slug: str, title: str, says: Says, why: str, steps: tuple[Step, ...] = (), eps: bool = False
) -> Claim:
    return Claim(
        id=f"ext-unbiased.{slug}",
        title=title,
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="formula",
                summary="an identity with 1/(m - 1) in the terms of y-hat",
                says=says,
                data=UNBIASED,
                proof=Proof(steps=steps, eps=eps),
                setting="unbiased",
            ),
        ),
        scope=(*SCOPE[:3], ("eps", ">= 0")) if eps else SCOPE,
        why=why,
    )


def _fact(slug: str, title: str, printed: Says, corrected: Says, quotation: str) -> Claim:
    return Claim(
        id=f"ext-unbiased.{slug}",
        title=title,
        where=WHERE,
        kind="extension",
        quotation=quotation,
        readings=(
            Reading(
                slug="as-printed",
                summary="the printed formula with sigma read as the unbiased standard deviation",
                says=printed,
                data=UNBIASED,
                refutation=Refutation(PROBED, PROBED_GENERIC),
                setting="unbiased",
            ),
        ),
        corrected=Corrected(
            says=corrected,
            proof=Proof(),
            text="1/(m - 1) in the term of y-hat",
            setting="unbiased",
        ),
        scope=SCOPE,
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
        fact_c_1.printed,
        gradient,
        fact_c_1.QUOTATION,
    ),
    _fact(
        "fact-C.2",
        "Fact C.2 with the unbiased variance",
        fact_c_2.line_1,
        jacobian,
        fact_c_2.QUOTATION,
    ),
    _formula(
        "gradient",
        "The gradient norm with the unbiased variance",
        gradient_norm,
        "1/(m - 1) for the part along y-hat, 1/m for the mean",
        eps=True,
    ),
    _formula("hessian", "The Hessian with the unbiased variance", hessian, "equation (40) with 1/(m - 1)"),
    Claim(
        id="ext-unbiased.thm-4.1",
        title="Theorem 4.1 with the unbiased variance",
        where=WHERE,
        kind="extension",
        quotation=thm_4_1.QUOTATION,
        readings=(
            Reading(
                slug="as-printed",
                summary="with 1/sqrt(m)",
                says=thm_4_1.printed,
                data=UNBIASED,
                refutation=Refutation(SMALLEST, GENERIC),
                setting="unbiased",
            ),
            Reading(
                slug="with-1-over-m",
                summary="with 1/m, the coefficient that makes it an equality for the biased variance",
                says=thm_4_1.corrected,
                data=UNBIASED,
                hypotheses=(SAMPLES,),
                proof=Proof(terms=_gap_gradient),
                setting="unbiased",
                admitted=False,
                why="not what is printed",
            ),
            Reading(
                slug="two-samples",
                summary="with 1/sqrt(m), for m = 2",
                says=thm_4_1.printed,
                data=UNBIASED,
                hypotheses=(PAIR,),
                proof=Proof(terms=_gap_pair),
                setting="unbiased",
                admitted=False,
                why="at m = 2 the left side is 0, which says nothing of BatchNorm",
            ),
        ),
        corrected=Corrected(
            says=gradient_norm_eps_0,
            proof=Proof(),
            text="with 1/(m - 1) an equality; with 1/m a true bound that is not tight",
            setting="unbiased",
        ),
        scope=SCOPE,
        why="1/(m - 1) where 1/sqrt(m) is printed; as printed it fails for every m >= 3 with <g, y-hat> != 0",
        remarks=("At m = 2, where the gradient through BatchNorm is 0, the printed bound happens to hold.",),
    ),
    Claim(
        id="ext-unbiased.thm-4.2.1",
        title="Theorem 4.2, first part, with the unbiased variance",
        where=WHERE,
        kind="extension",
        quotation=thm_4_2_1.QUOTATION,
        readings=(
            Reading(
                slug="as-printed",
                summary="with 1/m",
                says=thm_4_2_1.printed,
                data=UNBIASED,
                refutation=Refutation(
                    Instance(y=(0, 0, 1), g=(0, 1, 0), note="m = 3, H = 0, <g, y-hat> < 0"),
                    Instance(
                        y=(0, 0, 1),
                        g=(0, 1, 0),
                        H=((0, 0, 0), (0, 1, 0), (0, 0, 0)),
                        note="every term non-zero",
                    ),
                ),
                setting="unbiased",
            ),
            Reading(
                slug="sign-of-gamma",
                summary="with 1/m, where <g, y-hat> has the sign of gamma",
                says=thm_4_2_1.printed,
                data=UNBIASED,
                hypotheses=(SIGN, SAMPLES),
                assumptions=("gamma <g, y-hat> >= 0",),
                proof=Proof(terms=_gap_form),
                setting="unbiased",
            ),
        ),
        corrected=Corrected(
            says=quadratic_form,
            proof=Proof(),
            text="with 1/(m - 1) an equality",
            setting="unbiased",
        ),
        scope=SCOPE,
        why="with 1/m it holds exactly where gamma <g, y-hat> >= 0 or v = 0",
    ),
)
