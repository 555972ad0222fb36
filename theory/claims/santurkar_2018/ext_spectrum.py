r"""The spectrum of B, the Hessian of the loss in the activations before BatchNorm.

B maps 1 to 0 and y-hat to -v/sigma, and y-hat'B y-hat = 0: a direction without curvature that B moves. So B has
eigenvalues of both signs wherever v != 0, whatever H is, and a loss that is convex in z is convex in y nowhere but
where the gradient vanishes. With eps > 0 the direction y-hat has curvature of its own, and B can be positive.
"""

from __future__ import annotations

from functools import partial

from bnverify.theory.claim import (
    SCOPE,
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Step,
)
from bnverify.theory.equation import formula, question
from bnverify.theory.equation import projected as P

WHERE = "beyond the sources: the eigenvalues of the Hessian in y"
ANY_EPS = (*SCOPE[:3], ("eps", "> 0"))
IN_Y = Data(quantifiers="for all y, gamma, beta and every twice differentiable L", varies="the direction")
OF_ONE = "B @ one == 0"
FLAT_ALONG_YHAT = "yhat @ B @ yhat == 0"
MINOR = "(yhat @ B @ yhat) * (v @ B @ v) - (yhat @ B @ v)**2 == -(v @ v)**2/sigma**2"
EIGENVALUE = (
    "(-gamma * (g @ yhat)/(m*sigma**2) + sqrt((-gamma * (g @ yhat)/(m*sigma**2))**2 "
    "+ 4 * (v @ v)/(m*sigma**2)))/2"
)
EIGENVECTOR = f"m*sigma * ({EIGENVALUE})*v - (v @ v)*yhat"
CURVATURE_LEFT_OUT = (
    f"gamma**2*m/sigma * ({EIGENVALUE}) * given0",
    f"-gamma**2*m/sigma * ({EIGENVALUE}) * ((one @ given0)/m) * one",
    f"-gamma**2*m/sigma * ({EIGENVALUE}) * ((yhat @ given0)/m) * yhat",
)
ALONG_YHAT_EPS = (
    "yhat @ B @ yhat == gamma**2/s**2 * (1 - rho)**2 * (yhat @ H @ yhat) - 3*gamma/s**2*rho * (1 "
    "- rho) * (g @ yhat)"
)
NOT_ZERO = Hypothesis("gradient-not-zero", r"\|v\| > 0", "0 < v @ v")
CONVEX = Hypothesis("convex", r"b^\top H b \ge 0", "0 <= b @ H @ b")


_formula = partial(formula, "ext-spectrum", WHERE, "an identity for every m", IN_Y, SCOPE)

