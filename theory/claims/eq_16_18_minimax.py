r"""Equations (16) to (18): the largest gradient over the inputs, the proof of Theorem 4.4.

They maximise over the open ball ||X|| < lambda, where only a supremum exists; Theorem 4.4 itself prints <=, and so it
is read here, with v, y-hat and sigma held fixed as the proof does. (17) takes 1/sqrt(m) over from Theorem 4.1, and
(18) carries a hat that turns the plain network into the other.
"""

from __future__ import annotations

from bnverify.theory.claim import (
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Refutation,
    Relation,
    Step,
    Term,
    eq,
    le,
    lt,
)
from bnverify.theory.claims import thm_4_1, thm_4_4
from bnverify.theory.claims.eq_01_09_gradient import GENERIC, SMALLEST
from bnverify.theory.equation import equation, step, value
from bnverify.theory.settings import Setting

LINE_16 = r"""$$\max_{\|X\|_2 < \lambda} \left\| \frac{\partial \widehat{\mathcal{L}}}{\partial W_{\cdot j}}
\right\|^2 \le \lambda^2 \left(\frac{\partial \widehat{\mathcal{L}}}{\partial y_j} \right)^\top \left(\frac{\partial
\widehat{\mathcal{L}}}{\partial y_j} \right) = \lambda^2 \left\| \frac{\partial \widehat{\mathcal{L}}}{\partial y_j}
\right\|^2,\tag{16}$$"""
LINE_17 = r"""$$\hat{g}_j := \max_{\|X\|_2 < \lambda} \left\| \frac{\partial \hat{\mathcal{L}}}{\partial W_{\cdot j}}
\right\|^2 \le \frac{\lambda^2 \gamma^2}{\sigma^2} \left(\left\| \frac{\partial \mathcal{L}}{\partial y_j}
\right\|^2 - \frac{1}{m} \left\langle \mathbf{1}, \frac{\partial \mathcal{L}}{\partial y_j} \right\rangle^2 -
\frac{1}{\sqrt{m}} \left\langle \frac{\partial \mathcal{L}}{\partial y_j}, \hat{\mathbf{y}}_j \right\rangle^2
\right). \tag{17}$$"""
LINE_18 = r"""$$g_j := \max_{\|X\|_2 < \lambda} \left\| \frac{\partial \hat{\mathcal{L}}}{\partial W_{\cdot j}}
\right\|^2 = \lambda^2 \left\| \frac{\partial \mathcal{L}}{\partial \mathbf{y}_j} \right\|^2,\tag{18}$$"""


def line_16(q: Setting) -> Relation:
    return le(q.max_grad(q.v), q.lam**2 * q.bn_grad_sq)


def attained_inside(q: Setting) -> Relation:
    dW = q.vec("dW_other")
    return eq(q.dot(dW, dW), q.lam**2 * q.bn_grad_sq)


def _inside(q: Setting) -> Relation:
    return lt(q.sym("frobenius_other"), q.lam**2)


def moving_input(q: Setting) -> Relation:
    dW = q.vec("dW_other")
    return le(q.dot(dW, dW), q.lam**2 * q.bn_grad_sq)


def _norm_below_lambda(q: Setting) -> Relation:
    return le(q.sym("frobenius_other"), q.lam**2)


def line_17(q: Setting) -> Relation:
    return le(
        q.max_grad(q.v),
        q.lam**2 * q.gamma**2 / q.sigma**2 * (q.grad_sq - q.grad_sum**2 / q.m - q.grad_proj**2 / q.sqrt(q.m)),
    )


def line_17_corrected(q: Setting) -> Relation:
    return le(
        q.max_grad(q.v),
        q.lam**2 * q.gamma**2 / q.sigma**2 * (q.grad_sq - q.grad_sum**2 / q.m - q.grad_proj**2 / q.m),
    )


def line_18(q: Setting) -> Relation:
    return eq(q.max_grad(q.v), q.lam**2 * q.grad_sq)


def line_18_corrected(q: Setting) -> Relation:
    return eq(q.max_grad(q.g), q.lam**2 * q.grad_sq)


def _by_the_theorem(q: Setting) -> list[Term]:
    return [Term(q.lam**2, "hypothesis", "theorem-4.1-as-printed")]


THEOREM_AS_PRINTED = Hypothesis(
    "theorem-4.1-as-printed",
    r"\|\nabla_y \widehat{\mathcal{L}}\|^2 is at most the right side of Theorem 4.1 with 1/\sqrt{m}",
    thm_4_1.printed,
)
MAXIMUM = Step(
    text="both bounds of the maximum: attained at X = lambda v e'/|v|, and ||X'v|| <= ||X|| ||v||",
    lemma="quadratic-extremum",
)
BY_MAXIMUM = Proof(steps=(MAXIMUM,))
INSIDE = Instance(
    X=((0, 0), (0, 1), (1, 0)),
    W=(1, 0),
    y=(0, 0, 1),
    g=(0, 1, 0),
    lam=2,
    extra=(("X_other", ((0, 0), (0, 1), (1, 0))),),
    note="an input of norm 1 < lambda: ||X'v|| <= ||X|| ||v|| < lambda ||v||, and so at every input in the open ball",
)
FIXED = Data(
    fixed="v, y-hat, sigma, gamma",
    varies="X, in the chain rule alone",
    norm="spectral, ||X|| <= lambda as in Theorem 4.4",
    parameters="weights of one unit",
)
STRICT_BALL = (
    r"the maximum over $\|X\|_2 < \lambda$ is a supremum, attained only where the gradient is 0; Theorem 4.4 prints"
    r" $\|X\| \le \lambda$, where it is a maximum of the same value",
)

