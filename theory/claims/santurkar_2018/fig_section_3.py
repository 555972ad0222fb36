"""Section 3, Figures 4 to 6 and 10 to 13: the landscape along the gradient and elsewhere, and other "
"normalisations."""

from __future__ import annotations

from bnverify.theory.empirical import empirical

_PAIR = "VGG with and without BatchNorm"
_LINEAR = "25-layer linear networks with and without BatchNorm"
_LP = "VGG with l_1, l_2, l_inf normalisation"
_LP_LINEAR = "25-layer linear networks with l_1, l_2, l_inf normalisation"
_ALONG = "gamma, beta and biases move with the weights"
_NORM = "the l_p norm is the power mean of the raw activation of a unit over the batch"
_CLEAR = "a clear, consistent or significant difference counts from a factor of 1.5"
_DECADES = "a clear difference on an axis of several decades counts from a factor of 3"
_IMPROVED = "an improvement counts from a factor of 1.25"
_RAY = "as far as the probes of Appendix A.2.2 reach"
_SMOOTH_LINEAR = (
    "There is a clear improvement in each of these measures of smoothness of the optimization landscape in networks "
    "with BatchNorm layers."
)
_COMPARABLE = (
    "For both networks, all $\\ell_p$ normalization strategies perform comparably or even better than "
    "BatchNorm."
)
_ANY_NORM = (
    "We observe that networks with any normalization strategy have improved performance and smoothness of the loss "
    "landscape over standard training."
)
_BETA = "effective beta: the largest change of the gradient over the distance moved along it"
_FAR = "largest minus smallest loss along the gradient, at 2 to 8 times the distance that the figure is capped at"

