r"""Theorem 4.2 at eps > 0: which of its two parts survive, and under what.

The gradient keeps a part along y-hat, which both terms of the printed bounds ignore. They hold where <g,y-hat> has
the sign of gamma, rho <= 2/3 and damping by P does not raise the form.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Hypothesis, Instance, Proof, Reading, Refutation
from bnverify.theory.claims.santurkar_2018 import thm_4_2_1, thm_4_2_2
from bnverify.theory.claims.santurkar_2018.ext_eps import ANY_EPS, QUADRATIC_FORM, SCOPE
from bnverify.theory.claims.santurkar_2018.ext_eps_thm_4_1 import LARGE_VARIANCE, SIGMA_KEPT, WHERE
from bnverify.theory.equation import projected as P
from bnverify.theory.equation import statement

FIRST_PART_WITH_S = "v @ B @ v <= gamma**2/s**2 * (v @ H @ v) - gamma/(m*s**2) * (g @ yhat) * (v @ v)"
SECOND_PART_WITH_S = "v @ B @ v <= gamma**2/s**2 * (g @ H @ g - 1/(m*gamma) * (g @ yhat) * (v @ v))"
DAMPING_LOWERS = Hypothesis(
    "damping-lowers", r"(Pv)^\top H (Pv) \le v^\top H v", (f"{P('v')} @ H @ {P('v')} <= v @ H @ v")
)
DAMPED_NOT_INCREASED = Hypothesis(
    "relative-norms", r"(Pv)^\top H (Pv) \le g^\top H g", (f"{P('v')} @ H @ {P('v')} <= g @ H @ g")
)
SIGN = Hypothesis("sign", r"\gamma \langle g, \hat{y}\rangle \ge 0", "0 <= gamma * (g @ yhat)")
SMALL_VARIANCE = Hypothesis("small-variance", r"\rho \le 2/3, that is \sigma^2 \le 2 \epsilon", "3*rho <= 2")
BY_RELATIVE_NORMS = ("gamma**2/s**2*given0",)


def _lost(slug: str, summary: str, says: str, hypotheses: tuple[Hypothesis, ...], point: Instance) -> Reading:
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


_OFF = "(g - mean(g)*one - (g @ yhat)/(m*sigma**2/s**2)*yhat)"
UNDER_THREE = (
    "gamma**2/s**2*given0",
    f"2*gamma**2 * (eps/s**2)/(m*s**4)*given1 * ({_OFF} @ {_OFF})",
    "gamma**2 * (eps/s**2)**2 * (g @ yhat)**2/(m**2*s**2*sigma**2)*given1*given2",
)
"""The three conditions each give a term that is not negative."""
NO_SIGN = Instance(y=(0, 1), g=(1, 0), eps=1, note="H = 0, rho = 1/5, but gamma <g,y-hat> < 0")
FIRST_PART = statement(
    "ext-eps.thm-4.2.1",
    "Theorem 4.2, first part, at eps > 0",
    WHERE,
    thm_4_2_1.QUOTATION,
    Reading(
        slug="sigma-read-as-s",
        summary="as printed, with s for sigma",
        says=FIRST_PART_WITH_S,
        data=ANY_EPS,
        refutation=Refutation(
            NO_SIGN, Instance(y=(0, 1), g=(1, 0), H=((0, 0), (0, 1)), eps=1, note="every term non-zero")
        ),
    ),
    Reading(
        slug="sigma-kept",
        summary="as printed, sigma is the standard deviation",
        says=thm_4_2_1.PRINTED,
        data=SIGMA_KEPT,
        refutation=Refutation(
            Instance(y=(0, 1), g=(0, 1), eps=1, note="m = 2, H = 0"),
            Instance(y=(0, 1), g=(0, 1), H=((0, 0), (0, -1)), eps=1, note="every term non-zero"),
        ),
    ),
    Reading(
        slug="under-three-conditions",
        summary="with s, where damping does not raise the form, gamma <g,y-hat> >= 0 and rho <= 2/3",
        says=FIRST_PART_WITH_S,
        data=ANY_EPS,
        hypotheses=(DAMPING_LOWERS, SIGN, SMALL_VARIANCE),
        assumptions=("(Pv)'H(Pv) <= v'Hv", "gamma <g,y-hat> >= 0", "rho <= 2/3"),
        proof=Proof(terms=UNDER_THREE),
        needs=("0 < sigma",),
        admitted=False,
        why="a condition of ours: the words do not name it",
    ),
    _lost(
        "without-sign",
        "the same without the sign of <g,y-hat>",
        FIRST_PART_WITH_S,
        (DAMPING_LOWERS, SMALL_VARIANCE),
        NO_SIGN,
    ),
    _lost(
        "without-small-variance",
        "the same without rho <= 2/3",
        FIRST_PART_WITH_S,
        (DAMPING_LOWERS, SIGN),
        LARGE_VARIANCE,
    ),
    _lost(
        "without-damping",
        "the same without the condition on H",
        FIRST_PART_WITH_S,
        (SIGN, SMALL_VARIANCE),
        Instance(y=(0, 1), g=(0, 1), H=((0, 1), (1, 0)), eps=1, note="H indefinite: damping raises the form"),
    ),
    corrected=Corrected(
        says=QUADRATIC_FORM,
        text="an equality again: H acts on the damped gradient P v, and the additive term has two parts",
    ),
    scope=SCOPE,
    why="at eps > 0 the gradient keeps a part along y-hat, which both terms of the bound ignore",
)
SECOND_PART = statement(
    "ext-eps.thm-4.2.2",
    "Theorem 4.2, second part, at eps > 0",
    WHERE,
    thm_4_2_2.QUOTATION,
    Reading(
        slug="sigma-read-as-s",
        summary="as printed with s, under the hypothesis that suffices at eps = 0: v'Hv <= g'Hg",
        says=SECOND_PART_WITH_S,
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
        says=thm_4_2_2.PRINTED,
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
        says=SECOND_PART_WITH_S,
        data=ANY_EPS,
        hypotheses=(DAMPED_NOT_INCREASED, SIGN, SMALL_VARIANCE),
        assumptions=("(Pv)'H(Pv) <= g'Hg", "gamma <g,y-hat> >= 0", "rho <= 2/3", "gamma != 0"),
        proof=Proof(terms=UNDER_THREE),
        needs=("0 < sigma",),
        admitted=False,
        why="a condition of ours: the words do not name it",
    ),
    _lost(
        "without-sign",
        "the same without the sign of <g,y-hat>",
        SECOND_PART_WITH_S,
        (DAMPED_NOT_INCREASED, SMALL_VARIANCE),
        NO_SIGN,
    ),
    _lost(
        "without-small-variance",
        "the same without rho <= 2/3",
        SECOND_PART_WITH_S,
        (DAMPED_NOT_INCREASED, SIGN),
        LARGE_VARIANCE,
    ),
    _lost(
        "without-relative-norms",
        "the same without the condition on H",
        SECOND_PART_WITH_S,
        (SIGN, SMALL_VARIANCE),
        Instance(y=(0, 1), g=(0, 1), H=((1, 0), (0, 0)), eps=1, note="g'Hg = 0, (Pv)'H(Pv) > 0"),
    ),
    corrected=Corrected(
        says="v @ B @ v <= gamma**2/s**2 * (g @ H @ g - 1/(m*gamma) * (g @ yhat) * ((3 - 2*rho) * (v @ v) "
        "- gamma**2/s**2 * (1 - rho)**2 * (g @ yhat)**2/m))",
        proof=Proof(terms=BY_RELATIVE_NORMS),
        text="the additive term of the equality, and the hypothesis on the damped gradient P v",
        hypotheses=(DAMPED_NOT_INCREASED,),
        assumptions=("(Pv)'H(Pv) <= g'Hg", "gamma != 0"),
    ),
    scope=(("m", ">= 1"), ("gamma", "!= 0"), ("sigma", ">= 0"), ("eps", "> 0")),
    why="the hypothesis must speak of P v, and the additive term is another one",
)

CLAIMS = (FIRST_PART, SECOND_PART)
