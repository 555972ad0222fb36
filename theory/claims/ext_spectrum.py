r"""The spectrum of B, the Hessian of the loss in the activations before BatchNorm.

B maps 1 to 0 and y-hat to -v/sigma, and y-hat'B y-hat = 0: a direction without curvature that B moves. So B has
eigenvalues of both signs wherever v != 0, whatever H is, and a loss that is convex in z is convex in y nowhere but
where the gradient vanishes. With eps > 0 the direction y-hat has curvature of its own, and B can be positive.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import (
    Claim,
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Says,
    Step,
    eq,
    le,
    lt,
    veq,
)
from bnverify.theory.claims.ext_eps import damped
from bnverify.theory.settings import Setting

WHERE = "beyond the sources: the eigenvalues of the Hessian in y"
SCOPE = (("m", ">= 2"), ("gamma", "any real"), ("sigma", "> 0"), ("eps", "= 0"))
ANY_EPS = (*SCOPE[:3], ("eps", "> 0"))
IN_Y = Data(quantifiers="for all y, gamma, beta and every twice differentiable L", varies="the direction")


def of_one(q: Setting) -> Relation:
    return veq(q.B(q.one), q.one * 0)


def of_yhat(q: Setting) -> Relation:
    return veq(q.B(q.yhat), q.v * (-1 / q.sigma))


def of_y(q: Setting) -> Relation:
    return veq(q.B(q.vec("y")), -q.v)


def flat_along_yhat(q: Setting) -> Relation:
    return eq(q.dot(q.yhat, q.B(q.yhat)), 0)


def of_v(q: Setting) -> Relation:
    return veq(
        q.B(q.v),
        damped(q, q.H(q.v)) * (q.gamma**2 / q.sigma**2)
        - q.v * (q.gamma * q.grad_proj / (q.m * q.sigma**2))
        - q.yhat * (q.bn_grad_sq / (q.m * q.sigma)),
    )


def decomposition(q: Setting) -> Relation:
    Pb = damped(q, q.b)
    return veq(
        q.B(q.b),
        damped(q, q.H(Pb)) * (q.gamma**2 / q.sigma**2)
        - Pb * (q.gamma * q.grad_proj / (q.m * q.sigma**2))
        - (q.v * q.dot(q.yhat, q.b) + q.yhat * q.dot(q.v, q.b)) * (1 / (q.m * q.sigma)),
    )


def _minor(q: Setting) -> Any:
    """The principal minor of B on y-hat and v."""
    return q.dot(q.yhat, q.B(q.yhat)) * q.bn_hess_bn - q.dot(q.yhat, q.B(q.v)) ** 2


def minor(q: Setting) -> Relation:
    return eq(_minor(q), -(q.bn_grad_sq**2) / q.sigma**2)


def minor_not_positive(q: Setting) -> Relation:
    return lt(_minor(q), 0)


def both_signs(q: Setting) -> Relation:
    w = q.v + q.yhat * q.sym("t")
    return eq(q.dot(w, q.B(w)), q.bn_hess_bn - 2 * q.sym("t") / q.sigma * q.bn_grad_sq)


def convexity_kept(q: Setting) -> Relation:
    return le(0, q.dot(q.b, q.B(q.b)))


def own_curvature(q: Setting) -> Any:
    """c = -gamma <g,y-hat>/(m sigma^2): what B does to everything at right angles to 1, y-hat and v"""
    return -q.gamma * q.grad_proj / (q.m * q.sigma**2)


def eigenvalue(q: Setting) -> Any:
    c = own_curvature(q)
    return (c + q.sqrt(c**2 + 4 * q.bn_grad_sq / (q.m * q.sigma**2))) / 2


def linear_loss_eigenvector(q: Setting) -> Relation:
    lam = eigenvalue(q)
    u = q.v * (q.m * q.sigma * lam) - q.yhat * q.bn_grad_sq
    return veq(q.B(u), u * lam)


def linear_loss_elsewhere(q: Setting) -> Relation:
    rest = damped(q, q.b)
    rest = rest * q.bn_grad_sq - q.v * q.dot(q.v, q.b)
    return veq(q.B(rest), rest * own_curvature(q))


def of_yhat_eps(q: Setting) -> Relation:
    return veq(
        q.B(q.yhat),
        damped(q, q.H(q.yhat)) * (q.gamma**2 / q.s**2 * (1 - q.rho))
        - q.v * (q.rho / q.s)
        - q.yhat * (2 * q.gamma / (q.m * q.s**2) * (1 - q.rho) * q.grad_proj),
    )


def along_yhat_eps(q: Setting) -> Relation:
    return eq(
        q.dot(q.yhat, q.B(q.yhat)),
        q.gamma**2 / q.s**2 * (1 - q.rho) ** 2 * q.dot(q.yhat, q.H(q.yhat))
        - 3 * q.gamma / q.s**2 * q.rho * (1 - q.rho) * q.grad_proj,
    )


def positive_along_yhat(q: Setting) -> Relation:
    return lt(0, q.dot(q.yhat, q.B(q.yhat)))


def _gradient_not_zero(q: Setting) -> Relation:
    return lt(0, q.bn_grad_sq)


def _convex(q: Setting) -> Relation:
    return le(0, q.dot(q.b, q.H(q.b)))


NOT_ZERO = Hypothesis("gradient-not-zero", r"\|v\| > 0", _gradient_not_zero)
CONVEX = Hypothesis("convex", r"b^\top H b \ge 0", _convex)


def _formula(
    slug: str,
    title: str,
    says: Says,
    why: str,
    steps: tuple[Step, ...] = (),
    eps: bool = False,
    setting: str = "activations",
    remarks: tuple[str, ...] = (),
) -> Claim:
    return Claim(
        id=f"ext-spectrum.{slug}",
        title=title,
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="formula",
                summary="an identity for every m",
                says=says,
                data=IN_Y,
                proof=Proof(steps=steps, eps=eps),
                setting=setting,
            ),
        ),
        scope=ANY_EPS if eps else SCOPE,
        why=why,
        remarks=remarks,
    )


IDENTITY = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
CLAIMS = (
    _formula(
        "yhat",
        "B maps y-hat to -v/sigma: a direction without curvature that is no eigenvector",
        of_yhat,
        "the gradient shrinks as 1/|y - mu 1| along y-hat",
        (
            Step(text="B maps the vector of ones to 0", says=of_one),
            Step(text="B maps y itself to -v", says=of_y),
            Step(text="there is no curvature along y-hat", says=flat_along_yhat),
        ),
    ),
    _formula(
        "decomposition",
        "B in three parts",
        decomposition,
        "H seen through P, a multiple of P, and a matrix of rank two that carries the gradient",
        (Step(text="on v itself", says=of_v),),
        remarks=(
            "Where v = 0 the third part vanishes: B is then positive semi-definite exactly where "
            "gamma^2 u'Hu >= gamma <g,y-hat> |u|^2 / m for every u at right angles to 1 and y-hat.",
        ),
    ),
    _formula(
        "indefinite",
        "B is positive semi-definite only where the gradient vanishes",
        minor,
        "its principal minor on y-hat and v is -|v|^4/sigma^2",
        (
            Step(text="there is no curvature along y-hat", says=flat_along_yhat),
            Step(text="a positive semi-definite form has non-negative minors", lemma="principal-minors"),
        ),
    ),
    _formula(
        "both-signs",
        "B has eigenvalues of both signs wherever the gradient is not zero",
        both_signs,
        "the curvature along v + t y-hat falls linearly in t without end, on both sides",
    ),
    Claim(
        id="ext-spectrum.convexity",
        title="Is the loss convex in y where it is convex in z?",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="along-every-direction",
                summary="b'Bb >= 0 for every direction b along which b'Hb >= 0",
                says=convexity_kept,
                data=IN_Y,
                hypotheses=(CONVEX,),
                refutation=Refutation(
                    Instance(y=(0, 0, 1), g=(0, 1, 0), extra=(("b", (0, 1, 1)),), note="m = 3, H = 0"),
                    Instance(
                        y=(0, 0, 1),
                        g=(0, 1, 0),
                        H=IDENTITY,
                        extra=(("b", (0, 1, 2)),),
                        note="H = I: the loss is strictly convex in z",
                    ),
                ),
            ),
        ),
        corrected=Corrected(
            says=minor,
            proof=Proof(),
            text="nowhere where v != 0: the principal minor of B on y-hat and v is negative",
        ),
        scope=SCOPE,
        why="BatchNorm makes every loss with a gradient non-convex in y",
    ),
    _formula(
        "linear-loss",
        "The eigenvalues BatchNorm gives to a loss that has no curvature",
        linear_loss_eigenvector,
        "0 on 1, c = -gamma <g,y-hat>/(m sigma^2) at right angles to 1, y-hat and v, and on their span "
        "(c + sqrt(c^2 + 4|v|^2/(m sigma^2)))/2 and its conjugate, one positive and one negative",
        (
            Step(text="B maps the vector of ones to 0", says=of_one),
            Step(text="c on everything at right angles to 1, y-hat and v", says=linear_loss_elsewhere),
        ),
        setting="linear-loss",
    ),
    _formula(
        "eps",
        "The direction y-hat at eps > 0",
        along_yhat_eps,
        "it has curvature of its own: y-hat'B y-hat is 0 at eps = 0 alone",
        (
            Step(text="B still maps the vector of ones to 0", says=of_one),
            Step(text="B on y-hat", says=of_yhat_eps),
        ),
        eps=True,
    ),
    Claim(
        id="ext-spectrum.eps-indefinite",
        title="Is B indefinite wherever the gradient is not zero, at eps > 0 too?",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="minor",
                summary="the principal minor on y-hat and v is negative wherever v != 0",
                says=minor_not_positive,
                data=IN_Y,
                hypotheses=(NOT_ZERO,),
                refutation=Refutation(
                    Instance(y=(0, 1), g=(0, 1), eps=1, note="m = 2: v is a multiple of y-hat"),
                    Instance(y=(0, 0, 1), g=(0, 0, 1), H=IDENTITY, eps=1, note="m = 3, every term non-zero"),
                ),
            ),
        ),
        corrected=Corrected(
            says=along_yhat_eps,
            proof=Proof(eps=True),
            text="B can be positive semi-definite: at m = 2 it is y-hat'B y-hat times a projector",
        ),
        scope=ANY_EPS,
        why="with eps > 0 the scale of y matters, and H can give it curvature",
    ),
    Claim(
        id="ext-spectrum.eps-positive",
        title="There are points with eps > 0, v != 0 and B positive semi-definite",
        where=WHERE,
        kind="extension",
        quotation="",
        readings=(
            Reading(
                slug="two-samples",
                summary="at m = 2, where B 1 = 0, it is enough that y-hat'B y-hat > 0",
                says=positive_along_yhat,
                data=Data(quantifiers="there are y, g, H, gamma and eps"),
                hypotheses=(NOT_ZERO,),
                proof=Proof(
                    steps=(Step(text="B maps the vector of ones to 0", says=of_one),),
                    witness="y = (0, 1), g = (1, 0), H = I, eps = 1",
                    at=Instance(y=(0, 1), g=(1, 0), H=((1, 0), (0, 1)), eps=1, note="m = 2, H = I, eps = 1"),
                    eps=True,
                ),
            ),
        ),
        scope=ANY_EPS,
        why="one exact point",
    ),
)
