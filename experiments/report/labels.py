"""How results are named for people: data sets, networks, statistics, learning rates."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping

from bnverify.experiments.networks.kinds import KINDS
from bnverify.experiments.report.numbers import RAISED

_DATA = {
    "digits": "scikit-learn's digits",
    "cifar10": "CIFAR-10",
    "cifar10 (JPEG copy)": "CIFAR-10, JPEG copy",
    "fashion-mnist": "Fashion-MNIST",
}
NETWORKS = {name: kind.words for name, kind in KINDS.items()}
MODELS = {
    "vgg": "VGG",
    "insert": "VGG",
    "predict-vgg": "VGG",
    "dln": "DLN",
    "insert-dln": "DLN",
    "predict-dln": "DLN",
}
FEATURES = {
    "scale": "γ²/σ²",
    "kept": "share kept (4.1)",
    "curvature": "curvature (4.2)",
    "terms": "the theorems' terms",
    "grad_sq": "‖g‖², activations",
    "weight_grad_sq": "‖g‖², weights",
    "depth": "depth",
    "weight_norm": "‖W‖",
    "baselines": "all baselines",
    "both": "terms and baselines",
}
"""What a prediction of smoothness is made from."""
SYNTHETIC = "synthetic Gaussian data"
"""What the deep linear networks (DLN) are trained on, whatever the pictures are."""


def data_set(name: str) -> str:
    """The data set that a run's environment calls ``name``; a name of another origin stays as it is."""
    return _DATA.get(name, name)


def data_sets(names: Iterable[str]) -> str:
    """The data of a summary; it names none where only linear networks were trained."""
    return ", ".join(map(data_set, names)) or SYNTHETIC


def diverged(runs: Iterable[str]) -> str:
    """The runs that diverged, network by network: "init/none-gain2 (16 seeds), dln/none-lr1e-05"."""
    seeds = Counter(re.sub(r"-seed\d+$", "-seed", run) for run in runs)
    return ", ".join(
        f"{name.removesuffix('-seed')} ({n} seed{'s' if n > 1 else ''})" if name.endswith("-seed") else name
        for name, n in seeds.items()
    )


def titles(data: Mapping[str, list[str]]) -> dict[str, str]:
    """Names of reproductions, each with its data -> a title: the data, with the name where two have the same."""
    words = {name: data_sets(names) for name, names in data.items()}
    twice = [title for title, count in Counter(words.values()).items() if count > 1]
    return {name: f"{title} ({name})" if title in twice else title for name, title in words.items()}


def power(value: float) -> str:
    """A number with its power of ten raised: 10⁻⁶, 2.5·10⁻⁷; from 0.001 to 10,000 without."""
    if value == 0 or not math.isfinite(value) or 1e-3 <= abs(value) < 1e4:
        return f"{value:g}".replace("-", "−")
    mantissa, exponent = f"{value:e}".split("e")
    head = f"{float(mantissa):g}".replace("-", "−")
    raised = f"10{str(int(exponent)).translate(RAISED)}"
    return raised if head == "1" else f"−{raised}" if head == "−1" else f"{head}·{raised}"


_STATISTICS = {
    "loss": "training loss",
    "final_loss": "final training loss",
    "train_accuracy": "training accuracy",
    "test_accuracy": "test accuracy",
    "test_error": "test error",
    "mean_shift": "step-to-step change of the mean",
    "var_shift": "step-to-step change of the variance",
    "mean_shift_scaled": "step-to-step change of the mean, in standard deviations",
    "var_shift_scaled": "step-to-step change of the variance, as a share of it",
    "shift_scaled": "step-to-step change of mean and variance, scale-free",
    "kurtosis_gap": "size of the excess kurtosis",
    "skewness": "size of the skewness",
    "deviation": "standard deviation of the activations",
    "deviation_swing": "largest over smallest standard deviation in the course of training",
    "condition": "condition number of the layers' inputs",
    "start_soft_rank": "soft rank of the last hidden layer",
    "steps_to_loss": "steps to the loss that the other ends with",
    "train_accuracy_as_trained": "training accuracy as trained",
    "grad_norm": "‖g‖",
    "lr_sensitivity": "loss by a wrong learning rate",
    "init_sensitivity": "loss by a wrong initialisation",
    "band_over_rates": "band of the losses over learning rates",
    "term_mean": "share that the mean term removes",
    "term_yhat": "share that the inner-product term removes",
    "term_kept": "share that the two terms leave",
    "both_non_negative": "share with vᵀHv ≥ 0 and ⟨g, ŷ⟩ ≥ 0",
    "lambda_max_population_ratio": "λ max with running statistics over that with the batch's",
    "start_lambda_max": "λ max",
    "gradient_growth": "growth of ‖dL/dy‖ a layer",
    "sharpness": "λ max × learning rate / 2",
    "ics_l2": "‖G − G′‖",
    "ics_relative": "‖G − G′‖ / ‖G‖",
    "ics_angle": "1 − cos(G, G′)",
    "ics_cosine": "cos(G, G′)",
    "ics_cosine_size": "|cos(G, G′)|",
    "loss_range": "range of the loss",
    "max_change": "largest ‖g′ − g‖",
    "relative_change": "largest ‖g′ − g‖ / ‖g‖",
    "beta_max": "effective β",
    "beta_pairs": "effective β over pairs",
    "beta_farthest": "effective β at the farthest probe",
    "change_at_common_distance": "‖g′ − g‖ at a common distance",
    "largest_usable_lr": "largest usable learning rate",
    "smallest_diverging_lr": "smallest diverging learning rate",
    "sigma": "σ",
    "proj_cosine": "|cos(g, ŷ)|",
    "proj_positive": "share of units with ⟨g, ŷ⟩ > 0",
    "across_batches": "change of g between successive batches",
    "lambda_max": "largest eigenvalue of the Hessian",
    "usable_lr": "largest usable learning rate",
    "downstream_psd": "share with a positive semi-definite downstream Hessian",
    "downstream_nearly_psd": "the same up to 1 % of the largest eigenvalue",
    "hess_bn_positive": "share with vᵀHv ≥ 0",
}
QUANTITIES = {
    "activation_grad": "gradient norm, activations",
    "layer_grad": "gradient norm, layer's weights",
    "grad": "gradient norm, all weights",
    "beta_max": "effective β, all weights",
    "activation_curvature": "curvature, activations",
    "layer_curvature": "curvature, layer's weights",
    "curvature": "curvature, all weights",
    "beta_pairs": "effective β over pairs",
}
"""What a matched insertion compares."""
_HELD_OUT = {"_new_seed": "seed held out", "_new_norm": "seed and normalisation held out"}
_SCALED = {"gradient": "random direction", "filter": "random direction by filters"}


def statistic(name: str) -> str:
    """A statistic of `bnverify.experiments.measure.views` in words; one without words keeps its name."""
    if name.startswith("insert_"):
        return QUANTITIES.get(name.removeprefix("insert_"), name)
    if name.startswith("far_"):
        return f"{statistic(name.removeprefix('far_'))}, beyond the cap"
    if name.startswith("random_"):
        _, scaling, rest = name.split("_", 2)
        return f"{statistic(rest)}, {_SCALED.get(scaling, scaling)}"
    for ending, words in _HELD_OUT.items():
        if name.endswith(ending):
            return f"error of predicting the {statistic(name.removesuffix(ending))}, {words}"
    return _STATISTICS.get(name, name)
