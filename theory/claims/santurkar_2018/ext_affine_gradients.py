r"""What the two reductions of Theorem 4.1 are: the squared gradients of beta and gamma, over m.

The part of g that BatchNorm removes from the gradient of y is handed to beta and gamma. Where those are stationary
nothing is removed, and the additive term of Theorem 4.2 vanishes with it.
"""

from __future__ import annotations

from functools import partial

from bnverify.theory.claim import SCOPE, Data, Hypothesis, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.equation import formula, question

WHERE = "beyond the sources: the gradients of gamma and beta"
NO_REDUCTION = "v @ v == gamma**2/sigma**2 * (g @ g)"
NO_DECREASE = "gamma**2/sigma**2 * (v @ H @ v) <= v @ B @ v"
BETA_STATIONARY = Hypothesis(
    "beta-stationary", r"\partial\widehat{\mathcal{L}}/\partial\beta = 0", "dbeta == 0"
)
GAMMA_STATIONARY = Hypothesis(
    "gamma-stationary", r"\partial\widehat{\mathcal{L}}/\partial\gamma = 0", "dgamma == 0"
)
NOT_RISING = Hypothesis(
    "not-rising",
    r"\gamma\, \partial\widehat{\mathcal{L}}/\partial\gamma \le 0: the loss does not rise with |\gamma|,"
    r" so too where gamma is stationary",
    "gamma*dgamma <= 0",
)
STEPS = (
    Step(text="the gradient of beta is <1, g>", says="dbeta == one @ g"),
    Step(text="the gradient of gamma is <g, y-hat>", says="dgamma == g @ yhat"),
)
REMOVED = ("-gamma**2/(m*sigma**2)*dbeta*given0", "-gamma**2/(m*sigma**2)*dgamma*given1")
ADDED = ("1/(m*sigma**2)*given0 * (v @ v)",)


_identity = partial(
    formula,
    "ext-affine-gradients",
    WHERE,
    "an identity, with the gradients of gamma and beta by differentiation",
    Data(parameters="y, gamma and beta of one unit"),
    SCOPE,
    steps=STEPS,
    reading="identity",
)


def _needed(slug: str, summary: str, says: str, hypotheses: tuple[Hypothesis, ...], at: Instance) -> Reading:
    return Reading(
        slug=slug,
        summary=summary,
        says=says,
        hypotheses=hypotheses,
        refutation=Refutation(at),
        admitted=False,
        why="the hypothesis is left out or weakened, to show that it is needed",
    )


CLAIMS = (
    _identity(
        "reductions",
        "The two reductions of Theorem 4.1 are the squared gradients of beta and gamma over m",
        "v @ v == gamma**2/sigma**2 * (g @ g - (dbeta**2 + dgamma**2)/m)",
        "dL^/dbeta = <1, g> and dL^/dgamma = <g, y-hat>",
    ),
    _identity(
        "conservation",
        "BatchNorm moves gradient to gamma and beta, it loses none",
        "g @ g == sigma**2/gamma**2 * (v @ v) + dbeta**2/m + dgamma**2/m",
        "|g|^2 is the sum of three squares; needs gamma != 0",
        needs=("gamma != 0",),
    ),
    _identity(
        "reductions-eps",
        "The two reductions at eps > 0",
        "v @ v == gamma**2/s**2 * (g @ g - dbeta**2/m - (2 - rho)/m*dgamma**2)",
        "the square of the gradient of gamma counts 2 - rho times, that of beta once",
        eps="> 0",
    ),
    _identity(
        "curvature",
        "The additive term of Theorem 4.2 is the gradient of gamma",
        "v @ B @ v == gamma**2/sigma**2 * (v @ H @ v) - gamma*dgamma/(m*sigma**2) * (v @ v)",
        "it is -gamma dL^/dgamma |v|^2 / (m sigma^2)",
    ),
    question(
        "ext-affine-gradients.stationary",
        "At a point stationary in beta and gamma there is no reduction",
        WHERE,
        Reading(
            slug="both-stationary",
            summary="|v|^2 is then gamma^2/sigma^2 |g|^2, the bound without its two reductions",
            says=NO_REDUCTION,
            data=Data(parameters="y, gamma and beta of one unit"),
            hypotheses=(BETA_STATIONARY, GAMMA_STATIONARY),
            assumptions=("the gradients of beta and gamma are 0",),
            proof=Proof(steps=STEPS, terms=REMOVED),
        ),
        _needed(
            "anywhere",
            "the same at any point",
            NO_REDUCTION,
            (),
            Instance(y=(0, 1), g=(0, 1), note="neither gradient is 0"),
        ),
        _needed(
            "beta-stationary",
            "the same where only beta is stationary",
            NO_REDUCTION,
            (BETA_STATIONARY,),
            Instance(y=(0, 1), g=(1, -1), note="the gradient of gamma is not 0"),
        ),
        _needed(
            "gamma-stationary",
            "the same where only gamma is stationary",
            NO_REDUCTION,
            (GAMMA_STATIONARY,),
            Instance(y=(0, 1), g=(1, 1), note="the gradient of beta is not 0"),
        ),
        why="for gamma != 0 the condition is also necessary",
        remarks=(
            "Both gradients are zero at every minimum over (y, gamma, beta), so the reductions of Theorem 4.1 are "
            "not bounded away from zero in training that converges.",
        ),
    ),
    question(
        "ext-affine-gradients.curvature-stationary",
        "Where gamma is stationary the curvature along the gradient is only rescaled",
        WHERE,
        Reading(
            slug="not-rising",
            summary="v'Bv is at least gamma^2/sigma^2 v'Hv where the loss does not rise with |gamma|",
            says=NO_DECREASE,
            data=Data(parameters="y, gamma and beta of one unit"),
            hypotheses=(NOT_RISING,),
            assumptions=("gamma dL^/dgamma <= 0",),
            proof=Proof(steps=STEPS, terms=ADDED),
        ),
        _needed(
            "anywhere",
            "the same at any point",
            NO_DECREASE,
            (),
            Instance(y=(0, 0, 1), g=(0, 1, 1), note="the loss rises with gamma, and H = 0"),
        ),
        why="where v != 0 the condition is also necessary: the slack is -gamma dL^/dgamma |v|^2 / (m sigma^2)",
    ),
)
