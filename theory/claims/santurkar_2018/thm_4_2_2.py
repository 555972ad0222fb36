r"""Theorem 4.2, second part: the bound with the plain network's own quadratic form.

By the first part the two sides differ by gamma^2/sigma^2 (g'Hg - v'Hv), so for gamma != 0 the statement holds
exactly where v'Hv <= g'Hg. "Preserves the relative norms" can be read so, but its other readings do not give it:
BatchNorm can lengthen the gradient (|gamma| > sigma). In Section 4.2 the two gradients named by the hypothesis
are one and the same symbol, which leaves no hypothesis at all.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Hypothesis, Instance, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018.thm_4_2_1 import PRINTED as FIRST_PART
from bnverify.theory.equation import statement

QUOTATION = r"""If we also have that the $H_{jj}$ preserves the relative norms of $\hat{g}_j$ and $\nabla_{y_j}
\mathcal{L}$,
$$\left(\nabla_{y_j} \widehat{\mathcal{L}}\right)^\top \frac{\partial \widehat{\mathcal{L}}}{\partial y_j \partial
y_j} \left(\nabla_{y_j} \widehat{\mathcal{L}}\right) \leq \frac{\gamma^2}{\sigma^2} \left(\hat{g}_j^\top H_{jj}
\hat{g}_j - \frac{1}{m\gamma} \langle \hat{g}_j, \hat{y}_j \rangle \left\|\frac{\partial
\widehat{\mathcal{L}}}{\partial y_j}\right\|^2\right)$$"""
PRINTED = "v @ B @ v <= gamma**2/sigma**2 * (g @ H @ g - 1/(m*gamma) * (g @ yhat) * (v @ v))"
NOT_INCREASED = Hypothesis("relative-norms", r"v^\top H v \le g^\top H g", "v @ H @ v <= g @ H @ g")
ORDER = Hypothesis(
    "order-of-norms",
    r"(\|g\|^2 - \|v\|^2)\,(g^\top H g - v^\top H v) \ge 0: the order is preserved",
    "0 <= (g @ g - v @ v) * (g @ H @ g - v @ H @ v)",
)
RATIO = Hypothesis(
    "ratio-of-norms",
    r"v^\top H v / g^\top H g = \|v\|^2/\|g\|^2",
    "(v @ H @ v) * (g @ g) == (g @ H @ g) * (v @ v)",
)
IMAGES = Hypothesis(
    "norms-of-images",
    r"\|Hv\| / \|Hg\| = \|v\| / \|g\|",
    "((H @ v) @ (H @ v)) * (g @ g) == ((H @ g) @ (H @ g)) * (v @ v)",
)
NO_HYPOTHESIS = Instance(
    y=(0, 1), g=(0, 1), H=((0, 0), (0, -1)), note="m = 2: the left side is 0, g'Hg is negative"
)
NO_HYPOTHESIS_GENERIC = Instance(
    y=(0, 0, 1), g=(0, 1, 0), H=((0, 0, 0), (0, 1, 0), (0, 0, 0)), note="m = 3, every term non-zero"
)
ORDER_KEPT = Instance(
    y=(0, 1, 0),
    g=(1, 0, 0),
    H=((0, 0, 0), (0, 0, 0), (0, 0, 1)),
    note="gamma > sigma makes v longer than g, and H agrees",
)
ORDER_KEPT_GENERIC = Instance(
    y=(0, 0, 1), g=(0, 1, 0), H=((0, 0, 0), (0, 1, 0), (0, 0, 0)), note="the same with every term non-zero"
)
RATIO_KEPT = Instance(
    y=(0, 0, 1),
    g=(0, 1, 0),
    H=((1, 0, 0), (0, 1, 0), (0, 0, 0)),
    note="H keeps the norms of both; gamma > sigma makes v longer than g",
)
IMAGES_KEPT = Instance(
    y=(1, 0, 0),
    g=(0, 0, 1),
    H=((0, 0, 0), (0, 1, 0), (0, 0, 1)),
    note="H keeps the norms of both; gamma > sigma makes v longer than g",
)
IDENTITY_OF_THE_FIRST_PART = Step(text="the first part, an equality", says=FIRST_PART)
BY_HYPOTHESIS = ("gamma**2/sigma**2*given0",)
PROOF = Proof(steps=(IDENTITY_OF_THE_FIRST_PART,), terms=BY_HYPOTHESIS)

CLAIM = statement(
    "thm-4.2.2",
    "The effect of BN to smoothness, second part",
    "Section 4.2, Theorem 4.2, second display; restated in Appendix C.2, proved there by (51)",
    QUOTATION,
    Reading(
        slug="no-hypothesis",
        summary="to the letter of Section 4.2: the two gradients are the same vector, so nothing is assumed",
        says=PRINTED,
        refutation=Refutation(NO_HYPOTHESIS, NO_HYPOTHESIS_GENERIC),
    ),
    Reading(
        slug="quadratic-form-not-increased",
        summary="the H-norm of the BatchNorm gradient is at most that of g: v'Hv <= g'Hg (what the proof uses)",
        says=PRINTED,
        data=Data(norm="the form induced by H"),
        hypotheses=(NOT_INCREASED,),
        assumptions=("v'Hv <= g'Hg",),
        proof=PROOF,
    ),
    Reading(
        slug="order-preserved",
        summary="H orders the two gradients as their Euclidean norms do",
        says=PRINTED,
        data=Data(norm="Euclidean, and the form induced by H"),
        hypotheses=(ORDER,),
        refutation=Refutation(ORDER_KEPT, ORDER_KEPT_GENERIC),
    ),
    Reading(
        slug="ratio-preserved",
        summary="the ratio of the H-forms equals the ratio of the squared norms",
        says=PRINTED,
        data=Data(norm="ratio of the form induced by H to the Euclidean one"),
        hypotheses=(RATIO,),
        refutation=Refutation(NO_HYPOTHESIS, RATIO_KEPT),
    ),
    Reading(
        slug="image-norms-preserved",
        summary="the norms of Hv and Hg stand in the ratio of the norms of v and g",
        says=PRINTED,
        data=Data(norm="Euclidean norm of the images Hv, Hg"),
        hypotheses=(IMAGES,),
        refutation=Refutation(NO_HYPOTHESIS, IMAGES_KEPT),
    ),
    corrected=Corrected(
        says=PRINTED,
        proof=PROOF,
        text="the hypothesis is v'Hv <= g'Hg; for gamma != 0 it is necessary as well as sufficient",
        hypotheses=(NOT_INCREASED,),
        assumptions=("v'Hv <= g'Hg", "gamma != 0"),
    ),
    scope=(("m", ">= 2"), ("gamma", "!= 0"), ("sigma", "> 0"), ("eps", "= 0")),
    assumptions=("v'Hv <= g'Hg", "gamma != 0", "sigma > 0", "g and H at the same point z"),
    notation=(
        "Section 4.2 drops the hat of the second gradient in the hypothesis; Appendix C restores it once and "
        "drops it again after (50)",
    ),
    why="true exactly where v'Hv <= g'Hg; other readings of 'preserves the relative norms' fail for |gamma| > sigma",
    remarks=(
        "v'Hv <= g'Hg is also necessary: the slack is gamma^2/sigma^2 (g'Hg - v'Hv).",
        "A positive semi-definite H does not imply it, not even for gamma = sigma.",
    ),
)
