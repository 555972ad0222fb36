r"""The l_p normalisations of Section 3.3: gradient and Hessian for any divisor, and what follows from scale invariance.

For z = gamma C y/n(y) + beta with any twice differentiable n > 0, J u = C u - y-hat <nu,u> is n times the Jacobian
of y-hat, and the Hessian has three parts: H between the Jacobians, the gradient against nu, and q times the
Hessian N of n. Where n(t y) = t n(y) the loss is constant along y, and B is indefinite wherever v != 0.
"""

from __future__ import annotations

from bnverify.theory.claim import Claim, Corrected, Data, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018.ext_lp import GRADIENT_NORM, GRADIENT_NORM_OF_A_LAYER, WHERE
from bnverify.theory.equation import centred as C
from bnverify.theory.equation import question

SCOPE = (("m", ">= 2"), ("gamma", "any real"), ("n", "> 0"), ("eps", "= 0"))
ANY_NORM = Data(
    quantifiers="for all y, gamma, beta, every twice differentiable L and n > 0", norm="any divisor n"
)
FORM_L2 = f"v @ B @ v == gamma**2/n**2 * ({C('v')} @ H @ {C('v')}) - gamma/(m*n**2) * (g @ yhat) * (v @ v)"
MINOR = "(y @ B @ y) * (v @ B @ v) - (v @ B @ y)**2 == -(v @ v)**2"


def _reading(slug: str, summary: str, says: str, norm: str, steps: tuple[Step, ...] = ()) -> Reading:
    return Reading(
        slug=slug,
        summary=summary,
        says=says,
        data=Data(quantifiers=ANY_NORM.quantifiers, norm=summary),
        proof=Proof(steps=steps),
        norm=norm,
    )


def _formula(slug: str, title: str, readings: tuple[Reading, ...], why: str) -> Claim:
    return question(f"ext-lp.{slug}", title, WHERE, *readings, scope=SCOPE, why=why)


