r"""What the two reductions of Theorem 4.1 are: the squared gradients of beta and gamma, over m.

The part of g that BatchNorm removes from the gradient of y is handed to beta and gamma. Where those are stationary
nothing is removed, and the additive term of Theorem 4.2 vanishes with it.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import (
    Claim,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Step,
    Term,
    eq,
    le,
)
from bnverify.theory.settings import Setting

SCOPE = (("m", ">= 2"), ("gamma", "any real"), ("sigma", "> 0"), ("eps", "= 0"))
WHERE = "beyond the sources: the gradients of gamma and beta"


def beta_gradient(q: Setting) -> Relation:
    return eq(q.sym("dbeta"), q.grad_sum)


def gamma_gradient(q: Setting) -> Relation:
    return eq(q.sym("dgamma"), q.grad_proj)


def reductions(q: Setting) -> Relation:
    return eq(
        q.bn_grad_sq,
        q.gamma**2 / q.sigma**2 * (q.grad_sq - (q.sym("dbeta") ** 2 + q.sym("dgamma") ** 2) / q.m),
    )


def reductions_eps(q: Setting) -> Relation:
    return eq(
        q.bn_grad_sq,
        q.gamma**2
        / q.s**2
        * (q.grad_sq - q.sym("dbeta") ** 2 / q.m - (2 - q.rho) / q.m * q.sym("dgamma") ** 2),
    )


def conservation(q: Setting) -> Relation:
    return eq(
        q.grad_sq,
        q.sigma**2 / q.gamma**2 * q.bn_grad_sq + q.sym("dbeta") ** 2 / q.m + q.sym("dgamma") ** 2 / q.m,
    )


def no_reduction(q: Setting) -> Relation:
    return le(q.gamma**2 / q.sigma**2 * q.grad_sq, q.bn_grad_sq)


def curvature(q: Setting) -> Relation:
    return eq(
        q.bn_hess_bn,
        q.gamma**2 / q.sigma**2 * q.hess_bn - q.gamma * q.sym("dgamma") / (q.m * q.sigma**2) * q.bn_grad_sq,
    )


def no_decrease(q: Setting) -> Relation:
    return le(q.gamma**2 / q.sigma**2 * q.hess_bn, q.bn_hess_bn)


def _stationary(q: Setting) -> Relation:
    return le(q.sym("dbeta") ** 2 + q.sym("dgamma") ** 2, 0)


def _beta_stationary(q: Setting) -> Relation:
    return eq(q.sym("dbeta"), 0)


def _gamma_stationary(q: Setting) -> Relation:
    return eq(q.sym("dgamma"), 0)


def _not_rising(q: Setting) -> Relation:
    return le(q.gamma * q.sym("dgamma"), 0)


STATIONARY = Hypothesis(
    "stationary",
    r"\partial\widehat{\mathcal{L}}/\partial\beta = \partial\widehat{\mathcal{L}}/\partial\gamma = 0",
    _stationary,
)
BETA_STATIONARY = Hypothesis(
    "beta-stationary", r"\partial\widehat{\mathcal{L}}/\partial\beta = 0", _beta_stationary
)
GAMMA_STATIONARY = Hypothesis(
    "gamma-stationary", r"\partial\widehat{\mathcal{L}}/\partial\gamma = 0", _gamma_stationary
)
NOT_RISING = Hypothesis(
    "not-rising",
    r"\gamma\, \partial\widehat{\mathcal{L}}/\partial\gamma \le 0: the loss does not rise with |\gamma|,"
    r" so too where gamma is stationary",
    _not_rising,
)

STEPS = (
    Step(text="the gradient of beta is <1, g>", says=beta_gradient),
    Step(text="the gradient of gamma is <g, y-hat>", says=gamma_gradient),
)


def _removed(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 / (q.m * q.sigma**2), "hypothesis", "stationary")]


def _added(q: Setting) -> list[Term]:
    return [Term(1 / (q.m * q.sigma**2), "product", ("not-rising", q.v))]


def _identity(slug: str, title: str, says: Any, why: str, eps: bool = False) -> Claim:
    return Claim(
        id=f"ext-affine-gradients.{slug}",
        title=title,
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="identity",
                summary="an identity, with the gradients of gamma and beta by differentiation",
                says=says,
                data=Data(parameters="y, gamma and beta of one unit"),
                proof=Proof(steps=STEPS, eps=eps),
                setting="affine",
            ),
        ),
        scope=(*SCOPE[:3], ("eps", "> 0")) if eps else SCOPE,
        why=why,
    )


def _needed(slug: str, summary: str, says: Any, hypotheses: tuple[Hypothesis, ...], at: Instance) -> Reading:
    return Reading(
        slug=slug,
        summary=summary,
        says=says,
        hypotheses=hypotheses,
        refutation=Refutation(at),
        admitted=False,
        why="the hypothesis is left out or weakened, to show that it is needed",
        setting="affine",
    )


CLAIMS = (
    _identity(
        "reductions",
        "The two reductions of Theorem 4.1 are the squared gradients of beta and gamma over m",
        reductions,
        "dL^/dbeta = <1, g> and dL^/dgamma = <g, y-hat>",
    ),
    _identity(
        "conservation",
        "BatchNorm moves gradient to gamma and beta, it loses none",
        conservation,
        "|g|^2 is the sum of three squares; needs gamma != 0",
    ),
    _identity(
        "reductions-eps",
        "The two reductions at eps > 0",
        reductions_eps,
        "the square of the gradient of gamma counts 2 - rho times, that of beta once",
        eps=True,
    ),
    _identity(
        "curvature",
        "The additive term of Theorem 4.2 is the gradient of gamma",
        curvature,
        "it is -gamma dL^/dgamma |v|^2 / (m sigma^2)",
    ),
    Claim(
        id="ext-affine-gradients.stationary",
        title="At a point stationary in beta and gamma there is no reduction",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="both-stationary",
                summary="|v|^2 is then gamma^2/sigma^2 |g|^2, the bound without its two reductions",
                says=no_reduction,
                data=Data(parameters="y, gamma and beta of one unit"),
                hypotheses=(STATIONARY,),
                assumptions=("the gradients of beta and gamma are 0",),
                proof=Proof(steps=STEPS, terms=_removed),
                setting="affine",
            ),
            _needed(
                "anywhere",
                "the same at any point",
                no_reduction,
                (),
                Instance(y=(0, 1), g=(0, 1), note="neither gradient is 0"),
            ),
            _needed(
                "beta-stationary",
                "the same where only beta is stationary",
                no_reduction,
                (BETA_STATIONARY,),
                Instance(y=(0, 1), g=(1, -1), note="the gradient of gamma is not 0"),
            ),
            _needed(
                "gamma-stationary",
                "the same where only gamma is stationary",
                no_reduction,
                (GAMMA_STATIONARY,),
                Instance(y=(0, 1), g=(1, 1), note="the gradient of beta is not 0"),
            ),
        ),
        scope=SCOPE,
        why="for gamma != 0 the condition is also necessary",
        remarks=(
            "Both gradients are zero at every minimum over (y, gamma, beta), so the reductions of Theorem 4.1 are "
            "not bounded away from zero in training that converges.",
        ),
    ),
    Claim(
        id="ext-affine-gradients.curvature-stationary",
        title="Where gamma is stationary the curvature along the gradient is only rescaled",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="not-rising",
                summary="v'Bv is at least gamma^2/sigma^2 v'Hv where the loss does not rise with |gamma|",
                says=no_decrease,
                data=Data(parameters="y, gamma and beta of one unit"),
                hypotheses=(NOT_RISING,),
                assumptions=("gamma dL^/dgamma <= 0",),
                proof=Proof(steps=STEPS, terms=_added),
                setting="affine",
            ),
            _needed(
                "anywhere",
                "the same at any point",
                no_decrease,
                (),
                Instance(y=(0, 0, 1), g=(0, 1, 1), note="the loss rises with gamma, and H = 0"),
            ),
        ),
        scope=SCOPE,
        why="where v != 0 the condition is also necessary: the slack is -gamma dL^/dgamma |v|^2 / (m sigma^2)",
    ),
)
