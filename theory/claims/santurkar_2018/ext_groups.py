r"""LayerNorm, GroupNorm, InstanceNorm and RMSNorm, with one gamma and beta per element.

With D = diag(gamma_1, ..., gamma_m) every formula of BatchNorm holds with D g for gamma g and D H D for gamma^2 H:
the reductions are those of D g, not of g. RMSNorm has no reduction of the mean. What does not carry over is that
the reductions vanish where gamma and beta are stationary: these are shared by samples that are normalised apart.
"""

from __future__ import annotations

from functools import partial

from bnverify.theory.claim import Corrected, Data, Instance, Reading, Refutation, Step
from bnverify.theory.claims.santurkar_2018 import ext_layer
from bnverify.theory.equation import formula, question
from bnverify.theory.equation import projected as P
from bnverify.theory.normalisations import NORMALISATIONS, two_units

WHERE = "beyond the sources: normalisation within one sample"
SCOPE = (("m", ">= 2 elements in a group"), ("gamma", "one for each element"), ("sigma", "> 0"))
FEATURES = Data(
    quantifiers="for all y, D, beta, eps >= 0 and every twice differentiable L",
    fixed="D = diag(gamma_1, ..., gamma_m), beta",
    parameters="the elements of one group of one sample",
)
LAYER_NORM_GRADIENT = (
    "v @ v == ((D @ g) @ (D @ g) - (one @ D @ g)**2/m - (2 - rho)/m * ((D @ g) @ yhat)**2)/s**2"
)
RMS_NORM_GRADIENT = "v @ v == ((D @ g) @ (D @ g) - (2 - rho)/m * ((D @ g) @ yhat)**2)/s**2"
FORM = "v @ B @ v <= ((D @ v) @ H @ (D @ v) - ((D @ g) @ yhat)/m * (v @ v))/s**2"


