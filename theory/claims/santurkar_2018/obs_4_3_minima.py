r"""Observation 4.3, second sentence: are all minima of the normal landscape preserved?

In activation space, and in weight space where the layer has a bias, they are: the BatchNorm loss is the plain
loss composed with a continuous map that fixes the minimum. The paper's layer is y = Wx without a bias. Then the
image of that map leaves the range of X, and a strict minimum of the plain loss can have a non-zero gradient in
the BatchNorm landscape.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.equation import statement
from bnverify.theory.normalisations import IN_WEIGHTS

QUOTATION = r"""Consequently, all of the minima of the normal landscape are preserved in the BN landscape."""
SAME_ACTIVATIONS = "z == y"
STATIONARY_IN_W = "dW @ dW == 0"
AFFINE_MAP = "z == gamma/sigma*y + (beta - gamma*mu/sigma)*one"
PLAIN_MINIMUM = (
    Hypothesis("plain-stationary", r"\nabla_W \mathcal{L} = 0 at W^*", "dW_plain @ dW_plain == 0"),
    Hypothesis("plain-curved", r"W^{*\top} \nabla^2_W \mathcal{L}\, W^* > 0", "0 < W @ HW_plain @ W"),
    Hypothesis(
        "plain-positive-definite",
        r"\det \nabla^2_W \mathcal{L} > 0 on the span of W^* and a second direction c (d = 2)",
        "0 < (W @ HW_plain @ W) * (u @ HW_plain @ u) - (W @ HW_plain @ u)**2",
    ),
)
NO_BIAS = Instance(
    X=((1, 0), (0, 0), (0, 1)),
    W=(0, 1),
    y=(0, 0, 1),
    g=(0, 1, 0),
    H=((1, 0, 0), (0, 0, 0), (0, 0, 1)),
    gamma="s",
    beta="mu",
    extra=(("u", (1, 0)),),
    note="W* is a strict minimum of the plain loss, the BatchNorm gradient there is not 0",
)
NO_BIAS_ONE_INPUT = Instance(
    X=((1,), (0,)),
    W=(1,),
    y=(1, 0),
    g=(0, 1),
    H=((1, 0), (0, 0)),
    gamma="s",
    beta="mu",
    note="one input feature, no intercept: the gradient in beta is <1, g> = 1",
)
WITH_BIAS = Instance(
    X=((0, 1), (1, 1), (0, 1)),
    W=(1, 0),
    y=(0, 1, 0),
    g=(1, 0, -1),
    H=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    gamma="s",
    beta="mu",
    extra=(("u", (0, 1)),),
    note="with a bias column W* is a minimum of both, but L^ is constant along the ray a W*",
)
EXAMPLE = Instance(y=(0, 1, 0), g=(0, 0, 0), X=((0, 1), (1, 1), (0, 1)), W=(1, 0), gamma="s", beta="mu")
PROOF_IN_Y = Proof(lemma="composition", example=EXAMPLE)
PROOF_WITH_BIAS = Proof(
    steps=(
        Step(
            text="z is y rescaled plus a multiple of 1: with a bias (1 in the range of X) z is X times other weights, "
            "which depend continuously on W and equal W* at W*",
            says=AFFINE_MAP,
        ),
    ),
    lemma="composition",
    example=EXAMPLE,
)
MATCHED_SCALE = ("gamma == sigma", "beta == mu")

CLAIM = statement(
    "obs-4.3.minima",
    "BatchNorm does more than rescaling: minima preserved",
    "Section 4.2, Observation 4.3, second sentence",
    QUOTATION,
    Reading(
        slug="in-activations",
        summary="local minima of L in y are local minima of L^ in y, at gamma = sigma, beta = mu",
        says=SAME_ACTIVATIONS,
        data=Data(quantifiers="for every local minimum y* of L with sigma > 0", bias="not in question"),
        hypotheses=MATCHED_SCALE,
        proof=PROOF_IN_Y,
        necessary="L^ is L after the continuous map y -> z, which fixes y: a minimum of L there is one of L^",
    ),
    Reading(
        slug="in-weights-with-bias",
        summary="local minima in W of a layer with a bias, gamma = sigma and beta = mu held fixed",
        says=SAME_ACTIVATIONS,
        data=Data(
            quantifiers="for every local minimum W* of L(X W) with sigma > 0",
            bias="the range of X contains 1",
            parameters="weights and bias of one unit",
        ),
        assumptions=("the layer has a bias (1 is in the range of X)", "sigma > 0 at the minimum"),
        proof=PROOF_WITH_BIAS,
        hypotheses=MATCHED_SCALE,
        norm=IN_WEIGHTS,
        admitted=False,
        why="the bias is ours: the layer is printed as y = Wx, and the sentence before says any input",
        necessary="L^(W) = L(X W') for weights W' that depend continuously on W and equal W* at W*",
    ),
    Reading(
        slug="in-weights-no-bias",
        summary="local minima in W of y = Wx as printed, without a bias; gamma = sigma, beta = mu held fixed",
        says=STATIONARY_IN_W,
        data=Data(
            quantifiers="for every local minimum W* of L(X W)",
            bias="none: y = Wx",
            parameters="weights of one unit",
        ),
        hypotheses=PLAIN_MINIMUM,
        refutation=Refutation(NO_BIAS, NO_BIAS),
        norm=IN_WEIGHTS,
        necessary="a minimum has gradient 0; at this strict minimum of the plain loss L^ has another",
    ),
    Reading(
        slug="jointly-no-bias",
        summary="local minima in (W, gamma, beta) jointly, no bias in y = Wx",
        says="one @ g == 0",
        data=Data(
            quantifiers="for every local minimum W* of L(X W)",
            fixed="nothing",
            varies="W, gamma, beta",
            bias="none: y = Wx",
            parameters="weights, gamma and beta of one unit",
        ),
        hypotheses=PLAIN_MINIMUM[:2],
        refutation=Refutation(NO_BIAS_ONE_INPUT, NO_BIAS_ONE_INPUT),
        norm=IN_WEIGHTS,
        necessary="a minimum has gradient 0 in beta, which is <1, g>",
    ),
    Reading(
        slug="as-strict-minima",
        summary="strict local minima in W stay strict",
        says="0 < W @ HW @ W",
        data=Data(
            quantifiers="for every strict local minimum W* of L(X W)",
            bias="the range of X contains 1",
            parameters="weights and bias of one unit",
        ),
        hypotheses=PLAIN_MINIMUM,
        refutation=Refutation(WITH_BIAS),
        norm=IN_WEIGHTS,
        necessary="positive curvature along W*; scale invariance makes it 0",
        admitted=False,
        why="the text says minima, not strict minima",
    ),
    corrected=Corrected(
        says=SAME_ACTIVATIONS,
        proof=PROOF_WITH_BIAS,
        hypotheses=MATCHED_SCALE,
        text="minima with sigma > 0 are preserved, as minima though never as strict ones, where the layer has a bias",
        assumptions=("the layer has a bias (1 is in the range of X)", "sigma > 0 at the minimum"),
        norm=IN_WEIGHTS,
    ),
    scope=(("m", ">= 2"), ("gamma", "= sigma"), ("sigma", "> 0"), ("eps", "= 0")),
    assumptions=(
        "the layer has a bias, or the landscape is that of the activations",
        "sigma > 0 at the minimum",
    ),
    why="true in activation space and with a bias; false for y = Wx as printed, which has none",
)
