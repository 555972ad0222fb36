r"""BatchNorm as PyTorch computes it, eps > 0: its gradient, its Hessian, its quadratic form along the gradient.

With s^2 = sigma^2 + eps and rho = sigma^2 / s^2, y-hat = (y - mu 1)/s has |y-hat|^2 = m rho, so that
P = I - 11'/m - y-hat y-hat'/m maps y-hat to (1 - rho) y-hat: it is a projector at eps = 0 alone.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import (
    Claim,
    Data,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Step,
    Term,
    eq,
    le,
    veq,
)
from bnverify.theory.claims.fact_c_1 import printed as fact_c_1
from bnverify.theory.claims.fact_c_2 import line_1
from bnverify.theory.settings import Setting

SCOPE = (("m", ">= 1"), ("gamma", "any real"), ("sigma", ">= 0"), ("eps", "> 0"))
ANY_EPS = Data(quantifiers="for all y, gamma, beta, eps > 0 and every twice differentiable L")


def damped(q: Setting, u: Any) -> Any:
    """P u = u - 1 <1,u>/m - y-hat <y-hat,u>/m, with y-hat = (y - mu 1)/s"""
    return q.off_yhat(q.center(u))


def gradient(q: Setting) -> Relation:
    return veq(q.v, damped(q, q.g) * (q.gamma / q.s))


def gradient_norm(q: Setting) -> Relation:
    return eq(
        q.bn_grad_sq,
        q.gamma**2 / q.s**2 * (q.grad_sq - q.grad_sum**2 / q.m - (2 - q.rho) / q.m * q.grad_proj**2),
    )


def along_yhat(q: Setting) -> Relation:
    return eq(q.dot(q.yhat, q.v), q.gamma / q.s * (1 - q.rho) * q.grad_proj)


def hessian(q: Setting) -> Relation:
    Pg, Pb = damped(q, q.g), damped(q, q.b)
    return veq(
        q.B(q.b),
        damped(q, q.H(Pb)) * (q.gamma**2 / q.s**2)
        - (Pg * q.dot(q.yhat, q.b) + q.yhat * q.dot(Pg, q.b) + Pb * q.grad_proj) * (q.gamma / (q.m * q.s**2)),
    )


def excess(q: Setting) -> Any:
    """What eps adds inside the bracket: gamma^2 (1 - rho)^2 <g,y-hat>^2 / (m s^2) = <y-hat,v>^2 / m"""
    return q.gamma**2 / q.s**2 * (1 - q.rho) ** 2 * q.grad_proj**2 / q.m


def quadratic_form(q: Setting) -> Relation:
    Pv = damped(q, q.v)
    return eq(
        q.bn_hess_bn,
        q.gamma**2 / q.s**2 * q.dot(Pv, q.H(Pv))
        - q.gamma / (q.m * q.s**2) * q.grad_proj * ((3 - 2 * q.rho) * q.bn_grad_sq - excess(q)),
    )


def fact_c_1_with_s(q: Setting) -> Relation:
    return veq(q.v, (q.g * q.m - q.one * q.grad_sum - q.yhat * q.grad_proj) * (q.gamma / (q.m * q.s)))


def fact_c_2_with_s(q: Setting) -> Relation:
    return veq(
        q.op("Dyhat", q.b),
        (q.b - q.one * (q.dot(q.one, q.b) / q.m) - q.yhat * (q.dot(q.yhat, q.b) / q.m)) * (1 / q.s),
    )


def maximum(q: Setting) -> Relation:
    return eq(
        q.max_grad(q.v),
        q.gamma**2
        / q.s**2
        * (q.max_grad(q.g) - q.lam**2 * q.m * q.mu_g**2 - q.lam**2 * (2 - q.rho) / q.m * q.grad_proj**2),
    )


def bounded(q: Setting) -> Relation:
    return le(q.eps * q.bn_grad_sq, q.gamma**2 * q.dot(q.g_bar, q.g_bar))


def _slack_of_bound(q: Setting) -> list[Term]:
    return [
        Term(q.gamma**2 * q.rho, "normsq", q.g_bar),
        Term(q.gamma**2 * q.eps / (q.m * q.s**2) * (1 + q.eps / q.s**2), "square", q.grad_proj),
    ]


def same_activations(q: Setting) -> Relation:
    return veq(q.yhat * q.s + q.one * q.sym("mu"), q.vec("y"))


def same_activations_sigma(q: Setting) -> Relation:
    return veq(q.yhat * q.sigma + q.one * q.sym("mu"), q.vec("y"))


WITH_SIGMA = Instance(
    y=(0, 1),
    g=(0, 1),
    eps=1,
    extra=(("a", (0, 1)), ("b", (0, 1))),
    note="sigma^2 = 1/4 and s^2 = 5/4, seen along the probes a and b",
)


def _formula(slug: str, title: str, says: Any, why: str, steps: tuple[Step, ...] = ()) -> Claim:
    return Claim(
        id=f"ext-eps.{slug}",
        title=title,
        where="beyond the sources: BatchNorm with eps > 0",
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="formula",
                summary="an identity in y, g, H, gamma and eps",
                says=says,
                data=ANY_EPS,
                proof=Proof(steps=steps, eps=True),
            ),
        ),
        scope=SCOPE,
        why=why,
    )


def _two_scales(slug: str, title: str, with_s: Any, with_sigma: Any, instance: Instance) -> Claim:
    return Claim(
        id=f"ext-eps.{slug}",
        title=title,
        where="beyond the sources: BatchNorm with eps > 0",
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="sigma-read-as-s",
                summary="the printed formula with s = sqrt(sigma^2 + eps) wherever it has sigma",
                says=with_s,
                data=ANY_EPS,
                assumptions=("sigma is read as sqrt(sigma^2 + eps)",),
                proof=Proof(eps=True),
            ),
            Reading(
                slug="sigma-kept",
                summary="the printed formula to the letter: sigma is the standard deviation",
                says=with_sigma,
                data=Data(quantifiers=ANY_EPS.quantifiers, norm="sigma, not s, in the denominator"),
                refutation=Refutation(instance, instance),
            ),
        ),
        scope=SCOPE,
        why="survives once sigma is read as s",
    )


CLAIMS = (
    _formula(
        "gradient",
        "The gradient through BatchNorm with eps > 0",
        gradient_norm,
        "the mean is removed whole, the part along y-hat only by the factor 1 - rho",
        (
            Step(text="the gradient itself: v = (gamma/s) P g", says=gradient),
            Step(text="v keeps a part along y-hat, which eps = 0 removes", says=along_yhat),
        ),
    ),
    Claim(
        id="ext-eps.bounded",
        title="With eps > 0 the gradient is bounded, whatever y is",
        where="beyond the sources: BatchNorm with eps > 0",
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="any-activations",
                summary="|v| is at most |gamma|/sqrt(eps) times |g - mean(g)|",
                says=bounded,
                data=ANY_EPS,
                proof=Proof(terms=_slack_of_bound, eps=True),
            ),
        ),
        scope=SCOPE,
        why="at eps = 0 there is no such bound: the gradient grows as 1/sigma",
        remarks=("So the maximum over inputs of bounded norm is finite even where y = X W moves with X.",),
    ),
    _formula(
        "hessian", "The Hessian of BatchNorm with eps > 0", hessian, "equation (40) with s and damped P"
    ),
    _formula(
        "quadratic-form",
        "The curvature along the gradient with eps > 0",
        quadratic_form,
        "H acts on P v, which is v at eps = 0 alone, and the factor 1 of the additive term becomes 3 - 2 rho",
    ),
    _two_scales("fact-C.1", "Fact C.1 with eps > 0", fact_c_1_with_s, fact_c_1, WITH_SIGMA),
    _two_scales("fact-C.2", "Fact C.2 with eps > 0", fact_c_2_with_s, line_1, WITH_SIGMA),
    _two_scales(
        "obs-4.3.activations",
        "Observation 4.3 with eps > 0: the configuration with the same activations",
        same_activations,
        same_activations_sigma,
        WITH_SIGMA,
    ),
    _formula(
        "thm-4.4",
        "The maximum over inputs with eps > 0",
        maximum,
        "the corrected Theorem 4.4 with s and the coefficient (2 - rho)/m",
    ),
)
