r"""Equations (52) to (58): curvature in weight space, the proof of Theorem C.1.

(57) lost the factor gamma^2/sigma^2 and the centring of the gradient. (58) lost the same factor (centring makes no
difference there, since the Hessian annihilates 1) and evaluates the maximum at X = lambda I; the form is of fourth
order in X, and the maximum is larger wherever the gradient is not 0.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Instance, Proof, Refutation, Step
from bnverify.theory.claims.santurkar_2018.thm_c_1 import GENERIC as OTHER_INPUT
from bnverify.theory.equation import equation, step, value
from bnverify.theory.equation import projected as P
from bnverify.theory.normalisations import IN_WEIGHTS

LINE_52 = r"""$$\frac{\partial \mathcal{L}}{\partial W_{ij} \partial W_{kj}} = \boldsymbol{x}_i^\top \frac{\partial
\mathcal{L}}{\partial \boldsymbol{y}_j \partial \boldsymbol{y}_j} \boldsymbol{x}_k \tag{52}$$"""
LINE_53 = r"""$$\frac{\partial \mathcal{L}}{\partial W_{ij} \partial W_{kj}} = \mathbf{x}_i^\top \frac{\partial
\mathcal{L}}{\partial \mathbf{y}_j \partial \mathbf{y}_j} \mathbf{x}_k \tag{53}$$"""
LINE_54 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial W_{.j} \partial W_{.j}} = \mathbf{X}^{\top} \frac{\partial
\hat{\mathcal{L}}}{\partial \mathbf{y}_j \partial \mathbf{y}_j} \mathbf{X} \tag{54}$$"""
LINE_56 = r"""$$\beta := \left(\frac{\partial \hat{\mathcal{L}}}{\partial W_{\cdot j}}\right)^{\top} \frac{\partial
\hat{\mathcal{L}}}{\partial W_{\cdot j} \partial W_{\cdot j}} \left(\frac{\partial \hat{\mathcal{L}}}{\partial
W_{\cdot j}}\right) \tag{56}$$"""
LINE_57 = r"""$$= \hat{\boldsymbol{g}}_j^\top \left(\boldsymbol{I} - \frac{1}{m} \hat{\boldsymbol{y}}_j
\hat{\boldsymbol{y}}_j^\top \right) \boldsymbol{X} \boldsymbol{X}^\top \frac{\partial \hat{\mathcal{L}}}{\partial
\boldsymbol{y}_j \partial \boldsymbol{y}_j} \boldsymbol{X} \boldsymbol{X}^\top \left(\boldsymbol{I} - \frac{1}{m}
\hat{\boldsymbol{y}}_j \hat{\boldsymbol{y}}_j^\top \right) \hat{\boldsymbol{g}}_j \tag{57}$$"""
LINE_58 = r"""$$\max_{||X|| \leq \lambda} \beta = \lambda^4 \hat{\mathbf{g}}_j^\top \left(\mathbf{I} - \frac{1}{m}
\hat{\mathbf{y}}_j \hat{\mathbf{y}}_j^\top \right) \frac{\partial \hat{\mathcal{L}}}{\partial \mathbf{y}_j \partial
\mathbf{y}_j} \left(\mathbf{I} - \frac{1}{m} \hat{\mathbf{y}}_j \hat{\mathbf{y}}_j^\top \right) \hat{\mathbf{g}}_j,
\tag{58}$$"""
LINE_52_PLAIN = "u @ HW @ w == (X @ u) @ H @ (X @ w)"
SMALLEST_57 = Instance(
    X=((0, 0), (0, 1), (1, 0)), W=(1, 0), y=(0, 0, 1), g=(0, 1, 0), note="m = 3, two inputs, a linear loss"
)
CENTRED_57 = Instance(
    X=((0, 0), (0, 1), (1, 0)),
    W=(1, 0),
    y=(0, 0, 1),
    g=(0, 1, -1),
    note="a gradient with sum 0: the factor gamma^2/sigma^2 = 9/2 is missing",
)
NEGATIVE = Instance(
    y=(0, 0, 1), g=(0, -1, 0), note="m = 3, a linear loss: the right side is negative, X = 0 gives 0"
)
FIXED = Data(
    fixed="g, H, y-hat, sigma, gamma",
    varies="X, in the chain rule alone",
    norm="spectral",
    parameters="weights of one unit",
)
DOUBLED = "(52) and (53) are the same line twice; one of them was to have hats, and then it holds too"

