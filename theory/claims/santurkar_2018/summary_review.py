r"""The summary and the course review: their sentences that can be checked."""

from __future__ import annotations

from bnverify.theory.claim import Claim, Corrected, Proof, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018.prose_4_lipschitz import SCALE, SHORTER, SHORTER_TERMS, STRETCH
from bnverify.theory.claims.santurkar_2018.prose_c import MEAN_ZERO, VARIANCE_ONE
from bnverify.theory.equation import statement

CLAIMS = (
    statement(
        "prose-summary-moments",
        "BatchNorm changes mean and variance to 0 and 1",
        "Summary, third paragraph",
        "normalize the layer activations accross the batch to change the first two moments of the layer "
        "distribution (mean and variance) to 0 and 1 respectively.",
        Reading(
            slug="before-gamma-beta",
            summary="of y-hat, before gamma and beta",
            says=VARIANCE_ONE,
            proof=Proof(steps=(Step(text="mean 0", says=MEAN_ZERO),)),
        ),
        why="true of y-hat; after gamma and beta the moments are beta and gamma^2",
    ),
    statement(
        "prose-summary-lipschitzness",
        "BatchNorm improves the Lipschitzness of the loss and of the gradients",
        "Summary, sixth paragraph",
        "The authors claim that Batch Normalization improves the Lipschitzness of both the loss and the "
        "gradients thus making training process smoother by preventing sudden change in loss with the change in "
        "parameters.",
        Reading(
            slug="any-scale",
            summary="the gradient in the activations is not longer, for every gamma",
            says=SHORTER,
            refutation=Refutation(STRETCH, STRETCH),
        ),
        corrected=Corrected(
            says=SHORTER,
            proof=Proof(terms=SHORTER_TERMS),
            text="true if |gamma| <= sigma",
            hypotheses=(SCALE,),
            assumptions=("|gamma| <= sigma",),
        ),
        assumptions=("|gamma| <= sigma",),
        why="of the loss: where |gamma| <= sigma; of the gradients see prose-4.2-more-predictive",
    ),
    Claim(
        id="prose-summary-distributions",
        title="Layer distributions with and without BatchNorm hardly differ",
        where="Summary, fourth paragraph",
        quotation="The difference between layer distributions with and without batch norm was not significant even "
        "though batch norm boosted the network training",
        state="open",
        scope=(("kind", "empirical"),),
        why="a question for training runs: fig-1c has the verdict on the paper's own sentence",
    ),
    Claim(
        id="prose-summary-noise",
        title="Noise after BatchNorm does not slow training",
        where="Summary, fifth paragraph",
        quotation="By introducing noise (the internal covariate shift) in batch normalized networks it was still found "
        "that the training converged at the same rate",
        state="open",
        scope=(("kind", "empirical"),),
        why="a question for training runs: fig-2 has the verdict on the paper's own sentence",
    ),
    Claim(
        id="prose-review-no-effect",
        title="Internal covariate shift has no effect on optimization",
        where="Review, strengths, first point",
        quotation="Proves Explicitly that Internal Co-variance Shift has no effect on the optimization or the training "
        "accuracy performance.",
        state="open",
        scope=(("kind", "empirical"),),
        why="no theorem of the paper says so: Section 2 is experimental and calls the link 'tenuous, at best'",
    ),
    Claim(
        id="prose-review-initialization",
        title="Effects on the initialization are not discussed",
        where="Review, weaknesses, second point",
        quotation="Effects of Batch Normalization on the initialization of the network and the type of optimization is "
        "not discussed.",
        state="open",
        scope=(("kind", "about the text"),),
        why="about the text, which no proof decides: Lemma 4.5 is about initialization; only plain SGD is used",
    ),
)
