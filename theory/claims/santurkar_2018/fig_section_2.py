"""Section 2, Figures 1 to 3 and 8: training, the stability of layer inputs, noise, and internal covariate shift."""

from __future__ import annotations

from bnverify.theory.empirical import empirical

_PAIR = "VGG with and without BatchNorm"
_NOISE = ("r_sigma is a standard deviation", "the noise comes after gamma and beta, fresh at every step")
_MOVES = "all parameters of a layer count in G, gamma, beta and bias among them"

CLAIMS = (
    empirical(
        "fig-1a",
        "BatchNorm trains faster",
        "Section 2, Figure 1(a)",
        "There is a consistent gain in training speed in models with BatchNorm layers.",
        "the steps until the training loss is as low as the standard network's at its end",
        _PAIR,
        assumptions=("a consistent gain is a third fewer steps at least",),
    ),
    empirical(
        "fig-1b",
        "BatchNorm generalises better",
        "Section 2, Figure 1(b)",
        "As expected, Figures 1(a) and (b) show a drastic improvement, both in terms of optimization and "
        "generalization performance, for networks trained with BatchNorm layers.",
        "the test error at the end",
        _PAIR,
        assumptions=(
            "a quarter of the paper's own difference counts, 0.96 times the error; optimization is fig-1a",
        ),
    ),
    empirical(
        "fig-1c",
        "Layer inputs are hardly more stable with BatchNorm",
        "Section 2, Figure 1(c)",
        "Surprisingly, the difference in distributional stability (change in the mean and variance) in "
        "networks with and without BatchNorm layers seems to be marginal.",
        "the change of mean and variance of what a layer's non-linearity gets, from one step to the next, in units "
        "of its own spread",
        _PAIR,
        assumptions=("marginal is equivalence within a factor of 2, not the absence of significance",),
    ),
    empirical(
        "fig-2",
        "Noise after BatchNorm hardly matters",
        "Section 2.1, Figure 2",
        'Observe that the performance difference between models with BatchNorm layers, and "noisy" BatchNorm '
        "layers is "
        "almost non-existent. Also, both these networks perform much better than standard networks.",
        "training accuracy as trained, noise on, over the last tenth of the training",
        "VGG with BatchNorm and with noisy BatchNorm",
        assumptions=("almost non-existent is equivalence within a factor of 1.05", *_NOISE),
        remarks=("The second sentence is fig-2.noisy-over-standard and, for BatchNorm itself, fig-1a.",),
    ),
    empirical(
        "fig-2.noisy-over-standard",
        "Noisy BatchNorm still trains faster than no BatchNorm",
        "Section 2.1, paragraph after Figure 2",
        "Also, both these networks perform much better than standard networks.",
        "the steps until the training loss is as low as the standard network's at its end",
        "VGG with noisy BatchNorm and without BatchNorm",
        assumptions=("much better is half the steps at most", *_NOISE),
    ),
    empirical(
        "fig-2.noise-on-standard",
        "The same noise prevents a standard network from training",
        "Section 2.1, paragraph after Figure 2",
        "Moreover, adding the same amount of noise to the activations of the standard (non-BatchNorm) network "
        "prevents it from training entirely.",
        "training accuracy as trained, noise on, over the last tenth of the training",
        "VGG without BatchNorm, with the noise of Algorithm 1 on its activations",
        assumptions=("not training at all is an accuracy below 1.5 times that of chance", *_NOISE),
    ),
    empirical(
        "fig-3.vgg",
        "BatchNorm does not reduce internal covariate shift: VGG",
        "Section 2.2, Figure 3",
        "Models with BatchNorm have similar, or even worse, internal covariate shift, despite performing "
        "better in terms of accuracy and loss.",
        "Definition 2.1, over the first third of the training",
        _PAIR,
        assumptions=("similar or worse is at least 0.8 times as much", _MOVES),
    ),
    empirical(
        "fig-3.dln",
        "BatchNorm does not reduce internal covariate shift: deep linear networks",
        "Section 2.2, paragraph after Definition 2.1",
        "This is particularly striking in the case of DLN. In fact, in this case, the standard network "
        "experiences almost no ICS for the entirety of training, whereas for BatchNorm it appears that G and "
        "G' are almost uncorrelated.",
        "the size of the cosine of G and G' of Definition 2.1, averaged over layers and the training",
        "25-layer linear networks with BatchNorm",
        assumptions=("almost uncorrelated is a mean size of the cosine below 0.3", _MOVES),
        remarks=("The standard network is fig-3.dln-standard.",),
    ),
    empirical(
        "fig-3.dln-standard",
        "Without BatchNorm there is almost no internal covariate shift: deep linear networks",
        "Section 2.2, paragraph after Definition 2.1",
        "In fact, in this case, the standard network experiences almost no ICS for the entirety of training",
        "the cosine of G and G' of Definition 2.1, averaged over layers and the training",
        "25-layer linear networks without BatchNorm",
        assumptions=("almost no shift is a mean cosine above 0.95", _MOVES),
    ),
    empirical(
        "prose-2.2-dln-loss",
        "BatchNorm reaches a far lower loss: deep linear networks",
        "Section 2.2, paragraph after Definition 2.1",
        "We emphasize that this is the case even though BatchNorm networks continue to perform drastically better "
        "in terms of attained accuracy and loss.",
        "the training loss at the end",
        "25-layer linear networks with and without BatchNorm",
        assumptions=("drastically is half the loss at most",),
    ),
    empirical(
        "fig-8",
        "Noisy BatchNorm shifts layer inputs more than no BatchNorm",
        "Appendix B, Figure 8",
        '"Noisy" BatchNorm layers have significantly higher ICS than standard networks, yet perform better from an '
        "optimization perspective (cf. Figure 2).",
        "the change of mean and variance from one step to the next, noise on, in units of their own spread",
        "VGG with noisy BatchNorm and without BatchNorm",
        assumptions=("ICS here is the change of the moments, which the figure shows", *_NOISE),
        remarks=("That it performs better is fig-2.noisy-over-standard.",),
    ),
)