CLAIMS = (
    equation(
        16,
        "The largest gradient in the weights",
        LINE_16,
        value(
            line_16,
            "the supremum over X with everything else held fixed; it is equal to the bound",
            proof=BY_MAXIMUM,
            data=FIXED,
        ),
        step(
            attained_inside,
            "to the letter: a maximum over the open ball is attained at some X with ||X|| < lambda",
            slug="attained-in-the-open-ball",
            refutation=Refutation(INSIDE),
            hypotheses=(Hypothesis("inside", r"\|X\|_F < \lambda", _inside),),
            setting="inputs",
            why="Theorem 4.4 prints <=",
            data=Data(
                quantifiers="there is X with ||X|| < lambda that attains the bound",
                fixed="v, y-hat, sigma, gamma",
                varies="X, in the chain rule alone",
                norm="spectral, ||X|| < lambda",
                parameters="weights of one unit",
            ),
            necessary="by Cauchy-Schwarz no X in the open ball attains the bound unless v = 0",
        ),
        step(
            moving_input,
            "y = XW, y-hat and sigma move with X, and the right side is that of the given batch",
            slug="X-moves-everything",
            refutation=Refutation(thm_4_4.OTHER_INPUT, thm_4_4.OTHER_INPUT),
            hypotheses=(Hypothesis("norm", r"\|X'\|_F \le \lambda", _norm_below_lambda),),
            setting="inputs",
            why="the proof bounds XX' with the gradient in y held fixed",
            data=Data(
                fixed="W, gamma, beta, L",
                varies="X, and with it y, y-hat, sigma",
                right_side_at="the given batch",
                bias="none",
                parameters="weights of one unit",
            ),
        ),
        assumptions=("v, y-hat and sigma held fixed while X varies",),
        notation=STRICT_BALL,
        why="holds, and as a supremum it is an equality",
    ),
    equation(
        17,
        "The largest gradient in the weights, by Theorem 4.1",
        LINE_17,
        value(
            line_17,
            "the supremum over X with everything else held fixed",
            refutation=Refutation(SMALLEST, GENERIC),
            data=FIXED,
        ),
        step(
            line_17,
            "from (16) and Theorem 4.1 as printed: it would follow, were that theorem true",
            hypotheses=(THEOREM_AS_PRINTED,),
            proof=Proof(steps=(MAXIMUM,), terms=_by_the_theorem),
            data=FIXED,
        ),
        corrected=Corrected(
            says=line_17_corrected,
            proof=BY_MAXIMUM,
            text="the last coefficient is 1/m; with it the two sides are equal",
            assumptions=("v, g, y-hat and sigma held fixed while X varies",),
        ),
        assumptions=("v, g, y-hat and sigma held fixed while X varies",),
        notation=STRICT_BALL,
        why="1/sqrt(m) of Theorem 4.1 should be 1/m",
    ),
    equation(
        18,
        "The largest gradient in the weights of the plain network",
        LINE_18,
        value(
            line_18,
            "to the letter: the maximum of the BatchNorm network's gradient, with its hat",
            refutation=Refutation(SMALLEST, GENERIC),
            data=FIXED,
        ),
        step(
            thm_4_4.printed,
            "the unnumbered line after (18), the end of the proof: from (17) and (18)",
            slug="conclusion",
            refutation=Refutation(thm_4_4.SMALLEST, thm_4_4.GENERIC),
            why="an unnumbered line; it is Theorem 4.4, which has its own entry",
            data=FIXED,
            necessary="it drops the 1/sqrt(m) of (17), squares g_j once more and leaves lambda^2 out of the mean term",
        ),
        corrected=Corrected(
            says=line_18_corrected,
            proof=BY_MAXIMUM,
            text="no hat on the left: g_j is the maximum for the plain network, as the text before it says",
            assumptions=("g held fixed while X varies",),
        ),
        assumptions=("g held fixed while X varies",),
        notation=STRICT_BALL,
        why="the hat on the left side does not belong there",
        remarks=(
            "The line after it, unnumbered, is Theorem 4.4 as printed; with (17) and (18) corrected it reads: g^_j = "
            "gamma^2/sigma^2 (g_j - lambda^2 m mu_g^2 - lambda^2/m <g, y-hat>^2).",
        ),
    ),
)
