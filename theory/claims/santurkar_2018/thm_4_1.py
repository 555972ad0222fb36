r"""Theorem 4.1: the squared gradient norm under BatchNorm.

The coefficient of the last term is printed as 1/sqrt(m). The paper's own equation (8) divides y-hat by its
norm sqrt(m) inside a squared inner product, which gives 1/m; with 1/m the statement is an equality.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Instance, Reading, Refutation
from bnverify.theory.equation import statement

QUOTATION = r"""For a BatchNorm network with loss $\widehat{\mathcal{L}}$ and an identical non-BN network with
(identical) loss $\mathcal{L}$,
$$\left\|\nabla_{y_j}\widehat{\mathcal{L}}\right\|^2 \leq \frac{\gamma^2}{\sigma_j^2} \left(\left\|\nabla_{y_j}
\mathcal{L}\right\|^2 - \frac{1}{m} \left\langle \mathbf{1}, \nabla_{y_j}\mathcal{L}\right\rangle^2 -
\frac{1}{\sqrt{m}} \left\langle \nabla_{y_j}\mathcal{L}, \hat{y}_j\right\rangle^2\right).$$"""
PRINTED = "v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/sqrt(m))"
CORRECTED = "v @ v <= gamma**2/sigma**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)"
SMALLEST = Instance(
    y=(0, 1), g=(0, 1), note="m = 2: BatchNorm's gradient vanishes, the printed right side is negative"
)
GENERIC = Instance(y=(0, 0, 1), g=(0, 1, 0), note="m = 3: every term is non-zero")

CLAIM = statement(
    "thm-4.1",
    "The effect of BatchNorm on the Lipschitzness of the loss",
    "Section 4.2, Theorem 4.1; restated in Appendix C.2",
    QUOTATION,
    Reading(
        slug="same-point",
        summary="both gradients of the same downstream loss at the same point z",
        says=PRINTED,
        data=Data(right_side_at="z = gamma y-hat + beta, as in the paper's last step dL^/dz = dL/dy"),
        refutation=Refutation(SMALLEST, GENERIC),
    ),
    Reading(
        slug="own-point",
        summary="the plain network's gradient at its own output y, which is z only where gamma = sigma, beta = mu",
        says="v @ v <= gamma**2/sigma**2 * (g_own @ g_own - (one @ g_own)**2/m - (g_own @ yhat)**2/sqrt(m))",
        data=Data(right_side_at="the plain network's own activations y"),
        refutation=Refutation(SMALLEST, GENERIC),
        admitted=False,
        why="the proof says dL^/dz = dL/dy by the setup, which fixes the common point",
    ),
    corrected=Corrected(
        says=CORRECTED,
        text="the last coefficient is 1/m; with it the two sides are equal",
        assumptions=("g is the gradient of L at z = gamma y-hat + beta",),
    ),
    assumptions=("sigma > 0", "both gradients at the same point z"),
    why="1/sqrt(m) should be 1/m; with it the bound is an equality",
    remarks=(
        "At m = 2 the gradient through BatchNorm is always 0.",
        "Read with the plain network's gradient at its own y, no inequality of this form can hold: the two "
        "gradients are then unrelated.",
    ),
)