IDENTITY = ((1, 0, 0), (0, 1, 0), (0, 0, 1))
CLAIMS = (
    _formula(
        "yhat",
        "B maps y-hat to -v/sigma: a direction without curvature that is no eigenvector",
        "B @ yhat == -1/sigma*v",
        "the gradient shrinks as 1/|y - mu 1| along y-hat",
        (
            Step(text="B maps the vector of ones to 0", says=OF_ONE),
            Step(text="B maps y itself to -v", says="B @ y == -v"),
            Step(text="there is no curvature along y-hat", says=FLAT_ALONG_YHAT),
        ),
    ),
    _formula(
        "decomposition",
        "B in three parts",
        f"B @ b == gamma**2/sigma**2 * (H @ {P('b')} - mean(H @ {P('b')})*one - (yhat @ (H @ {P('b')} - "
        f"mean(H @ {P('b')})*one))/m*yhat) - gamma * (g @ yhat)/(m*sigma**2) * {P('b')} - ((yhat @ b)*v + "
        "(v @ b)*yhat)/(m*sigma)",
        "H seen through P, a multiple of P, and a matrix of rank two that carries the gradient",
        (
            Step(
                text="on v itself",
                says=f"B @ v == gamma**2/sigma**2 * {P('H @ v')} - gamma * (g @ yhat)/(m*sigma**2)*v - "
                "(v @ v)/(m*sigma)*yhat",
            ),
        ),
        remarks=(
            "Where v = 0 the third part vanishes: B is then positive semi-definite exactly where "
            "gamma^2 u'Hu >= gamma <g,y-hat> |u|^2 / m for every u at right angles to 1 and y-hat.",
        ),
    ),
    _formula(
        "indefinite",
        "B is positive semi-definite only where the gradient vanishes",
        MINOR,
        "its principal minor on y-hat and v is -|v|^4/sigma^2",
        (
            Step(text="there is no curvature along y-hat", says=FLAT_ALONG_YHAT),
            Step(text="a positive semi-definite form has non-negative minors", lemma="principal-minors"),
        ),
    ),
    _formula(
        "both-signs",
        "B has eigenvalues of both signs wherever the gradient is not zero",
        "(v + t*yhat) @ B @ (v + t*yhat) == v @ B @ v - 2*t/sigma * (v @ v)",
        "the curvature along v + t y-hat falls linearly in t without end, on both sides",
    ),
    question(
        "ext-spectrum.convexity",
        "Is the loss convex in y where it is convex in z?",
        WHERE,
        Reading(
            slug="along-every-direction",
            summary="b'Bb >= 0 for every direction b along which b'Hb >= 0",
            says="0 <= b @ B @ b",
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
        corrected=Corrected(
            says=MINOR, text="nowhere where v != 0: the principal minor of B on y-hat and v is negative"
        ),
        why="BatchNorm makes every loss with a gradient non-convex in y",
    ),
    _formula(
        "linear-loss",
        "The eigenvalues BatchNorm gives to a loss that has no curvature",
        f"B @ ({EIGENVECTOR}) == {EIGENVALUE} * ({EIGENVECTOR})",
        "0 on 1, c = -gamma <g,y-hat>/(m sigma^2) at right angles to 1, y-hat and v, and on their span "
        "(c + sqrt(c^2 + 4|v|^2/(m sigma^2)))/2 and its conjugate, one positive and one negative",
        (
            Step(text="B maps the vector of ones to 0", says=OF_ONE),
            Step(text="c on everything at right angles to 1, y-hat and v"),
        ),
        hypotheses=("H @ v == 0",),
        terms=CURVATURE_LEFT_OUT,
    ),
    _formula(
        "eps",
        "The direction y-hat at eps > 0",
        ALONG_YHAT_EPS,
        "it has curvature of its own: y-hat'B y-hat is 0 at eps = 0 alone",
        (
            Step(text="B still maps the vector of ones to 0", says=OF_ONE),
            Step(
                text="B on y-hat",
                says=f"B @ yhat == gamma**2/s**2 * (1 - rho) * {P('H @ yhat')} - rho/s*v - 2*gamma/(m*s**2) * (1 - "
                "rho) * (g @ yhat)*yhat",
            ),
        ),
        eps="> 0",
    ),
    question(
        "ext-spectrum.eps-indefinite",
        "Is B indefinite wherever the gradient is not zero, at eps > 0 too?",
        WHERE,
        Reading(
            slug="minor",
            summary="the principal minor on y-hat and v is negative wherever v != 0",
            says="(yhat @ B @ yhat) * (v @ B @ v) - (yhat @ B @ v)**2 < 0",
            data=IN_Y,
            hypotheses=(NOT_ZERO,),
            refutation=Refutation(
                Instance(y=(0, 1), g=(0, 1), eps=1, note="m = 2: v is a multiple of y-hat"),
                Instance(y=(0, 0, 1), g=(0, 0, 1), H=IDENTITY, eps=1, note="m = 3, every term non-zero"),
            ),
        ),
        corrected=Corrected(
            says=ALONG_YHAT_EPS,
            text="B can be positive semi-definite: at m = 2 it is y-hat'B y-hat times a projector",
        ),
        scope=ANY_EPS,
        why="with eps > 0 the scale of y matters, and H can give it curvature",
    ),
    question(
        "ext-spectrum.eps-positive",
        "There are points with eps > 0, v != 0 and B positive semi-definite",
        WHERE,
        Reading(
            slug="two-samples",
            quantifier="exists",
            summary="at m = 2, where B 1 = 0, it is enough that y-hat'B y-hat > 0",
            says="0 < yhat @ B @ yhat",
            data=Data(quantifiers="there are y, g, H, gamma and eps"),
            hypotheses=(NOT_ZERO,),
            proof=Proof(
                steps=(Step(text="B maps the vector of ones to 0", says=OF_ONE),),
                at=Instance(y=(0, 1), g=(1, 0), H=((1, 0), (0, 1)), eps=1, note="m = 2, H = I, eps = 1"),
            ),
        ),
        scope=ANY_EPS,
        why="one exact point",
    ),
)