INVARIANCE = (
    Step(text="the gradient is at right angles to y", says="y @ v == 0"),
    Step(text="the Hessian maps y to minus the gradient", says="B @ y == -v"),
)
CLAIMS = (
    _formula(
        "gradient",
        "The gradient of any normalisation that divides by n(y)",
        (
            _reading(
                "one-unit",
                "any divisor of one unit",
                GRADIENT_NORM,
                "smooth-norm",
                (
                    Step(
                        text="the gradient itself: v = (gamma/n)(C g - nu q)",
                        says="v == gamma/n * (g - mean(g)*one - (g @ yhat)*nu)",
                    ),
                ),
            ),
            _reading(
                "whole-layer",
                "any divisor of all units of a layer",
                GRADIENT_NORM_OF_A_LAYER,
                "shared-smooth-norm",
                (
                    Step(
                        text="the gradient itself: v = (gamma/n)(C g - nu q)",
                        says="v == gamma/n * (C @ g - (g @ yhat)*nu)",
                    ),
                ),
            ),
        ),
        "BatchNorm is the case nu = y-hat/m",
    ),
    _formula(
        "hessian",
        "The Hessian of any normalisation that divides by n(y)",
        (
            _reading(
                "one-unit",
                "any divisor of one unit",
                "B @ b == gamma**2/n**2 * (H @ (b - mean(b)*one - (nu @ b)*yhat) - mean(H @ (b - mean(b)*one "
                "- (nu @ b)*yhat))*one - (yhat @ H @ (b - mean(b)*one - (nu @ b)*yhat))*nu) - ((nu @ b)*v + "
                "(v @ b)*nu)/n - gamma/n * (g @ yhat) * (N @ b)",
                "smooth-norm",
            ),
            _reading(
                "whole-layer",
                "any divisor of all units of a layer",
                "B @ b == gamma**2/n**2 * (C @ H @ (C @ b - (nu @ b)*yhat) - (yhat @ H @ (C @ b - (nu @ "
                "b)*yhat))*nu) - ((nu @ b)*v + (v @ b)*nu)/n - gamma/n * (g @ yhat) * (N @ b)",
                "shared-smooth-norm",
            ),
        ),
        "three parts: H between the Jacobians, the gradient against nu, q times the Hessian of n",
    ),
    _formula(
        "form",
        "The curvature along the gradient",
        (
            _reading(
                "any",
                "any divisor of one unit",
                "v @ B @ v == gamma**2/n**2 * ((v - mean(v)*one - (nu @ v)*yhat) @ H @ (v - mean(v)*one - (nu "
                "@ v)*yhat)) - 2/n * (nu @ v) * (v @ v) - gamma/n * (g @ yhat) * (v @ N @ v)",
                "smooth-norm",
            ),
            _reading(
                "l1",
                "p = 1",
                "v @ B @ v == gamma**2/n**2 * ((v - mean(v)*one - ((sgn/m) @ v)*yhat) @ H @ (v - mean(v)*one "
                "- ((sgn/m) @ v)*yhat)) - 2/n * ((sgn/m) @ v) * (v @ v)",
                "l1-norm",
            ),
            _reading("l2", "p = 2", FORM_L2, "l2-norm"),
            _reading(
                "linf",
                "p = inf",
                "v @ B @ v == gamma**2/n**2 * ((v - mean(v)*one - d(n, y, v)*yhat) @ H @ (v - mean(v)*one - "
                "d(n, y, v)*yhat)) - 2/n*d(n, y, v) * (v @ v)",
                "linf-norm",
            ),
        ),
        "the additive term is that of Theorem 4.2 for p = 2; for p = 1 and p = inf it is -2 <nu,v> |v|^2/n",
    ),
    question(
        "ext-lp.thm-4.2.1",
        "Theorem 4.2, first part, for the l_2 normalisation",
        WHERE,
        Reading(
            slug="as-printed",
            summary="with n for sigma, and H at v itself",
            says="v @ B @ v <= gamma**2/n**2 * (v @ H @ v) - gamma/(m*n**2) * (g @ yhat) * (v @ v)",
            data=Data(norm="l_2 before the shift, one unit"),
            refutation=Refutation(
                Instance(y=(0, 1), g=(0, 1), H=((0, 0), (0, 1)), note="m = 2"),
                Instance(y=(0, 1), g=(0, 1), H=((-1, 0), (0, 0)), note="m = 2, every term non-zero"),
            ),
            norm="l2-norm",
        ),
        corrected=Corrected(says=FORM_L2, text="an equality with H at v minus its mean", norm="l2-norm"),
        scope=SCOPE,
        why="the norm is taken before the shift, so v has a mean, which the shift removes",
    ),
    _formula(
        "scale-invariance",
        "The l_p normalisations make the Hessian indefinite wherever the gradient is not zero",
        (
            _reading("l1", "p = 1", MINOR, "l1-norm", INVARIANCE),
            _reading("l2", "p = 2", MINOR, "l2-norm", INVARIANCE),
            _reading("linf", "p = inf", MINOR, "linf-norm", INVARIANCE),
        ),
        "the principal minor of B on y and v is -|v|^4, for every norm as for BatchNorm",
    ),
    question(
        "ext-lp.translation",
        "Does the gradient sum to zero, as through BatchNorm?",
        WHERE,
        Reading(
            slug="as-through-batchnorm",
            summary="adding a constant to y changes nothing",
            says="one @ v == 0",
            data=Data(norm="l_2 before the shift, one unit"),
            refutation=Refutation(Instance(y=(0, 1), g=(0, 1), note="m = 2")),
            norm="l2-norm",
        ),
        corrected=Corrected(
            says="one @ v == -gamma/n * (g @ yhat) * (one @ nu)",
            text="the sum is -(gamma/n) <g,y-hat> <1,nu>",
            norm="smooth-norm",
        ),
        scope=SCOPE,
        why="the norm is taken before the shift",
    ),
)
