r"""Theorem 4.2, second part: the bound with the plain network's own quadratic form.

By the first part the two sides differ by gamma^2/sigma^2 (g'Hg - v'Hv), so for gamma != 0 the statement holds
exactly where v'Hv <= g'Hg. "Preserves the relative norms" can be read so, but its other readings do not give it:
BatchNorm can lengthen the gradient (|gamma| > sigma). In Section 4.2 the two gradients named by the hypothesis
are one and the same symbol, which leaves no hypothesis at all.
"""

from __future__ import annotations

from bnverify.theory.claim import (
    Claim,
    Corrected,
    Data,
    Hypothesis,
    Instance,
    Proof,
    Reading,
    Refutation,
    Relation,
    Step,
    Term,
    eq,
    le,
)
from bnverify.theory.claims.thm_4_2_1 import printed as first_part
from bnverify.theory.settings import Setting

QUOTATION = r"""If we also have that the $H_{jj}$ preserves the relative norms of $\hat{g}_j$ and $\nabla_{y_j}
\mathcal{L}$,
$$\left(\nabla_{y_j} \widehat{\mathcal{L}}\right)^\top \frac{\partial \widehat{\mathcal{L}}}{\partial y_j \partial
y_j} \left(\nabla_{y_j} \widehat{\mathcal{L}}\right) \leq \frac{\gamma^2}{\sigma^2} \left(\hat{g}_j^\top H_{jj}
\hat{g}_j - \frac{1}{m\gamma} \langle \hat{g}_j, \hat{y}_j \rangle \left\|\frac{\partial
\widehat{\mathcal{L}}}{\partial y_j}\right\|^2\right)$$"""


def printed(q: Setting) -> Relation:
    return le(
        q.bn_hess_bn,
        q.gamma**2 / q.sigma**2 * (q.hess_grad - 1 / (q.m * q.gamma) * q.grad_proj * q.bn_grad_sq),
    )


def _not_increased(q: Setting) -> Relation:
    return le(q.hess_bn, q.hess_grad)


def _order(q: Setting) -> Relation:
    return le(0, (q.grad_sq - q.bn_grad_sq) * (q.hess_grad - q.hess_bn))


def _ratio(q: Setting) -> Relation:
    return eq(q.hess_bn * q.grad_sq, q.hess_grad * q.bn_grad_sq)


def _images(q: Setting) -> Relation:
    Hv, Hg = q.H(q.v), q.H(q.g)
    return eq(q.dot(Hv, Hv) * q.grad_sq, q.dot(Hg, Hg) * q.bn_grad_sq)


NOT_INCREASED = Hypothesis("relative-norms", r"v^\top H v \le g^\top H g", _not_increased)
ORDER = Hypothesis(
    "order-of-norms", r"(\|g\|^2 - \|v\|^2)\,(g^\top H g - v^\top H v) \ge 0: the order is preserved", _order
)
RATIO = Hypothesis("ratio-of-norms", r"v^\top H v / g^\top H g = \|v\|^2/\|g\|^2", _ratio)
IMAGES = Hypothesis("norms-of-images", r"\|Hv\| / \|Hg\| = \|v\| / \|g\|", _images)

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

IDENTITY_OF_THE_FIRST_PART = Step(text="the first part, an equality", says=first_part)


def _by_hypothesis(q: Setting) -> list[Term]:
    return [Term(q.gamma**2 / q.sigma**2, "hypothesis", "relative-norms")]


PROOF = Proof(steps=(IDENTITY_OF_THE_FIRST_PART,), terms=_by_hypothesis)

CLAIM = Claim(
    id="thm-4.2.2",
    title="The effect of BN to smoothness, second part",
    where="Section 4.2, Theorem 4.2, second display; restated in Appendix C.2, proved there by (51)",
    kind="theorem",
    quotation=QUOTATION,
    readings=(
        Reading(
            slug="no-hypothesis",
            summary="to the letter of Section 4.2: the two gradients are the same vector, so nothing is assumed",
            says=printed,
            refutation=Refutation(NO_HYPOTHESIS, NO_HYPOTHESIS_GENERIC),
        ),
        Reading(
            slug="quadratic-form-not-increased",
            summary="the H-norm of the BatchNorm gradient is at most that of g: v'Hv <= g'Hg (what the proof uses)",
            says=printed,
            data=Data(norm="the form induced by H"),
            hypotheses=(NOT_INCREASED,),
            assumptions=("v'Hv <= g'Hg",),
            proof=PROOF,
        ),
        Reading(
            slug="order-preserved",
            summary="H orders the two gradients as their Euclidean norms do",
            says=printed,
            data=Data(norm="Euclidean, and the form induced by H"),
            hypotheses=(ORDER,),
            refutation=Refutation(ORDER_KEPT, ORDER_KEPT_GENERIC),
        ),
        Reading(
            slug="ratio-preserved",
            summary="the ratio of the H-forms equals the ratio of the squared norms",
            says=printed,
            data=Data(norm="ratio of the form induced by H to the Euclidean one"),
            hypotheses=(RATIO,),
            refutation=Refutation(NO_HYPOTHESIS, RATIO_KEPT),
        ),
        Reading(
            slug="image-norms-preserved",
            summary="the norms of Hv and Hg stand in the ratio of the norms of v and g",
            says=printed,
            data=Data(norm="Euclidean norm of the images Hv, Hg"),
            hypotheses=(IMAGES,),
            refutation=Refutation(NO_HYPOTHESIS, IMAGES_KEPT),
        ),
    ),
    corrected=Corrected(
        says=printed,
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
