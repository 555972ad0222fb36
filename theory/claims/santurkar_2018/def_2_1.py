r"""Definition 2.1, internal covariate shift, and what follows from it.

Well posed wherever the loss is differentiable at both points. It says nothing of the layers after i, is 0 for the
first layer, proportional to the step size to first order, and changes when a layer is rescaled and its successor
rescaled back.
"""

from __future__ import annotations

from bnverify.theory.claim import Claim, Data, Instance, Proof, Reading, Refutation
from bnverify.theory.equation import question

QUOTATION = r"""Let $\mathcal{L}$ be the loss, $W_1^{(t)}, \dots, W_k^{(t)}$ be the parameters of each of the $k$ layers
and $(x^{(t)}, y^{(t)})$ be the batch of input-label pairs used to train the network at time $t$. We define internal
covariate shift (ICS) of activation $i$ at time $t$ to be the difference $||G_{t,i} - G'_{t,i}||_2$, where
$$G_{t,i} = \nabla_{W_i^{(t)}} \mathcal{L}(W_1^{(t)}, \dots, W_k^{(t)}; x^{(t)}, y^{(t)})$$
$$G'_{t,i} = \nabla_{W_i^{(t)}} \mathcal{L}(W_1^{(t+1)}, \dots, W_{i-1}^{(t+1)}, W_i^{(t)}, W_{i+1}^{(t)}, \dots,
W_k^{(t)}; x^{(t)}, y^{(t)}).$$"""
LOSS = "(w2*w1*x1 - t)**2/2"
G1, G2 = f"d({LOSS}, w1)", f"d({LOSS}, w2)"
SHIFT = f"(at({G2}, w1, w1 - eta*{G1}) - {G2})"
RESCALED_SHIFT = f"at(at({SHIFT}, w1, w1/k), w2, k*w2)"
MOVED = "d((w2*(w1 - eta*r)*x1 - t)**2/2, w2)"
RESCALED = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("w1", 1), ("w2", 1), ("x1", 1), ("t", 0), ("eta", 1), ("k", 2)),
    note="w1 = w2 = x = 1, t = 0, eta = 1, c = 2: the same function, another shift",
)
ONE_STEP = Instance(
    y=(0, 1), g=(0, 0), extra=(("w1", 1), ("w2", 1), ("x1", 1), ("t", 0), ("eta", 1), ("r", 1))
)
_SCOPE = (("layers", "k >= 2"), ("loss", "differentiable at both points"))

CLAIMS = (
    Claim(
        id="def-2.1",
        title="Internal covariate shift",
        where="Section 2.2, Definition 2.1",
        quotation=QUOTATION,
        state="definition",
        scope=_SCOPE,
        why="well posed where the loss is differentiable at both points",
        notation=("'of activation i' is of layer i: G is the gradient of the parameters of layer i",),
        remarks=(
            "The same batch is used before and after; the update W^(t+1) is the optimiser's own, so the value depends "
            "on the rate and the optimiser.",
            "Layers after i keep their old parameters, so a layer's shift says nothing of theirs.",
            "Where gamma, beta and biases belong is left open, and so is the running state of BatchNorm.",
        ),
    ),
    question(
        "def-2.1.first-layer",
        "The first layer has no internal covariate shift",
        "consequence of Definition 2.1",
        Reading(
            slug="no-layer-before",
            summary="G'_1 = G_1: no layer stands before it",
            says=f"{G1} - {G1} == 0",
            data=Data(quantifiers="for every network, sample and rate", parameters="first layer"),
            norm="identity",
        ),
        kind="extension",
        scope=_SCOPE,
        why="there is nothing to update before it",
    ),
    question(
        "def-2.1.first-order",
        "To first order in the step size",
        "consequence of Definition 2.1",
        Reading(
            slug="gradient-descent",
            summary="the shift is -eta (d2L/dW_i dW_<i) G_<i + O(eta^2), so it scales with the rate",
            says=f"{MOVED} - {G2} == -eta*r*d({G2}, w1) + (eta*r)**2/2*d(d({G2}, w1), w1)",
            data=Data(quantifiers="for every C^2 loss; exact polynomial check on two layers", varies="eta"),
            hypotheses=(f"r == {G1}",),
            proof=Proof(example=ONE_STEP),
            norm="identity",
        ),
        kind="extension",
        scope=(*_SCOPE, ("optimiser", "gradient descent")),
        why="proportional to the rate and to the mixed second derivative",
        remarks=("Networks trained at different rates are not comparable in it; the relative shift is.",),
    ),
    question(
        "def-2.1.reparametrisation",
        "Invariance under rescaling of layers",
        "consequence of Definition 2.1",
        Reading(
            slug="rescaled-layers",
            summary="w1 = c u1, w2 = u2/c leaves the function and should leave the shift",
            says=f"{RESCALED_SHIFT} == {SHIFT}",
            data=Data(quantifiers="for all c", parameters="two linear layers"),
            refutation=Refutation(RESCALED),
            norm="identity",
            needs=("k != 0",),
        ),
        kind="extension",
        scope=_SCOPE,
        why="not invariant: the value depends on how the same function is parametrised",
    ),
)
