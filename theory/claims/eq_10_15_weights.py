r"""Equations (10) to (15): from activations to weights.

(10) needs a symmetric matrix, and has one where it is used. The chain rule (11) to (15) is right for every input.
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
    le,
)
from bnverify.theory.equation import equation, step, value
from bnverify.theory.settings import Setting

LINE_10 = r"""$$\lambda_0 = \max_{x \in \mathbb{R}^d; ||x||_2 = 1} x^\top M x,\tag{10}$$"""
LINE_11 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial W_{ij}} = \sum_{b=1}^{m} \frac{\partial
\hat{\mathcal{L}}}{\partial y_j^{(b)}} \frac{\partial y_j^{(b)}}{\partial W_{ij}} \tag{11}$$"""
LINE_12 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial W_{ij}} = \sum_{b=1}^{m} \frac{\partial
\hat{\mathcal{L}}}{\partial y_j^{(b)}} x_i^{(b)} \tag{12}$$"""
LINE_13 = r"""$$=\left\langle \frac{\partial \hat{\mathcal{L}}}{\partial \mathbf{y}_j}, \mathbf{x}_i \right\rangle
\tag{13}$$"""
LINE_14 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial W_{\cdot j}} = \mathbf{X}^{\top} \left(\frac{\partial
\hat{\mathcal{L}}}{\partial \mathbf{y}_j} \right),\tag{14}$$"""
LINE_15 = r"""$$\left\| \frac{\partial \hat{\mathcal{L}}}{\partial W_{\cdot j}} \right\|^2 = \left(\frac{\partial
\hat{\mathcal{L}}}{\partial y_j} \right)^{\top} \mathbf{X} \mathbf{X}^{\top} \left(\frac{\partial
\hat{\mathcal{L}}}{\partial y_j} \right), \tag{15}$$"""


def largest_value(q: Setting) -> Relation:
    x = q.vec("x")
    return le(q.dot(x, q.op("M", x)), q.sym("lambda0") * q.dot(x, x))


def _eigenvalue(q: Setting) -> Relation:
    rest = q.op("M", q.vec("e")) - q.vec("e") * q.sym("lambda0")
    return eq(q.dot(rest, rest), 0)


def _largest_of_two(q: Setting) -> Relation:
    e, f = q.vec("e"), q.vec("f")
    return le(q.dot(e, q.op("M", e)) + q.dot(f, q.op("M", f)), 2 * q.sym("lambda0"))


def _chain_rule(q: Setting) -> Any:
    return q.dot(q.v, q.derivative(lambda p: p.vec("y"), q.vec("c"), "W"))


def _along_inputs(q: Setting) -> Any:
    return q.dot(q.v, q.op("X", q.vec("c")))


def line_11(q: Setting) -> Relation:
    return eq(q.dot(q.vec("dW"), q.vec("c")), _chain_rule(q))


def line_12(q: Setting) -> Relation:
    return eq(q.dot(q.vec("dW"), q.vec("c")), _along_inputs(q))


def from_11_to_12(q: Setting) -> Relation:
    return eq(_chain_rule(q), _along_inputs(q))


def line_14(q: Setting) -> Relation:
    return eq(q.dot(q.vec("c"), q.vec("dW")), q.dot(q.vec("c"), q.op("T", q.v)))


def from_13_to_14(q: Setting) -> Relation:
    return eq(_along_inputs(q), q.dot(q.vec("c"), q.op("T", q.v)))


def line_15(q: Setting) -> Relation:
    return eq(q.dot(q.vec("dW"), q.vec("dW")), q.dot(q.v, q.op("X", q.op("T", q.v))))


def from_14_to_15(q: Setting) -> Relation:
    return eq(q.dot(q.op("T", q.v), q.op("T", q.v)), q.dot(q.v, q.op("X", q.op("T", q.v))))