CLAIMS = (
    empirical(
        "fig-4a",
        "The loss varies less along the gradient with BatchNorm",
        "Section 3.2, Figure 4(a)",
        "We see that, in contrast to the case when BatchNorm is in use, the loss of a vanilla, i.e., non-BatchNorm, "
        "network has a very wide range of values along the direction of the gradient, especially in the "
        "initial phases of training.",
        f"largest minus smallest loss along the gradient, {_RAY}, in the first third",
        _PAIR,
        assumptions=(_CLEAR, _ALONG),
    ),
    empirical(
        "fig-4b",
        "The gradient is more predictive with BatchNorm",
        "Section 3.2, Figure 4(b)",
        "Figure 4(b) shows a significant difference (close to two orders of magnitude) in such gradient "
        "predictiveness between the vanilla and BatchNorm networks, especially early in training.",
        f"the largest change of the gradient along itself, {_RAY}, in the first third",
        _PAIR,
        assumptions=("close to two orders of magnitude counts from a factor of 30", _ALONG),
    ),
    empirical(
        "fig-4c",
        "Effective beta-smoothness is better with BatchNorm",
        "Section 3.2, Figure 4(c)",
        "To further demonstrate the effect of BatchNorm on the stability/Lipschitzness of the gradients of the "
        "loss, we "
        'plot in Figure 4(c) the "effective" $\\beta$-smoothness of the vanilla and BatchNorm networks '
        "throughout the "
        "training. [...] Again, we observe consistent differences between these networks.",
        f"{_BETA}, over the whole training",
        _PAIR,
        assumptions=(_CLEAR, _ALONG),
    ),
    empirical(
        "fig-5.vgg",
        "l_p normalisations perform like BatchNorm: VGG",
        "Section 3.3, Figure 5",
        _COMPARABLE,
        "the training loss over the whole training",
        f"{_LP} and BatchNorm",
        assumptions=("comparably or better is a loss below 1.25 times as much", _NORM),
    ),
    empirical(
        "fig-5.dln",
        "l_p normalisations perform like BatchNorm: deep linear networks",
        "Section 3.3, Figure 5",
        _COMPARABLE,
        "the training loss over the whole training",
        f"{_LP_LINEAR} and BatchNorm",
        assumptions=("comparably or better is a loss below 1.25 times as much", _NORM),
    ),
    empirical(
        "fig-6",
        "l_p normalisations shift layer inputs more than no normalisation",
        "Section 3.3, Figure 6",
        "Note that the $\\ell_p$ normalization techniques leads to larger distributional covariate shift compared to "
        "normal networks, yet yield improved optimization performance.",
        "the change of mean and variance of what a layer's non-linearity gets, from one step to the next, in units "
        "of its own spread",
        f"{_LP} and without",
        assumptions=(_NORM, _IMPROVED.replace("an improvement", "a larger shift")),
        remarks=("The improved performance is fig-12.",),
    ),
    empirical(
        "fig-10a",
        "The loss varies less along the gradient with BatchNorm: deep linear networks",
        "Appendix B, Figure 10(a)",
        _SMOOTH_LINEAR,
        f"largest minus smallest loss along the gradient, {_RAY}",
        _LINEAR,
        assumptions=(_DECADES,),
    ),
    empirical(
        "fig-10b",
        "The gradient is more predictive with BatchNorm: deep linear networks",
        "Appendix B, Figure 10(b)",
        _SMOOTH_LINEAR,
        f"the largest change of the gradient along itself, {_RAY}",
        _LINEAR,
        assumptions=(_DECADES,),
    ),
    empirical(
        "fig-10c",
        "Effective beta-smoothness is better with BatchNorm: deep linear networks",
        "Appendix B, Figure 10(c)",
        _SMOOTH_LINEAR,
        _BETA,
        _LINEAR,
        assumptions=(_DECADES,),
    ),
    empirical(
        "fig-11",
        "Gradients are more predictive with BatchNorm at equal distance",
        "Appendix B, Figure 11",
        "We observe that gradients are significantly more predictive in networks with BatchNorm and change "
        "slowly in a given local neighborhood.",
        "the change of the gradient at the largest distance that both networks probed at a step",
        _PAIR,
        assumptions=(_CLEAR, _ALONG),
    ),
    empirical(
        "fig-12",
        "Every l_p normalisation improves smoothness: VGG",
        "Appendix B, Figure 12",
        _ANY_NORM,
        _BETA,
        f"{_LP} and without",
        assumptions=(_IMPROVED, _NORM),
    ),
    empirical(
        "fig-13",
        "Every l_p normalisation improves smoothness: deep linear networks",
        "Appendix B, Figure 13",
        _ANY_NORM,
        _BETA,
        f"{_LP_LINEAR} and without",
        assumptions=(_DECADES, _NORM),
    ),
    empirical(
        "prose-3.1-larger-learning-rates",
        "BatchNorm allows larger learning rates",
        "Section 3.1, last paragraph",
        "This, in turn, enables us to use a broader range of (and thus larger) learning rates (see Figure 11 in "
        "Appendix B) and, in general, makes the training significantly faster and less sensitive to hyperparameter "
        "choices.",
        "the largest learning rate of a sweep at which the final loss is below three quarters of the first one",
        _PAIR,
        assumptions=("a broader range is a largest usable rate twice as large at least",),
    ),
    empirical(
        "prose-3.2-random-directions",
        "Random directions behave like the gradient",
        "Section 3.2, last paragraph",
        "Finally, we emphasize that even though our explorations were focused on the behavior of the loss along the "
        "gradient directions (as they are the crucial ones from the point of view of the training process), the loss "
        "behaves in a similar way when we examine other (random) directions too.",
        "largest minus smallest loss along isotropic Gaussian directions of the gradient's norm, in the first third",
        _PAIR,
        assumptions=("in a similar way is as along the gradient, fig-4a, from a factor of 1.5", _ALONG),
    ),
    empirical(
        "prose-3.3-l1-better-dln",
        "l_1 normalisation beats BatchNorm on deep linear networks",
        "Section 3.3, last but one paragraph",
        "In fact, for deep linear networks, $\\ell_1$-normalization performs even better than BatchNorm.",
        "the training loss over the whole training",
        "25-layer linear networks with l_1 normalisation and with BatchNorm",
        assumptions=(_NORM, _IMPROVED),
    ),
    empirical(
        "prose-3.1-gradient-magnitude",
        "Gradients are smaller with BatchNorm",
        "Section 3.1, first paragraph",
        "That is, the loss changes at a smaller rate and the magnitudes of the gradients are smaller too.",
        "the norm of the gradient over all parameters, over the whole training",
        _PAIR,
        assumptions=(_IMPROVED, _ALONG),
    ),
    empirical(
        "fig-4.larger-distances",
        "BatchNorm smooths at larger distances too",
        "Section 3.1, Figure 4, caption",
        "Here, we cap the maximum distance to be $\\eta = 0.4 \\times$ the gradient since for larger steps the "
        "standard network just performs worse (see Figure 1). BatchNorm however continues to provide smoothing for "
        "even larger distances.",
        f"{_FAR}, in the first third",
        _PAIR,
        assumptions=(_CLEAR, _ALONG),
    ),
    empirical(
        "fig-10.larger-distances",
        "BatchNorm smooths at larger distances too: deep linear networks",
        "Appendix B, Figure 10, caption",
        "(Here, we cap the maximum distance moved to be $\\eta = 30 \\times$ the gradient since for larger steps the "
        "standard network just performs works (see Figure 1). However, BatchNorm continues to provide smoothing for "
        "even larger distances.)",
        _FAR,
        _LINEAR,
        assumptions=(_DECADES, "'performs works' is a slip for 'performs worse', as in Figure 4"),
    ),
    empirical(
        "fig-6.not-gaussian",
        "Layer inputs are no longer Gaussian-like under l_p normalisation",
        "Section 3.3, second paragraph",
        "Note that for these normalization schemes, the distributions of layer inputs are no longer Gaussian-like (see "
        "Figure 6).",
        "the size of the excess kurtosis of what a layer's non-linearity gets, against that under BatchNorm",
        f"{_LP} and BatchNorm",
        assumptions=(_NORM, _CLEAR),
        remarks=(
            "No scale or shift of a unit changes its kurtosis, so that the normalisation itself cannot make the "
            "difference; what the network learns under it can.",
        ),
    ),
    empirical(
        "prose-3.3-similar-smoothing",
        "l_p normalisations smooth as much as BatchNorm",
        "Section 3.3, last but one paragraph",
        "Also, all these techniques result in an improved smoothness of the landscape that is similar to the effect of "
        "BatchNorm.",
        _BETA,
        f"{_LP} and BatchNorm",
        assumptions=(_NORM, "similar is equivalence within a factor of 2"),
        remarks=("The improvement itself is fig-12.",),
    ),
    empirical(
        "fig-12.performance",
        "Every l_p normalisation trains faster: VGG",
        "Appendix B, Figure 12",
        _ANY_NORM,
        "the steps until the training loss is as low as the standard network's at its end",
        f"{_LP} and without",
        assumptions=(_IMPROVED, _NORM),
    ),
    empirical(
        "fig-13.performance",
        "Every l_p normalisation trains better: deep linear networks",
        "Appendix B, Figure 13",
        _ANY_NORM,
        "the training loss over the whole training",
        f"{_LP_LINEAR} and without",
        assumptions=(_IMPROVED, _NORM),
    ),
    empirical(
        "prose-3.1-lr-insensitive",
        "BatchNorm makes training less sensitive to the learning rate",
        "Section 3.1, last paragraph, and Appendix B, Figure 11",
        "This, in turn, enables us to use a broader range of (and thus larger) learning rates (see Figure 11 in "
        "Appendix B) and, in general, makes the training significantly faster and less sensitive to hyperparameter "
        "choices. [...] This explains why networks with BatchNorm are largely robust to a broad range of learning "
        "rates.",
        "the final loss over that of the best rate, log mean over the rates of a sweep; a rate that diverges counts "
        "with its first loss",
        _PAIR,
        assumptions=("largely robust is half of that loss at most",),
    ),
    empirical(
        "prose-3.1-init-insensitive",
        "BatchNorm makes training less sensitive to the initialisation",
        "Section 3.1, second paragraph",
        "This makes gradient descent-based training algorithms unstable, e.g., due to exploding or vanishing "
        "gradients, and thus highly sensitive to the choice of the learning rate and initialization.",
        "the final loss over that of the best initialisation, log mean over Glorot's scaled by 1/2, 1, 2 and 4",
        _PAIR,
        assumptions=("highly sensitive is twice that loss at least without BatchNorm",),
    ),
)
