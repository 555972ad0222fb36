r"""Equations (10) to (15): from activations to weights.

(10) needs a symmetric matrix, and has one where it is used. The chain rule (11) to (15) is right for every input.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import Corrected, Data, Instance, Proof, Refutation
from bnverify.theory.equation import equation, step, value
from bnverify.theory.normalisations import IN_WEIGHTS

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
NO_EIGENVALUE_ABOVE = "mu0 * (x @ x) <= lambda0 * (x @ x)"
LINE_12_TEXT = "dW @ u == v @ X @ u"
SYMMETRIC = ("M @ x == mu0*x", "psd(lambda0*I - M)", "I @ x == x")
BY_THE_FORM = Proof(
    terms=("x @ (lambda0*I - M) @ x", "lambda0 * (x @ given2)", "-(x @ given0)"),
    example=Instance(
        y=(0, 1), g=(0, 0), extra=(("M", ((2, 1), (1, 2))), ("x", (1, -1)), ("mu0", 1), ("lambda0", 3))
    ),
)
_UNITS: tuple[tuple[str, Any], ...] = (("e", (1, 0)), ("f", (0, 1)), ("x", (1, 1)))
NILPOTENT = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("A", ((0, 1), (0, 0))), ("lambda0", 0), *_UNITS),
    note="M has the only eigenvalue 0, and x'Mx = 1 at x = (1, 1); y and g play no part",
)
SHEAR = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("A", ((1, 1), (0, 1))), ("lambda0", 1), *_UNITS),
    note="the same with every term non-zero: the only eigenvalue is 1, and x'Mx = 3 > |x|^2 = 2",
)

CLAIMS = (
    equation(
        10,
        "The largest eigenvalue as a maximum",
        LINE_10,
        value(
            NO_EIGENVALUE_ABOVE,
            "M symmetric: no eigenvalue mu0 is above the maximum lambda0 of the form (I is the identity on x)",
            slug="symmetric",
            proof=BY_THE_FORM,
            hypotheses=SYMMETRIC,
            assumptions=("M is symmetric",),
            norm="identity",
            admitted=False,
            why="that M is symmetric is ours: the line says M in R^(d x d)",
            data=Data(quantifiers="for all x and symmetric M", fixed="M", varies="x", parameters="x in R^d"),
        ),
        value(
            "x @ A @ x <= lambda0 * (x @ x)",
            "any real d x d matrix, as the line says, with the largest real eigenvalue",
            slug="any-matrix",
            hypotheses=("A @ e == lambda0*e", "e @ A @ e + f @ A @ f <= 2*lambda0"),
            refutation=Refutation(NILPOTENT, SHEAR),
            norm="identity",
            data=Data(quantifiers="for all x and M", fixed="M", varies="x", parameters="x in R^d"),
        ),
        corrected=Corrected(
            says=NO_EIGENVALUE_ABOVE,
            proof=BY_THE_FORM,
            text="for symmetric M; the proof uses it for the symmetric matrix XX' alone",
            hypotheses=SYMMETRIC,
            assumptions=("M is symmetric",),
            norm="identity",
        ),
        assumptions=("M is symmetric",),
        why="false for a general matrix, as the line says; true for symmetric M, which is all that the proof needs",
        remarks=(
            "That the maximum is attained at an eigenvector is the spectral theorem, which is not judged here.",
            "The sentence after it, v'Xv <= lambda |v|^2 for ||X||_2 <= lambda, is true by Cauchy-Schwarz; "
            "X = lambda I asks that m = d. (16) is attained at rank one already.",
        ),
    ),
    equation(
        11,
        "The gradient in one weight by the chain rule",
        LINE_11,
        value(
            "dW @ u == v @ d(y, W, u)",
            "the gradient of L^ in W, contracted with an arbitrary direction c of weights",
            norm=IN_WEIGHTS,
        ),
        notation=("here W_ij leads from input i to unit j, so y = XW; Section 4.1 writes y = Wx",),
        why="the chain rule; W_ij reaches the loss through y_j alone",
    ),
    equation(
        12,
        "The gradient in one weight, with the inputs",
        LINE_12,
        value(
            LINE_12_TEXT,
            "the gradient of L^ in W, contracted with an arbitrary direction c of weights",
            norm=IN_WEIGHTS,
        ),
        step(
            "v @ d(y, W, u) == v @ X @ u",
            "from (11): the derivative of y_j^(b) in W_ij is x_i^(b)",
            norm=IN_WEIGHTS,
        ),
    ),
    equation(
        13,
        "The gradient in one weight as an inner product",
        LINE_13,
        value(LINE_12_TEXT, "the sum over the batch is an inner product in R^m", norm=IN_WEIGHTS),
    ),
    equation(
        14,
        "The gradient in the weights of a unit",
        LINE_14,
        value(
            "u @ dW == u @ T @ v",
            "the gradient of L^ in W, contracted with an arbitrary direction c of weights",
            norm=IN_WEIGHTS,
        ),
        step("v @ X @ u == u @ T @ v", "from (13): all inputs at once", norm=IN_WEIGHTS),
    ),
    equation(
        15,
        "The squared gradient norm in the weights",
        LINE_15,
        value("dW @ dW == v @ X @ T @ v", "the squared norm of the gradient of L^ in W", norm=IN_WEIGHTS),
        step(
            "(T @ v) @ (T @ v) == v @ X @ T @ v", "from (14): the squared norm of both sides", norm=IN_WEIGHTS
        ),
    ),
)
