r"""Lemma 4.5: the distance from an initialisation to the closest optimum.

The algebra (59) to (62) is right. What carries it, that W* and hence every positive multiple of it is an optimum
of the BatchNorm network, is Observation 4.3: it needs a bias in the layer (y = Wx as printed has none), eps = 0,
and the gamma and beta that match W*. With other gamma and beta, or without a bias, W* is no optimum of L^.
"""

from __future__ import annotations

from typing import Any

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018.obs_4_3_activations import MATCHED
from bnverify.theory.claims.santurkar_2018.obs_4_3_minima import AFFINE_MAP, PLAIN_MINIMUM
from bnverify.theory.equation import statement
from bnverify.theory.normalisations import IN_WEIGHTS

QUOTATION = r"""Let $W^*$ and $\widehat{W}^*$ be the set of local optima for the weights in the normal and BN
networks, respectively. For any initialization $W_0$ we have that
$$\left\| W_0 - \widehat{W}^* \right\|^2 \leq \left\| W_0 - W^* \right\|^2 - \frac{1}{\left\| W^* \right\|^2}
\left(\left\| W^* \right\|^2 - \left\langle W^*, W_0 \right\rangle \right)^2,$$
if $\langle W_0, W^* \rangle > 0$, where $\widehat{W}^*$ and $W^*$ are closest optima for BN and standard network,
respectively."""
ON_THE_RAY = (
    "(W0 - (Wstar @ W0)/(Wstar @ Wstar)*Wstar) @ (W0 - (Wstar @ W0)/(Wstar @ Wstar)*Wstar) <= (W0 "
    "- Wstar) @ (W0 - Wstar) - 1/(Wstar @ Wstar) * (Wstar @ Wstar - Wstar @ W0)**2"
)
SCALE_INVARIANCE = "at(yhat, y, alpha*y) == yhat"
CORRELATED = Hypothesis("correlated", r"\langle W_0, W^* \rangle > 0", "0 < W0 @ Wstar")
NO_BIAS_HYPOTHESES = (
    *PLAIN_MINIMUM,
    Hypothesis("correlated", r"\langle W_0, W^* \rangle > 0", "0 < W0 @ W"),
    Hypothesis(
        "bn-optimum", r"\nabla_W \widehat{\mathcal{L}} = 0 at \widehat{W}", "at(dW @ dW, W, What) == 0"
    ),
    Hypothesis(
        "closest-on-its-ray", r"\langle \widehat{W}, W_0 - \widehat{W} \rangle = 0", "What @ (W0 - What) == 0"
    ),
)
_REGRESSION: dict[str, Any] = {
    "X": ((0, 0), (1, 0), (0, 1)),
    "W": (1, 0),
    "y": (0, 1, 0),
    "g": (1, 0, 0),
    "H": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "gamma": "s",
    "beta": "mu",
}
AT_THE_OPTIMUM = Instance(
    **_REGRESSION,
    extra=(("u", (0, 1)), ("W0", (1, 0)), ("What", ("4/5", "2/5"))),
    note="W0 = W*: the right side is 0, but the optima of the BatchNorm network lie on the ray of (2, 1)",
)
AWAY = Instance(
    **_REGRESSION,
    extra=(("u", (0, 1)), ("W0", (2, -1)), ("What", ("6/5", "3/5"))),
    note="every term non-zero",
)
OTHER_GAMMA = Instance(
    X=((0, 1, 1), (0, 0, 1), (2, 0, 1), (2, 0, 1)),
    W=(1, 0, 0),
    y=(0, 0, 2, 2),
    g=(-1, -2, 1, 1),
    H=((1, 0, 0, 0), (0, 2, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)),
    gamma=2,
    beta=1,
    note="a layer with a bias, gamma = 2 sigma: the plain gradient at y is 0, the BatchNorm gradient is not",
)
PROOF = Proof(
    steps=(
        Step(
            text="y-hat does not change when y is multiplied by alpha > 0, and so L^ does not along the ray of W*",
            says=SCALE_INVARIANCE,
            norm="batch-norm",
            needs=("0 < alpha",),
        ),
        Step(
            text="at gamma = sigma, beta = mu, BatchNorm maps X W* to itself", says=MATCHED, norm="batch-norm"
        ),
        Step(
            text="z is an affine image of y: with a bias it lies in the range of X, so that by composition of minima "
            "W* and every k W* with k > 0 are local minima of L^ (Observation 4.3)",
            says=AFFINE_MAP,
            norm="batch-norm",
        ),
    ),
    example=Instance(y=(0, 1), g=(0, 0), extra=(("W0", (2, -1)), ("Wstar", (1, 0)))),
)

