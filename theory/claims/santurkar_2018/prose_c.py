r"""Appendix C, sentences between the equations, and Section 4.1."""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018.lem_4_5 import SCALE_INVARIANCE
from bnverify.theory.claims.santurkar_2018.obs_4_3_minima import NO_BIAS, PLAIN_MINIMUM, STATIONARY_IN_W
from bnverify.theory.equation import statement
from bnverify.theory.normalisations import IN_WEIGHTS

MEAN_ZERO = "one @ yhat == 0"
VARIANCE_ONE = "yhat @ yhat == m"
FLIPPED = Instance(
    y=(0, 1), g=(0, 0), extra=(("alpha", -1),), note="alpha = -1 turns y-hat into its negative"
)

CLAIMS = (
    statement(
        "prose-4.1-whitened",
        "y-hat has mean 0 and variance 1",
        "Section 4.1; used in Appendix C.2 as mean-zero and norm sqrt(m)",
        r"we have an additional set of activations $\hat{y}$, which are the ``whitened'' version of $y$, "
        "i.e. standardized to mean 0 and variance 1.",
        Reading(
            slug="biased-variance",
            summary="<1, y-hat> = 0 and |y-hat|^2 = m",
            says=VARIANCE_ONE,
            proof=Proof(steps=(Step(text="mean 0", says=MEAN_ZERO),)),
        ),
        notation=("'whitened' is said of one unit alone: units are not decorrelated",),
        why="by the definition with biased variance and eps = 0",
    ),
    statement(
        "prose-C-scalar-multiple",
        "Any scalar multiple of an optimum is an optimum",
        "Appendix C.2, proof of Lemma 4.5",
        r"for any optimum $W$ in the standard network, we have that any scalar multiple of $W$ must also "
        r"be an optimum in the BN network (since $BN((aW)x) = BN(Wx)$ for all $a > 0$).",
        Reading(
            slug="of-the-standard-network",
            summary="the multiple 1: an optimum of the standard network is one of the matched BN network",
            says=STATIONARY_IN_W,
            data=Data(quantifiers="for every local minimum W of L(X W)", fixed="gamma, beta", varies="W"),
            hypotheses=PLAIN_MINIMUM,
            refutation=Refutation(NO_BIAS, NO_BIAS),
            norm=IN_WEIGHTS,
        ),
        Reading(
            slug="positive-multiples",
            summary="y-hat does not change under y -> alpha y, alpha > 0",
            says=SCALE_INVARIANCE,
            data=Data(quantifiers="for all alpha > 0", fixed="gamma, beta", varies="W"),
            assumptions=("alpha > 0", "W itself is an optimum of the BN network"),
            needs=("0 < alpha",),
            admitted=False,
            why="what stands in the brackets alone: it speaks of no optimum of the standard network",
        ),
        Reading(
            slug="any-multiple",
            summary="any scalar, as the words say",
            says="(at(yhat, y, alpha*y) - yhat) @ (at(yhat, y, alpha*y) - yhat) == 0",
            data=Data(quantifiers="for all alpha", fixed="gamma, beta", varies="W"),
            refutation=Refutation(FLIPPED),
        ),
        corrected=Corrected(
            says=SCALE_INVARIANCE,
            text="positive multiples of an optimum of the BN network are optima of it: y-hat does not change",
            needs=("0 < alpha",),
        ),
        assumptions=("alpha > 0", "W itself is an optimum of the BN network"),
        why="positive multiples only, and only where W itself is an optimum of the BN network",
        remarks=("That an optimum of the standard network is one of the BN network is Observation 4.3.",),
    ),
    statement(
        "prose-C-chain",
        "The Jacobian of z is gamma times that of y-hat",
        "Appendix C.1, between equations (1) and (2)",
        "and thus",
        Reading(
            slug="chain-rule",
            summary="dz/dy = gamma dy-hat/dy",
            says="d(z, y, b) == gamma*d(yhat, y, b)",
            proof=Proof(),
        ),
        why="gamma and beta are constants",
    ),
)
