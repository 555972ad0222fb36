r"""Equations (16) to (18): the largest gradient over the inputs, the proof of Theorem 4.4.

They maximise over the open ball ||X|| < lambda, where only a supremum exists; Theorem 4.4 itself prints <=, and so it
is read here, with v, y-hat and sigma held fixed as the proof does. (17) takes 1/sqrt(m) over from Theorem 4.1, and
(18) carries a hat that turns the plain network into the other.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Proof, Refutation, Step
from bnverify.theory.claims.santurkar_2018 import thm_4_1, thm_4_4
from bnverify.theory.claims.santurkar_2018.eq_01_09_gradient import GENERIC, SMALLEST
from bnverify.theory.equation import equation, step, value
from bnverify.theory.normalisations import IN_WEIGHTS

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
ATTAINED_INSIDE = "lam**2 * (v @ v) == (K_T @ v) @ (K_T @ v)"
LINE_17_TEXT = (
    "max((T @ v) @ (T @ v), norm(X) <= lam) <= lam**2*gamma**2/sigma**2 * (g @ g - (one @ g)**2/m "
    "- (g @ yhat)**2/sqrt(m))"
)
BY_THE_THEOREM = ("lam**2*given0",)
THEOREM_AS_PRINTED = Hypothesis(
    "theorem-4.1-as-printed",
    r"\|\nabla_y \widehat{\mathcal{L}}\|^2 is at most the right side of Theorem 4.1 with 1/\sqrt{m}",
    thm_4_1.PRINTED,
)
BY_MAXIMUM = Proof()
INSIDE = Instance(
    y=(0, 0, 1), g=(0, 1, 0), lam=2, extra=(("mu0", 1), ("K", ((0,), (1,), (0,)))), note="an input of norm 1"
)
NEVER_INSIDE = Step(
    text="|X'v|^2 <= mu^2 |v|^2 < lambda^2 |v|^2 where ||X|| <= mu < lambda",
    says=ATTAINED_INSIDE,
    terms=("v @ (mu0**2*I - K @ K_T) @ v", "mu0**2 * ((v - I @ v) @ (v - I @ v))", "given1 * (v @ v)"),
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
            "max((T @ v) @ (T @ v), norm(X) <= lam) <= lam**2 * (v @ v)",
            "the supremum over X with everything else held fixed; it is equal to the bound",
            proof=BY_MAXIMUM,
            data=FIXED,
        ),
        step(
            ATTAINED_INSIDE,
            "to the letter: a maximum over the open ball is attained at some X with ||X|| < lambda",
            slug="attained-in-the-open-ball",
            refutation=Refutation(negation=NEVER_INSIDE, example=INSIDE),
            hypotheses=("psd(mu0**2*I - K @ K_T)", "mu0**2 < lam**2", "0 < v @ v"),
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
            "at(dW @ dW, X, K) <= lam**2 * (v @ v)",
            "y = XW, y-hat and sigma move with X, and the right side is that of the given batch",
            slug="X-moves-everything",
            refutation=Refutation(thm_4_4.OTHER_INPUT, thm_4_4.OTHER_INPUT),
            hypotheses=(Hypothesis("norm", r"\|X'\| \le \lambda", "psd(lam**2*I - K @ K_T)"),),
            norm=IN_WEIGHTS,
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
            LINE_17_TEXT,
            "the supremum over X with everything else held fixed",
            refutation=Refutation(SMALLEST, GENERIC),
            data=FIXED,
        ),
        step(
            LINE_17_TEXT,
            "from (16) and Theorem 4.1 as printed: it would follow, were that theorem true",
            hypotheses=(THEOREM_AS_PRINTED,),
            proof=Proof(terms=BY_THE_THEOREM),
            data=FIXED,
        ),
        corrected=Corrected(
            says="max((T @ v) @ (T @ v), norm(X) <= lam) <= lam**2*gamma**2/sigma**2 * (g @ g - (one @ g)**2/m "
            "- (g @ yhat)**2/m)",
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
            "max((T @ v) @ (T @ v), norm(X) <= lam) == lam**2 * (g @ g)",
            "to the letter: the maximum of the BatchNorm network's gradient, with its hat",
            refutation=Refutation(SMALLEST, GENERIC),
            data=FIXED,
        ),
        step(
            thm_4_4.PRINTED,
            "the unnumbered line after (18), the end of the proof: from (17) and (18)",
            slug="conclusion",
            refutation=Refutation(thm_4_4.SMALLEST, thm_4_4.GENERIC),
            why="an unnumbered line; it is Theorem 4.4, which has its own entry",
            data=FIXED,
            necessary="it drops the 1/sqrt(m) of (17), squares g_j once more and leaves lambda^2 out of the mean term",
        ),
        corrected=Corrected(
            says="max((T @ g) @ (T @ g), norm(X) <= lam) == lam**2 * (g @ g)",
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
