r"""Fact C.1: the gradient through BatchNorm.

Right as printed, for every m, every gamma and every differentiable f of C, with the biased variance.
"""

from __future__ import annotations

from bnverify.theory.claim import Data, Reading
from bnverify.theory.equation import statement

QUOTATION = r"""The gradient $\frac{\partial f}{\partial A^{(b)}}$ through BN and another function $f := f(C)$, where
$C = \gamma \cdot B + \beta$, and $B = BN_{0,1}(A) := \frac{A-\mu}{\sigma}$ where $A^{(b)}$ are scalar elements of
a batch of size $m$ and variance $\sigma^2$ is
$$\frac{\partial f}{\partial A^{(b)}} = \frac{\gamma}{m\sigma} \left(m \frac{\partial f}{\partial C^{(b)}} -
\sum_{k=1}^m \frac{\partial f}{\partial C^{(k)}} - B^{(b)} \sum_{k=1}^m \frac{\partial f}{\partial C^{(k)}} B^{(k)}
\right)$$"""
PRINTED = "v == gamma/(m*sigma) * (m*g - (one @ g)*one - (g @ yhat)*yhat)"

CLAIM = statement(
    "fact-C.1",
    "Gradient through BatchNorm",
    "Appendix C.1, Fact C.1",
    QUOTATION,
    Reading(
        slug="biased-variance",
        summary="sigma^2 is the mean of squared deviations, as in equation (28)",
        says=PRINTED,
        data=Data(quantifiers="for all A, gamma, beta, every differentiable f of C, every b"),
    ),
    assumptions=("sigma > 0", "f depends on A through C alone"),
    why="right as printed; f may depend on A through C only",
)
