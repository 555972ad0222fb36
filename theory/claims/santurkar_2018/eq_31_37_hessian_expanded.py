r"""Equations (31) to (37): the Hessian through BatchNorm, with its parts inserted and multiplied out.

The last term of (34) is printed as g g' and must be y-hat g', as in (31); (35) to (37) do not depend on it. This
copy lost the number of (31) and cuts (37) off after its first letter.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Instance, Proof, Refutation, Step
from bnverify.theory.claims.santurkar_2018.fact_c_2 import LINE_2 as LINE_33_TEXT
from bnverify.theory.equation import equation, follows, step, value

LINE_31 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial \mathbf{y}_j \partial \mathbf{y}_j} =
\left(\frac{\gamma}{m\sigma_j}\right) \left(m\mathbf{H}_{jj} - \mathbf{1} \cdot \mathbf{1}^\top \mathbf{H}_{jj} -
\frac{1}{\gamma} \mathbf{I} \langle \hat{\mathbf{g}}_j, \hat{\mathbf{y}}_j \rangle - \hat{\mathbf{y}}_j
\hat{\mathbf{y}}_j^\top \mathbf{H}_{jj} - \frac{1}{\gamma} \left(\hat{\mathbf{y}}_j \hat{\mathbf{g}}_j^\top\right)
\right) \cdot \frac{\partial z_j}{\partial \mathbf{y}_j}$$"""
LINE_32 = r"""$$-\frac{\gamma}{m\sigma^2} \left(\hat{\mathbf{g}}_j - \mu_{(\hat{\mathbf{g}}_j)} - \frac{1}{m}
\hat{\mathbf{y}}_j \langle \hat{\mathbf{g}}_j, \hat{\mathbf{y}}_j \rangle\right) \hat{\mathbf{y}}_j^\top \tag{32}$$"""
LINE_33 = r"""$$\frac{\partial z_j}{\partial y_j} = \left(\frac{\gamma}{\sigma_j}\right) \left(I -
\frac{1}{m}\mathbf{1} \cdot \mathbf{1}^\top - \frac{1}{m}\hat{y}_j \hat{y}_j^\top\right), \tag{33}$$"""
LINE_34 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial \mathbf{y}_{j} \partial \mathbf{y}_{j}} =
\frac{\gamma^{2}}{m \sigma^{2}} \left(m \mathbf{H}_{jj} - \mathbf{M} \mathbf{H}_{jj} - \frac{1}{\gamma}
\mathbf{I} \langle \hat{\mathbf{g}}_{j}, \hat{\mathbf{y}}_{j} \rangle - \hat{\mathbf{y}}_{j}
\hat{\mathbf{y}}_{j}^{\top} \mathbf{H}_{jj} - \frac{1}{\gamma} \left(\hat{\mathbf{g}}_{j}
\hat{\mathbf{g}}_{j}^{\top} \right) \right) \tag{34}$$"""
LINE_35 = r"""$$- \frac{\gamma^{2}}{m \sigma^{2}} \left(\mathbf{H}_{jj} \mathbf{M} - \frac{1}{m} \mathbf{M}
\mathbf{H}_{jj} \mathbf{M} - \frac{1}{m \gamma} \mathbf{M} \langle \hat{\mathbf{g}}_{j}, \hat{\mathbf{y}}_{j}
\rangle - \frac{1}{m} \hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top} \mathbf{H}_{jj} \mathbf{M} - \frac{1}{m
\gamma} \left(\hat{\mathbf{y}}_{j} \hat{\mathbf{g}}_{j}^{\top} \mathbf{M} \right) \right) \tag{35}$$"""
LINE_36 = r"""$$- \frac{\gamma^{2}}{m \sigma^{2}} \left(\mathbf{H}_{jj} \hat{\mathbf{y}}_{j}
\hat{\mathbf{y}}_{j}^{\top} - \frac{1}{m} \mathbf{M} \mathbf{H}_{jj} \hat{\mathbf{y}}_{j}
\hat{\mathbf{y}}_{j}^{\top} - \frac{1}{m \gamma} \hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top} \langle
\hat{\mathbf{g}}_{j}, \hat{\mathbf{y}}_{j} \rangle - \frac{1}{m} \hat{\mathbf{y}}_{j}
\hat{\mathbf{y}}_{j}^{\top} \mathbf{H}_{jj} \hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top} - \frac{1}{m
\gamma} \left(\hat{\mathbf{y}}_{j} \hat{\mathbf{g}}_{j}^{\top} \hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top}
\right) \right) \tag{36}$$"""
LINE_37 = r"""$$- \frac{\gamma}{m \sigma^{2}} \left(\hat{\mathbf{g}}_{j} -$$"""
JB = "d(z, y, b)"
LAST = "gamma/(m*sigma**2) * (yhat @ b) * (g - mean(g)*one - 1/m * (g @ yhat)*yhat)"
LINE_31_32 = (
    f"B @ b == gamma/(m*sigma) * (m * (H @ {JB}) - (one @ H @ {JB})*one - 1/gamma * (g @ yhat)*{JB} - "
    f"(yhat @ H @ {JB})*yhat - (g @ {JB})*yhat/gamma) - {LAST}"
)
FROM_22_23 = follows(
    f"B @ b == gamma/sigma * (H @ {JB} - d(mean(g)*one, z, {JB}) - d(1/m * (g @ yhat)*yhat, z, {JB})) + "
    "d(gamma/sigma, y, b) * (g - mean(g)*one - 1/m * (g @ yhat)*yhat)",
    LINE_31_32,
)


def _on(u: str) -> str:
    """The bracket of (35) and of (36), on the part u of b."""
    return (
        f"(H @ {u} - (one @ H @ {u})*one/m - 1/(m*gamma) * (g @ yhat) * {u} - (yhat @ H @ {u})*yhat/m - "
        f"(g @ {u})*yhat/(m*gamma))"
    )


def _sum(last: str) -> str:
    """(34) to (37); last: the vector at the end of (34)."""
    rate = "gamma**2/(m*sigma**2)"
    return (
        f"B @ b == {rate} * (m * (H @ b) - (one @ H @ b)*one - 1/gamma * (g @ yhat)*b - (yhat @ H @ b)*yhat - "
        f"(g @ b)*{last}/gamma) - {rate} * {_on('((one @ b)*one)')} - {rate} * {_on('((yhat @ b)*yhat)')} - {LAST}"
    )


LINE_34_37, LINE_34_37_CORRECTED = _sum("g"), _sum("yhat")
FROM_31_33, FROM_31_33_CORRECTED = follows(LINE_31_32, LINE_34_37), follows(LINE_31_32, LINE_34_37_CORRECTED)
SMALLEST = Instance(
    y=(0, 1),
    g=(0, 1),
    extra=(("a", (1, 0)), ("b", (0, 1))),
    note="m = 2, a linear loss: the Hessian through BatchNorm is 0, the printed sum is not",
)
GENERIC = Instance(
    y=(0, 0, 1),
    g=(0, 1, 0),
    H=((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    extra=(("a", (0, 1, 0)), ("b", (0, 1, 0))),
    note="m = 3, every term non-zero",
)
PRINTED = Refutation(SMALLEST, GENERIC)
WHOLE = "the Hessian of L^ in y as the sum (34) + (35) + (36) + (37)"
CORRECTION = Corrected(
    says=LINE_34_37_CORRECTED,
    proof=Proof(
        steps=(
            Step(text="equations (31) and (32)", says=LINE_31_32),
            Step(text="equation (33)", says=LINE_33_TEXT),
            Step(text="(33) substituted into (31)", says=FROM_31_33_CORRECTED),
        )
    ),
    text=r"the last term of (34) is that of (31): $\frac{\gamma^2}{m\sigma^2} \left(m H_{jj} - M H_{jj} -"
    r" \frac{1}{\gamma} I \langle\hat{g}_j, \hat{y}_j\rangle - \hat{y}_j \hat{y}_j^\top H_{jj} - \frac{1}{\gamma}"
    r" \hat{y}_j \hat{g}_j^\top\right)$",
)
RECONSTRUCTION = Corrected(
    says=LINE_34_37_CORRECTED,
    proof=CORRECTION.proof,
    text=r"the whole line: $- \frac{\gamma}{m\sigma^2} \left(\hat{g}_j - \mu_{(\hat{g}_j)} - \frac{1}{m} \hat{y}_j"
    r" \langle\hat{g}_j, \hat{y}_j\rangle\right) \hat{y}_j^\top$",
)

AS_PRINTED = step(
    LINE_34_37,
    "the sum (34) to (37) with (34) as printed",
    slug="with-34-as-printed",
    refutation=PRINTED,
    why="the error is that of (34), which has its own entry",
)

CLAIMS = (
    equation(
        31,
        "The Hessian with the parts inserted, first line",
        LINE_31,
        value(LINE_31_32, "the Hessian of L^ in y as the sum (31) + (32)"),
        step(FROM_22_23, "from (22)-(23) with (24), (27) and (30)"),
        gamma="!= 0",
        notation=("this copy lost the number (31); it belongs to the first line of the display with (32)",),
        part_of="(31)-(32)",
    ),
    equation(
        32,
        "The Hessian with the parts inserted, second line",
        LINE_32,
        value(LINE_31_32, "the Hessian of L^ in y as the sum (31) + (32)"),
        step(FROM_22_23, "from (22)-(23) with (24), (27) and (30)"),
        gamma="!= 0",
        part_of="(31)-(32)",
    ),
    equation(
        33,
        "The Jacobian of z as a matrix",
        LINE_33,
        value(LINE_33_TEXT, "the Jacobian of z in y, acting on an arbitrary direction b"),
        remarks=("It restates (2) as a matrix.",),
    ),
    equation(
        34,
        "The Hessian expanded, first line",
        LINE_34,
        value(LINE_34_37, WHOLE, refutation=PRINTED),
        step(FROM_31_33, "(33) substituted into (31)-(32)", refutation=PRINTED),
        corrected=CORRECTION,
        gamma="!= 0",
        part_of="(34)-(37)",
        why="the last term is printed as g g'; it is y-hat g', as in (31)",
        remarks=(
            "g-hat and y-hat were confused: the term is -(1/gamma) y-hat g'. As printed the sum is right only where "
            "(g - y-hat) g' = 0.",
        ),
    ),
    equation(
        35,
        "The Hessian expanded, second line",
        LINE_35,
        value(LINE_34_37_CORRECTED, WHOLE + ", with (34) corrected"),
        step(FROM_31_33_CORRECTED, "(33) substituted into (31)-(32): the terms with M on the right"),
        AS_PRINTED,
        gamma="!= 0",
        part_of="(34)-(37)",
    ),
    equation(
        36,
        "The Hessian expanded, third line",
        LINE_36,
        value(LINE_34_37_CORRECTED, WHOLE + ", with (34) corrected"),
        step(
            FROM_31_33_CORRECTED, "(33) substituted into (31)-(32): the terms with y-hat y-hat' on the right"
        ),
        AS_PRINTED,
        gamma="!= 0",
        part_of="(34)-(37)",
    ),
    equation(
        37,
        "The Hessian expanded, last line",
        LINE_37,
        value(
            LINE_34_37_CORRECTED,
            "reconstructed as (32), which the substitution leaves as it is: "
            + WHOLE
            + ", with (34) corrected",
            slug="reconstructed",
        ),
        corrected=RECONSTRUCTION,
        gamma="!= 0",
        notation=(
            "this copy breaks off after the first letter of the bracket; the line read here is a reconstruction "
            "from (32), and (38) follows from it",
        ),
        part_of="(34)-(37)",
        why="reconstructed: the line is (32) again",
    ),
)
