r"""The l_p normalisations of Section 3.3: gradient and Hessian for any divisor, and what follows from scale invariance.

For z = gamma C y/n(y) + beta with any twice differentiable n > 0, J u = C u - y-hat <nu,u> is n times the Jacobian
of y-hat, and the Hessian has three parts: H between the Jacobians, the gradient against nu, and q times the
Hessian N of n. Where n(t y) = t n(y) the loss is constant along y, and B is indefinite wherever v != 0.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import (
    Claim,
    Corrected,
    Data,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Says,
    Step,
    eq,
    le,
    veq,
)
from bnverify.theory.claims.ext_lp import WHERE, centred_gradient, gradient_norm, n, nu
from bnverify.theory.settings import Setting

SCOPE = (("m", ">= 2"), ("gamma", "any real"), ("n", "> 0"), ("eps", "= 0"))
ANY_NORM = Data(
    quantifiers="for all y, gamma, beta, every twice differentiable L and n > 0", norm="any divisor n"
)


def jacobian(q: Setting, u: Any) -> Any:
    """J u = C u - y-hat <nu,u>"""
    return q.op("C", u) - q.yhat * q.dot(nu(q), u)


def transposed(q: Setting, u: Any) -> Any:
    """J'u = C u - nu <y-hat,u>"""
    return q.op("C", u) - nu(q) * q.dot(q.yhat, u)


def gradient(q: Setting) -> Relation:
    return veq(q.v, (centred_gradient(q) - nu(q) * q.grad_proj) * (q.gamma / n(q)))


def hessian(q: Setting) -> Relation:
    return veq(
        q.B(q.b),
        transposed(q, q.H(jacobian(q, q.b))) * (q.gamma**2 / n(q) ** 2)
        - (q.v * q.dot(nu(q), q.b) + nu(q) * q.dot(q.v, q.b)) * (1 / n(q))
        - q.op("N", q.b) * (q.gamma / n(q) * q.grad_proj),
    )


def form(q: Setting) -> Relation:
    Jv = jacobian(q, q.v)
    return eq(
        q.bn_hess_bn,
        q.gamma**2 / n(q) ** 2 * q.dot(Jv, q.H(Jv))
        - 2 / n(q) * q.dot(nu(q), q.v) * q.bn_grad_sq
        - q.gamma / n(q) * q.grad_proj * q.dot(q.v, q.op("N", q.v)),
    )


def form_flat_norm(q: Setting) -> Relation:
    """For p = 1 and p = inf, whose norms have no curvature of their own."""
    Jv = jacobian(q, q.v)
    return eq(
        q.bn_hess_bn,
        q.gamma**2 / n(q) ** 2 * q.dot(Jv, q.H(Jv)) - 2 / n(q) * q.dot(nu(q), q.v) * q.bn_grad_sq,
    )


def form_l2(q: Setting) -> Relation:
    Cv = q.op("C", q.v)
    return eq(
        q.bn_hess_bn,
        q.gamma**2 / n(q) ** 2 * q.dot(Cv, q.H(Cv))
        - q.gamma / (q.m * n(q) ** 2) * q.grad_proj * q.bn_grad_sq,
    )


def first_part_l2(q: Setting) -> Relation:
    return le(
        q.bn_hess_bn,
        q.gamma**2 / n(q) ** 2 * q.hess_bn - q.gamma / (q.m * n(q) ** 2) * q.grad_proj * q.bn_grad_sq,
    )


def along_y(q: Setting) -> Relation:
    return eq(q.dot(q.vec("y"), q.v), 0)


def hessian_of_y(q: Setting) -> Relation:
    return veq(q.B(q.vec("y")), -q.v)


def minor(q: Setting) -> Relation:
    y, By = q.vec("y"), q.B(q.vec("y"))
    return eq(q.dot(y, By) * q.bn_hess_bn - q.dot(q.v, By) ** 2, -(q.bn_grad_sq**2))


def sum_of_gradient(q: Setting) -> Relation:
    return eq(q.dot(q.one, q.v), -q.gamma / n(q) * q.grad_proj * q.dot(q.one, nu(q)))


def no_sum(q: Setting) -> Relation:
    return eq(q.dot(q.one, q.v), 0)


