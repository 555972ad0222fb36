"""What predicts effective beta, lambda_max and the largest usable learning rate on runs that a fit has not seen."""

from __future__ import annotations

import math

import numpy as np
from bnverify.experiments.figures import style
from bnverify.experiments.figures.plate import Plate
from bnverify.experiments.measure import predict
from bnverify.experiments.measure.predict import Sample
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.report.labels import FEATURES, power
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

LR = {"vgg": 0.1, "dln": 1e-5}
PANELS = (
    ("vgg", "beta_max", "VGG, effective β"),
    ("vgg", "lambda_max", "VGG, λ max"),
    ("dln", "beta_max", "DLN, effective β"),
    ("dln", "lambda_max", "DLN, λ max"),
    ("dln", "usable_lr", "DLN, largest learning rate"),
)


def draw(shelf: Shelf) -> Figure | None:
    """Errors of all fits on the left, predicted against measured on the right; None without runs of at
    least two seeds."""
    found = {(model, target): predict.samples(shelf, model, LR[model], target) for model, target, _ in PANELS}
    if not any(_usable(samples) for samples in found.values()):
        return None
    figure, axes = style.canvas(len(PANELS), 2)
    for (left, right), (model, target, title) in zip(axes, PANELS, strict=True):
        samples = found[model, target]
        if not _usable(samples):
            for panel in (left, right):
                style.empty(panel, "no runs")
            continue
        _errors(left, samples)
        left.set_title(title)
        _scatter(right, samples, rates=target == "usable_lr")
    return figure


def _usable(samples: list[Sample]) -> bool:
    return len({s.seed for s in samples}) > 1 and np.ptp([s.target for s in samples]) > 0


def _errors(panel: Axes, samples: list[Sample]) -> None:
    mean = predict.errors(samples, (), new_norm=False)
    panel.axvline(float(np.mean(list(mean.values()))), color=style.MUTED, linestyle="--", linewidth=0.8)
    for line, name in enumerate(FEATURES):
        for new_norm, shift in ((False, -0.15), (True, 0.15)):
            found = list(predict.errors(samples, predict.FEATURES[name], new_norm).values())
            colour = style.COLOURS["batchnorm" if name in ("terms", *predict.TERMS) else "none"]
            colour = style.COLOURS["noisy-batchnorm"] if name == "both" else colour
            panel.plot(
                found,
                [line + shift] * len(found),
                linestyle="",
                marker="o",
                markersize=2.5,
                markerfacecolor="none" if new_norm else colour,
                markeredgecolor=colour,
                markeredgewidth=0.6,
            )
    panel.set_yticks(range(len(FEATURES)), list(FEATURES.values()), fontsize=5.5)
    panel.invert_yaxis()
    panel.set_xlabel("error of the logarithm")
    panel.xaxis.set_major_locator(MaxNLocator(5))


def _scatter(panel: Axes, samples: list[Sample], *, rates: bool) -> None:
    pairs = predict.predictions(samples, predict.TERMS, new_norm=True)
    if not pairs:
        style.empty(panel, "no second normalisation")
        return
    # Learning rates span less than a decade.
    unit = 1e-4 if rates else 1.0
    for norm in predict.NORMS:
        own = [
            (math.exp(s.target) / unit, math.exp(min(p, 700.0)) / unit) for s, p in pairs if s.norm == norm
        ]
        if own:
            measured, guessed = zip(*own, strict=True)
            panel.scatter(
                measured, guessed, s=4, color=style.COLOURS[norm], label=style.NAMES[norm], linewidths=0
            )
    ends = [math.exp(f(s.target for s in samples)) / unit for f in (min, max)]
    panel.plot(ends, ends, color=style.MUTED, linewidth=0.6)
    words = f", {power(unit)}" if rates else ""
    panel.set(xlabel=f"measured{words}", ylabel=f"predicted{words}")
    if not rates:
        for axis in ("x", "y"):
            style.tick(panel, axis)


PLATES = (
    Plate(
        "predict",
        "See whether the theorems' terms predict smoothness better than plain baselines: dots further left.",
        "Do the terms of the theorems predict smoothness in weight space? Left: root mean square error of "
        "the predicted natural logarithm (0.7 is a factor of two) of fits with the features named; a dot "
        "per seed, held out (filled), or held out with its normalisation (open); dashed: no feature, the "
        "mean of what the fit saw. Right: predicted from the three terms, seed and normalisation held out, "
        "against measured; a colour per normalisation.",
        draw,
        (("vgg", predict.NORMS), ("depth", ("batchnorm", "l1", "l2", "linf"))),
        "both",
        whole=True,
    ),
)
