"""Section 4 and Appendix A.2: the matched insertion, what its prose says of training, the range of the probes, and what
goes beyond the paper."""

from __future__ import annotations

from bnverify.theory.empirical import empirical

_TERMS = "VGG with BatchNorm, every BatchNorm layer"
_SIGMA = (
    "In addition to the additive reduction, we note that $\\sigma_j$ tends to be large and highly uncontrolled "
    "in practice (cf. Appendix Figure 9), and thus the scaling by $\\frac{\\gamma}{\\sigma}$ may contribute to "
    "the relative "
    '"flatness" we see in the effective Lipschitz constant.'
)
_PREDICTED = "deep linear networks of 5 to 20 layers with a normalisation"
_LIPSCHITZ = (
    "Without any assumptions on the specific weights or the loss being used, we show that the batch-normalized "
    "landscape exhibits a better Lipschitz constant."
)
_INSERTED = (
    "with one BatchNorm layer inserted so that activations and loss stay equal (gamma = sigma, beta = mu), "
    "over without: norm of the gradient in the weights of the layer"
)
_MATCHED = ("gamma = sigma and beta = mu, so that a smaller gradient is no mere change of scale",)

CLAIMS = (
    empirical(
        "fig-7",
        "One inserted BatchNorm layer makes the landscape smoother",
        "Section 4.1, Figure 7, and Section 4.2, second paragraph",
        _LIPSCHITZ,
        f"{_INSERTED}, for every layer and step",
        "VGG without BatchNorm, at given weights",
        assumptions=_MATCHED,
        remarks=(
            "For the gradient in the activations this is Theorem 4.1 at gamma = sigma; that is no finding.",
        ),
    ),
    empirical(
        "fig-7.dln",
        "One inserted BatchNorm layer makes the landscape smoother: deep linear networks",
        "Section 4.1, Figure 7, and Section 4.2, second paragraph",
        _LIPSCHITZ,
        f"{_INSERTED}, for every layer but the last and every step",
        "25-layer linear networks without BatchNorm, at given weights",
        assumptions=_MATCHED,
        remarks=(
            "For the gradient in the activations this is Theorem 4.1 at gamma = sigma; that is no finding.",
        ),
    ),
    empirical(
        "fig-9",
        "Activations of deep linear networks spread widely",
        "Appendix B, Figure 9, cited in Section 4.2",
        _SIGMA,
        "the standard deviation of a layer's outputs over the batch, against 1",
        "25-layer linear networks without BatchNorm",
        assumptions=("large counts from 1.25; uncontrolled is fig-9.uncontrolled",),
        remarks=("The caption of the figure makes no claim; the sentence that cites it does.",),
    ),
    empirical(
        "prose-a.2.2-probe-range",
        "The longest probe is slightly below the rate at which the standard network diverges",
        "Appendix A.2.2, last sentence",
        "Further, the maximum step size was chosen slightly smaller than the learning rate at which the standard (no "
        "BatchNorm) network diverges during training.",
        "the smallest learning rate of a sweep at which the final loss is not below the first one",
        "VGG without BatchNorm",
        assumptions=("slightly smaller is by a factor of less than 3: the rate lies between 0.4 and 1.2",),
    ),
    empirical(
        "prose-4.2-sigma-large",
        "sigma is large in training",
        "Section 4.2, paragraph before Theorem 4.2",
        _SIGMA,
        "sigma of the inputs of every BatchNorm layer, against 1",
        _TERMS,
        assumptions=("large counts from 1.25; uncontrolled is fig-9.uncontrolled",),
        remarks=("What a large sigma does to the bound is Theorem 4.1.",),
    ),
    empirical(
        "prose-4.2-inner-product-bounded",
        "In training the inner product of gradient and activation is bounded away from zero",
        "Section 4.2, paragraph before Theorem 4.2",
        "Furthermore, note that both in practice and in theory, the final inner product term in the above theorem is "
        "bounded away from zero, as the gradient with respect to a variable is rarely uncorrelated to the variable "
        "itself.",
        "the mean of |cos(g, y-hat)| over the units of every BatchNorm layer",
        _TERMS,
        assumptions=("bounded away from zero is a mean above 0.1 over the training",),
        remarks=("'In theory' is prose-4.2-bounded-away.",),
    ),
    empirical(
        "prose-4.2-inner-product-positive",
        "In training the inner product of gradient and activation is positive",
        "Section 4.2, paragraph after Theorem 4.2",
        "The condition $\\langle \\hat{y}_j, \\hat{g}_j \\rangle > 0$ holds as long as the negative gradient "
        "$\\hat{g}_j$ is pointing towards the minimum of the loss (w.r.t. normalized activations).",
        "the share of units of every BatchNorm layer at which <g, y-hat> is positive",
        _TERMS,
        assumptions=("that the condition is met in training is a share above 0.9",),
        remarks=("Whether the premise gives the condition is prose-4.2-towards-minimum.",),
    ),
    empirical(
        "prose-4.2-psd-in-training",
        "In training the Hessian downstream is positive semi-definite",
        "Section 4.2, paragraph after Theorem 4.2",
        "The Hessian is positive semi-definite (PSD) if the loss is locally convex which is true for the case "
        "of deep networks with piecewise-linear activation functions and a convex loss at the final layer "
        "(e.g. standard softmax cross-entropy loss or other common losses).",
        "the share of BatchNorm layers and steps at which u'Hu is not negative over a small span of "
        "directions, up to one percent of the largest",
        _TERMS,
        assumptions=("that it is so in training is a share above 0.95",),
        remarks=(
            "Whether it has to be, is prose-4.2-psd: not behind another BatchNorm layer.",
            "A direction with u'Hu < 0 shows that H is indefinite; finding none in a span does not show the "
            "contrary.",
        ),
    ),
    empirical(
        "prose-4.2-form-non-negative",
        "In training the quadratic form of Theorem 4.2 is non-negative",
        "Section 4.2, paragraph after Theorem 4.2",
        "Note that if the quadratic forms involving the Hessian and the inner product $\\langle \\hat{y}_j, "
        "\\hat{g}_j \\rangle$ are non-negative (both fairly mild assumptions), the theorem implies more "
        "predictive gradients.",
        "the share of BatchNorm layers and steps at which v'Hv is not negative, v = dL/dy",
        _TERMS,
        assumptions=("fairly mild is a share above 0.95",),
        remarks=(
            "The inner product is prose-4.2-inner-product-positive; whether the two are enough, "
            "prose-4.2-more-predictive.",
        ),
    ),
    empirical(
        "ext-protocol-across-batches",
        "Gradients of successive steps on different batches show what one batch shows",
        "beyond the paper: the protocol of other reproductions",
        "",
        "the change of the gradient from one step to the next, each on its own batch",
        "VGG with and without BatchNorm",
        assumptions=("to show the same is a change smaller by a factor of 1.5, in the first third",),
    ),
    empirical(
        "ext-bound-predicts-smoothness",
        "The terms of the theorems predict smoothness in weight space",
        "beyond the paper: whether Theorems 4.1 and 4.2 explain what Section 3 measures",
        "",
        "the error of a least squares fit of effective beta on what the fit has not seen: from "
        "gamma^2/sigma^2, the share that the reductions leave and the curvature term, over that from one "
        "of |g|^2, the same in weights, depth and |W|",
        _PREDICTED,
        assumptions=(
            "better than a baseline is a smaller error from a factor of 1.25 on, on new normalisations",
        ),
    ),
    empirical(
        "ext-bound-adds-to-baselines",
        "The terms of the theorems add to what the baselines predict",
        "beyond the paper: whether Theorems 4.1 and 4.2 explain what Section 3 measures",
        "",
        "the same error, from terms and baselines together over that from the baselines alone",
        _PREDICTED,
        assumptions=("to add is a smaller error from a factor of 1.25 on, on new normalisations",),
    ),
    empirical(
        "fig-9.uncontrolled",
        "Without BatchNorm the spread of activations is uncontrolled: deep linear networks",
        "Appendix B, Figure 9, cited in Section 4.2",
        _SIGMA,
        "the largest over the smallest standard deviation of the sampled unit in the course of training, against the "
        "same behind BatchNorm",
        "25-layer linear networks with and without BatchNorm",
        assumptions=("highly uncontrolled is twice that of BatchNorm at least",),
    ),
    empirical(
        "prose-4.2-mean-term",
        "In training the mean term of Theorem 4.1 is significant",
        "Section 4.2, paragraph after Theorem 4.1",
        "First, note that $\\langle 1, \\partial L/\\partial y \\rangle^2$ grows quadratically in the dimension, so "
        "the middle term above is significant.",
        "the share of gamma^2/sigma^2 |g|^2 that the middle term removes, averaged over BatchNorm layers and training",
        _TERMS,
        assumptions=("significant is a share above 0.1",),
        remarks=("Whether it grows quadratically is prose-4.2-quadratic-in-dimension.",),
    ),
    empirical(
        "prose-4.2-both-non-negative",
        "In training both conditions of Theorem 4.2 hold at once",
        "Section 4.2, paragraph after Theorem 4.2",
        "Note that if the quadratic forms involving the Hessian and the inner product $\\langle \\hat{y}_j, "
        "\\hat{g}_j \\rangle$ are non-negative (both fairly mild assumptions), the theorem implies more "
        "predictive gradients.",
        "the share of BatchNorm layers and steps at which v'Hv and the theorem's inner product term are not negative",
        _TERMS,
        assumptions=("fairly mild is a share above 0.95",),
        remarks=("The first of them alone is prose-4.2-form-non-negative.",),
    ),
    empirical(
        "ext-protocol-band-over-rates",
        "The band over separately trained learning rates shows what one point shows",
        "beyond the paper: the protocol of other reproductions",
        "",
        "at every step the largest minus the smallest training loss over networks trained apart, a learning rate each",
        "VGG with and without BatchNorm",
        assumptions=("to show the same is a band narrower by a factor of 1.5, in the first third",),
    ),
)
