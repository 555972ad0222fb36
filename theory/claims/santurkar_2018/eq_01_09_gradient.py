r"""Equations (1) to (9): the gradient through BatchNorm and its norm.

Right up to (8). Equation (9) opens the square of (8): y-hat divided by its norm sqrt(m), inside a squared inner
product, gives 1/m; the line has 1/sqrt(m). It is the source of the wrong constant of Theorem 4.1.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Instance, Proof, Refutation, Step
from bnverify.theory.claims.santurkar_2018.fact_c_1 import PRINTED as VALUE_3
from bnverify.theory.claims.santurkar_2018.fact_c_2 import LINE_1 as VALUE_1
from bnverify.theory.claims.santurkar_2018.fact_c_2 import LINE_2 as VALUE_2
from bnverify.theory.equation import centred as C
from bnverify.theory.equation import equation, follows, step, value

LINE_1 = r"""$$\frac{\partial \hat{y}^{(b)}}{\partial y^{(k)}} = \frac{1}{\sigma} \left(\mathbf{I}[b=k] -
\frac{1}{m} - \frac{1}{m} \hat{y}^{(b)} \hat{y}^{(k)} \right),\tag{1}$$"""
LINE_2 = r"""$$\frac{\partial z_j^{(b)}}{\partial y^{(k)}} = \frac{\gamma}{\sigma} \left(\mathbf{I}[b=k] -
\frac{1}{m} - \frac{1}{m} \hat{y}^{(b)} \hat{y}^{(k)} \right),\tag{2}$$"""
LINE_3 = r"""$$\frac{\partial \widehat{\mathcal{L}}}{\partial y_j^{(b)}} = \left(\frac{\gamma}{m\sigma_j}\right)
\left(m\frac{\partial \widehat{\mathcal{L}}}{\partial z_j^{(b)}} - \sum_{k=1}^m \frac{\partial
\widehat{\mathcal{L}}}{\partial z_j^{(k)}} - \widehat{y}_j^{(b)} \sum_{k=1}^m \frac{\partial
\widehat{\mathcal{L}}}{\partial z_j^{(k)}} \widehat{y}_j^{(k)}\right),\tag{3}$$"""
LINE_4 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial y_j} = \left(\frac{\gamma}{m\sigma_j}\right)
\left(m\frac{\partial \hat{\mathcal{L}}}{\partial z_j} - 1 \left\langle 1, \frac{\partial
\hat{\mathcal{L}}}{\partial z_j} \right\rangle - \hat{y}_j \left\langle \frac{\partial \hat{\mathcal{L}}}{\partial
z_j}, \hat{y}_j \right\rangle\right) \tag{4}$$"""
LINE_5 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial y_j} = \left(\frac{\gamma}{\sigma_j}\right)
\left(\left(\frac{\partial \hat{\mathcal{L}}}{\partial z_j} - \mathbf{1}\mu_g\right) - \frac{1}{m} \hat{y}_j
\left\langle \left(\frac{\partial \hat{\mathcal{L}}}{\partial z_j} - \mathbf{1}\mu_g\right), \hat{y}_j
\right\rangle \right) \tag{5}$$"""
LINE_6 = r"""$$= \frac{\gamma}{\sigma} \left(\left(\frac{\partial \widehat{\mathcal{L}}}{\partial z_j} -
\mathbf{1} \mu_g \right) - \frac{\hat{\mathbf{y}}_j}{||\hat{\mathbf{y}}_j||} \left\langle \left(\frac{\partial
\widehat{\mathcal{L}}}{\partial z_j} - \mathbf{1} \mu_g \right),
\frac{\hat{\mathbf{y}}_j}{||\hat{\mathbf{y}}_j||} \right\rangle \right) \tag{6}$$"""
LINE_7 = r"""$$\left\| \frac{\partial \widehat{\mathcal{L}}}{\partial y_j} \right\|^2 = \frac{\gamma^2}{\sigma^2}
\left\| \left(\frac{\partial \widehat{\mathcal{L}}}{\partial z_j} - \mathbf{1} \mu_g \right) -
\frac{\hat{y}_j}{\|\hat{y}_j\|} \left\langle \left(\frac{\partial \widehat{\mathcal{L}}}{\partial z_j} - \mathbf{1}
\mu_g \right), \frac{\hat{y}_j}{\|\hat{y}_j\|} \right\rangle \right\|^2 \tag{7}$$"""
LINE_8 = r"""$$= \frac{\gamma^2}{\sigma^2} \left(\left| \left| \left(\frac{\partial \widehat{\mathcal{L}}}{\partial
z_j} - \mathbf{1} \mu_g \right) \right| \right|^2 - \left\langle \left(\frac{\partial
\widehat{\mathcal{L}}}{\partial z_j} - \mathbf{1} \mu_g \right),
\frac{\widehat{\mathbf{y}}_j}{\|\widehat{\mathbf{y}}_j\|} \right\rangle^2 \right) \tag{8}$$"""
LINE_9 = r"""$$= \frac{\gamma^2}{\sigma^2} \left(\left| \left| \frac{\partial \widehat{\mathcal{L}}}{\partial z_j}
\right| \right|^2 - \frac{1}{m} \left\langle \mathbf{1}, \frac{\partial \widehat{\mathcal{L}}}{\partial z_j}
\right\rangle^2 - \frac{1}{\sqrt{m}} \left\langle \frac{\partial \widehat{\mathcal{L}}}{\partial z_j},
\widehat{\mathbf{y}}_j \right\rangle^2 \right) \tag{9}$$"""
FROM_6_TO_7 = (
    f"(gamma/sigma * (g - mean(g)*one - ({C('g')} @ (yhat/sqrt(yhat @ yhat))) * (yhat/sqrt(yhat @ "
    f"yhat)))) @ (gamma/sigma * (g - mean(g)*one - ({C('g')} @ (yhat/sqrt(yhat @ yhat))) * "
    f"(yhat/sqrt(yhat @ yhat)))) == gamma**2/sigma**2 * ((g - mean(g)*one - ({C('g')} @ "
    f"(yhat/sqrt(yhat @ yhat))) * (yhat/sqrt(yhat @ yhat))) @ (g - mean(g)*one - ({C('g')} @ "
    "(yhat/sqrt(yhat @ yhat))) * (yhat/sqrt(yhat @ yhat))))"
)
LINE_8_TEXT = f"v @ v == gamma**2/sigma**2 * ({C('g')} @ {C('g')} - ({C('g')} @ (yhat/sqrt(yhat @ yhat)))**2)"
FROM_7_TO_8 = follows(FROM_6_TO_7, LINE_8_TEXT)
LINE_9_CORRECTED = "v @ v == gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)"
FROM_8_TO_9_CORRECTED = follows(LINE_8_TEXT, LINE_9_CORRECTED)
SMALLEST = Instance(
    y=(0, 1), g=(0, 1), note="m = 2: the gradient through BatchNorm is 0, the printed sum is not"
)
GENERIC = Instance(y=(0, 0, 1), g=(0, 1, 0), note="m = 3, every term non-zero")

CLAIMS = (
    equation(
        1,
        "The Jacobian of y-hat",
        LINE_1,
        value(VALUE_1, "the Jacobian of y-hat in y, acting on an arbitrary direction b"),
        notation=("the unit index j is left out of y, y-hat and sigma",),
        why="an identity; the matrix is symmetric, so the order of b and k does not matter",
        place="Appendix C.1, Fact C.2",
    ),
    equation(
        2,
        "The Jacobian of z",
        LINE_2,
        value(VALUE_2, "the Jacobian of z in y, acting on an arbitrary direction b"),
        notation=("the unit index j is left out of y, y-hat and sigma",),
        place="Appendix C.1, Fact C.2",
    ),
    equation(
        3,
        "The gradient through BatchNorm, one entry",
        LINE_3,
        value(VALUE_3, "every entry of the gradient of L^ in y, contracted with an arbitrary vector a"),
        remarks=("It restates Fact C.1 with f = L^, A = y_j, B = y-hat_j and C = z_j.",),
    ),
    equation(
        4,
        "The gradient through BatchNorm as a vector",
        LINE_4,
        value("v == gamma/(m*sigma) * (m*g - (one @ g)*one - (g @ yhat)*yhat)", "the gradient of L^ in y"),
        notation=(
            r"the vector of ones is set as the number 1: $\mathbf{1}\langle \mathbf{1}, \cdot\rangle$",
        ),
    ),
    equation(
        5,
        "The gradient through BatchNorm, centred",
        LINE_5,
        value(
            "v == gamma/sigma * (g - mean(g)*one - 1/m * ((g - mean(g)*one) @ yhat)*yhat)",
            "the gradient of L^ in y",
        ),
        step(
            "gamma/(m*sigma) * (m*g - (one @ g)*one - (g @ yhat)*yhat) == gamma/sigma * (g - mean(g)*one - "
            f"1/m * ({C('g')} @ yhat)*yhat)",
            "from (4): <g - mean(g), y-hat> = <g, y-hat>, since y-hat has mean 0",
        ),
    ),
    equation(
        6,
        "The gradient through BatchNorm with y-hat of norm 1",
        LINE_6,
        value(
            f"v == gamma/sigma * (g - mean(g)*one - ({C('g')} @ (yhat/sqrt(yhat @ yhat))) * (yhat/sqrt(yhat @ "
            "yhat)))",
            "the gradient of L^ in y",
        ),
        step(
            f"gamma/sigma * (g - mean(g)*one - 1/m * ({C('g')} @ yhat)*yhat) == gamma/sigma * (g - "
            f"mean(g)*one - ({C('g')} @ (yhat/sqrt(yhat @ yhat))) * (yhat/sqrt(yhat @ yhat)))",
            "from (5): the norm of y-hat is sqrt(m)",
        ),
        remarks=("With eps > 0 the norm of y-hat is below sqrt(m) and (6) does not follow from (5).",),
    ),
    equation(
        7,
        "The squared gradient norm",
        LINE_7,
        value(
            f"v @ v == gamma**2/sigma**2 * ((g - mean(g)*one - ({C('g')} @ (yhat/sqrt(yhat @ yhat))) * "
            f"(yhat/sqrt(yhat @ yhat))) @ (g - mean(g)*one - ({C('g')} @ (yhat/sqrt(yhat @ yhat))) * "
            "(yhat/sqrt(yhat @ yhat))))",
            "the squared norm of the gradient of L^ in y",
        ),
        step(FROM_6_TO_7, "from (6): the squared norm of both sides"),
    ),
    equation(
        8,
        "The squared gradient norm by Pythagoras",
        LINE_8,
        value(LINE_8_TEXT, "the squared norm of the gradient of L^ in y"),
        step(FROM_7_TO_8, "from (7): y-hat/|y-hat| has norm 1"),
    ),
    equation(
        9,
        "The squared gradient norm, opened",
        LINE_9,
        value(
            "v @ v == gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
            "the squared norm of the gradient of L^ in y",
            refutation=Refutation(SMALLEST, GENERIC),
        ),
        step(
            f"gamma**2/sigma**2 * ({C('g')} @ {C('g')} - ({C('g')} @ (yhat/sqrt(yhat @ yhat)))**2) == "
            "gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))",
            "from (8): <g, y-hat/|y-hat|>^2 is written as <g, y-hat>^2/sqrt(m)",
            refutation=Refutation(SMALLEST, SMALLEST),
        ),
        corrected=Corrected(
            says=LINE_9_CORRECTED,
            proof=Proof(
                steps=(
                    Step(text="equation (8)", says=LINE_8_TEXT),
                    Step(text="from (8): |y-hat|^2 = m and <1, y-hat> = 0", says=FROM_8_TO_9_CORRECTED),
                )
            ),
            text="the last coefficient is 1/m",
        ),
        why="1/sqrt(m) should be 1/m: the norm sqrt(m) of y-hat stands inside a squared inner product",
        remarks=(
            "As printed the line holds exactly where gamma <g, y-hat> = 0.",
            "Theorem 4.1 takes the constant over. The sentence after (9), dL^/dz = dL/dy, is an assumption: it "
            "holds where the plain network's activations y are z.",
        ),
    ),
)
