"""Every kind of finding in one table: what is measured, where it decides, why there, and what to do.

A threshold comes from theory where there is one, and otherwise lies between what healthy and broken networks of the
tests' development half show; ``margin`` says how far it is from either. The table was fixed before the held-out half
was run.
"""

from __future__ import annotations

from dataclasses import dataclass

from bnverify.numerics.audit.findings.fault import Severity


@dataclass(frozen=True)
class Kind:
    """One kind.

    measure: the number that decides. side: "above" or "below" the threshold it is a finding. reason, margin: of the
    threshold. why: why it matters, in one sentence. advice: what to do. claim: the statement behind it, "" where it is
    counting. more: what ``bnverify explain`` adds.
    """

    name: str
    severity: Severity
    measure: str
    side: str
    threshold: float
    reason: str
    margin: str
    why: str
    advice: str
    claim: str = ""
    more: str = ""


_E, _W, _N = Severity.ERROR, Severity.WARNING, Severity.NOTE

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind(
            "wrong-backward",
            _E,
            "largest relative difference between the layer's own gradient and the derivative of its own forward pass",
            "above",
            1.0,
            "in units of what rounding explains; the bound is that of the layer's dtype and m",
            "a wrong factor or a missing term is off by 0.01 to 2, rounding by 1e-15 to 1e-6",
            "The layer trains on a gradient that is not the derivative of what it computes.",
            "Compare the layer's backward pass with autograd on its forward pass, and repair it or use torch's layer.",
            "eq-4",
            "The forward pass is taken as the definition. Its derivative at the gradient that arrived at the output "
            "is computed by autograd in float64 and compared with what the layer handed on.",
        ),
        Kind(
            "non-finite",
            _E,
            "values that are NaN or infinite",
            "above",
            0.0,
            "one such value reaches every weight before it",
            "none: a value is finite or it is not; masks of -inf count only where they reach the loss or a gradient",
            "Every later number of this step is lost, and after the step the weights are too.",
            "Look at the first place named: a division by 0, a log or root of 0, an overflow in half precision, or a "
            "broken checkpoint.",
            "",
            "The first call in forward order is named, since everything after it follows.",
        ),
        Kind(
            "constant-input",
            _W,
            "standard deviation of the group",
            "below",
            0.0,
            "at sigma = 0 there is nothing to normalise: y-hat = 0 and the layer puts out beta; 8 roundings of the "
            "mean count as 0",
            "the smallest spread in the healthy networks is 2.9e6 roundings of the mean",
            "These numbers do not vary, so the layer puts out its shift alone, and the gradient behind it is "
            "multiplied by gamma/sqrt(eps).",
            "Look at the weights before the layer (all zero?), at padding, or at a channel that died earlier; mask "
            "padded positions out of the loss.",
            "ext-eps.gradient",
            "With eps > 0 everything is defined: y-hat = 0, and the input gradient is gamma/sqrt(eps) (g - mean g), "
            "316 times the one at the output for eps = 1e-5.",
        ),
        Kind(
            "dead-scale",
            _W,
            "largest |gamma| of the channels whose gradient is 0 as well",
            "below",
            0.0,
            "gamma = 0 closes the channel, a gradient of exactly 0 keeps it closed; either alone is normal "
            "(zero-initialised residual branches have gamma = 0 and learn)",
            "both are exact zeros",
            "The scale is 0 and gets no gradient, so neither it nor anything before it in this channel will learn.",
            "Set the scale (or, before ReLU, the shift) of these channels to a value that lets something through.",
            "thm-4.1",
            "The layer multiplies the squared gradient by gamma^2/sigma^2, here 0. Before ReLU a shift <= 0 makes the "
            "output 0 for every input, which is certified; weight decay or a bad checkpoint does this.",
        ),
        Kind(
            "dead-channel",
            _W,
            "-beta/|gamma|, the size of y-hat at which the channel would open",
            "above",
            4.0,
            "|y-hat| is at most sqrt(m - 1), and above 4 a normal y-hat comes once in 30,000 numbers; beyond "
            "sqrt(m - 1) the channel is closed for every input",
            "healthy networks, also after 60 steps, reach 0.12, planted ones start at 8; below 4 it is a note",
            "Nothing passes this channel on this batch, and no gradient comes back, so it cannot recover.",
            "Raise the shift beta or lower the learning rate; prune the channel if it has been dead for long.",
            "prose-4.1-whitened",
            "sum y-hat = 0 and |y-hat|^2 <= m bound a single entry by sqrt(m - 1). If beta + |gamma| sqrt(m - 1) <= 0 "
            "before ReLU, the finding is certified at this m; otherwise another batch may open the channel.",
        ),
        Kind(
            "tiny-batch",
            _W,
            "m, the numbers that share one mean and one spread",
            "below",
            8.5,
            "the variance of m normal numbers scatters by sqrt(2/(m - 1)), over half of itself at m = 8, and the layer "
            "removes 2 of m directions of the gradient; for the groups of one sample it is 2",
            "healthy networks start at m = 32 where the batch is normalised; planted ones have 2 to 4",
            "So few numbers share a mean and a spread that both are mostly noise, and at m = 2 y-hat is +-1 whatever "
            "came in.",
            "Use a larger batch, synchronised BatchNorm, or a normalisation of single samples; for groups of a sample, "
            "fewer groups or larger maps.",
            "thm-4.1",
            "m counts positions too: 4 images of 6 x 6 positions give m = 144 and are fine.",
        ),
        Kind(
            "duplicate-batch",
            _W,
            "share of different samples in the batch",
            "below",
            0.51,
            "half the batch twice has the statistics of half the batch",
            "real batches have a share of 1, a doubled one 0.5",
            "Copies of a sample add nothing to the mean and the spread, so the batch is smaller than it looks.",
            "Look at the sampler (every process the same seed?), at the collate function, and at cached augmentation.",
            "thm-4.1",
        ),
        Kind(
            "uneven-batch",
            _W,
            "share of the spread that one sample holds",
            "above",
            0.5,
            "above one half, the scale of all other samples is set by one of them",
            "healthy batches of 8 samples or more reach 0.21, planted outliers 0.9",
            "One sample sets the spread for all, so the others are pressed together.",
            "Look at that sample (a wrong unit, no preprocessing, padding), or clip the inputs.",
            "prose-4.1-whitened",
            "Over steps: the batch size of a layer varies by more than a factor of 4, as with a small last batch.",
        ),
        Kind(
            "mixed-domains",
            _N,
            "share of the variance along the batch's leading direction that lies between two clusters of samples",
            "above",
            0.88,
            "the best split of one normal cluster explains 2/pi = 0.64; the direction has to hold 0.15 of all variance",
            "healthy batches reach 0.80, two halves shifted by 3 spreads 0.93",
            "Two kinds of samples share one mean and one spread, which fit neither; alone, either kind gives other "
            "outputs.",
            "Normalise the kinds apart (a layer each, or a forward pass each), as one does for real and generated "
            "images.",
            "prose-4.1-whitened",
        ),
        Kind(
            "eps-dominates",
            _W,
            "median over the rows of sigma^2/(sigma^2 + eps)",
            "below",
            0.5,
            "below one half the layer divides by sqrt(eps) more than by sigma",
            "healthy networks stay above 0.99, planted ones lie below 0.05; between 0.05 and 0.5 it is a note, since "
            "torchvision's MobileNetV3 starts with a depthwise layer at 0.12 and trains",
            "The layer divides by sqrt(eps) instead of by the spread, so it does not normalise, and the size of the "
            "weights before it matters again.",
            "Make eps small against the variance, or give the activations before the layer a larger scale.",
            "ext-eps.gradient",
            "<v, y-hat> = gamma/s (1 - rho) <g, y-hat> with rho the share: at rho = 1 the layer takes this direction "
            "out of the gradient, at rho = 0 it leaves it alone.",
        ),
        Kind(
            "gradient-growth",
            _W,
            "gradient at the first activation over that at the last layer, each times the activation's spread",
            "above",
            60.0,
            "plain BatchNorm-ReLU blocks multiply the gradient by sqrt(pi/(pi - 1)) = 1.211 each (mean field), so 60 "
            "is reached after 21 to 23",
            "16 plain convolutions, as many as VGG-19 has, show 20; thirty plain blocks 280 and more",
            "The gradient grows layer by layer towards the input, so the first layers get steps far larger than the "
            "last.",
            "Add residual connections, remove layers, or lower the learning rate of the first layers.",
            "thm-4.1",
            "Only what every path from the loss passes is compared; branches of residual blocks are left out.",
        ),
        Kind(
            "gradient-decay",
            _W,
            "gradient at the first activation over that at the last layer, each times the activation's spread",
            "below",
            0.005,
            "a factor of 200 in the gradient: the first layers stand still while the last ones learn",
            "healthy networks stay above 0.5, eight sigmoids in a row lie below 1e-4",
            "The gradient fades layer by layer towards the input, so the first layers hardly learn.",
            "Add residual connections, use activations that do not saturate, or normalise between the layers.",
            "thm-4.1",
        ),
        Kind(
            "momentum-extreme",
            _W,
            "momentum of the running statistics",
            "above",
            0.5,
            "above 0.5 (or below 0.0001, where it is 1/10,000 a step) the running statistics are the last batch's or "
            "the first one's; 0.99 is TensorFlow's way to write 0.01",
            "models in use have 0.0003 to 0.1",
            "The running statistics that eval mode uses are those of hardly more than one batch, or never move.",
            "Use 0.1 to 0.001; what TensorFlow calls 0.99 is 0.01 here.",
        ),
        Kind(
            "eval-in-training",
            _W,
            "distance of the running statistics from the layer's own (symmetric divergence, median over channels)",
            "above",
            0.5,
            "0.5 is a mean off by 0.7 spreads, or a variance off by a factor of 2.6",
            "frozen layers that fit have up to 0.051",
            "The layer runs in eval mode while the model trains, with statistics that are not this data's, so it does "
            "not normalise.",
            "Call model.train() before training, or load statistics that belong to this data.",
            "thm-4.1",
            "A frozen layer whose statistics fit its input is an affine map and no finding.",
        ),
        Kind(
            "stale-statistics",
            _W,
            "distance of the running statistics from the layer's own (symmetric divergence, median over channels)",
            "above",
            0.5,
            "0.5 is a mean off by 0.7 spreads, or a variance off by a factor of 2.6",
            "healthy trained networks reach 0.051, planted ones start at 7",
            "Eval mode normalises with statistics that are not those of the data, so the model gives other outputs "
            "than in training.",
            "Run some batches in train mode without stepping, then save; check that the checkpoint holds the buffers.",
            "",
            "At initialisation, while the running statistics still hold much of their first values, nothing is said.",
        ),
        Kind(
            "train-eval-gap",
            _N,
            "loss in eval mode over the loss in train mode",
            "above",
            3.0,
            "statistics that fit give about the same loss in both modes",
            "healthy networks reach 1.01",
            "The model in eval mode is another one than the model that was trained.",
            "Compare the running statistics with the batch's; do not place dropout before BatchNorm.",
        ),
        Kind(
            "wrong-axis",
            _W,
            "axis of the channels minus the axis that is normalised",
            "above",
            0.0,
            "the axis is followed through the graph from the map before the layer; the gradient of its bias is 0 "
            "where the axis is right",
            "none: the axes are the same or not",
            "The layer normalises along another axis than the channels that the map before it makes.",
            "Transpose before and after the layer, or use LayerNorm for channels that come last.",
            "fact-C.1",
            "<1, v> = 0 for every channel of BatchNorm, so a bias before it gets no gradient; if it does, its channels "
            "are not the layer's.",
        ),
        Kind(
            "ill-conditioned",
            _W,
            "unit roundoff times |mu|/sigma: the relative error that rounding of the input makes in y-hat",
            "above",
            1e-4,
            "four digits are left of float32's seven; in half precision |mu|/sigma = 16 counts instead",
            "healthy networks reach 1.7e-7, planted ones start at 6e-3",
            "The mean is so large against the spread that rounding the input already spoils the normalised values.",
            "Subtract the mean in higher precision before (standardise the inputs), or compute this layer in a wider "
            "dtype.",
            "prose-4.1-whitened",
        ),
        Kind(
            "step-too-large",
            _W,
            "-d'Hd/d'g of the optimizer's step d; lr g'Hg/g'g for gradient descent",
            "above",
            2.0,
            "a quadratic loss falls along the step only below 2",
            "healthy set-ups reach 1.6, a rate of 200 gives 170; up to 8 it is a note: one step often mends itself",
            "One step of this optimizer goes so far that the loss rises along it, to second order.",
            "Lower the learning rate by the ratio shown, or warm up.",
            "thm-4.2.1",
        ),
        Kind(
            "effective-step-growth",
            _W,
            "growth of lr/|w|^2 over the recorded steps, for weights before a normalisation",
            "above",
            10.0,
            "a layer that divides by the spread makes the loss blind to |w|, so the step that counts is lr/|w|^2",
            "healthy runs change it by less than 3",
            "The weights before the layer shrink while the loss does not see it, so the steps grow until training "
            "breaks.",
            "Take these weights out of the weight decay, or lower the learning rate.",
            "def-2.1.reparametrisation",
        ),
        Kind(
            "outside-theory",
            _N,
            "loss that sees the layer's input other than through its output",
            "above",
            0.0,
            "the theorems are about a loss of z alone",
            "none",
            "The loss depends on this layer's input also through a gradient, so the theorems say nothing about it.",
            "Read the layer's numbers as measurements, not as checks of the theorems.",
            "thm-4.1",
        ),
        Kind(
            "undecided",
            _N,
            "rows that rounding leaves open",
            "above",
            0.0,
            "what a bound on rounding cannot separate is not decided",
            "none",
            "The dtype leaves too few digits to tell the two sides apart.",
            "Audit a float64 copy.",
        ),
        Kind(
            "bias-before-norm",
            _N,
            "gradient of the bias over that of the weight",
            "below",
            1e-3,
            "the layer takes the mean off, so the bias gets a gradient of 0 up to rounding",
            "rounding gives 1e-6 in float32; a bias that counts has 0.01 to 1",
            "The layer subtracts the mean, so the bias before it does nothing but take memory.",
            "Build the map with bias=False.",
            "fact-C.1",
        ),
    )
}
"""Most important first among those of one severity."""
