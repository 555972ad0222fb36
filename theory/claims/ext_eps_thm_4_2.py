r"""Theorem 4.2 at eps > 0: which of its two parts survive, and under what.

The gradient keeps a part along y-hat, which both terms of the printed bounds ignore. They hold where <g,y-hat> has
the sign of gamma, rho <= 2/3 and damping by P does not raise the form.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import (
    Claim,
    Corrected,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Term,
    le,
)
from bnverify.theory.claims import thm_4_2_1, thm_4_2_2
from bnverify.theory.claims.ext_eps import ANY_EPS, SCOPE, damped, excess, quadratic_form
from bnverify.theory.claims.ext_eps_thm_4_1 import LARGE_VARIANCE, SIGMA_KEPT, WHERE
from bnverify.theory.settings import Setting


def first_part_with_s(q: Setting) -> Relation:
    return le(
        q.bn_hess_bn,
        q.gamma**2 / q.s**2 * q.hess_bn - q.gamma / (q.m * q.s**2) * q.grad_proj * q.bn_grad_sq,
    )


def second_part_with_s(q: Setting) -> Relation:
    return le(
        q.bn_hess_bn,
        q.gamma**2 / q.s**2 * (q.hess_grad - 1 / (q.m * q.gamma) * q.grad_proj * q.bn_grad_sq),
    )


def second_part_corrected(q: Setting) -> Relation:
    return le(
        q.bn_hess_bn,
        q.gamma**2
        / q.s**2
        * (q.hess_grad - 1 / (q.m * q.gamma) * q.grad_proj * ((3 - 2 * q.rho) * q.bn_grad_sq - excess(q))),
    )


def _damped_form(q: Setting) -> Any:
    Pv = damped(q, q.v)
    return q.dot(Pv, q.H(Pv))


def _damping_lowers(q: Setting) -> Relation:
    return le(_damped_form(q), q.hess_bn)


def _damped_not_increased(q: Setting) -> Relation:
    return le(_damped_form(q), q.hess_grad)


def _sign(q: Setting) -> Relation:
    return le(0, q.gamma * q.grad_proj)


def _small_variance(q: Setting) -> Relation:
    return le(3 * q.rho, 2)


DAMPING_LOWERS = Hypothesis("damping-lowers", r"(Pv)^\top H (Pv) \le v^\top H v", _damping_lowers)
DAMPED_NOT_INCREASED = Hypothesis("relative-norms", r"(Pv)^\top H (Pv) \le g^\top H g", _damped_not_increased)
SIGN = Hypothesis("sign", r"\gamma \langle g, \hat{y}\rangle \ge 0", _sign)
SMALL_VARIANCE = Hypothesis(
    "small-variance", r"\rho \le 2/3, that is \sigma^2 \le 2 \epsilon", _small_variance
)


def _off_yhat_exactly(q: Setting) -> Any:
    """The part of g at right angles to 1 and y-hat, whatever the length of y-hat."""
    return q.g_bar - q.yhat * (q.grad_proj / (q.m * q.rho))


def _additive(q: Setting) -> list[Term]:
    """The additive term of 4.2 at eps > 0 minus the printed one, as a sum of non-negative products."""
    kept = q.eps / q.s**2
    return [
        Term(2 * q.gamma**2 * kept / (q.m * q.s**4), "product", ("sign", _off_yhat_exactly(q))),
        Term(
            q.gamma**2 * kept**2 * q.grad_proj**2 / (q.m**2 * q.s**4 * q.rho),
            "product",
            ("sign", "small-variance"),
        ),
    ]


def _first_part_terms(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 / q.s**2, "hypothesis", "damping-lowers"), *_additive(q)]


def _second_part_terms(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 / q.s**2, "hypothesis", "relative-norms"), *_additive(q)]


def _by_relative_norms(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 / q.s**2, "hypothesis", "relative-norms")]


def _lost(slug: str, summary: str, says: Any, hypotheses: tuple[Hypothesis, ...], point: Instance) -> Reading:
    """A reading with one hypothesis left out, and the instance that shows it is needed."""
    return Reading(
        slug=slug,
        summary=summary,
        says=says,
        data=ANY_EPS,
        hypotheses=hypotheses,
        refutation=Refutation(point),
        admitted=False,
        why="one hypothesis of the proved reading is left out, to show that it is needed",
    )


NO_SIGN = Instance(y=(0, 1), g=(1, 0), eps=1, note="H = 0, rho = 1/5, but gamma <g,y-hat> < 0")
FIRST_PART = Claim(
    id="ext-eps.thm-4.2.1",
    title="Theorem 4.2, first part, at eps > 0",
    where=WHERE,
    kind="extension",
    quotation=thm_4_2_1.QUOTATION,
    readings=(
        Reading(
            slug="sigma-read-as-s",
            summary="as printed, with s for sigma",
            says=first_part_with_s,
            data=ANY_EPS,
            refutation=Refutation(
                NO_SIGN, Instance(y=(0, 1), g=(1, 0), H=((0, 0), (0, 1)), eps=1, note="every term non-zero")
            ),
        ),
        Reading(
            slug="sigma-kept",
            summary="as printed, sigma is the standard deviation",
            says=thm_4_2_1.printed,
            data=SIGMA_KEPT,
            refutation=Refutation(
                Instance(y=(0, 1), g=(0, 1), eps=1, note="m = 2, H = 0"),
                Instance(y=(0, 1), g=(0, 1), H=((0, 0), (0, -1)), eps=1, note="every term non-zero"),
            ),
        ),
        Reading(
            slug="under-three-conditions",
            summary="with s, where damping does not raise the form, gamma <g,y-hat> >= 0 and rho <= 2/3",
            says=first_part_with_s,
            data=ANY_EPS,
            hypotheses=(DAMPING_LOWERS, SIGN, SMALL_VARIANCE),
            assumptions=("(Pv)'H(Pv) <= v'Hv", "gamma <g,y-hat> >= 0", "rho <= 2/3"),
            proof=Proof(terms=_first_part_terms, eps=True),
        ),
        _lost(
            "without-sign",
            "the same without the sign of <g,y-hat>",
            first_part_with_s,
            (DAMPING_LOWERS, SMALL_VARIANCE),
            NO_SIGN,
        ),
        _lost(
            "without-small-variance",
            "the same without rho <= 2/3",
            first_part_with_s,
            (DAMPING_LOWERS, SIGN),
            LARGE_VARIANCE,
        ),
        _lost(
            "without-damping",
            "the same without the condition on H",
            first_part_with_s,
            (SIGN, SMALL_VARIANCE),
            Instance(
                y=(0, 1), g=(0, 1), H=((0, 1), (1, 0)), eps=1, note="H indefinite: damping raises the form"
            ),
        ),
    ),
    corrected=Corrected(
        says=quadratic_form,
        proof=Proof(eps=True),
        text="an equality again: H acts on the damped gradient P v, and the additive term has two parts",
    ),
    scope=SCOPE,
    why="at eps > 0 the gradient keeps a part along y-hat, which both terms of the bound ignore",
)

SECOND_PART = Claim(
    id="ext-eps.thm-4.2.2",
    title="Theorem 4.2, second part, at eps > 0",
    where=WHERE,
    kind="extension",
    quotation=thm_4_2_2.QUOTATION,
    readings=(
        Reading(
            slug="sigma-read-as-s",
            summary="as printed with s, under the hypothesis that suffices at eps = 0: v'Hv <= g'Hg",
            says=second_part_with_s,
            data=ANY_EPS,
            hypotheses=(thm_4_2_2.NOT_INCREASED,),
            refutation=Refutation(
                NO_SIGN,
                Instance(
                    y=(0, 0, 1),
                    g=(0, 1, -1),
                    H=((0, 0, 0), (0, 1, 0), (0, 0, 0)),
                    eps=1,
                    note="every term non-zero",
                ),
            ),
        ),
        Reading(
            slug="sigma-kept",
            summary="as printed with sigma, under the same hypothesis",
            says=thm_4_2_2.printed,
            data=SIGMA_KEPT,
            hypotheses=(thm_4_2_2.NOT_INCREASED,),
            refutation=Refutation(
                Instance(y=(0, 1), g=(0, 1), eps=1, note="m = 2, H = 0"),
                Instance(
                    y=(0, 0, 1),
                    g=(-1, 1, 1),
                    H=((-1, 0, 0), (0, 0, 0), (0, 0, 0)),
                    eps=1,
                    note="every term non-zero",
                ),
            ),
        ),
        Reading(
            slug="under-three-conditions",
            summary="with s, where (Pv)'H(Pv) <= g'Hg, gamma <g,y-hat> >= 0 and rho <= 2/3",
            says=second_part_with_s,
            data=ANY_EPS,
            hypotheses=(DAMPED_NOT_INCREASED, SIGN, SMALL_VARIANCE),
            assumptions=("(Pv)'H(Pv) <= g'Hg", "gamma <g,y-hat> >= 0", "rho <= 2/3", "gamma != 0"),
            proof=Proof(terms=_second_part_terms, eps=True),
        ),
        _lost(
            "without-sign",
            "the same without the sign of <g,y-hat>",
            second_part_with_s,
            (DAMPED_NOT_INCREASED, SMALL_VARIANCE),
            NO_SIGN,
        ),
        _lost(
            "without-small-variance",
            "the same without rho <= 2/3",
            second_part_with_s,
            (DAMPED_NOT_INCREASED, SIGN),
            LARGE_VARIANCE,
        ),
        _lost(
            "without-relative-norms",
            "the same without the condition on H",
            second_part_with_s,
            (SIGN, SMALL_VARIANCE),
            Instance(y=(0, 1), g=(0, 1), H=((1, 0), (0, 0)), eps=1, note="g'Hg = 0, (Pv)'H(Pv) > 0"),
        ),
    ),
    corrected=Corrected(
        says=second_part_corrected,
        proof=Proof(terms=_by_relative_norms, eps=True),
        text="the additive term of the equality, and the hypothesis on the damped gradient P v",
        hypotheses=(DAMPED_NOT_INCREASED,),
        assumptions=("(Pv)'H(Pv) <= g'Hg", "gamma != 0"),
    ),
    scope=(("m", ">= 1"), ("gamma", "!= 0"), ("sigma", ">= 0"), ("eps", "> 0")),
    why="the hypothesis must speak of P v, and the additive term is another one",
)

CLAIMS = (FIRST_PART, SECOND_PART)