ARBITRARY = Hypothesis("eigenvalue", r"M e = \lambda_0 e", _eigenvalue)
LARGEST = Hypothesis(
    "largest",
    r"d = 2: the other eigenvalue, \mathrm{tr} M - \lambda_0, is at most \lambda_0",
    _largest_of_two,
)
_UNITS: tuple[tuple[str, Any], ...] = (("e", (1, 0)), ("f", (0, 1)), ("x", (1, 1)))
NILPOTENT = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("M", ((0, 1), (0, 0))), ("lambda0", 0), *_UNITS),
    note="M has the only eigenvalue 0, and x'Mx = 1 at x = (1, 1); y and g play no part",
)
SHEAR = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("M", ((1, 1), (0, 1))), ("lambda0", 1), *_UNITS),
    note="the same with every term non-zero: the only eigenvalue is 1, and x'Mx = 3 > |x|^2 = 2",
)

CLAIMS = (
    equation(
        10,
        "The largest eigenvalue as a maximum",
        LINE_10,
        value(
            largest_value,
            "M symmetric",
            slug="symmetric",
            proof=Proof(
                steps=(Step(text="expand x in an orthonormal basis of eigenvectors of M", lemma="rayleigh"),),
                lemma="rayleigh",
            ),
            assumptions=("M is symmetric",),
            setting="matrices",
            data=Data(quantifiers="for all x and symmetric M", fixed="M", varies="x", parameters="x in R^d"),
        ),
        value(
            largest_value,
            "any real d x d matrix, as the line says, with the largest real eigenvalue",
            slug="any-matrix",
            hypotheses=(ARBITRARY, LARGEST),
            refutation=Refutation(NILPOTENT, SHEAR),
            setting="matrices",
            data=Data(quantifiers="for all x and M", fixed="M", varies="x", parameters="x in R^d"),
        ),
        corrected=Corrected(
            says=largest_value,
            proof=Proof(
                steps=(Step(text="expand x in an orthonormal basis of eigenvectors of M", lemma="rayleigh"),),
                lemma="rayleigh",
            ),
            text="for symmetric M; the proof uses it for the symmetric matrix XX' alone",
            assumptions=("M is symmetric",),
            setting="matrices",
        ),
        assumptions=("M is symmetric",),
        why="true for symmetric M, which is all that the proof needs; false for a general matrix",
        remarks=(
            "The sentence after it, v'Xv <= lambda |v|^2 for ||X||_2 <= lambda, is true by Cauchy-Schwarz; "
            "X = lambda I asks that m = d. (16) is attained at rank one already.",
        ),
    ),
    equation(
        11,
        "The gradient in one weight by the chain rule",
        LINE_11,
        value(
            line_11,
            "the gradient of L^ in W, contracted with an arbitrary direction c of weights",
            setting="inputs",
        ),
        notation=("here W_ij leads from input i to unit j, so y = XW; Section 4.1 writes y = Wx",),
        why="the chain rule; W_ij reaches the loss through y_j alone",
    ),
    equation(
        12,
        "The gradient in one weight, with the inputs",
        LINE_12,
        value(
            line_12,
            "the gradient of L^ in W, contracted with an arbitrary direction c of weights",
            setting="inputs",
        ),
        step(from_11_to_12, "from (11): the derivative of y_j^(b) in W_ij is x_i^(b)", setting="inputs"),
    ),
    equation(
        13,
        "The gradient in one weight as an inner product",
        LINE_13,
        value(line_12, "the sum over the batch is an inner product in R^m", setting="inputs"),
    ),
    equation(
        14,
        "The gradient in the weights of a unit",
        LINE_14,
        value(
            line_14,
            "the gradient of L^ in W, contracted with an arbitrary direction c of weights",
            setting="inputs",
        ),
        step(from_13_to_14, "from (13): all inputs at once", setting="inputs"),
    ),
    equation(
        15,
        "The squared gradient norm in the weights",
        LINE_15,
        value(line_15, "the squared norm of the gradient of L^ in W", setting="inputs"),
        step(from_14_to_15, "from (14): the squared norm of both sides", setting="inputs"),
    ),
)
