r"""Theorem C.1: the minimax smoothness bound.

Equation (58) evaluates the maximum over X at X = lambda I as if the form were maximal there. It is a quartic form
in X: with S = XX' it is (Sv)'B(Sv), and Sv ranges over a whole ball. Another input can make it larger, and S = 0
makes it 0 where the value at lambda I is negative. At inputs with XX' = lambda^2 I the inequality does hold, under
the hypothesis of Theorem 4.2.2, and not strictly.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018.thm_4_2_1 import PRINTED as FIRST_PART
from bnverify.theory.claims.santurkar_2018.thm_4_2_2 import NOT_INCREASED
from bnverify.theory.claims.santurkar_2018.thm_4_4 import NORM_BELOW_LAMBDA
from bnverify.theory.equation import statement
from bnverify.theory.normalisations import IN_WEIGHTS

QUOTATION = r"""Under the same conditions as the previous theorem,
$$\max_{||X||\leq \lambda}\left(\frac{\partial \widehat{\mathcal{L}}}{\partial W_{\cdot j}}\right)^\top
\frac{\partial \widehat{\mathcal{L}}}{\partial W_{\cdot j} \partial W_{\cdot j}}\left(\frac{\partial
\widehat{\mathcal{L}}}{\partial W_{\cdot j}}\right)<\frac{\gamma^2}{\sigma^2} \left[\max_{||X||\leq
\lambda}\left(\frac{\partial \mathcal{L}}{\partial W_{\cdot j}}\right)^\top \frac{\partial \mathcal{L}}{\partial
W_{\cdot j} \partial W_{\cdot j}}\left(\frac{\partial \mathcal{L}}{\partial W_{\cdot j}}\right)-\lambda^4
\kappa\right],$$
where $\kappa$ is the separation given in the previous theorem."""
EQUAL_AT_TWO = Instance(y=(0, 1), g=(0, 1), note="m = 2: both sides are 0, and 0 < 0 is false")
BOUND = {"of": "max((X @ T @ g) @ H @ (X @ T @ g), norm(X) <= lam)", "bound": "119/40", "multiplier": "7/5"}
GENERIC = Instance(
    y=(0, 0, 1),
    g=(-1, 2, 1),
    H=((0, 0, 0), (0, 0, 0), (0, 0, 1)),
    extra=(("inputs", (((0,), (1,), (0,)),)), ("maxima", (BOUND,))),
    note="H is positive semi-definite, <g, y-hat> > 0, v'Hv <= g'Hg; the input X = (0, 1, 0)' beats lambda I",
)
NEGATIVE_RIGHT_SIDE = Instance(
    y=(1, 0, 0),
    g=(1, 0, -1),
    H=((1, 0, 0), (0, 0, 0), (0, 0, 0)),
    gamma=2,
    note="the input X = 0 gives 0 on the left, the right side is negative",
)
NEGATIVE_WITH_OUTER = Instance(
    y=(0, -1, 0),
    g=(1, 0, 0),
    H=((-1, 0, 0), (0, 0, 0), (0, 0, 0)),
    note="the input X = 0 gives 0 on the left, the right side is negative",
)
OTHER_INPUT = Instance(
    X=((0, 0), (0, 0), (1, 0)),
    W=(1, 0),
    y=(0, 0, 1),
    g=(-1, 2, 1),
    H=((0, 0, 0), (0, 0, 0), (0, 0, 1)),
    lam=2,
    extra=(("K", ((0, 0), (0, 1), ("1/16", 0))),),
    note="another input with norm below lambda, where sigma is small",
)

CLAIM = statement(
    "thm-C.1",
    "Minimax smoothness bound",
    "Appendix C.2, Theorem C.1",
    QUOTATION,
    Reading(
        slug="strict",
        summary="as printed, strict; g, H, y-hat, sigma held fixed while X varies; kappa that of 4.2.2",
        says="max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) < gamma**2/sigma**2 * (max((X @ T @ g) @ "
        "H @ (X @ T @ g), norm(X) <= lam) - lam**4 * ((g @ yhat) * (v @ v)/(m*gamma)))",
        data=Data(fixed="g, H, y-hat, sigma, gamma", varies="X, in the chain rule alone", norm="spectral"),
        hypotheses=(NOT_INCREASED,),
        refutation=Refutation(EQUAL_AT_TWO, GENERIC),
    ),
    Reading(
        slug="not-strict",
        summary="the same with <= in place of <",
        says="max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) <= gamma**2/sigma**2 * (max((X @ T @ g) @ "
        "H @ (X @ T @ g), norm(X) <= lam) - lam**4 * ((g @ yhat) * (v @ v)/(m*gamma)))",
        data=Data(fixed="g, H, y-hat, sigma, gamma", varies="X", norm="spectral, not strict"),
        hypotheses=(NOT_INCREASED,),
        refutation=Refutation(NEGATIVE_RIGHT_SIDE, GENERIC),
    ),
    Reading(
        slug="separation-of-4.2.1",
        summary="kappa as it stands in the first part of Theorem 4.2, with gamma/sigma^2",
        says="max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) <= gamma**2/sigma**2 * (max((X @ T @ g) @ "
        "H @ (X @ T @ g), norm(X) <= lam) - lam**4 * (gamma * (g @ yhat) * (v @ v)/(m*sigma**2)))",
        data=Data(fixed="g, H, y-hat, sigma, gamma", varies="X", norm="spectral, kappa of 4.2.1"),
        hypotheses=(NOT_INCREASED,),
        refutation=Refutation(NEGATIVE_WITH_OUTER, GENERIC),
    ),
    Reading(
        slug="X-moves-everything",
        summary="y = XW, y-hat and sigma move with X; the right side is that of the given batch",
        says="at(dW @ HW @ dW, X, K) <= gamma**2/sigma**2 * (max((X @ T @ g) @ H @ (X @ T @ g), "
        "norm(X) <= lam) - lam**4 * ((g @ yhat) * (v @ v)/(m*gamma)))",
        data=Data(
            fixed="W, gamma, beta, L",
            varies="X, and with it y, y-hat, sigma",
            right_side_at="the given batch",
            bias="none",
            parameters="weights of one unit",
        ),
        hypotheses=(NOT_INCREASED, Hypothesis("norm", r"\|X'\| \le \lambda", NORM_BELOW_LAMBDA)),
        refutation=Refutation(OTHER_INPUT, OTHER_INPUT),
        norm=IN_WEIGHTS,
    ),
    corrected=Corrected(
        says="lam**4 * (v @ B @ v) <= gamma**2/sigma**2 * (lam**4 * (g @ H @ g) - lam**4 * ((g @ yhat) * "
        "(v @ v)/(m*gamma)))",
        proof=Proof(
            steps=(Step(text="the first part of Theorem 4.2, an equality", says=FIRST_PART),),
            terms=("lam**4*gamma**2/sigma**2*given0",),
        ),
        text="at inputs with XX' = lambda^2 I, where the two forms are lambda^4 v'Bv and lambda^4 g'Hg; not strict",
        hypotheses=(NOT_INCREASED,),
        assumptions=("XX' = lambda^2 I instead of the maxima", "v'Hv <= g'Hg", "gamma != 0"),
    ),
    scope=(("m", ">= 2"), ("gamma", "!= 0"), ("sigma", "> 0"), ("eps", "= 0")),
    assumptions=("XX' = lambda^2 I instead of the maxima", "v'Hv <= g'Hg", "||X|| is the spectral norm"),
    why="false with <= too: the maximum over X is not at lambda I; at another input the left side exceeds the right",
    remarks=("Section 4.2 calls this a (near exact) analogue of Theorem 4.4.",),
)
