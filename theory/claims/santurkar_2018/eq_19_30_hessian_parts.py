r"""Equations (19) to (30): the Hessian through BatchNorm by the product rule, part by part.

Every value is right. The slips are of type: (19) has an entry where the vector belongs, (21) multiplies its two
factors in the order that makes no matrix, the middle of (24) lacks the vector of ones, and a derivative of a number
is now a row, now a column. A matrix equation is tested on an arbitrary direction b.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Instance, Refutation
from bnverify.theory.equation import centred as C
from bnverify.theory.equation import equation, follows, step, value

LINE_19 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial \mathbf{y}_j \partial \mathbf{y}_j} =
\frac{\partial}{\partial \mathbf{y}_j} \left( \left(\frac{\gamma}{m \sigma_j}\right) \left[m \hat{\mathbf{g}}_j
- m \mu_{(\hat{\mathbf{g}}_j)} - \hat{y}_j^{(b)} \langle \hat{\mathbf{g}}_j, \hat{\mathbf{y}}_j \rangle \right]
\right) \tag{19}$$"""
LINE_20 = r"""$$= \frac{\gamma}{m\sigma} \left(\frac{\partial}{\partial z_{\boldsymbol{q}}}
\left[m\hat{\boldsymbol{g}}_{\boldsymbol{j}} - m\mu_{(\hat{\boldsymbol{g}}_{\boldsymbol{j}})} -
\hat{\boldsymbol{y}}_{\boldsymbol{j}} \left\langle \hat{\boldsymbol{g}}_{\boldsymbol{j}},
\hat{\boldsymbol{y}}_{\boldsymbol{j}} \right\rangle \right] \right) \cdot \frac{\partial z_{\boldsymbol{q}}}{\partial
y_{\boldsymbol{j}}} \tag{20}$$"""
LINE_21 = r"""$$+\left(\frac{\partial}{\partial \mathbf{y_j}}\left(\frac{\gamma}{m\sigma_j}\right)\right)\cdot
\left(m\hat{\mathbf{g}}_j-m\boldsymbol{\mu}_{(\hat{\mathbf{g}}_j)}-\hat{\mathbf{y}}_j\left\langle \hat{\mathbf{g}}_j,
\hat{\mathbf{y}}_j\right\rangle\right) \tag{21}$$"""
LINE_22 = r"""$$= \left(\frac{\gamma}{\sigma_j}\right) \left(\boldsymbol{H}_{jj} - \frac{\partial
\boldsymbol{\mu}_{(\hat{\boldsymbol{g}}_j)}}{\partial z_j} - \frac{\partial}{\partial z_j} \left(\frac{1}{m}
\hat{\boldsymbol{y}}_j \left\langle \hat{\boldsymbol{g}}_j, \hat{\boldsymbol{y}}_j \right\rangle\right)\right) \cdot
\frac{\partial z_j}{\partial y_j} \tag{22}$$"""
LINE_23 = r"""
$$+\left(\hat{\boldsymbol{g}}_{\boldsymbol{j}}-\boldsymbol{\mu}_{(\hat{\boldsymbol{g}}_{\boldsymbol{j}})}
-\frac{1}{m}\hat{\boldsymbol{y}}_{\boldsymbol{j}}\left\langle\hat{\boldsymbol{g}}_{\boldsymbol{j}},
\hat{\boldsymbol{y}}_{\boldsymbol{j}}\right\rangle\right)\left(\frac{\partial}{\partial\boldsymbol{y}_{\boldsymbol{j}}}
\left(\frac{\gamma}{\sigma_{\boldsymbol{j}}}\right)\right) \tag{23}$$"""
LINE_24 = r"""$$\frac{\partial \mu_{(\hat{g}_j)}}{\partial z_j} = \frac{1}{m} \frac{\partial \mathbf{1}^\top
\hat{g}_j}{\partial z_j} = \frac{1}{m} \mathbf{1} \cdot \mathbf{1}^\top H_{jj} \tag{24}$$"""
LINE_25 = r"""$$\frac{\partial}{\partial z_j} \left(\hat{\boldsymbol{y}}_j \langle \hat{\boldsymbol{y}}_j,
\hat{\boldsymbol{g}}_j \rangle \right) = \frac{1}{\gamma} \frac{\partial}{\partial \hat{\boldsymbol{y}}_j}
\left(\hat{\boldsymbol{y}}_j \langle \hat{\boldsymbol{y}}_j, \hat{\boldsymbol{g}}_j \rangle \right) \tag{25}$$"""
LINE_26 = r"""$$= \frac{1}{\gamma} \frac{\partial \hat{\boldsymbol{y}}_j}{\partial \hat{\boldsymbol{y}}_j} \langle
\hat{\boldsymbol{g}}_j, \hat{\boldsymbol{y}}_j \rangle + \hat{\boldsymbol{y}}_j \hat{\boldsymbol{y}}_j^\top
\boldsymbol{H}_{jj} + \frac{1}{\gamma} \hat{\boldsymbol{y}}_j \hat{\boldsymbol{g}}_j^\top \frac{\partial
\hat{\boldsymbol{y}}_j}{\partial \hat{\boldsymbol{y}}_j} \tag{26}$$"""
LINE_27 = r"""$$= \frac{1}{\gamma} \boldsymbol{I} \left\langle \hat{\boldsymbol{g}}_j, \hat{\boldsymbol{y}}_j
\right\rangle + \hat{\boldsymbol{y}}_j \hat{\boldsymbol{y}}_j^\top \boldsymbol{H}_{jj} + \frac{1}{\gamma}
\hat{\boldsymbol{y}}_j \hat{\boldsymbol{g}}_j^\top \boldsymbol{I} \tag{27}$$"""
LINE_28 = r"""$$\frac{\partial}{\partial y_j} \left(\frac{\gamma}{\sigma_j} \right) = \gamma \sqrt{m} \frac{\partial
\left(\left(y_j - \mu_{(y_j)} \right)^\top \left(y_j - \mu_{(y_j)} \right) \right)^{-\frac{1}{2}}}{\partial y_j}
\tag{28}$$"""
LINE_29 = r"""$$= \frac{-1}{2}\gamma\sqrt{m}\left((y_j - \mu_{(y_j)})^{\top}(y_j - \mu_{(y_j)})\right)^{-\frac{3}{2}}
(2(y_j - \mu_{(y_j)})) \tag{29}$$"""
LINE_30 = r"""$$=-\frac{\gamma}{m\sigma^2}\hat{\bm{y}}_j \tag{30}$$"""
LINE_19_TEXT = "B @ b == d(gamma/(m*sigma) * (m*g - m*mean(g)*one - (g @ yhat)*yhat), y, b)"
LINE_20_21 = (
    "B @ b == gamma/(m*sigma)*d(m*g - m*mean(g)*one - (g @ yhat)*yhat, z, d(z, y, b)) + "
    "d(gamma/(m*sigma), y, b) * (m*g - m*mean(g)*one - (g @ yhat)*yhat)"
)
FROM_19 = follows(LINE_19_TEXT, LINE_20_21)
LINE_22_23 = (
    "B @ b == gamma/sigma * (H @ d(z, y, b) - d(mean(g)*one, z, d(z, y, b)) - d(1/m * (g @ "
    "yhat)*yhat, z, d(z, y, b))) + d(gamma/sigma, y, b) * (g - mean(g)*one - 1/m * (g @ "
    "yhat)*yhat)"
)
FROM_20_21 = follows(LINE_20_21, LINE_22_23)
TRANSPOSED = Instance(
    y=(0, 0, 1),
    g=(0, 1, 0),
    extra=(("a", (0, 0, 1)), ("b", (0, 1, 0))),
    note="m = 3, a linear loss: the second product is not symmetric",
)
TRANSPOSED_GENERIC = Instance(
    y=(0, 0, 1),
    g=(0, 1, 0),
    H=((1, 0, 0), (0, 0, 0), (0, 0, 0)),
    extra=(("a", (0, 0, 1)), ("b", (0, 1, 0))),
    note="the same with every term non-zero",
)

