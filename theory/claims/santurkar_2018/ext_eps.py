r"""BatchNorm as PyTorch computes it, eps > 0: its gradient, its Hessian, its quadratic form along the gradient.

With s^2 = sigma^2 + eps and rho = sigma^2 / s^2, y-hat = (y - mu 1)/s has |y-hat|^2 = m rho, so that
P = I - 11'/m - y-hat y-hat'/m maps y-hat to (1 - rho) y-hat: it is a projector at eps = 0 alone.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from bnverify.theory.claim import Claim, Data, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018.fact_c_1 import PRINTED as FACT_C_1
from bnverify.theory.claims.santurkar_2018.fact_c_2 import LINE_1
from bnverify.theory.equation import formula, question
from bnverify.theory.equation import projected as P

SCOPE = (("m", ">= 1"), ("gamma", "any real"), ("sigma", ">= 0"), ("eps", "> 0"))
ANY_EPS = Data(quantifiers="for all y, gamma, beta, eps > 0 and every twice differentiable L")
ALONG_YHAT = "yhat @ v == gamma/s * (1 - rho) * (g @ yhat)"
QUADRATIC_FORM = (
    f"v @ B @ v == gamma**2/s**2 * ({P('v')} @ H @ {P('v')}) - gamma/(m*s**2) * (g @ yhat) * ((3 - "
    "2*rho) * (v @ v) - gamma**2/s**2 * (1 - rho)**2 * (g @ yhat)**2/m)"
)
SLACK_OF_BOUND = (
    "gamma**2/m * (yhat @ yhat) * ((g - mean(g)*one) @ (g - mean(g)*one))",
    "gamma**2*eps/(m*s**2) * (1 + eps/s**2) * (g @ yhat)**2",
)
WITH_SIGMA = Instance(
    y=(0, 1),
    g=(0, 1),
    eps=1,
    extra=(("a", (0, 1)), ("b", (0, 1))),
    note="sigma^2 = 1/4 and s^2 = 5/4, seen along the probes a and b",
)


WHERE = "beyond the sources: BatchNorm with eps > 0"
_formula = partial(formula, "ext-eps", WHERE, "an identity in y, g, H, gamma and eps", ANY_EPS, SCOPE)


def _two_scales(slug: str, title: str, with_s: Any, with_sigma: Any, instance: Instance) -> Claim:
    return question(
        f"ext-eps.{slug}",
        title,
        WHERE,
        Reading(
            slug="sigma-read-as-s",
            summary="the printed formula with s = sqrt(sigma^2 + eps) wherever it has sigma",
            says=with_s,
            data=ANY_EPS,
            assumptions=("sigma is read as sqrt(sigma^2 + eps)",),
        ),
        Reading(
            slug="sigma-kept",
            summary="the printed formula to the letter: sigma is the standard deviation",
            says=with_sigma,
            data=Data(quantifiers=ANY_EPS.quantifiers, norm="sigma, not s, in the denominator"),
            refutation=Refutation(instance, instance),
        ),
        scope=SCOPE,
        why="survives once sigma is read as s",
    )


CLAIMS = (
    _formula(
        "gradient",
        "The gradient through BatchNorm with eps > 0",
        "v @ v == gamma**2/s**2 * (g @ g - (one @ g)**2/m - (2 - rho)/m * (g @ yhat)**2)",
        "the mean is removed whole, the part along y-hat only by the factor 1 - rho",
        (
            Step(
                text="the gradient itself: v = (gamma/s) P g",
                says="v == gamma/s * (g - mean(g)*one - (yhat @ (g - mean(g)*one))/m*yhat)",
            ),
            Step(text="v keeps a part along y-hat, which eps = 0 removes", says=ALONG_YHAT),
        ),
    ),
    question(
        "ext-eps.bounded",
        "With eps > 0 the gradient is bounded, whatever y is",
        WHERE,
        Reading(
            slug="any-activations",
            summary="|v| is at most |gamma|/sqrt(eps) times |g - mean(g)|",
            says="eps * (v @ v) <= gamma**2 * ((g - mean(g)*one) @ (g - mean(g)*one))",
            data=ANY_EPS,
            proof=Proof(terms=SLACK_OF_BOUND),
        ),
        scope=SCOPE,
        why="at eps = 0 there is no such bound: the gradient grows as 1/sigma",
        remarks=("So the maximum over inputs of bounded norm is finite even where y = X W moves with X.",),
    ),
    _formula(
        "hessian",
        "The Hessian of BatchNorm with eps > 0",
        f"B @ b == gamma**2/s**2 * (H @ {P('b')} - mean(H @ {P('b')})*one - (yhat @ (H @ {P('b')} - "
        f"mean(H @ {P('b')})*one))/m*yhat) - gamma/(m*s**2) * ((yhat @ b) * {P('g')} + ({P('g')} @ "
        f"b)*yhat + (g @ yhat) * {P('b')})",
        "equation (40) with s and damped P",
    ),
    _formula(
        "quadratic-form",
        "The curvature along the gradient with eps > 0",
        QUADRATIC_FORM,
        "H acts on P v, which is v at eps = 0 alone, and the factor 1 of the additive term becomes 3 - 2 rho",
    ),
    _two_scales(
        "fact-C.1",
        "Fact C.1 with eps > 0",
        "v == gamma/(m*s) * (m*g - (one @ g)*one - (g @ yhat)*yhat)",
        FACT_C_1,
        WITH_SIGMA,
    ),
    _two_scales(
        "fact-C.2",
        "Fact C.2 with eps > 0",
        "d(yhat, y, b) == (b - mean(b)*one - (yhat @ b)/m*yhat)/s",
        LINE_1,
        WITH_SIGMA,
    ),
    _two_scales(
        "obs-4.3.activations",
        "Observation 4.3 with eps > 0: the configuration with the same activations",
        "s*yhat + mu*one == y",
        "sigma*yhat + mu*one == y",
        WITH_SIGMA,
    ),
    _formula(
        "thm-4.4",
        "The maximum over inputs with eps > 0",
        "max((T @ v) @ (T @ v), norm(X) <= lam) == gamma**2/s**2 * (max((T @ g) @ (T @ g), norm(X) <= "
        "lam) - lam**2*m*mean(g)**2 - lam**2 * (2 - rho)/m * (g @ yhat)**2)",
        "the corrected Theorem 4.4 with s and the coefficient (2 - rho)/m",
    ),
)
