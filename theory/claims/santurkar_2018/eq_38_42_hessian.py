r"""Equations (38) to (42): the Hessian through BatchNorm, collected and in closed form.

Right, though (38) follows from (34) only once that is corrected. This copy has no line (41), and closes the bracket
that (40) opens twice: where gamma^2/sigma^2 multiplies both lines the form is the Hessian.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Instance, Refutation
from bnverify.theory.claims.santurkar_2018.eq_31_37_hessian_expanded import (
    LINE_34_37,
    LINE_34_37_CORRECTED,
    PRINTED,
)
from bnverify.theory.equation import centred as C
from bnverify.theory.equation import equation, follows, step, value

LINE_38 = r"""$$\frac{\partial \widehat{\mathcal{L}}}{\partial \mathbf{y}_{j} \partial \mathbf{y}_{j}} =
\frac{\gamma^{2}}{m \sigma^{2}} \bigg[m \mathbf{H}_{jj} - \mathbf{M} \mathbf{H}_{jj} - \hat{\mathbf{y}}_{j}
\hat{\mathbf{y}}_{j}^{\top} \mathbf{H}_{jj} - \mathbf{H}_{jj} \mathbf{M} + \frac{1}{m} \mathbf{M} \mathbf{H}_{jj}
\mathbf{M} \qquad (38)$$"""
LINE_39 = r"""$$+ \frac{1}{m} \hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top} \mathbf{H}_{jj} \mathbf{M} -
\mathbf{H}_{jj} \hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top} + \frac{1}{m} \mathbf{M} \mathbf{H}_{jj}
\hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top} + \frac{1}{m} \hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top}
\mathbf{H}_{jj} \hat{\mathbf{y}}_{j} \hat{\mathbf{y}}_{j}^{\top} \bigg] \qquad (39)$$
$$- \frac{\gamma}{m \sigma^{2}} \left(\hat{\mathbf{g}}_{j} \hat{\mathbf{y}}_{j}^{\top} -
\mu_{(\hat{\mathbf{g}}_{j})} \hat{\mathbf{y}}_{j}^{\top} - \frac{3}{m} \hat{\mathbf{y}}_{j}
\hat{\mathbf{y}}_{j}^{\top} \langle \hat{\mathbf{g}}_{j}, \hat{\mathbf{y}}_{j} \rangle + (\langle
\hat{\mathbf{g}}_{j}, \hat{\mathbf{y}}_{j} \rangle \mathbf{I} + \hat{\mathbf{y}}_{j}
\hat{\mathbf{g}}_{j}^{\top}) \left(\mathbf{I} - \frac{1}{m} \mathbf{M} \right) \right)$$"""
LINE_40 = r"""$$= \frac{\gamma^2}{\sigma^2} \left[\left(\boldsymbol{I} - \frac{1}{m} \hat{\boldsymbol{y}}_j
\hat{\boldsymbol{y}}_j^\top - \frac{1}{m} \boldsymbol{M} \right) \boldsymbol{H}_{jj} \left(\boldsymbol{I} -
\frac{1}{m} \hat{\boldsymbol{y}}_j \hat{\boldsymbol{y}}_j^\top - \frac{1}{m} \boldsymbol{M} \right) \right]
\tag{40}$$"""
LINE_42 = r"""$$- \frac{1}{m\gamma} \left(\overline{\hat{\boldsymbol{g}}_j} \hat{\boldsymbol{y}}_j^\top +
\hat{\boldsymbol{y}}_j \overline{\hat{\boldsymbol{g}}_j}^\top - \frac{3}{m} \hat{\boldsymbol{y}}_j
\hat{\boldsymbol{g}}_j^\top \hat{\boldsymbol{y}} \hat{\boldsymbol{y}}_j^\top + \langle \hat{\boldsymbol{g}}_j,
\hat{\boldsymbol{y}}_j \rangle \left(\boldsymbol{I} - \frac{1}{m} \boldsymbol{M} \right) \right) \right] \tag{42}$$"""
MEAN, ALONG, OFF = "((one @ b)*one)", "((yhat @ b)*yhat)", "(b - (one @ b)*one/m)"
LINE_38_39 = (
    f"B @ b == gamma**2/(m*sigma**2) * (m * (H @ b) - (one @ H @ b)*one - (yhat @ H @ b)*yhat - H @ {MEAN} + "
    f"(one @ H @ {MEAN})*one/m + (yhat @ H @ {MEAN})*yhat/m - H @ {ALONG} + (one @ H @ {ALONG})*one/m + "
    f"(yhat @ H @ {ALONG})*yhat/m) - gamma/(m*sigma**2) * ((yhat @ b)*g - mean(g) * (yhat @ b)*one - "
    f"3/m * (g @ yhat) * {ALONG} + (g @ yhat) * {OFF} + (g @ {OFF})*yhat)"
)
FROM_34_37 = follows(LINE_34_37, LINE_38_39)
FROM_34_37_CORRECTED = follows(LINE_34_37_CORRECTED, LINE_38_39)


def right_of_40_42(b: str, end: str = "", early: str = "") -> str:
    """(40) to (42) on b; the bracket of gamma^2/sigma^2 is closed ``early``, before the last, or at the ``end``."""
    u = f"({b})" if " " in b else b
    off = f"({b} - (yhat @ {u})*yhat/m - (one @ {u})*one/m)"
    return (
        f"gamma**2/sigma**2 * (H @ {off} - (yhat @ H @ {off})*yhat/m - (one @ H @ {off})*one/m{early} - "
        f"((yhat @ {u}) * {C('g')} + ({C('g')} @ {u})*yhat - 3/m * (g @ yhat) * (yhat @ {u})*yhat + "
        f"(g @ yhat) * ({b} - (one @ {u})*one/m))/(m*gamma){end}"
    )


LINE_40_42 = f"B @ b == {right_of_40_42('b', end=')')}"
FROM_38_39 = follows(LINE_38_39, LINE_40_42)
CLOSED_EARLY = Instance(
    y=(0, 0, 1),
    g=(0, 1, 0),
    extra=(("a", (0, 1, 0)), ("b", (0, 1, 0))),
    note="m = 3, a linear loss: without gamma^2/sigma^2 = 9/2 the second line is too small",
)
CLOSED_EARLY_GENERIC = Instance(
    y=(0, 0, 1),
    g=(0, 1, 0),
    H=((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    extra=(("a", (0, 1, 0)), ("b", (0, 1, 0))),
    note="the same with every term non-zero",
)
EARLY = Refutation(CLOSED_EARLY, CLOSED_EARLY_GENERIC)
BRACKETS = "the bracket that gamma^2/sigma^2 opens in (40) is closed at the end of (40) and again after (42)"
CLOSED_ONCE = (
    r"the bracket is closed once, at the end of (42): with $P = I - \frac{1}{m}\hat{y}_j\hat{y}_j^\top - \frac{1}{m}M$,"
    r" $\frac{\gamma^2}{\sigma^2} \left[P H_{jj} P - \frac{1}{m\gamma} \left(\overline{\hat{g}_j} \hat{y}_j^\top +"
    r" \hat{y}_j \overline{\hat{g}_j}^\top - \frac{3}{m} \hat{y}_j \hat{g}_j^\top \hat{y}_j \hat{y}_j^\top +"
    r" \langle\hat{g}_j, \hat{y}_j\rangle \left(I - \frac{1}{m} M\right)\right)\right]$"
)

BROKEN_EARLY = step(
    f"B @ b == {right_of_40_42('b', early=')')}",
    "the bracket closed at the end of (40)",
    slug="bracket-closed-early",
    refutation=EARLY,
    why="the brackets are unbalanced; this way of closing them contradicts the line before",
)

CLAIMS = (
    equation(
        38,
        "The Hessian collected, first line",
        LINE_38,
        value(LINE_38_39, "the Hessian of L^ in y as the sum (38) + (39) + the unnumbered line after them"),
        step(FROM_34_37_CORRECTED, "from (34) to (37) with (34) corrected", needs=("gamma != 0",)),
        step(
            FROM_34_37,
            "from (34) to (37) as printed: it does not follow",
            slug="step-from-34-as-printed",
            refutation=PRINTED,
        ),
        notation=(
            r"the sentence before (38) lost the overline of $\overline{\hat{g}_j} = \hat{g}_j - \mu_{(\hat{g}_j)}$",
        ),
        part_of="(38)-(39) and the unnumbered line after (39)",
    ),
    equation(
        39,
        "The Hessian collected, second line",
        LINE_39,
        value(LINE_38_39, "the Hessian of L^ in y as the sum (38) + (39) + the unnumbered line after them"),
        step(FROM_34_37_CORRECTED, "from (34) to (37) with (34) corrected", needs=("gamma != 0",)),
        notation=("the third line of the display has no number",),
        part_of="(38)-(39) and the unnumbered line after (39)",
    ),
    equation(
        40,
        "The Hessian in closed form, first line",
        LINE_40,
        value(LINE_40_42, "the Hessian of L^ in y, both lines inside the bracket of (40)"),
        step(FROM_38_39, "from (38)-(39): the nine terms are a product of three"),
        BROKEN_EARLY,
        corrected=Corrected(says=LINE_40_42, text=CLOSED_ONCE),
        gamma="!= 0",
        notation=(BRACKETS,),
        part_of="(40)-(42)",
        remarks=(
            "With P = I - y-hat y-hat'/m - M/m it is gamma^2/sigma^2 [P H P - (P g y-hat' + y-hat g'P + "
            "<g, y-hat> P)/(m gamma)].",
        ),
    ),
    equation(
        41,
        "No line in this copy",
        "(this copy prints no line with the number (41): the display has (40) and (42))",
        state="absent",
        why="this copy has no line with this number",
        remarks=("Nothing is missing between (40) and (42): together they are the whole Hessian.",),
        part_of="(40)-(42)",
    ),
    equation(
        42,
        "The Hessian in closed form, second line",
        LINE_42,
        value(LINE_40_42, "the Hessian of L^ in y, both lines inside the bracket of (40)"),
        step(FROM_38_39, "from (38)-(39): 3 = 1 + 1 + 1 and g' (I - M/m) is the centred gradient"),
        BROKEN_EARLY,
        corrected=Corrected(says=LINE_40_42, text=CLOSED_ONCE),
        gamma="!= 0",
        notation=(BRACKETS, "one y-hat lacks its index j"),
        part_of="(40)-(42)",
    ),
)
