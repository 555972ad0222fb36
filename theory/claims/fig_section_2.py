"""Section 2, Figures 1 to 3 and 8: training, the stability of layer inputs, noise, and internal covariate shift."""

from __future__ import annotations

from bnverify.theory.empirical import empirical

_PAIR = "VGG with and without BatchNorm"
_NOISE = (
    "r_sigma is a standard deviation",
    "the noise comes after gamma and beta, fresh at every step, off at test time",
)
_MOVES = "all parameters of a layer count in G, gamma, beta and bias among them"

CLAIMS = (
    empirical(
        "fig-1a",
        "BatchNorm trains faster",
        "Section 2, Figure 1(a)",
        "There is a consistent gain in training speed in models with BatchNorm layers.",
        "the training loss, averaged geometrically over the steps of a phase",
        _PAIR,
        assumptions=("a gain in speed is a loss at least a fifth lower in every phase of the training",),
    ),
    empirical(
        "fig-1b",
        "BatchNorm generalises better",
        "Section 2, Figure 1(b)",
        "As expected, Figures 1(a) and (b) show a drastic improvement, both in terms of optimization and "
        "generalization performance, for networks trained with BatchNorm layers.",
        "the test error at the end",
        _PAIR,
        assumptions=("an improvement is an error at least a twentieth lower; optimization is fig-1a",),
    ),
    empirical(
        "fig-1c",
        "Layer inputs are hardly more stable with BatchNorm",
        "Section 2, Figure 1(c)",
        "Surprisingly, the difference in distributional stability (change in the mean and variance) in "
        "networks with and without BatchNorm layers seems to be marginal.",
        "the change of mean and variance of what a layer's non-linearity gets, from one step to the next, root mean "
        "square over the units",
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
        "training and test accuracy at the end, and the training loss of a phase",
        "VGG with BatchNorm, with noisy BatchNorm and without",
        assumptions=("almost non-existent is equivalence within a factor of 1.05", *_NOISE),
        remarks=("That BatchNorm itself performs better than the standard network is fig-1a and fig-1b.",),
    ),
    empirical(
        "fig-2.noise-on-standard",
        "The same noise prevents a standard network from training",
        "Section 2.1, paragraph after Figure 2",
        "Moreover, adding the same amount of noise to the activations of the standard (non-BatchNorm) network "
        "prevents it from training entirely.",
        "training accuracy at the end, against that of chance on ten classes",
        "VGG without BatchNorm, with the noise of Algorithm 1 on its activations",
        assumptions=("not training at all is an accuracy below 1.5 times that of chance", *_NOISE),
    ),
    empirical(
        "fig-3.vgg",
        "BatchNorm does not reduce internal covariate shift: VGG",
        "Section 2.2, Figure 3",
        "Models with BatchNorm have similar, or even worse, internal covariate shift, despite performing "
        "better in terms of accuracy and loss.",
        "Definition 2.1 by norm, by norm relative to that of G, and by angle",
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
        "the cosine of G and G' of Definition 2.1, averaged over layers and the steps of a phase, absolute values",
        "25-layer linear networks with and without BatchNorm",
        assumptions=("almost no shift is a cosine above 0.95, almost uncorrelated one below 0.3", _MOVES),
    ),
    empirical(
        "fig-8",
        "Noisy BatchNorm shifts layer inputs more than no BatchNorm",
        "Appendix B, Figure 8",
        '"Noisy" BatchNorm layers have significantly higher ICS than standard networks, yet perform better from an '
        "optimization perspective (cf. Figure 2).",
        "the change of mean and variance from one step to the next",
        "VGG with noisy BatchNorm and without BatchNorm",
        assumptions=("ICS here is the change of the moments, which the figure shows", *_NOISE),
        remarks=("That it performs better is fig-2.",),
    ),
)
