r"""Section 4, the sentences around Theorem 4.1.

The reduction is real and additive. That the Lipschitz constant is better "without any assumptions" is not: the
factor gamma^2/sigma^2 can exceed what the reduction takes away.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Proof, Reading, Refutation
from bnverify.theory.equation import question, statement

SHORTER = "v @ v <= g @ g"
SCALE = Hypothesis("scale", r"\gamma^2 \le \sigma^2", "gamma**2 <= sigma**2")
SHORTER_TERMS = (
    "(g @ g)/sigma**2*given0",
    "gamma**2/(sigma**2*m) * (one @ g)**2",
    "gamma**2/(sigma**2*m) * (g @ yhat)**2",
)
SHORTER_IN_WEIGHT_SPACE = "max((T @ v) @ (T @ v), norm(X) <= lam) <= max((T @ g) @ (T @ g), norm(X) <= lam)"
ADDITIVE = "gamma**2/sigma**2 * (g @ g) - v @ v == gamma**2/sigma**2 * ((one @ g)**2/m + (g @ yhat)**2/m)"
BEATEN = "v @ v < g @ g"
STRETCH = Instance(
    y=(0, 0, 1), g=(0, 1, 0), note="gamma = 1 exceeds sigma = sqrt(2)/3: |v|^2 = 9/4, |g|^2 = 1"
)
NO_REDUCTION = Instance(y=(0, 0, 1), g=(1, -1, 0), note="g is orthogonal to 1 and to y-hat")
NO_GRADIENT = Instance(
    y=(0, 1), g=(0, 0), note="without a gradient nothing can be reduced; the next instance has one"
)
ZERO_MEAN = Instance(y=(0, 1), g=(1, -1), note="a gradient with mean 0; g = 0 is smaller and says less")
CONSTANT_GRADIENT = Instance(
    y=(0, 1), g=(1, 1), note="a constant gradient is orthogonal to y-hat; g = 0 is smaller and says less"
)
MATCHED = Instance(
    y=(0, 0, 1), g=(1, 0, 0), gamma="s", beta="mu", note="gamma = sigma: |v|^2 < |g|^2 all the same"
)

CLAIMS = (
    statement(
        "prose-4.2-better-lipschitz",
        "A better Lipschitz constant without any assumptions",
        "Section 4.2, paragraph before Theorem 4.1",
        "Without any assumptions on the specific weights or the loss being used, we show that the "
        "batch-normalized landscape exhibits a better Lipschitz constant.",
        Reading(
            slug="any-scale",
            summary="the gradient norm is not larger, for every gamma (for a linear loss it is the constant)",
            says=SHORTER,
            refutation=Refutation(STRETCH, STRETCH),
        ),
        corrected=Corrected(
            says=SHORTER,
            proof=Proof(terms=SHORTER_TERMS),
            text="true where |gamma| <= sigma",
            hypotheses=(SCALE,),
            assumptions=("|gamma| <= sigma",),
        ),
        assumptions=("|gamma| <= sigma",),
        why="needs |gamma| <= sigma; with |gamma| > sigma the gradient can grow",
        remarks=("As a constant over all y it is infinite at eps = 0: v grows like 1/sigma.",),
    ),
    statement(
        "prose-4.2-reduction-additive",
        "The reduction is additive, even when sigma = gamma",
        "Section 4.2, paragraph before Theorem 4.1",
        "Note that this reduction is additive, and has effect even when the scaling of BN is identical to "
        r"the original layer scaling (i.e. even when $\sigma_j = \gamma$).",
        Reading(
            slug="additive",
            summary="the squared norm is reduced by (<1,g>^2 + <g,y-hat>^2)/m, whatever gamma/sigma",
            says=ADDITIVE,
        ),
        Reading(
            slug="has-effect-at-sigma",
            quantifier="exists",
            summary="there are gradients for which it is a reduction at gamma = sigma",
            says=BEATEN,
            data=Data(quantifiers="there are y, g with gamma = sigma", fixed="gamma = sigma"),
            proof=Proof(at=MATCHED),
        ),
        Reading(
            slug="always-has-effect",
            summary="the reduction is never 0",
            says="v @ v < gamma**2/sigma**2 * (g @ g)",
            refutation=Refutation(NO_GRADIENT, NO_REDUCTION),
            admitted=False,
            why="the sentence before names the condition: y-hat correlates with g, or the mean of g is not 0",
        ),
        why="an identity; the effect is 0 only where g is orthogonal to 1 and to y-hat",
    ),
    statement(
        "prose-4.2-quadratic-in-dimension",
        "The mean term grows quadratically in the dimension",
        "Section 4.2, paragraph after Theorem 4.1",
        r"First, note that $\langle 1, \partial L/\partial y \rangle^2$ grows quadratically in the "
        "dimension, so the middle term above is significant.",
        Reading(
            slug="fixed-mean",
            summary="<1,g>^2 = m^2 mu_g^2: quadratic where the mean of the gradient's entries stays the same",
            says="(one @ g)**2 == m**2*mean(g)**2",
            data=Data(fixed="the mean of the entries of g", varies="m"),
            admitted=False,
            why="it holds of every vector and says nothing of the gradient",
        ),
        Reading(
            slug="any-gradient",
            summary="the term is significant for every loss",
            says="0 < (one @ g)**2",
            data=Data(varies="m, L"),
            refutation=Refutation(ZERO_MEAN),
        ),
        assumptions=("the entries of g keep a non-zero mean as m grows",),
        why="true where the entries of g keep their mean; 0 for a gradient with mean 0",
        remarks=(
            "With a loss averaged over the batch the entries of g shrink like 1/m and the term does not grow.",
            "In the theorem it is divided by m and stands beside |g|^2, which grows as fast.",
        ),
    ),
    question(
        "prose-4.2-at-most-quadratic",
        "The mean term is at most m |g|^2",
        "Section 4.2, paragraph after Theorem 4.1 (what the sentence can be sharpened to)",
        Reading(
            slug="cauchy-schwarz",
            summary="<1,g>^2 <= m |g|^2, with equality for a constant gradient",
            says="(one @ g)**2 <= m * (g @ g)",
            proof=Proof(terms=("(one @ one) * (g @ g) - (one @ g)**2",)),
        ),
        kind="extension",
        why="Cauchy-Schwarz",
    ),
    statement(
        "prose-4.2-bounded-away",
        "The last inner product is bounded away from zero",
        "Section 4.2, paragraph after Theorem 4.1",
        "Furthermore, note that both in practice and in theory, the final inner product term in the above "
        "theorem is bounded away from zero, as the gradient with respect to a variable is rarely uncorrelated to the "
        "variable itself.",
        Reading(
            slug="in-theory",
            summary="<g, y-hat>^2 > 0 for every loss",
            says="0 < (g @ yhat)**2",
            refutation=Refutation(CONSTANT_GRADIENT),
        ),
        why="in theory it can be 0; in practice is a question for training runs",
        remarks=(
            "<g, y-hat> is the gradient of gamma: where gamma has been trained to stationarity the term is exactly 0.",
        ),
    ),
    statement(
        "prose-4.2-worst-case-weights",
        "Improvements translate to the weight space",
        "Section 4.2, first paragraph",
        "We then show that these improvements in the activation-space landscape translate to favorable "
        "worst-case bounds in the weight-space landscape.",
        Reading(
            slug="any-scale",
            summary="the maximum over X of the weight gradient is not larger, for every gamma",
            says=SHORTER_IN_WEIGHT_SPACE,
            data=Data(fixed="g, y-hat, sigma", varies="X", norm="spectral"),
            refutation=Refutation(STRETCH, STRETCH),
        ),
        corrected=Corrected(
            says=SHORTER_IN_WEIGHT_SPACE,
            proof=Proof(
                terms=(
                    "lam**2 * ((g @ g)/sigma**2)*given0",
                    "lam**2 * (gamma**2/(sigma**2*m)) * (one @ g)**2",
                    "lam**2 * (gamma**2/(sigma**2*m)) * (g @ yhat)**2",
                )
            ),
            text="true if |gamma| <= sigma",
            hypotheses=(SCALE,),
            assumptions=("|gamma| <= sigma",),
        ),
        assumptions=("|gamma| <= sigma", "g, y-hat, sigma held fixed while X varies"),
        why="needs |gamma| <= sigma, and speaks of a worst case over X, not of the X at hand",
    ),
)
