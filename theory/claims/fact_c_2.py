r"""Fact C.2: the Jacobians of the normalised outputs, equations (1) and (2).

Right as printed. The Jacobian is symmetric, so the order of the indices b and k does not matter.
"""

from __future__ import annotations

from bnverify.theory.claim import Claim, Data, Proof, Reading, Relation, Step, veq
from bnverify.theory.settings import Setting

QUOTATION = r"""A convenient gradient of BN is given as
$$\frac{\partial \hat{y}^{(b)}}{\partial y^{(k)}} = \frac{1}{\sigma} \left(\mathbf{I}[b=k] - \frac{1}{m} -
\frac{1}{m} \hat{y}^{(b)} \hat{y}^{(k)} \right),\tag{1}$$
and thus
$$\frac{\partial z_j^{(b)}}{\partial y^{(k)}} = \frac{\gamma}{\sigma} \left(\mathbf{I}[b=k] - \frac{1}{m} -
\frac{1}{m} \hat{y}^{(b)} \hat{y}^{(k)} \right),\tag{2}$$"""


def line_1(q: Setting) -> Relation:
    return veq(
        q.op("Dyhat", q.b),
        (q.b - q.one * (q.dot(q.one, q.b) / q.m) - q.yhat * (q.dot(q.yhat, q.b) / q.m)) * (1 / q.sigma),
    )


def line_2(q: Setting) -> Relation:
    return veq(
        q.op("Dz", q.b),
        (q.b - q.one * (q.dot(q.one, q.b) / q.m) - q.yhat * (q.dot(q.yhat, q.b) / q.m)) * (q.gamma / q.sigma),
    )


CLAIM = Claim(
    id="fact-C.2",
    title="Gradients of normalised outputs",
    where="Appendix C.1, Fact C.2, equations (1) and (2)",
    kind="fact",
    quotation=QUOTATION,
    readings=(
        Reading(
            slug="both-lines",
            summary="the Jacobians of y-hat and of z in y, acting on an arbitrary direction b",
            says=line_2,
            data=Data(quantifiers="for all y, gamma, beta and all b, k", varies="y"),
            proof=Proof(steps=(Step(text="equation (1), the Jacobian of y-hat", says=line_1),)),
        ),
    ),
    scope=(("m", ">= 2"), ("gamma", "any real"), ("sigma", "> 0"), ("eps", "= 0")),
    assumptions=("sigma > 0",),
    notation=("equation (2) drops the unit index j of y in the denominator",),
    why="an identity",
)