CLAIMS = (
    equation(
        19,
        "The Hessian as the derivative of the gradient",
        LINE_19,
        value(LINE_19_TEXT, "the Hessian of L^ in y, on an arbitrary direction b"),
        corrected=Corrected(
            says=LINE_19_TEXT,
            text=r"the vector in the place of its entry: $\frac{\partial}{\partial y_j} \left(\frac{\gamma}{m\sigma_j}"
            r"\left[m\hat{g}_j - m\mu_{(\hat{g}_j)} - \hat{y}_j \langle\hat{g}_j, \hat{y}_j\rangle\right]\right)$",
        ),
        notation=(
            "the last term has the entry y-hat_j^(b) where the vector y-hat_j belongs",
            "the second derivative lacks its square",
        ),
        why="the derivative of (4)",
    ),
    equation(
        20,
        "The Hessian by the product rule, first term",
        LINE_20,
        value(LINE_20_21, "the Hessian of L^ in y as the sum (20) + (21)"),
        step(FROM_19, "from (19): the product rule, and z in the place of y by the chain rule"),
        gamma="!= 0",
        notation=(
            "the index q is summed over; only q = j contributes, since z_q depends on no other unit's y",
        ),
        part_of="(20)-(21)",
        why="the product rule; y-hat_j is (z_j - beta)/gamma, so gamma is not 0",
    ),
    equation(
        21,
        "The Hessian by the product rule, second term",
        LINE_21,
        value(
            LINE_20_21,
            "the Hessian of L^ in y as the sum (20) + (21), the second product being (bracket)(row of derivatives)",
        ),
        step(
            "a @ B @ b == a @ (gamma/(m*sigma)*d(m*g - m*mean(g)*one - (g @ yhat)*yhat, z, d(z, y, b))) + "
            "d(gamma/(m*sigma), y, a) * ((m*g - m*mean(g)*one - (g @ yhat)*yhat) @ b)",
            "the two factors in the printed order, as column times row",
            slug="printed-order",
            refutation=Refutation(TRANSPOSED, TRANSPOSED_GENERIC),
            why="the derivative of a number stands first and is a row; (23) has the factors in the right order",
        ),
        corrected=Corrected(
            says=LINE_20_21,
            text=r"the bracket first, then the row: $+ \left(m\hat{g}_j - m\mu_{(\hat{g}_j)} - \hat{y}_j"
            r" \langle\hat{g}_j, \hat{y}_j\rangle\right) \left(\frac{\partial}{\partial y_j}"
            r" \frac{\gamma}{m\sigma_j}\right)^\top$",
        ),
        gamma="!= 0",
        notation=("the two factors are in the wrong order: the bracket is a column, the derivative a row",),
        part_of="(20)-(21)",
        why="the product rule, with the two factors in the order of (23)",
    ),
    equation(
        22,
        "The Hessian with the derivative distributed, first term",
        LINE_22,
        value(LINE_22_23, "the Hessian of L^ in y as the sum (22) + (23)"),
        step(FROM_20_21, "from (20)-(21): the factor 1/m taken inside, dg/dz = H"),
        gamma="!= 0",
        part_of="(22)-(23)",
    ),
    equation(
        23,
        "The Hessian with the derivative distributed, second term",
        LINE_23,
        value(LINE_22_23, "the Hessian of L^ in y as the sum (22) + (23), the last factor being a row"),
        step(FROM_20_21, "from (20)-(21), with the second product in the order of (23)"),
        corrected=Corrected(
            says=LINE_22_23,
            text=r"the last factor is a row: $\left(\frac{\partial}{\partial y_j} \frac{\gamma}{\sigma_j}\right)^\top$",
        ),
        gamma="!= 0",
        notation=("the derivative of a number in y_j is a row here and a column in (28) to (30)",),
        part_of="(22)-(23)",
    ),
    equation(
        24,
        "The derivative of the mean of the gradient",
        LINE_24,
        value(
            "d(mean(g)*one, z, b) == 1/m * (one @ H @ b)*one",
            "the first and the last member: the Jacobian of the vector whose entries are the mean",
        ),
        value(
            "d(mean(g), z, b) == 1/m*d(one @ g, z, b)",
            "the first two members, with the mean as a number",
            slug="as-numbers",
        ),
        corrected=Corrected(
            says="d(mean(g)*one, z, b) == 1/m*d(one @ g, z, b)*one",
            text=r"bold mu, and the vector of ones in the middle: $\frac{\partial \boldsymbol{\mu}_{(\hat{g}_j)}}"
            r"{\partial z_j} = \frac{1}{m} \mathbf{1} \frac{\partial \mathbf{1}^\top \hat{g}_j}{\partial z_j} ="
            r" \frac{1}{m} \mathbf{1} \mathbf{1}^\top H_{jj}$",
        ),
        notation=(
            "the middle member lacks the factor 1: it is a row, the last member is a matrix",
            "the mean is set as a number here and as a vector in (22)",
        ),
    ),
    equation(
        25,
        "From the derivative in z to that in y-hat",
        LINE_25,
        value(
            "d((yhat @ g)*yhat, z, b) == d((yhat @ g)*yhat, yhat, b)/gamma",
            "z and y-hat move freely, y-hat = (z - beta)/gamma and g = dL/dz(z) with them",
        ),
        gamma="!= 0",
        why="the chain rule for z = gamma y-hat + beta",
    ),
    equation(
        26,
        "The derivative of y-hat <y-hat, g> by the product rule",
        LINE_26,
        value(
            "d((yhat @ g)*yhat, z, b) == 1/gamma * (g @ yhat)*d(yhat, yhat, b) + (yhat @ H @ b)*yhat + "
            "1/gamma * (g @ d(yhat, yhat, b))*yhat",
            "the derivative in z that (25) starts from",
        ),
        step(
            "d((yhat @ g)*yhat, yhat, b)/gamma == 1/gamma * (g @ yhat)*d(yhat, yhat, b) + (yhat @ H @ "
            "b)*yhat + 1/gamma * (g @ d(yhat, yhat, b))*yhat",
            "from (25): the product rule, and dg/dy-hat = gamma H",
        ),
        gamma="!= 0",
    ),
    equation(
        27,
        "The derivative of y-hat <y-hat, g>",
        LINE_27,
        value(
            "d((yhat @ g)*yhat, z, b) == 1/gamma * (g @ yhat)*b + (yhat @ H @ b)*yhat + 1/gamma * (g @ "
            "b)*yhat",
            "the derivative in z that (25) starts from",
        ),
        step(
            "1/gamma * (g @ yhat)*d(yhat, yhat, b) + (yhat @ H @ b)*yhat + 1/gamma * (g @ d(yhat, yhat, "
            "b))*yhat == 1/gamma * (g @ yhat)*b + (yhat @ H @ b)*yhat + 1/gamma * (g @ b)*yhat",
            "from (26): the derivative of y-hat in y-hat is I",
        ),
        gamma="!= 0",
    ),
    equation(
        28,
        "The derivative of gamma/sigma",
        LINE_28,
        value(
            ("d(gamma/sigma, y, b) == gamma*sqrt(m)*d(1/sqrt((y - mean(y)*one) @ (y - mean(y)*one)), y, b)"),
            "along an arbitrary direction b",
        ),
        notation=("mu_(y_j) is the vector whose entries are the mean",),
        why="sigma = |y - mu|/sqrt(m), the biased standard deviation",
    ),
    equation(
        29,
        "The derivative of gamma/sigma by the chain rule",
        LINE_29,
        value(
            (f"d(gamma/sigma, y, b) == -gamma*sqrt(m)/2/sqrt({C('y')} @ {C('y')})**3 * ((2 * {C('y')}) @ b)"),
            "along an arbitrary direction b",
        ),
        step(
            f"gamma*sqrt(m)*d(1/sqrt({C('y')} @ {C('y')}), y, b) == -gamma*sqrt(m)/2/sqrt({C('y')} @ "
            f"{C('y')})**3 * ((2 * {C('y')}) @ b)",
            "from (28)",
        ),
        remarks=("The mean moves with y too; its derivative drops out, since <1, y - mu> = 0.",),
    ),
    equation(
        30,
        "The derivative of gamma/sigma in terms of y-hat",
        LINE_30,
        value("d(gamma/sigma, y, b) == -gamma/(m*sigma**2) * (yhat @ b)", "along an arbitrary direction b"),
        step(
            f"-gamma*sqrt(m)/2/sqrt({C('y')} @ {C('y')})**3 * ((2 * {C('y')}) @ b) == -gamma/(m*sigma**2) * "
            "(yhat @ b)",
            "from (29): |y - mu| = sqrt(m) sigma",
        ),
        notation=("the result is a column here; (23) needs it as a row",),
    ),
)