def _reading(slug: str, summary: str, says: Says, setting: str, steps: tuple[Step, ...] = ()) -> Reading:
    return Reading(
        slug=slug,
        summary=summary,
        says=says,
        data=Data(quantifiers=ANY_NORM.quantifiers, norm=summary),
        proof=Proof(steps=steps),
        setting=setting,
    )


def _formula(slug: str, title: str, readings: tuple[Reading, ...], why: str) -> Claim:
    return Claim(
        id=f"ext-lp.{slug}",
        title=title,
        where=WHERE,
        kind="extension",
        quotation="",
        readings=readings,
        scope=SCOPE,
        why=why,
    )


INVARIANCE = (
    Step(text="the gradient is at right angles to y", says=along_y),
    Step(text="the Hessian maps y to minus the gradient", says=hessian_of_y),
)
CLAIMS = (
    _formula(
        "gradient",
        "The gradient of any normalisation that divides by n(y)",
        (
            _reading(
                "one-unit",
                "any divisor of one unit",
                gradient_norm,
                "lp-any",
                (Step(text="the gradient itself: v = (gamma/n)(C g - nu q)", says=gradient),),
            ),
            _reading(
                "whole-layer",
                "any divisor of all units of a layer",
                gradient_norm,
                "lp-2-layer",
                (Step(text="the gradient itself: v = (gamma/n)(C g - nu q)", says=gradient),),
            ),
        ),
        "BatchNorm is the case nu = y-hat/m",
    ),
    _formula(
        "hessian",
        "The Hessian of any normalisation that divides by n(y)",
        (
            _reading("one-unit", "any divisor of one unit", hessian, "lp-any"),
            _reading("whole-layer", "any divisor of all units of a layer", hessian, "lp-2-layer"),
        ),
        "three parts: H between the Jacobians, the gradient against nu, q times the Hessian of n",
    ),
    _formula(
        "form",
        "The curvature along the gradient",
        (
            _reading("any", "any divisor of one unit", form, "lp-any"),
            _reading("l1", "p = 1", form_flat_norm, "lp-1"),
            _reading("l2", "p = 2", form_l2, "lp-2"),
            _reading("linf", "p = inf", form_flat_norm, "lp-inf"),
        ),
        "the additive term is that of Theorem 4.2 for p = 2; for p = 1 and p = inf it is -2 <nu,v> |v|^2/n",
    ),
    Claim(
        id="ext-lp.thm-4.2.1",
        title="Theorem 4.2, first part, for the l_2 normalisation",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="as-printed",
                summary="with n for sigma, and H at v itself",
                says=first_part_l2,
                data=Data(norm="l_2 before the shift, one unit"),
                refutation=Refutation(
                    Instance(y=(0, 1), g=(0, 1), H=((0, 0), (0, 1)), note="m = 2"),
                    Instance(y=(0, 1), g=(0, 1), H=((-1, 0), (0, 0)), note="m = 2, every term non-zero"),
                ),
                setting="lp-2",
            ),
        ),
        corrected=Corrected(
            says=form_l2,
            proof=Proof(),
            text="an equality with H at v minus its mean",
            setting="lp-2",
        ),
        scope=SCOPE,
        why="the norm is taken before the shift, so v has a mean, which the shift removes",
    ),
    _formula(
        "scale-invariance",
        "The l_p normalisations make the Hessian indefinite wherever the gradient is not zero",
        (
            _reading("l1", "p = 1", minor, "lp-1", INVARIANCE),
            _reading("l2", "p = 2", minor, "lp-2", INVARIANCE),
            _reading("linf", "p = inf", minor, "lp-inf", INVARIANCE),
        ),
        "the principal minor of B on y and v is -|v|^4, for every norm as for BatchNorm",
    ),
    Claim(
        id="ext-lp.translation",
        title="Does the gradient sum to zero, as through BatchNorm?",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="as-through-batchnorm",
                summary="adding a constant to y changes nothing",
                says=no_sum,
                data=Data(norm="l_2 before the shift, one unit"),
                refutation=Refutation(Instance(y=(0, 1), g=(0, 1), note="m = 2")),
                setting="lp-2",
            ),
        ),
        corrected=Corrected(
            says=sum_of_gradient,
            proof=Proof(),
            text="the sum is -(gamma/n) <g,y-hat> <1,nu>",
            setting="lp-any",
        ),
        scope=SCOPE,
        why="the norm is taken before the shift",
    ),
)
