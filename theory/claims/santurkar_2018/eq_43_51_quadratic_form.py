r"""Equations (43) to (51): the quadratic form of the Hessian along the gradient, the proof of Theorem 4.2.

The identities (43) to (46) and the expansion (48) to (50) are right, and (50) is an equality. (51) does not follow
"trivially": it is the second part of Theorem 4.2, true exactly where v'Hv <= g'Hg. This copy lost the minus sign in
front of (49); it stands alone before (51).
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Instance, Refutation
from bnverify.theory.claims.santurkar_2018.eq_38_42_hessian import right_of_40_42
from bnverify.theory.claims.santurkar_2018.thm_4_2_2 import CLAIM as SECOND_PART
from bnverify.theory.equation import centred as C
from bnverify.theory.equation import equation, follows, step, value
from bnverify.theory.equation import projected as P

LINE_43 = r"""$$M\overline{\hat{g}_j} = 0\tag{43}$$"""
LINE_44 = r"""$$\left(I - \frac{1}{m}\mathbf{M} - \frac{1}{m}\hat{\mathbf{y}}_j\hat{\mathbf{y}}_j^\top\right)^2 =
\left(I - \frac{1}{m}\mathbf{M} - \frac{1}{m}\hat{\mathbf{y}}_j\hat{\mathbf{y}}_j^\top\right) \tag{44}$$"""
LINE_45 = r"""$$\hat{\boldsymbol{y}}_j^\top \left(\boldsymbol{I} - \frac{1}{m} \hat{\boldsymbol{y}}_j
\hat{\boldsymbol{y}}_j^\top \right) = \mathbf{0} \tag{45}$$"""
LINE_46 = r"""$$\left(\boldsymbol{I} - \frac{1}{m}\boldsymbol{M}\right)\left(\boldsymbol{I} -
\frac{1}{m}\hat{\boldsymbol{y}}_j\hat{\boldsymbol{y}}_j^\top\right)\overline{\hat{\boldsymbol{g}}_j} =
\left(\boldsymbol{I} - \frac{1}{m}\hat{\boldsymbol{y}}_j\hat{\boldsymbol{y}}_j^\top\right)
\overline{\hat{\boldsymbol{g}}_j} \tag{46}$$"""
LINE_47 = r"""$$\frac{\partial \hat{\mathcal{L}}}{\partial y_j} = \frac{\gamma}{\sigma}
\overline{\hat{\boldsymbol{g}}_j}^\top \left(\boldsymbol{I} - \frac{1}{m} \hat{\boldsymbol{y}}_j
\hat{\boldsymbol{y}}_j^\top \right) \tag{47}$$"""
LINE_48 = r"""$$\frac{\partial \widehat{\mathcal{L}}}{\partial y_j}^{\top} \cdot \frac{\partial
\widehat{\mathcal{L}}}{\partial y_j \partial y_j} \cdot \frac{\partial \widehat{\mathcal{L}}}{\partial y_j} =
\frac{\gamma^4}{\sigma^4} \overline{\widehat{g}_j}^{\top} \left(\boldsymbol{I} - \frac{1}{m} \widehat{y}_j
\widehat{y}_j^{\top} \right) \boldsymbol{H}_{jj} \left(\boldsymbol{I} - \frac{1}{m} \widehat{y}_j
\widehat{y}_j^{\top} \right) \overline{\widehat{g}_j} \tag{48}$$"""
LINE_49 = r"""$$\frac{\gamma^3}{m\sigma^4}\overline{\hat{\boldsymbol{g}}_j}^{\top}\left(\boldsymbol{I}-\frac{1}{m}
\hat{\boldsymbol{y}}_j\hat{\boldsymbol{y}}_j^{\top}\right)\overline{\hat{\boldsymbol{g}}_j}\left\langle
\hat{\boldsymbol{g}}_j,\hat{\boldsymbol{y}}_j\right\rangle\tag{49}$$"""
LINE_50 = r"""$$= \frac{\gamma^2}{\sigma^2} \left(\frac{\partial \widehat{\mathcal{L}}}{\partial y_j} \right)^{\top}
\boldsymbol{H}_{jj} \left(\frac{\partial \widehat{\mathcal{L}}}{\partial y_j} \right) - \frac{\gamma}{m \sigma^2}
\left\langle \hat{\boldsymbol{g}}_j, \hat{\boldsymbol{y}}_j \right\rangle \left\| \frac{\partial
\widehat{\mathcal{L}}}{\partial y_j} \right\|^2 \qquad (50)$$"""
LINE_51 = r"""$$\frac{\partial \widehat{\mathcal{L}}}{\partial y_j}^{\top} \cdot \frac{\partial
\widehat{\mathcal{L}}}{\partial y_j \partial y_j} \cdot \frac{\partial \widehat{\mathcal{L}}}{\partial y_j} \leq
\frac{\gamma^2}{\sigma^2} \left[\hat{\boldsymbol{g}}_j^{\top} \boldsymbol{H}_{jj} \hat{\boldsymbol{g}}_j -
\frac{1}{m\gamma} \langle \hat{\boldsymbol{g}}_j, \hat{\boldsymbol{y}}_j \rangle \left\| \frac{\partial
\widehat{\mathcal{L}}}{\partial y_j} \right\|^2 \right] \tag{51}$$"""
LINE_47_TEXT = f"v == gamma/sigma * {P('g')}"
FORM = f"gamma**4/sigma**4 * ({P('g')} @ H @ {P('g')})"
REST = f"gamma**3/(m*sigma**4) * ({C('g')} @ {P('g')}) * (g @ yhat)"
LINE_48_49, LINE_48_49_WITHOUT_SIGN = f"v @ B @ v == {FORM} - {REST}", f"v @ B @ v == {FORM} + {REST}"
GRADIENT = f"gamma/sigma * {P('g')}"
FROM_42_AND_47 = f"({GRADIENT}) @ ({right_of_40_42(GRADIENT, end=')')}) == {FORM} - {REST}"
LINE_50_TEXT = "v @ B @ v == gamma**2/sigma**2 * (v @ H @ v) - gamma/(m*sigma**2) * (g @ yhat) * (v @ v)"
FROM_48_49 = follows(LINE_48_49, LINE_50_TEXT)
WITHOUT_SIGN = Instance(
    y=(0, 0, 1), g=(0, 1, 0), note="m = 3, a linear loss: the second term has the other sign"
)
WITHOUT_SIGN_GENERIC = Instance(
    y=(0, 0, 1), g=(0, 1, 0), H=((1, 0, 0), (0, 0, 0), (0, 0, 0)), note="the same with every term non-zero"
)
ONCE = "b - 1/m * (one @ b)*one - 1/m * (yhat @ b)*yhat"
WHOLE = "the form v'Bv as the difference (48) - (49)"

CLAIMS = (
    equation(
        43,
        "The centred gradient has sum 0",
        LINE_43,
        value("a @ ((one @ (g - mean(g)*one))*one) == 0", "both sides contracted with an arbitrary vector a"),
        why="by the definition of the mean",
    ),
    equation(
        44,
        "The matrix of (33) is a projector",
        LINE_44,
        value(
            f"{ONCE} - 1/m * (one @ ({ONCE}))*one - 1/m * (yhat @ ({ONCE}))*yhat == {ONCE}",
            "both sides on an arbitrary direction b",
        ),
        why="1 and y-hat are orthogonal and have norm sqrt(m); this needs eps = 0",
        remarks=("Its kernel is spanned by 1 and y-hat, its rank is m - 2.",),
    ),
    equation(
        45,
        "y-hat is projected to 0",
        LINE_45,
        value("yhat @ (b - (yhat @ b)/m*yhat) == 0", "both sides on an arbitrary direction b"),
        notation=("the left side is a row, so the right side is the row of zeros",),
        why="|y-hat|^2 = m; this needs eps = 0",
    ),
    equation(
        46,
        "What is left of the centred gradient is centred",
        LINE_46,
        value(
            f"g - mean(g)*one - (yhat @ {C('g')})/m*yhat - mean{P('g')}*one == g - mean(g)*one - (yhat @ "
            f"{C('g')})/m*yhat",
            "both sides contracted with an arbitrary vector a",
        ),
        why="y-hat has mean 0",
    ),
    equation(
        47,
        "The gradient through BatchNorm, recalled",
        LINE_47,
        value(LINE_47_TEXT, "the gradient of L^ in y, the right side being read as a column"),
        corrected=Corrected(
            says=LINE_47_TEXT,
            text=r"as a column: $\frac{\gamma}{\sigma} \left(I - \frac{1}{m} \hat{y}_j \hat{y}_j^\top\right)"
            r" \overline{\hat{g}_j}$",
        ),
        notation=("the right side is a row, the left side a column as in (5)",),
        remarks=("It restates (5).",),
    ),
    equation(
        48,
        "The quadratic form expanded, first line",
        LINE_48,
        value(LINE_48_49, WHOLE),
        step(FROM_42_AND_47, "(40)-(42) on the gradient (47), with (43) to (46)", needs=("gamma != 0",)),
        part_of="(48)-(49)",
    ),
    equation(
        49,
        "The quadratic form expanded, second line",
        LINE_49,
        value(LINE_48_49, "with the minus sign restored: " + WHOLE, slug="reconstructed"),
        step(FROM_42_AND_47, "(40)-(42) on the gradient (47), with (43) to (46)", needs=("gamma != 0",)),
        step(
            LINE_48_49_WITHOUT_SIGN,
            "as this copy has it, without a sign: the sum (48) + (49)",
            slug="without-the-sign",
            refutation=Refutation(WITHOUT_SIGN, WITHOUT_SIGN_GENERIC),
            why="the sign is lost in this copy and stands before (51); (50) has it",
        ),
        corrected=Corrected(
            says=LINE_48_49,
            text=r"a minus sign in front: $- \frac{\gamma^3}{m\sigma^4}"
            r" \overline{\hat{g}_j}^\top \left(I - \frac{1}{m} \hat{y}_j \hat{y}_j^\top\right) \overline{\hat{g}_j}"
            r" \langle\hat{g}_j, \hat{y}_j\rangle$",
        ),
        notation=("this copy lost the minus sign in front of (49); it is printed alone before (51)",),
        part_of="(48)-(49)",
    ),
    equation(
        50,
        "The quadratic form in terms of the gradient",
        LINE_50,
        value(LINE_50_TEXT, "the form v'Bv"),
        step(FROM_48_49, "from (48)-(49) with (47)"),
        why="an equality, and so Theorem 4.2 holds in its first part with = in the place of <=",
    ),
    equation(
        51,
        "The quadratic form with the plain network's own",
        LINE_51,
        *SECOND_PART.readings,
        corrected=SECOND_PART.corrected,
        assumptions=("v'Hv <= g'Hg",),
        gamma="!= 0",
        why=SECOND_PART.why,
        remarks=(
            "It does not follow from (50) trivially: (50) and (51) differ by gamma^2/sigma^2 (g'Hg - v'Hv).",
            "The form induced by H is a squared norm only where H is positive semi-definite.",
        ),
    ),
)
