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
_BETTER = "any improvement counts: the ratio has to be below 1 in every phase"
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
_FOUR = (
    "the training loss, and along the gradient the loss variation, the largest change of the gradient and effective "
    "beta"
)

CLAIMS = (
    empirical(
        "fig-4a",
        "The loss varies less along the gradient with BatchNorm",
        "Section 3.2, Figure 4(a)",
        "We see that, in contrast to the case when BatchNorm is in use, the loss of a vanilla, i.e., non-BatchNorm, "
        "network has a very wide range of values along the direction of the gradient, especially in the "
        "initial phases of training.",
        f"largest minus smallest loss along the gradient, {_RAY}",
        _PAIR,
        assumptions=(_BETTER, _ALONG),
    ),
    empirical(
        "fig-4b",
        "The gradient is more predictive with BatchNorm",
        "Section 3.2, Figure 4(b)",
        "Figure 4(b) shows a significant difference (close to two orders of magnitude) in such gradient "
        "predictiveness between the vanilla and BatchNorm networks, especially early in training.",
        f"the largest change of the gradient along itself, {_RAY}, and the same over the norm of the gradient",
        _PAIR,
        assumptions=(_BETTER, _ALONG),
        remarks=("Two orders of magnitude is not tested as a margin; the ratio is shown beside it.",),
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
        "the largest change of the gradient over the distance moved along it, over the probes and over pairs of them",
        _PAIR,
        assumptions=(
            "consistent differences are a smaller effective beta with BatchNorm in every phase",
            _ALONG,
        ),
    ),
    empirical(
        "fig-5.vgg",
        "l_p normalisations perform like BatchNorm: VGG",
        "Section 3.3, Figure 5",
        _COMPARABLE,
        "the training loss over all steps",
        f"{_LP} and BatchNorm",
        assumptions=("comparably or better is a loss below 1.25 times as much", _NORM),
    ),
    empirical(
        "fig-5.dln",
        "l_p normalisations perform like BatchNorm: deep linear networks",
        "Section 3.3, Figure 5",
        _COMPARABLE,
        "the training loss over all steps",
        f"{_LP_LINEAR} and BatchNorm",
        assumptions=("comparably or better is a loss below 1.25 times as much", _NORM),
    ),
    empirical(
        "fig-6",
        "l_p normalisations shift layer inputs more than no normalisation",
        "Section 3.3, Figure 6",
        "Note that the $\\ell_p$ normalization techniques leads to larger distributional covariate shift compared to "
        "normal networks, yet yield improved optimization performance.",
        "the change of mean and variance of what a layer's non-linearity gets, from one step to the next",
        f"{_LP} and without",
        assumptions=(_NORM, "any larger shift counts, in every phase"),
        remarks=("The improved performance is fig-12.",),
    ),
    empirical(
        "fig-10a",
        "The loss varies less along the gradient with BatchNorm: deep linear networks",
        "Appendix B, Figure 10(a)",
        _SMOOTH_LINEAR,
        f"largest minus smallest loss along the gradient, {_RAY}",
        _LINEAR,
        assumptions=(_BETTER,),
    ),
    empirical(
        "fig-10b",
        "The gradient is more predictive with BatchNorm: deep linear networks",
        "Appendix B, Figure 10(b)",
        _SMOOTH_LINEAR,
        f"the largest change of the gradient along itself, {_RAY}, and the same over the norm of the gradient",
        _LINEAR,
        assumptions=(_BETTER,),
    ),
    empirical(
        "fig-10c",
        "Effective beta-smoothness is better with BatchNorm: deep linear networks",
        "Appendix B, Figure 10(c)",
        _SMOOTH_LINEAR,
        "the largest change of the gradient over the distance moved along it, over the probes and over pairs of them",
        _LINEAR,
        assumptions=(_BETTER,),
    ),
    empirical(
        "fig-11",
        "Gradients are more predictive with BatchNorm at equal distance",
        "Appendix B, Figure 11",
        "We observe that gradients are significantly more predictive in networks with BatchNorm and change "
        "slowly in a given local neighborhood.",
        "the change of the gradient at the largest distance that both networks probed at a step",
        _PAIR,
        assumptions=(_BETTER, _ALONG),
    ),
    empirical(
        "fig-12",
        "Every l_p normalisation improves performance and smoothness: VGG",
        "Appendix B, Figure 12",
        _ANY_NORM,
        _FOUR,
        f"{_LP} and without",
        assumptions=(_BETTER, _NORM),
    ),
    empirical(
        "fig-13",
        "Every l_p normalisation improves performance and smoothness: deep linear networks",
        "Appendix B, Figure 13",
        _ANY_NORM,
        _FOUR,
        f"{_LP_LINEAR} and without",
        assumptions=(_BETTER, _NORM),
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
        assumptions=("a broader range is a larger largest usable rate",),
    ),
    empirical(
        "prose-3.2-random-directions",
        "Random directions behave like the gradient",
        "Section 3.2, last paragraph",
        "Finally, we emphasize that even though our explorations were focused on the behavior of the loss along the "
        "gradient directions (as they are the crucial ones from the point of view of the training process), the loss "
        "behaves in a similar way when we examine other (random) directions too.",
        "loss variation, largest change of the gradient and effective beta along Gaussian directions of the "
        "gradient's norm, isotropic or scaled filter by filter",
        _PAIR,
        assumptions=("in a similar way is an improvement of each measure, as along the gradient", _ALONG),
    ),
    empirical(
        "prose-3.3-l1-better-dln",
        "l_1 normalisation beats BatchNorm on deep linear networks",
        "Section 3.3, last but one paragraph",
        "In fact, for deep linear networks, $\\ell_1$-normalization performs even better than BatchNorm.",
        "the training loss over all steps, and at the end",
        "25-layer linear networks with l_1 normalisation and with BatchNorm",
        assumptions=(_NORM,),
    ),
)