CLAIM = statement(
    "lem-4.5",
    "BatchNorm leads to a favourable initialization",
    "Section 4.2, Lemma 4.5; restated in Appendix C.2, proved there by (59) to (62)",
    QUOTATION,
    Reading(
        slug="with-bias-matched",
        summary="a layer with a bias; gamma, beta match W* (gamma = sigma, beta = mu at W*)",
        says=ON_THE_RAY,
        data=Data(
            quantifiers="for all W0 with <W0, W*> > 0",
            fixed="X, gamma = sigma, beta = mu at W*",
            varies="W",
            bias="the range of X contains 1",
            parameters="weights and bias of one unit",
        ),
        hypotheses=(CORRELATED,),
        assumptions=("the layer has a bias", "gamma = sigma and beta = mu at W*", "eps = 0"),
        proof=PROOF,
        norm="identity",
        needs=("0 < Wstar @ Wstar",),
        admitted=False,
        why="the bias and the matched gamma and beta are ours: the words name neither, and the layer is y = Wx",
        necessary="with k W* in the place of the closest optimum the two sides are equal",
    ),
    Reading(
        slug="no-bias",
        summary="y = Wx as printed, gamma and beta match W*",
        says="(W0 - What) @ (W0 - What) <= (W0 - W) @ (W0 - W) - 1/(W @ W) * (W @ W - W @ W0)**2",
        data=Data(
            quantifiers="for all W0 with <W0, W*> > 0",
            fixed="X, gamma = sigma, beta = mu at W*",
            varies="W",
            bias="none: y = Wx",
            parameters="weights of one unit",
        ),
        hypotheses=NO_BIAS_HYPOTHESES,
        refutation=Refutation(AT_THE_OPTIMUM, AWAY),
        norm=IN_WEIGHTS,
        necessary="least squares: the minima of L^ form one open ray, by Cauchy-Schwarz",
    ),
    Reading(
        slug="any-gamma-beta",
        summary="a layer with a bias, gamma and beta any constants: at W0 = W* the right side is 0",
        says="dW @ dW == 0",
        data=Data(
            quantifiers="for all gamma, beta; W0 = W*",
            fixed="X, gamma, beta",
            varies="W",
            bias="the range of X contains 1",
            parameters="weights and bias of one unit",
        ),
        hypotheses=(PLAIN_MINIMUM[0], PLAIN_MINIMUM[1]),
        refutation=Refutation(OTHER_GAMMA),
        norm=IN_WEIGHTS,
        necessary="distance 0 asks that W* itself be an optimum of L^",
    ),
    corrected=Corrected(
        says=ON_THE_RAY,
        proof=PROOF,
        text="for a layer with a bias, eps = 0, and gamma, beta that match W*; an equality for the point of the ray "
        "of W* that lies closest to W0",
        hypotheses=(CORRELATED,),
        assumptions=(
            "the layer has a bias",
            "gamma = sigma and beta = mu at W*",
            "eps = 0",
            "sigma > 0 at W*",
        ),
        norm="identity",
        needs=("0 < Wstar @ Wstar",),
    ),
    scope=(("m", ">= 2"), ("gamma", "= sigma at W*"), ("sigma", "> 0"), ("eps", "= 0")),
    assumptions=("the layer has a bias", "gamma = sigma, beta = mu at W*", "eps = 0"),
    notation=("W^* names the set of optima and its closest element",),
    why="that k W* is an optimum for k > 0 needs a bias and matched gamma, beta; the algebra after that is right",
)
