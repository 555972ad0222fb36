r"""The blog's restatements of Theorem 4.2 and Lemma 4.5.

Its Theorem 4.2 keeps the hat that Section 4.2 drops; its Lemma 4.5 has lost a square.
"""

from __future__ import annotations

from bnverify.theory.claim import Corrected, Data, Instance, Reading, Refutation
from bnverify.theory.claims.santurkar_2018 import lem_4_5, thm_4_2_1, thm_4_2_2
from bnverify.theory.equation import statement

HALF_WAY = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("W0", ("1/2",)), ("Wstar", (1,))),
    note="W* = 1, W0 = 1/2: W0 lies on the ray of optima, the printed right side is negative",
)
HALF_WAY_ASIDE = Instance(
    y=(0, 1),
    g=(0, 0),
    extra=(("W0", ("1/2", "1/2")), ("Wstar", (1, 0))),
    note="two weights, every term non-zero",
)

CLAIMS = (
    statement(
        "blog-thm-4.2.1",
        "Theorem 4.2, first part, as restated in the blog",
        "Blog, Theoretical Analysis, first inequality",
        r"""$$\left( \nabla_{y_j}\hat{\mathcal{L}} \right)^\top \frac{\partial \hat{\mathcal{L}}}{\partial y_j
\partial y_j} \left( \nabla_{y_j}\hat{\mathcal{L}} \right) \leq \frac{\gamma^2}{\sigma^2} \left(
\nabla_{y_j}\hat{\mathcal{L}} \right)^\top H_{j,j} \left( \nabla_{y_j}\hat{\mathcal{L}} \right) -
\frac{\gamma}{m\sigma^2} \left< g_j, \hat{y}_j\right> \left\Vert \frac{\partial \hat{\mathcal{L}}}{\partial
y_j} \right\Vert^2$$""",
        *thm_4_2_1.CLAIM.readings,
        kind="theorem",
        scope=thm_4_2_1.CLAIM.scope,
        assumptions=thm_4_2_1.CLAIM.assumptions,
        notation=("the second derivative lacks its square",),
        why="the same statement as the paper's; in truth an equality",
    ),
    statement(
        "blog-thm-4.2.2",
        "Theorem 4.2, second part, as restated in the blog",
        "Blog, Theoretical Analysis, second inequality",
        r"""and if we also have that $H_{j,j}$ preserves the relative norms of $g$ and
$\nabla_{y_j}\hat{\mathcal{L}}$,
$$\left( \nabla_{y_j}\hat{\mathcal{L}} \right)^\top \frac{\partial \hat{\mathcal{L}}}{\partial y_j \partial y_j}
\left( \nabla_{y_j}\hat{\mathcal{L}} \right) \leq \frac{\gamma^2}{\sigma^2} \left( g_j^\top H_{j,j} g_j -
\frac{1}{m\gamma} \left<g_j,\hat{y}_j\right> \left\Vert \frac{\partial \hat{\mathcal{L}}}{\partial y_j}
\right\Vert^2 \right)$$""",
        *tuple(r for r in thm_4_2_2.CLAIM.readings if r.slug != "no-hypothesis"),
        kind="theorem",
        corrected=thm_4_2_2.CLAIM.corrected,
        scope=thm_4_2_2.CLAIM.scope,
        assumptions=thm_4_2_2.CLAIM.assumptions,
        notation=("the second derivative lacks its square",),
        why="true exactly where v'Hv <= g'Hg; the blog does keep the hat on the second gradient",
    ),
    statement(
        "blog-lem-4.5",
        "Lemma 4.5 as restated in the blog",
        "Blog, How does smoothness improve training time, last formula",
        r"""they prove that batch norm improves initialization in the following way:
$$\left\Vert W_0 - \hat{W}^* \right\Vert^2 \leq \left\Vert W_0 - W^* \right\Vert^2 - \frac{1}{\| W^* \|^2} \left(
\| W^* \|^2 - \left< W^* , W_0 \right> \right)$$""",
        Reading(
            slug="on-the-ray",
            summary="the square of the bracket is lost; the left side taken at the paper's point k W*",
            says="(W0 - (Wstar @ W0)/(Wstar @ Wstar)*Wstar) @ (W0 - (Wstar @ W0)/(Wstar @ Wstar)*Wstar) <= (W0 "
            "- Wstar) @ (W0 - Wstar) - 1/(Wstar @ Wstar) * (Wstar @ Wstar - Wstar @ W0)",
            data=Data(
                quantifiers="for all W0", fixed="X, gamma, beta", varies="W", parameters="weights of one unit"
            ),
            refutation=Refutation(HALF_WAY, HALF_WAY_ASIDE),
            norm="identity",
            necessary="every positive multiple of W* is an optimum, so the closest is at most as far as k W*",
        ),
        kind="lemma",
        corrected=Corrected(
            says=lem_4_5.ON_THE_RAY,
            proof=lem_4_5.PROOF,
            text="with the bracket squared, <W0, W*> > 0, a bias, eps = 0 and matched gamma, beta",
            hypotheses=(lem_4_5.CORRELATED,),
            assumptions=lem_4_5.CLAIM.assumptions,
            norm="identity",
            needs=("0 < Wstar @ Wstar",),
        ),
        scope=lem_4_5.CLAIM.scope,
        why="a lost square: the right side can be negative",
        remarks=("The hypothesis <W0, W*> > 0 is left out as well.",),
    ),
)
