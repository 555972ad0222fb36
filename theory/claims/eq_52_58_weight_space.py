r"""Equations (52) to (58): curvature in weight space, the proof of Theorem C.1.

(57) lost the factor gamma^2/sigma^2 and the centring of the gradient. (58) lost the same factor (centring makes no
difference there, since the Hessian annihilates 1) and evaluates the maximum at X = lambda I; the form is of fourth
order in X, and the maximum is larger wherever the gradient is not 0.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import (
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Refutation,
    Relation,
    Step,
    eq,
    lt,
)
from bnverify.theory.claims.thm_c_1 import GENERIC as OTHER_INPUT
from bnverify.theory.equation import equation, step, value
from bnverify.theory.settings import Setting

LINE_52 = r"""$$\frac{\partial \mathcal{L}}{\partial W_{ij} \partial W_{kj}} = \boldsymbol{x}_i^\top \frac{\partial
\mathcal{L}}{\partial \boldsymbol{y}_j \partial \boldsymbol{y}_j} \boldsymbol{x}_k \tag{52}$$"""
LINE_53 = r"""$$\frac{\partial \mathcal{L}}{\partial W_{ij} \partial W_{kj}} = \mathbf{x}_i^\top \frac{\partial
\mathcal{L}}{\partial \mathbf{y}_j \partial \mathbf{y}_j} \mathbf{x}_k \tag{53}$$"""
LINE_54 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial W_{.j} \partial W_{.j}} = \mathbf{X}^{\top} \frac{\partial
\hat{\mathcal{L}}}{\partial \mathbf{y}_j \partial \mathbf{y}_j} \mathbf{X} \tag{54}$$"""
LINE_55 = "(55)"
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


def smoothness(q: Setting) -> Any:
    """beta of (56): the Hessian in the weights along the gradient in the weights"""
    return q.dot(q.vec("dW"), q.op("HW", q.vec("dW")))


def _through_inputs(q: Setting, u: Any) -> Any:
    """u'XX' B XX'u"""
    moved = q.op("X", q.op("T", u))
    return q.dot(moved, q.B(moved))


def _form(q: Setting, u: Any) -> Any:
    return q.dot(u, q.B(u))


def line_52(q: Setting) -> Relation:
    c, d = q.vec("c"), q.vec("d")
    return eq(q.dot(c, q.op("HW_plain", d)), q.dot(q.op("X", c), q.H(q.op("X", d))))


def line_52_with_hats(q: Setting) -> Relation:
    c, d = q.vec("c"), q.vec("d")
    return eq(q.dot(c, q.op("HW", d)), q.dot(q.op("X", c), q.B(q.op("X", d))))


def line_54(q: Setting) -> Relation:
    c, d = q.vec("c"), q.vec("d")
    return eq(q.dot(c, q.op("HW", d)), q.dot(c, q.op("T", q.B(q.op("X", d)))))


def from_53_to_54(q: Setting) -> Relation:
    return eq(line_52_with_hats(q).rhs, line_54(q).rhs)


def line_57(q: Setting) -> Relation:
    return eq(smoothness(q), _through_inputs(q, q.off_yhat(q.g)))


def line_57_centred(q: Setting) -> Relation:
    return eq(smoothness(q), _through_inputs(q, q.off_yhat(q.g_bar)))


def line_57_corrected(q: Setting) -> Relation:
    return eq(smoothness(q), q.gamma**2 / q.sigma**2 * _through_inputs(q, q.off_yhat(q.g_bar)))


def line_58(q: Setting) -> Relation:
    return eq(q.max_form(q.v, "B"), q.lam**4 * _form(q, q.off_yhat(q.g)))


def line_58_with_factor(q: Setting) -> Relation:
    return eq(q.max_form(q.v, "B"), q.lam**4 * (q.gamma**2 / q.sigma**2) * _form(q, q.off_yhat(q.g)))


def line_58_corrected(q: Setting) -> Relation:
    return lt(q.lam**4 * (q.gamma**2 / q.sigma**2) * _form(q, q.off_yhat(q.g_bar)), q.max_form(q.v, "B"))


def _at_the_multiple(q: Setting) -> Relation:
    return eq(q.gamma**2 / q.sigma**2 * _form(q, q.off_yhat(q.g_bar)), q.bn_hess_bn)


def _slope_along_yhat(q: Setting) -> Relation:
    return eq(q.dot(q.yhat, q.B(q.v)), -q.bn_grad_sq / q.sigma)


def _orthogonal(q: Setting) -> Relation:
    return eq(q.dot(q.yhat, q.v), 0)