_OF_B = ext_layer.part_of("b", "k")
_formula = partial(
    formula,
    "ext-groups",
    WHERE,
    "for every number m of elements in a group",
    FEATURES,
    (*SCOPE, ("eps", ">= 0")),
)
UNEQUAL = Instance(
    y=(0, 0, 1),
    g=(1, 1, 0),
    extra=(("scale", (1, 2, 1)), ("largest", 2)),
    note="g is a combination of 1 and y-hat, so the bracket is 0; D g is not",
)
CLAIMS = (
    _formula(
        "layer-norm",
        "The gradient through LayerNorm",
        LAYER_NORM_GRADIENT,
        "Theorem 4.1 corrected, with D g for gamma g",
        (
            Step(
                text="the gradient itself: v = P D g / s",
                says="v == (D @ g - mean(D @ g)*one - (yhat @ (D @ g - mean(D @ g)*one))/m*yhat)/s",
            ),
        ),
        norm="layer-norm",
    ),
    _formula(
        "layer-norm-hessian",
        "The Hessian through LayerNorm",
        f"B @ b == (D @ H @ D @ {P('b')} - mean(D @ H @ D @ {P('b')})*one - (yhat @ (D @ H @ D @ {P('b')} "
        f"- mean(D @ H @ D @ {P('b')})*one))/m*yhat)/s**2 - ((yhat @ b) * {P('D @ g')} + ({P('D @ g')} @ "
        f"b)*yhat + ((D @ g) @ yhat) * {P('b')})/(m*s**2)",
        "equation (40) with D H D and D g",
        norm="layer-norm",
    ),
    _formula(
        "layer-norm-form",
        "Theorem 4.2, first part, for LayerNorm",
        FORM,
        "an equality, with D v for gamma v in the form of H",
        eps="= 0",
        norm="layer-norm",
    ),
    _formula(
        "rms-norm",
        "The gradient through RMSNorm",
        RMS_NORM_GRADIENT,
        "one reduction, that along y-hat; the mean of the gradient passes",
        (
            Step(
                text="the gradient itself: v = (I - y-hat y-hat'/m) D g / s",
                says="v == (D @ g - (yhat @ D @ g)/m*yhat)/s",
            ),
        ),
        norm="rms-norm-elementwise",
    ),
    _formula(
        "rms-norm-hessian",
        "The Hessian through RMSNorm",
        "B @ b == (D @ H @ D @ (b - (yhat @ b)/m*yhat) - (yhat @ D @ H @ D @ (b - (yhat @ "
        "b)/m*yhat))/m*yhat)/s**2 - ((yhat @ b) * (D @ g - (yhat @ D @ g)/m*yhat) + ((D @ g - (yhat @ "
        "D @ g)/m*yhat) @ b)*yhat + ((D @ g) @ yhat) * (b - (yhat @ b)/m*yhat))/(m*s**2)",
        "equation (40) with I - y-hat y-hat'/m for P",
        norm="rms-norm-elementwise",
    ),
    _formula(
        "rms-norm-form",
        "Theorem 4.2, first part, for RMSNorm",
        FORM,
        "an equality as for LayerNorm",
        eps="= 0",
        norm="rms-norm-elementwise",
    ),
    _formula(
        "group-norm",
        "GroupNorm: the gradient of a group and the blocks between groups",
        f"B_jk @ b == (D_j @ H_jk @ D_k @ {_OF_B} - mean(D_j @ H_jk @ D_k @ {_OF_B})*one - "
        f"(yhat_j @ D_j @ H_jk @ D_k @ {_OF_B})/m*yhat_j)/(s_j*s_k)",
        "each group is a LayerNorm of its own, and groups meet in H alone",
        (
            Step(
                text="the gradient of one group",
                says="v_j @ v_j == ((D_j @ g_j) @ (D_j @ g_j) - (one @ D_j @ g_j)**2/m - (2 - rho_j)/m * ((D_j @ "
                "g_j) @ yhat_j)**2)/s_j**2",
            ),
        ),
        norm=two_units(NORMALISATIONS["layer-norm"].text),
    ),
    _formula(
        "instance-norm",
        "InstanceNorm: one channel of one sample",
        ext_layer.GRADIENT_OF_UNIT,
        "BatchNorm of one unit with m = H W: the channel's gamma is one number",
        (Step(text="the blocks between samples and channels", says=ext_layer.CROSS_BLOCK),),
        norm=ext_layer.NORM,
    ),
    question(
        "ext-groups.thm-4.1",
        "Theorem 4.1 for LayerNorm with the reductions of g instead of D g",
        WHERE,
        Reading(
            slug="largest-gamma",
            summary="with the largest gamma_i in the prefactor and 1/m",
            says="v @ v <= largest**2/s**2 * (g @ g - (one @ g)**2/m - (g @ yhat)**2/m)",
            data=FEATURES,
            hypotheses=("psd(largest*I - D)", "psd(largest*I + D)"),
            refutation=Refutation(UNEQUAL, UNEQUAL),
            norm="layer-norm",
        ),
        corrected=Corrected(
            says=LAYER_NORM_GRADIENT, text="the reductions are those of D g", norm="layer-norm"
        ),
        scope=(*SCOPE, ("eps", ">= 0")),
        why="unequal gamma_i turn the removed directions into others",
    ),
    question(
        "ext-groups.rms-norm-mean",
        "Theorem 4.1 for RMSNorm with the reduction of the mean",
        WHERE,
        Reading(
            slug="both-reductions",
            summary="with 1/m in both reductions",
            says="v @ v <= ((D @ g) @ (D @ g) - (one @ D @ g)**2/m - ((D @ g) @ yhat)**2/m)/s**2",
            data=FEATURES,
            refutation=Refutation(
                Instance(
                    y=(0, 1), g=(1, 0), extra=(("scale", (1, 1)),), note="m = 2, g at right angles to y"
                ),
                Instance(y=(0, 1), g=(1, 1), extra=(("scale", (1, 1)),), note="m = 2, every term non-zero"),
            ),
            norm="rms-norm-elementwise",
        ),
        corrected=Corrected(
            says=RMS_NORM_GRADIENT, text="without the reduction of the mean", norm="rms-norm-elementwise"
        ),
        scope=(*SCOPE, ("eps", ">= 0")),
        why="RMSNorm does not subtract the mean",
    ),
    question(
        "ext-groups.stationary",
        "Do the reductions vanish where gamma and beta are stationary and samples share them?",
        WHERE,
        Reading(
            slug="two-samples",
            summary="gamma and beta shared by two samples of InstanceNorm, both stationary",
            says="gamma_j**2/s_j**2 * (g_j @ g_j) <= v_j @ v_j",
            data=Data(parameters="one channel of one sample; gamma, beta shared by all samples"),
            hypotheses=(
                "gamma_j == gamma_k",
                "g_j @ yhat_j + g_k @ yhat_k == 0",
                "one @ g_j + one @ g_k == 0",
            ),
            refutation=Refutation(
                Instance(
                    y=(0, 1, 0, 1),
                    g=(0, 1, 0, -1),
                    note="the two samples' contributions to gamma and beta cancel, v = 0",
                ),
                Instance(
                    y=(0, 0, 1, 0, 0, 1),
                    g=(0, 1, 0, 0, -1, 0),
                    note="two samples of three elements, every term non-zero",
                ),
            ),
            norm=ext_layer.NORM,
        ),
        scope=(*SCOPE, ("eps", "= 0")),
        why="the gradients of gamma and beta are sums over samples, the reductions are not",
        remarks=(
            "For BatchNorm, where the whole batch is one group, they do: ext-affine-gradients.stationary.",
        ),
    ),
)
