r"""The l_p normalisations of Section 3.3: is the additive term always a reduction?

z = gamma (y - mu 1)/n + beta with n an average l_p norm of y "before shifting the mean". With nu and N the gradient
and Hessian of n, C = I - 11'/m and q = <g, y-hat>, the gradient is (gamma/n)(C g - nu q), and the bracket of
Theorem 4.1 holds |C g|^2 - 2 q <nu, C g> + |nu|^2 q^2. The last two terms are a reduction for p = 2 of one unit;
for p = 1 and p = inf, and wherever a layer shares one n, they can be an increase.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import Claim, Corrected, Data, Instance, Proof, Reading, Refutation
from bnverify.theory.equation import centred as C
from bnverify.theory.equation import statement

QUOTATION = r"""we study schemes that fix the first order moment of the activations, as BatchNorm does, and then
normalizes them by the average of their $\ell_p$-norm (*before* shifting the mean), for $p = 1, 2, \infty$. ... Also,
all these techniques result in an improved smoothness of the landscape that is similar to the effect of BatchNorm."""
WHERE = "beyond the sources: Theorem 4.1 for the l_p normalisations of Section 3.3"
SCOPE = (("m", ">= 2"), ("gamma", "any real"), ("n", "> 0"), ("eps", ">= 0"))
REDUCTION = "v @ v <= gamma**2/n**2 * ((g - mean(g)*one) @ (g - mean(g)*one))"
REDUCTION_OF_A_PAIR = (
    f"v_j @ v_j + v_k @ v_k <= scale**2/n**2 * ({C('g_j')} @ {C('g_j')} + {C('g_k')} @ {C('g_k')})"
)
GRADIENT_NORM = (
    f"v @ v == gamma**2/n**2 * ({C('g')} @ {C('g')} - 2 * (g @ yhat) * (nu @ {C('g')}) + (nu @ nu) * "
    "(g @ yhat)**2)"
)
GRADIENT_NORM_OF_A_LAYER = (
    "v @ v == gamma**2/n**2 * ((C @ g) @ (C @ g) - 2 * (g @ yhat) * (nu @ C @ g) + (nu @ nu) * (g @ yhat)**2)"
)
L2_TERMS = ("gamma**2/(m*n**2) * (1 + eps/n**2) * (g @ yhat)**2",)
AVERAGES = {
    "unit": "per unit: the power mean of |y| over the batch (a constant factor, as of |y|_p/m, is one in gamma)",
    "layer": "one divisor for the layer: the mean over its units of their power means",
    "sample": "one divisor for the layer: the mean over the batch of each sample's l_p norm over the units",
    "centred": "per unit, of y minus its mean",
}


LETTERS = {"1": "l_1", "2": "l_2", "inf": "l_inf"}
_PAIR = "z_j = scale*(y_j - mean(y_j)*one)/n; z_k = scale*(y_k - mean(y_k)*one)/n"
_LENGTH = {"1": "mean(abs({0}))", "2": "sqrt({0} @ {0}/m)", "inf": "max(abs({0}))"}
_CENTRED = {"1": "mean(abs(c))", "2": "sqrt(c @ c / m + eps)", "inf": "max(abs(c))"}
NORMS = (
    {
        ("centred", p): f"mu = one @ y / m; c = y - mu*one; n = {n}; yhat = c / n; z = gamma*yhat + beta*one"
        for p, n in _CENTRED.items()
    }
    | {("layer", p): f"n = ({n.format('y_j')} + {n.format('y_k')})/2; {_PAIR}" for p, n in _LENGTH.items()}
    | {("sample", "1"): f"n = mean(abs(y_j)) + mean(abs(y_k)); {_PAIR}"}
)
"""What is divided by the norm of y after the shift, by one norm of two units, or by one of each sample."""


def _reading(
    slug: str,
    p: str,
    average: str,
    refutation: Refutation | None = None,
    proof: Proof | None = None,
    **more: Any,
) -> Reading:
    shared = average in {"layer", "sample"}
    return Reading(
        slug=slug,
        summary=AVERAGES[average],
        says=REDUCTION_OF_A_PAIR if shared else REDUCTION,
        data=Data(
            quantifiers="for all y where the norm has derivatives, gamma, beta and every differentiable L",
            norm=f"{LETTERS[p]}, {average}",
            parameters="activations of all units of a layer" if shared else "activations y_j of one unit",
        ),
        refutation=refutation,
        proof=proof,
        norm=f"l{p}-norm" if average == "unit" else NORMS[average, p],
        **more,
    )


def _after_shift(p: str, refutation: Refutation | None = None, proof: Proof | None = None) -> Reading:
    return _reading(
        "after-the-shift",
        p,
        "centred",
        refutation,
        proof,
        admitted=False,
        why="the sentence says before shifting the mean",
    )


def _point(y: tuple[int, ...], g: tuple[int, ...], units: int = 1, note: str = "") -> Refutation:
    extra = (("units", units),) if units > 1 else ()
    instance = Instance(y=y, g=g, extra=extra, note=note)
    return Refutation(instance, None if units > 1 else instance)


def _claim(p: str, title: str, readings: tuple[Reading, ...], corrected: str, why: str, text: str) -> Claim:
    return statement(
        f"ext-lp.l{p}",
        title,
        WHERE,
        QUOTATION,
        *readings,
        corrected=Corrected(says=corrected, text=text, norm=f"l{p}-norm"),
        scope=SCOPE,
        why=why,
        remarks=(
            "With one n for a layer the bracket is that of ext-lp.shared, and the condition there is necessary.",
            "The mean of each sample's l_2 or l_inf norm over the units is outside the grammar and is not judged.",
        ),
    )


def _where(slug: str, p: str, average: str, hypothesis: str, terms: Any, assumption: str) -> Reading:
    return _reading(
        slug,
        p,
        average,
        proof=Proof(terms=terms),
        hypotheses=(hypothesis,),
        assumptions=(assumption,),
        admitted=False,
        why="a condition of ours: the words do not name it",
    )


TWO_UNITS = "two units of two samples, one n for both"
CLAIMS = (
    _claim(
        "1",
        "The l_1 normalisation: is the additive term always a reduction?",
        (
            _reading(
                "unit",
                "1",
                "unit",
                _point((1, 2), (0, 1), note="m = 2, all entries of one sign: <sgn, C g> = 0"),
            ),
            _where(
                "unit-signs-agree",
                "1",
                "unit",
                "(g @ yhat)**2 <= 2 * (g @ yhat) * (sgn @ (g - mean(g)*one))",
                ("gamma**2/(m*n**2)*given0",),
                "<g,y-hat>^2 <= 2 <g,y-hat> <sgn(y), C g>",
            ),
            _reading("layer", "1", "layer", _point((1, 1, 1, 2), (0, 0, 0, 1), 2, TWO_UNITS)),
            _reading("sample", "1", "sample", _point((1, 1, 1, 2), (0, 0, 0, 1), 2, TWO_UNITS)),
            _after_shift("1", _point((1, 2, -1), (1, -1, 0), note="m = 3")),
        ),
        f"v @ v == gamma**2/n**2 * (g @ g - (one @ g)**2/m - 2/m * (g @ yhat) * (sgn @ {C('g')}) + (g @ "
        "yhat)**2/m)",
        "an increase, for instance, wherever all y have one sign and <g,y-hat> != 0",
        "the exact bracket, which replaces -q^2/m by (q^2 - 2 q <sgn(y), C g>)/m",
    ),
    _claim(
        "2",
        "The l_2 normalisation: is the additive term always a reduction?",
        (
            _reading("unit", "2", "unit", proof=Proof(terms=L2_TERMS)),
            _reading("layer", "2", "layer", _point((0, 1, 0, 2), (0, 1, 1, 0), 2, TWO_UNITS)),
            _after_shift("2", proof=Proof(terms=L2_TERMS)),
        ),
        "v @ v == gamma**2/n**2 * (g @ g - (one @ g)**2/m - (1 + eps/n**2)/m * (g @ yhat)**2)",
        "for one unit it is, with the terms of Theorem 4.1 corrected; where units share one n it need not be",
        "the exact bracket of one unit, with the same terms as BatchNorm's and n^2 = sigma^2 + mu^2 + eps",
    ),
    _claim(
        "inf",
        "The l_inf normalisation: is the additive term always a reduction?",
        (
            _reading("unit", "inf", "unit", _point((0, 1, 2), (1, -1, 0), note="m = 3")),
            _where(
                "unit-top-agrees",
                "inf",
                "unit",
                "(g @ yhat)**2 <= 2 * (g @ yhat) * d(n, y, g - mean(g)*one)",
                ("gamma**2/n**2*given0",),
                "<g,y-hat>^2 <= 2 <g,y-hat> <top, C g>",
            ),
            _reading("layer", "inf", "layer", _point((0, 1, 0, 2), (0, 1, 1, 0), 2, TWO_UNITS)),
            _after_shift("inf", _point((0, 1, 3), (1, -1, 0), note="m = 3")),
        ),
        "v @ v == gamma**2/n**2 * (g @ g - (one @ g)**2/m - 2 * (g @ yhat) * d(n, y, g - mean(g)*one) "
        "+ (g @ yhat)**2)",
        "an increase, for instance, wherever g - mean(g) is 0 at the largest |y| and <g,y-hat> != 0",
        "the exact bracket, which replaces -q^2/m by q^2 - 2 q <top, C g>",
    ),
    statement(
        "ext-lp.shared",
        "One divisor for a whole layer: where the additive term is a reduction",
        WHERE,
        QUOTATION,
        Reading(
            slug="where-the-norm-agrees",
            summary="for any twice differentiable divisor n of all activations of the layer",
            says="v @ v <= gamma**2/n**2 * ((C @ g) @ (C @ g))",
            data=Data(parameters="activations of all units of a layer", norm="any"),
            hypotheses=("(nu @ nu) * (g @ yhat)**2 <= 2 * (g @ yhat) * (nu @ C @ g)",),
            assumptions=("|nu|^2 q^2 <= 2 q <nu, C g> over the layer",),
            proof=Proof(terms=("gamma**2/n**2*given0",)),
            norm="shared-smooth-norm",
        ),
        corrected=Corrected(
            says=GRADIENT_NORM_OF_A_LAYER, text="the exact bracket for any divisor", norm="shared-smooth-norm"
        ),
        scope=SCOPE,
        why="for gamma != 0 the condition is also necessary",
    ),
)