def _same_activations(q: Setting) -> Relation:
    d = q.vec("z") - q.vec("y")
    return eq(q.dot(d, d), 0)


def _some_gradient(q: Setting) -> Relation:
    return lt(0, q.bn_grad_sq)


SAME_ACTIVATIONS = Hypothesis("same-activations", "z = y", _same_activations)
SOME_GRADIENT = Hypothesis("some-gradient", r"\nabla_y \widehat{\mathcal{L}} \ne 0", _some_gradient)

SMALLEST_57 = Instance(
    X=((0, 0), (0, 1), (1, 0)),
    W=(1, 0),
    y=(0, 0, 1),
    g=(0, 1, 0),
    note="m = 3, two inputs, a linear loss",
)
CENTRED_57 = Instance(
    X=((0, 0), (0, 1), (1, 0)),
    W=(1, 0),
    y=(0, 0, 1),
    g=(0, 1, -1),
    note="a gradient with sum 0: the factor gamma^2/sigma^2 = 9/2 is missing",
)
NEGATIVE = Instance(
    y=(0, 0, 1),
    g=(0, -1, 0),
    note="m = 3, a linear loss: the right side is negative, X = 0 gives 0",
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
            line_52,
            "the plain network, on arbitrary directions c and d of weights",
            hypotheses=(SAME_ACTIVATIONS,),
            setting="weights",
        ),
        notation=("the second derivatives lack their squares", DOUBLED),
        why="y_j is linear in W",
    ),
    equation(
        53,
        "The Hessian in two weights, printed again",
        LINE_53,
        value(
            line_52,
            "as printed: the plain network, on arbitrary directions c and d of weights",
            hypotheses=(SAME_ACTIVATIONS,),
            setting="weights",
        ),
        value(
            line_52_with_hats,
            "with the hats that tell it from (52): the BatchNorm network",
            slug="with-hats",
            setting="inputs",
        ),
        notation=("the second derivatives lack their squares", DOUBLED),
        why="y_j is linear in W",
        remarks=("It restates (52).",),
    ),
    equation(
        54,
        "The Hessian in the weights of a unit",
        LINE_54,
        value(line_54, "the BatchNorm network, on arbitrary directions c and d of weights", setting="inputs"),
        step(
            from_53_to_54,
            "from (53) with hats: all inputs at once",
            setting="inputs",
        ),
        notation=("the second derivatives lack their squares",),
        why="y_j is linear in W",
    ),
    equation(
        55,
        "An empty line",
        LINE_55,
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
            line_57,
            "g-hat as (19) has it, the gradient dL^/dz",
            refutation=Refutation(SMALLEST_57, SMALLEST_57),
            setting="inputs",
        ),
        value(
            line_57_centred,
            "g-hat redefined as the centred gradient, as the sentence before (38) says to the letter",
            slug="centred",
            refutation=Refutation(CENTRED_57, CENTRED_57),
            setting="inputs",
        ),
        corrected=Corrected(
            says=line_57_corrected,
            proof=Proof(),
            text="the factor gamma^2/sigma^2 in front, and the centred gradient in both places",
            setting="inputs",
        ),
        why="(47) has the factor gamma/sigma and the centred gradient; both were dropped",
    ),
    equation(
        58,
        "The largest effective smoothness",
        LINE_58,
        value(line_58, "as printed", refutation=Refutation(NEGATIVE, OTHER_INPUT), data=FIXED),
        value(
            line_58_with_factor,
            "with the factor gamma^2/sigma^2 of (57) restored",
            slug="with-the-factor",
            refutation=Refutation(NEGATIVE, OTHER_INPUT),
            data=FIXED,
        ),
        corrected=Corrected(
            says=line_58_corrected,
            proof=Proof(
                steps=(
                    Step(
                        text="the left side is lambda^4 v'Bv, the form at XX' = lambda^2 I",
                        says=_at_the_multiple,
                    ),
                    Step(text="y-hat and v are orthogonal", says=_orthogonal),
                    Step(
                        text="at v the form has a slope along y-hat, so v is no eigenvector",
                        says=_slope_along_yhat,
                    ),
                    Step(
                        text="lambda^2 v is a boundary point of the ball of all XX'v and y-hat is tangent to it there, "
                        "so larger values are attained next to it",
                        lemma="image-ball",
                    ),
                ),
                lemma="image-ball",
            ),
            text="the factor restored, and < in the place of =: the maximum is larger than the form at lambda I",
            hypotheses=(SOME_GRADIENT,),
            assumptions=("g, H, y-hat and sigma held fixed while X varies", "the gradient in y is not 0"),
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
