r"""Fact C.2: the Jacobians of the normalised outputs, equations (1) and (2).

Right as printed. The Jacobian is symmetric, so the order of the indices b and k does not matter.
"""

from __future__ import annotations

from bnverify.theory.claim import Data, Proof, Reading, Step
from bnverify.theory.equation import statement

QUOTATION = r"""A convenient gradient of BN is given as
$$\frac{\partial \hat{y}^{(b)}}{\partial y^{(k)}} = \frac{1}{\sigma} \left(\mathbf{I}[b=k] - \frac{1}{m} -
\frac{1}{m} \hat{y}^{(b)} \hat{y}^{(k)} \right),\tag{1}$$
and thus
$$\frac{\partial z_j^{(b)}}{\partial y^{(k)}} = \frac{\gamma}{\sigma} \left(\mathbf{I}[b=k] - \frac{1}{m} -
\frac{1}{m} \hat{y}^{(b)} \hat{y}^{(k)} \right),\tag{2}$$"""
LINE_1 = "d(yhat, y, b) == (b - mean(b)*one - (yhat @ b)/m*yhat)/sigma"
LINE_2 = "d(z, y, b) == gamma/sigma * (b - mean(b)*one - (yhat @ b)/m*yhat)"

CLAIM = statement(
    "fact-C.2",
    "Gradients of normalised outputs",
    "Appendix C.1, Fact C.2, equations (1) and (2)",
    QUOTATION,
    Reading(
        slug="both-lines",
        summary="the Jacobians of y-hat and of z in y, acting on an arbitrary direction b",
        says=LINE_2,
        data=Data(quantifiers="for all y, gamma, beta and all b, k", varies="y"),
        proof=Proof(steps=(Step(text="equation (1), the Jacobian of y-hat", says=LINE_1),)),
    ),
    assumptions=("sigma > 0",),
    notation=("equation (2) drops the unit index j of y in the denominator",),
    why="both Jacobians are right as printed",
)
