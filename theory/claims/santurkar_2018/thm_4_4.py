r"""Theorem 4.4: the minimax bound in weight space.

Three slips: g_j is already a squared norm and is squared again; the mean term lacks lambda^2; the last term lacks
1/m (inherited from Theorem 4.1). And X must vary with g, y-hat and sigma held fixed although y = Wx depends on it:
where they move with X the left side has no maximum.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Reading, Refutation
from bnverify.theory.equation import statement
from bnverify.theory.normalisations import IN_WEIGHTS

QUOTATION = r"""For a BatchNorm network with loss $\widehat{\mathcal{L}}$ and an identical non-BN network (with
identical loss $\mathcal{L}$), if
$$g_j = \max_{\|X\| \leq \lambda} \left\| \nabla_W \mathcal{L} \right\|^2, \qquad \hat{g}_j = \max_{\|X\| \leq
\lambda} \left\|\nabla_W \widehat{\mathcal{L}}\right\|^2 \implies \hat{g}_j \leq \frac{\gamma^2}{\sigma_j^2}
\left(g_j^2 - m \mu_{g_j}^2 - \lambda^2 \left\langle \nabla_{y_j} \mathcal{L}, \hat{y}_j \right\rangle^2\right).$$"""
PRINTED = (
    "max((T @ v) @ (T @ v), norm(X) <= lam) <= gamma**2/sigma**2 * (max((T @ g) @ (T @ g), "
    "norm(X) <= lam)**2 - m*mean(g)**2 - lam**2 * (g @ yhat)**2)"
)
NORM_BELOW_LAMBDA = "psd(lam**2*I - K @ K_T)"
SMALLEST = Instance(y=(0, 1), g=(0, 1), note="m = 2: the left side is 0, the printed right side negative")
GENERIC = Instance(y=(0, 0, 1), g=(0, 1, 0), lam="1/2", note="m = 3, every term non-zero")
OTHER_INPUT_SMALLEST = Instance(
    X=((1,), (0,)),
    W=(1,),
    y=(1, 0),
    g=(1, 0),
    extra=(("K", ((0,), ("-1/2",))),),
    note="m = 2: the gradient is 0 at every input, the printed right side negative",
)
OTHER_INPUT = Instance(
    X=((0, 0), (0, 0), (1, 0)),
    W=(1, 0),
    y=(0, 0, 1),
    g=(0, 1, 0),
    lam=2,
    extra=(("K", ((0, 1), (0, 0), ("1/16", 0))),),
    note="another input with norm below lambda: y shrinks, sigma with it, and the gradient grows like 1/sigma",
)

CLAIM = statement(
    "thm-4.4",
    "Minimax bound on weight-space Lipschitzness",
    "Section 4.2, Theorem 4.4; restated in Appendix C.2, proved there by (10) to (18)",
    QUOTATION,
    Reading(
        slug="to-the-letter",
        summary="g_j is the maximum of a squared norm and g_j^2 its square; g, y-hat, sigma fixed while X varies",
        says=PRINTED,
        data=Data(fixed="g, y-hat, sigma, gamma", varies="X, in the chain rule alone", norm="spectral"),
        refutation=Refutation(SMALLEST, GENERIC),
    ),
    Reading(
        slug="g_j-squared-once",
        summary="g_j^2 stands for the maximum of the squared norm",
        says="max((T @ v) @ (T @ v), norm(X) <= lam) <= gamma**2/sigma**2 * (max((T @ g) @ (T @ g), "
        "norm(X) <= lam) - m*mean(g)**2 - lam**2 * (g @ yhat)**2)",
        data=Data(fixed="g, y-hat, sigma, gamma", varies="X", norm="spectral, g_j the norm itself"),
        refutation=Refutation(SMALLEST, GENERIC),
    ),
    Reading(
        slug="mean-in-weight-space",
        summary="as before, and the mean of the printed statement is that of lambda g",
        says="max((T @ v) @ (T @ v), norm(X) <= lam) <= gamma**2/sigma**2 * (max((T @ g) @ (T @ g), "
        "norm(X) <= lam) - lam**2*m*mean(g)**2 - lam**2 * (g @ yhat)**2)",
        data=Data(fixed="g, y-hat, sigma, gamma", varies="X", norm="spectral, mu_g scaled with lambda"),
        refutation=Refutation(SMALLEST, GENERIC),
    ),
    Reading(
        slug="X-moves-everything",
        summary="y = XW, y-hat and sigma move with X; the right side is that of the given batch",
        says="at(dW @ dW, X, K) <= gamma**2/sigma**2 * (max((T @ g) @ (T @ g), norm(X) <= lam)**2 - "
        "m*mean(g)**2 - lam**2 * (g @ yhat)**2)",
        data=Data(
            fixed="W, gamma, beta, L",
            varies="X, and with it y, y-hat, sigma",
            right_side_at="the given batch",
            bias="none",
            parameters="weights of one unit",
        ),
        hypotheses=(Hypothesis("norm", r"\|X'\| \le \lambda", NORM_BELOW_LAMBDA),),
        refutation=Refutation(OTHER_INPUT_SMALLEST, OTHER_INPUT),
        norm=IN_WEIGHTS,
    ),
    corrected=Corrected(
        says="max((T @ v) @ (T @ v), norm(X) <= lam) <= gamma**2/sigma**2 * (max((T @ g) @ (T @ g), "
        "norm(X) <= lam) - lam**2*m*mean(g)**2 - lam**2/m * (g @ yhat)**2)",
        text="g_j to the first power, lambda^2 on the mean term, lambda^2/m on the last: an equality",
        assumptions=("g, y-hat and sigma are held fixed while X varies in the chain rule",),
    ),
    assumptions=("g, y-hat, sigma held fixed while X varies", "||X|| is the spectral norm"),
    why="power of g_j, a missing lambda^2 and a missing 1/m; corrected it is an equality",
    remarks=(
        "With y = XW the maximum over X does not exist where d >= 2: the gradient grows like 1/sigma as the "
        "component of X along W shrinks.",
        "Where the printed maxima are over ||X|| < lambda they are suprema, not attained unless the gradient is 0.",
    ),
)
