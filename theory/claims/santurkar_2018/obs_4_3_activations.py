r"""Observation 4.3, first sentence: a BatchNorm configuration with the same activations.

True for every batch with sigma > 0: gamma = sigma_j, beta = mu_j gives z = y. The configuration depends on the
batch; for a constant batch (sigma = 0) the paper's BatchNorm is not defined.
"""

from __future__ import annotations

from bnverify.theory.claim import Data, Reading
from bnverify.theory.equation import statement

QUOTATION = r"""For any input data $X$ and network configuration $W$, there exists a BN configuration $(W, \gamma,
\beta)$ that results in the same activations $y_j$, and where $\gamma = \sigma_j$."""
MATCHED = "sigma*yhat + mu*one == y"

CLAIM = statement(
    "obs-4.3.activations",
    "BatchNorm does more than rescaling: same activations",
    "Section 4.2, Observation 4.3, first sentence",
    QUOTATION,
    Reading(
        slug="one-batch-one-configuration",
        summary="for each batch there are gamma and beta with z = y",
        says=MATCHED,
        data=Data(
            quantifiers="for all X and W with sigma_j > 0 there are gamma and beta",
            fixed="X, W",
            varies="gamma, beta",
            parameters="gamma and beta of one unit",
        ),
    ),
    scope=(("m", ">= 2"), ("gamma", "= sigma"), ("sigma", "> 0"), ("eps", "= 0")),
    assumptions=("sigma_j > 0",),
    why="gamma = sigma, beta = mu gives z = y",
    remarks=(
        "The configuration depends on the batch: no single (gamma, beta) serves two batches with different "
        "mean or variance.",
        "With eps > 0 the matching scale is gamma = sqrt(sigma^2 + eps), not sigma.",
    ),
)