CLAIMS = (
    equation(
        52,
        "The Hessian in two weights",
        LINE_52,
        value(
            LINE_52_PLAIN,
            "the plain network, on arbitrary directions c and d of weights",
            norm="y = X @ W; z = y",
        ),
        notation=("the second derivatives lack their squares", DOUBLED),
        why="y_j is linear in W",
    ),
    equation(
        53,
        "The Hessian in two weights, printed again",
        LINE_53,
        value(
            LINE_52_PLAIN,
            "as printed: the plain network, on arbitrary directions c and d of weights",
            norm="y = X @ W; z = y",
        ),
        value(
            "u @ HW @ w == (X @ u) @ (B @ X @ w)",
            "with the hats that tell it from (52): the BatchNorm network",
            slug="with-hats",
            norm=IN_WEIGHTS,
        ),
        notation=("the second derivatives lack their squares", DOUBLED),
        why="y_j is linear in W",
        remarks=("It restates (52).",),
    ),
    equation(
        54,
        "The Hessian in the weights of a unit",
        LINE_54,
        value(
            "u @ HW @ w == u @ T @ B @ X @ w",
            "the BatchNorm network, on arbitrary directions c and d of weights",
            norm=IN_WEIGHTS,
        ),
        step(
            "(X @ u) @ (B @ X @ w) == u @ T @ B @ X @ w",
            "from (53) with hats: all inputs at once",
            norm=IN_WEIGHTS,
        ),
        notation=("the second derivatives lack their squares",),
        why="y_j is linear in W",
    ),
    equation(
        55,
        "An empty line",
        "(55)",
        state="absent",
        why="the number stands beside nothing",
        remarks=("Nothing is missing: (56) and (57) use (54) alone.",),
    ),
    equation(
        56,
        "The effective smoothness in weight space",
        LINE_56,
        state="definition",
        why="it defines beta, the Hessian in the weights along the gradient in the weights",
        notation=("beta is also the shift of BatchNorm",),
        remarks=("It is not divided by the squared norm of the gradient, so it scales with the gradient.",),
    ),
    equation(
        57,
        "The effective smoothness in terms of the inputs",
        LINE_57,
        value(
            ("dW @ HW @ dW == (X @ T @ (g - (yhat @ g)/m*yhat)) @ B @ (X @ T @ (g - (yhat @ g)/m*yhat))"),
            "g-hat as (19) has it, the gradient dL^/dz",
            refutation=Refutation(SMALLEST_57, SMALLEST_57),
            norm=IN_WEIGHTS,
        ),
        value(
            f"dW @ HW @ dW == (X @ T @ {P('g')}) @ B @ (X @ T @ {P('g')})",
            "g-hat redefined as the centred gradient, as the sentence before (38) says to the letter",
            slug="centred",
            refutation=Refutation(CENTRED_57, CENTRED_57),
            norm=IN_WEIGHTS,
        ),
        corrected=Corrected(
            says=f"dW @ HW @ dW == gamma**2/sigma**2 * ((X @ T @ {P('g')}) @ B @ (X @ T @ {P('g')}))",
            text="the factor gamma^2/sigma^2 in front, and the centred gradient in both places",
            norm=IN_WEIGHTS,
        ),
        why="(47) has the factor gamma/sigma and the centred gradient; both were dropped",
    ),
    equation(
        58,
        "The largest effective smoothness",
        LINE_58,
        value(
            "max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) == lam**4 * ((g - (yhat @ g)/m*yhat) @ B "
            "@ (g - (yhat @ g)/m*yhat))",
            "as printed",
            refutation=Refutation(NEGATIVE, OTHER_INPUT),
            data=FIXED,
        ),
        value(
            "max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) == lam**4 * (gamma**2/sigma**2) * ((g - "
            "(yhat @ g)/m*yhat) @ B @ (g - (yhat @ g)/m*yhat))",
            "with the factor gamma^2/sigma^2 of (57) restored",
            slug="with-the-factor",
            refutation=Refutation(NEGATIVE, OTHER_INPUT),
            data=FIXED,
        ),
        corrected=Corrected(
            says=f"lam**4 * (gamma**2/sigma**2) * ({P('g')} @ B @ {P('g')}) <= max((X @ T @ v) @ B @ (X @ T @ v), "
            "norm(X) <= lam)",
            proof=Proof(
                steps=(
                    Step(
                        text="the left side is lambda^4 v'Bv, the form at XX' = lambda^2 I",
                        says=f"gamma**2/sigma**2 * ({P('g')} @ B @ {P('g')}) == v @ B @ v",
                    ),
                    Step(text="y-hat and v are orthogonal", says="yhat @ v == 0"),
                    Step(
                        text="at v the form has a slope along y-hat, so v is no eigenvector: next to it the form is "
                        "larger wherever v != 0",
                        says="yhat @ B @ v == -(v @ v)/sigma",
                    ),
                ),
                terms=("max((X @ T @ v) @ B @ (X @ T @ v), norm(X) <= lam) - (lam**2*v) @ B @ (lam**2*v)",),
            ),
            text="the factor restored, and <= in the place of =: the form at lambda I is a lower bound of the maximum",
            assumptions=("g, H, y-hat and sigma held fixed while X varies",),
        ),
        assumptions=("g, H, y-hat and sigma held fixed while X varies",),
        why="gamma^2/sigma^2 is missing, and the maximum over X is not at lambda I",
        remarks=(
            "The maximum is that of u'Bu over the ball of all u = XX'v, with centre lambda^2 v/2 and radius "
            "lambda^2 |v|/2; X = 0 shows that it is never negative.",
            "Where XX' = lambda^2 I, and so m <= d, the value is lambda^4 v'Bv.",
        ),
    ),
)
