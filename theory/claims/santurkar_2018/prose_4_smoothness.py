r"""Section 4, the sentences around Theorem 4.2.

The curvature along the gradient is decreased only where gamma <g, y-hat> >= 0; the two conditions under which the
paper calls the steps more predictive are not enough; and one of them does not follow from what is said to imply it.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018.prose_4_lipschitz import ADDITIVE, BEATEN, MATCHED, SCALE
from bnverify.theory.claims.santurkar_2018.thm_4_2_1 import PRINTED as FIRST_PART
from bnverify.theory.claims.santurkar_2018.thm_4_2_2 import NOT_INCREASED
from bnverify.theory.equation import statement

DECREASED = "v @ B @ v <= gamma**2/sigma**2 * (v @ H @ v)"
PREDICTIVE = "v @ B @ v <= g @ H @ g"
POSITIVE_CORRELATION = "0 <= gamma * (g @ yhat)"
CORRELATED = Hypothesis("correlated", r"\gamma \langle g, \hat y \rangle \ge 0", POSITIVE_CORRELATION)
PSD_ALONG_V = Hypothesis("psd-along-v", r"v^\top H v \ge 0", "0 <= v @ H @ v")
PREDICTIVE_TERMS = ("given2", "1/sigma**2*given0*given3", "1/(m*sigma**2)*given1 * (v @ v)")
NEGATIVE = Instance(y=(0, 0, 1), g=(1, 0, 0), note="a linear loss; gamma <g, y-hat> is negative")
NEGATIVE_GENERIC = Instance(
    y=(0, 0, 1), g=(1, 0, 0), H=((1, 0, 0), (0, 0, 0), (0, 0, 0)), note="the same with every term non-zero"
)
TWO_CONDITIONS = Instance(
    y=(0, 0, 1),
    g=(0, -1, 0),
    H=((0, 0, 0), (0, 1, 0), (0, 0, 0)),
    note="H positive semi-definite, <g, y-hat> > 0",
)
TWO_CONDITIONS_MATCHED = Instance(
    y=(-1, 0, 1),
    g=(0, 0, 1),
    H=((0, 0, 0), (0, 10, 0), (0, 0, 1)),
    gamma="s",
    note="the same at gamma = sigma",
)
WRONG_SIDE = Instance(
    y=(-1, 1),
    g=(1, -1),
    extra=(("zstar", (-2, 2)),),
    note="L = |u - t|^2/2 with t = (-2, 2): the negative gradient points exactly to the minimum",
)
CURVED = Instance(
    y=(0, 1), g=(1, 0), H=((1, 0), (0, 0)), note="a quadratic loss: its gradient has no second-order term"
)
LINEAR_BEHIND_BN = Instance(
    y=(0, 0, 1),
    g=(0, 1, 0),
    extra=(("u", (0, 1, 1)),),
    note="a linear (convex) loss behind a BatchNorm layer: the Hessian in that layer's input is indefinite",
)
MINIMUM_AT_BETA = ("g == H @ (z - beta*one)", "psd(H)")
BY_CONVEXITY = Proof(
    terms=("gamma**2 * (yhat @ H @ yhat)", "-gamma * (given0 @ yhat)"),
    example=Instance(y=(0, 1), g=(-1, 1), H=((1, 0), (0, 1))),
)

CLAIMS = (
    statement(
        "prose-4.2-decreased",
        "The quadratic form is rescaled and decreased by an additive factor",
        "Section 4.2, paragraph before Theorem 4.2",
        "We show that when a BatchNorm layer is added, the quadratic form of the loss Hessian with respect "
        "to the activations in the gradient direction, is both rescaled by the input variance (inducing resilience to "
        "mini-batch variance), and decreased by an additive factor (increasing smoothness).",
        Reading(
            slug="always",
            summary="v'Bv <= gamma^2/sigma^2 v'Hv for every loss",
            says=DECREASED,
            refutation=Refutation(NEGATIVE, NEGATIVE_GENERIC),
        ),
        corrected=Corrected(
            says=DECREASED,
            proof=Proof(
                steps=(Step("Theorem 4.2, first part", FIRST_PART),),
                terms=("1/(m*sigma**2)*given0 * (v @ v)",),
            ),
            text="true if gamma <g, y-hat> >= 0",
            hypotheses=(CORRELATED,),
            assumptions=("gamma <g, y-hat> >= 0",),
        ),
        assumptions=("gamma <g, y-hat> >= 0",),
        why="the additive factor has the sign of gamma <g, y-hat>; where that is negative the form is increased",
    ),
    statement(
        "prose-4.2-taylor",
        "The second order term of the Taylor expansion of the gradient",
        "Section 4.2, paragraph before Theorem 4.2",
        "This term captures the second order term of the Taylor expansion of the gradient around the current "
        "point. Therefore, reducing this term implies that the first order term (the gradient) is more predictive.",
        Reading(
            slug="of-the-gradient",
            summary="of the gradient: its second-order term is the third derivative, 0 for a quadratic loss",
            says="g @ H @ g == 0",
            data=Data(
                quantifiers="for every quadratic L the term g'Hg would be 0", parameters="plain network"
            ),
            refutation=Refutation(CURVED),
            necessary="what the sentence says of a quadratic loss",
        ),
        corrected=Corrected(
            says="d(d(L, y, w), y, w) == w @ B @ w",
            text="of the loss: its second derivative along w, here the gradient, is w'Bw",
        ),
        why="it is the second-order term of the loss; that of the gradient is a third derivative",
    ),
    statement(
        "prose-4.2-psd",
        "The Hessian is PSD for piecewise-linear activations and a convex loss",
        "Section 4.2, paragraph after Theorem 4.2",
        "The Hessian is positive semi-definite (PSD) if the loss is locally convex which is true for "
        "the case of deep networks with piecewise-linear activation functions and a convex loss at the final layer "
        "(e.g. standard softmax cross-entropy loss or other common losses).",
        Reading(
            slug="affine-downstream",
            summary="between z and the loss only affine layers and piecewise-linear activations, away from kinks",
            says="0 <= u @ B @ u",
            data=Data(quantifiers="for every z off the kinks", varies="z within one linear piece"),
            hypotheses=("psd(H)",),
            assumptions=("no normalisation layer downstream", "z is not on a kink"),
            proof=Proof(terms=("(A @ u) @ H @ (A @ u)",)),
            norm="z = A @ y + bias",
            necessary="within one piece the logits are an affine function A y + b, and H is the loss's own Hessian",
        ),
        Reading(
            slug="batchnorm-downstream",
            summary="another BatchNorm layer between z and the loss, as in the networks of the paper",
            says="0 <= u @ B @ u",
            data=Data(
                quantifiers="for every direction", varies="y", parameters="input of the next BatchNorm layer"
            ),
            hypotheses=("psd(H)",),
            refutation=Refutation(LINEAR_BEHIND_BN, LINEAR_BEHIND_BN),
        ),
        assumptions=("no normalisation layer downstream", "z is not on a kink"),
        why="true without normalisation downstream; behind a BatchNorm the Hessian is indefinite where v is not 0",
    ),
    statement(
        "prose-4.2-towards-minimum",
        "<y-hat, g> > 0 as long as the negative gradient points towards the minimum",
        "Section 4.2, paragraph after Theorem 4.2",
        r"The condition $\langle \hat{y}_j, \hat{g}_j \rangle > 0$ holds as long as the negative gradient "
        r"$\hat{g}_j$ is pointing towards the minimum of the loss (w.r.t. normalized activations).",
        Reading(
            slug="any-minimum",
            summary="<g, z - z*> > 0 for the minimum z*, wherever it lies",
            says="0 < gamma * (g @ yhat)",
            data=Data(quantifiers="for every L with <g, z - z*> > 0"),
            hypotheses=(Hypothesis("towards", r"\langle g, z - z^* \rangle > 0", "0 < g @ (z - zstar)"),),
            refutation=Refutation(WRONG_SIDE),
        ),
        Reading(
            slug="minimum-at-beta",
            summary="the minimum lies at y-hat = 0, that is z* = beta 1",
            says=POSITIVE_CORRELATION,
            data=Data(quantifiers="for every convex quadratic L with its minimum at beta 1"),
            hypotheses=MINIMUM_AT_BETA,
            assumptions=("the minimum lies at y-hat = 0",),
            proof=BY_CONVEXITY,
            admitted=False,
            why="where the minimum lies is a condition of ours: the words do not name it",
        ),
        corrected=Corrected(
            says=POSITIVE_CORRELATION,
            proof=BY_CONVEXITY,
            text="not negative for a convex quadratic loss with its minimum at y-hat = 0, that is z = beta 1",
            hypotheses=MINIMUM_AT_BETA,
            assumptions=("the minimum lies at y-hat = 0",),
        ),
        assumptions=("the minimum lies at y-hat = 0",),
        notation=("the negative gradient is -g-hat; the sentence writes g-hat",),
        why="sure where the minimum lies at y-hat = 0; one further out than y-hat can give the other sign",
    ),
    statement(
        "prose-4.2-more-predictive",
        "More predictive as long as these two conditions hold",
        "Section 4.2, paragraph after Theorem 4.2",
        "Overall, as long as these two conditions hold, the steps taken by the BatchNorm network are more "
        "predictive than those of the standard network (similarly to what we observed experimentally).",
        Reading(
            slug="two-conditions",
            summary="H positive semi-definite and gamma <g, y-hat> >= 0 give v'Bv <= g'Hg",
            says=PREDICTIVE,
            hypotheses=("psd(H)", CORRELATED),
            refutation=Refutation(TWO_CONDITIONS, TWO_CONDITIONS_MATCHED),
        ),
        corrected=Corrected(
            says=PREDICTIVE,
            proof=Proof(steps=(Step("Theorem 4.2, first part", FIRST_PART),), terms=PREDICTIVE_TERMS),
            text="with v'Hv <= g'Hg and |gamma| <= sigma besides the two conditions",
            hypotheses=(PSD_ALONG_V, CORRELATED, NOT_INCREASED, SCALE),
            assumptions=("v'Hv <= g'Hg", "|gamma| <= sigma", "v'Hv >= 0", "gamma <g, y-hat> >= 0"),
        ),
        assumptions=("v'Hv <= g'Hg", "|gamma| <= sigma"),
        why="the two conditions are not enough, even for gamma = sigma: v'Hv <= g'Hg is needed too",
    ),
    statement(
        "prose-4.2-not-scaling",
        "The results do not simply stem from the scaling",
        "Section 4.2, sentence before Observation 4.3",
        "Note that our results do not simply stem from the scaling introduced by BatchNorm but rather "
        "from the reparametrization of the problem.",
        Reading(
            slug="reduction-beside-the-scale",
            summary="beside the factor gamma^2/sigma^2 stands a reduction that does not depend on it",
            says=ADDITIVE,
        ),
        Reading(
            slug="at-equal-scale",
            quantifier="exists",
            summary="there are instances with gamma = sigma and a smaller gradient",
            says=BEATEN,
            data=Data(quantifiers="there are y, g with gamma = sigma"),
            proof=Proof(at=MATCHED),
        ),
        why="at gamma = sigma, where the scale is 1, the reduction of Theorem 4.1 remains",
    ),
)
