r"""Theorem 4.2, first part: the curvature along the gradient.

True as printed, and more: the two sides are equal for every m, gamma and twice differentiable loss.
"""

from __future__ import annotations

from bnverify.theory.claim import Data, Instance, Reading, Refutation
from bnverify.theory.equation import statement

QUOTATION = r"""Let $\hat{g}_j = \nabla_{y_j} \mathcal{L}$ and $H_{jj} = \frac{\partial \mathcal{L}}{\partial y_j
\partial y_j}$ be the gradient and Hessian of the loss with respect to the layer outputs respectively. Then
$$\left(\nabla_{y_{j}}\widehat{\mathcal{L}}\right)^{\top} \frac{\partial \widehat{\mathcal{L}}}{\partial y_{j}
\partial y_{j}} \left(\nabla_{y_{j}}\widehat{\mathcal{L}}\right) \leq \frac{\gamma^{2}}{\sigma^{2}}
\left(\frac{\partial \widehat{\mathcal{L}}}{\partial y_{j}}\right)^{\top} H_{j j} \left(\frac{\partial
\widehat{\mathcal{L}}}{\partial y_{j}}\right) - \frac{\gamma}{m \sigma^{2}} \left\langle \hat{g}_{j}, \hat{y}_{j}
\right\rangle \left\|\frac{\partial \widehat{\mathcal{L}}}{\partial y_{j}}\right\|^{2}$$"""
PRINTED = "v @ B @ v <= gamma**2/sigma**2 * (v @ H @ v) - gamma/(m*sigma**2) * (g @ yhat) * (v @ v)"
OWN_POINT = Instance(
    y=(0, 0, 1),
    g=(0, 1, 0),
    H=((0, 0, 1), (0, 0, 0), (1, 0, 0)),
    note="the plain network's gradient at y differs from g by H(y - z)",
)
OWN_POINT_GENERIC = Instance(
    y=(0, 0, 1), g=(0, 1, 0), H=((-1, 0, 0), (0, 0, 0), (0, 0, 0)), note="the same with every term non-zero"
)

CLAIM = statement(
    "thm-4.2.1",
    "The effect of BN to smoothness, first part",
    "Section 4.2, Theorem 4.2, first display; restated in Appendix C.2, proved there by (19) to (50)",
    QUOTATION,
    Reading(
        slug="same-point",
        summary="g and H of the same downstream loss at the same point z",
        says=PRINTED,
        data=Data(right_side_at="z = gamma y-hat + beta: the proof defines g-hat = dL^/dz = dL/dy"),
    ),
    Reading(
        slug="own-point",
        summary="g-hat of the plain network at its own output y",
        says="v @ B @ v <= gamma**2/sigma**2 * (v @ H @ v) - gamma/(m*sigma**2) * (g_own @ yhat) * (v @ v)",
        data=Data(right_side_at="the plain network's own activations y"),
        refutation=Refutation(OWN_POINT, OWN_POINT_GENERIC),
        admitted=False,
        why="the proof defines g-hat as dL^/dz and says that it equals dL/dy by the assumptions of the setup",
    ),
    assumptions=("sigma > 0", "L twice differentiable at z", "g and H at the same point z"),
    notation=(
        r"$\frac{\partial \mathcal{L}}{\partial y_j \partial y_j}$ lacks the square of the second derivative",
        r"$\hat{g}_j$ carries a hat though it is the gradient of the plain loss",
    ),
    why="holds, and is in truth an equality",
    remarks=("At m = 2 both sides are 0.",),
)
