"""What a setting of the registry is as a batch: the text of its normalisation, and which instances it has."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

from bnverify.theory.grammar import Node, lines
from bnverify.theory.normalisations import NORMALISATIONS, in_weights, two_units

BATCH = NORMALISATIONS["batch-norm"].text
_CENTRED = "mu = one @ y / m; c = y - mu*one; n = {}; yhat = c / n; z = gamma*yhat + beta*one"
_SHARED = "n = {}; yhat = C @ y / n; z = gamma*yhat"
_ROOT, _MEAN, _MAX = "sqrt(y @ y / m + eps)", "mean(abs(y))", "max(abs(y))"


@dataclass(frozen=True)
class Space:
    """text: the definition. loss: the only loss downstream of its instances, where not all are."""

    text: str
    loss: str = ""


SPACES = {
    "activations": Space(BATCH),
    "affine": Space(BATCH),
    "linear": Space(BATCH, "linear"),
    "unbiased": Space(NORMALISATIONS["unbiased"].text),
    "layer-norm": Space(NORMALISATIONS["layer-norm"].text),
    "rms-norm": Space(NORMALISATIONS["rms-norm-elementwise"].text),
    "layer": Space(two_units(BATCH)),
    "group-norm": Space(two_units(NORMALISATIONS["layer-norm"].text)),
    "smooth-norm": Space(NORMALISATIONS["smooth-norm"].text),
    "l1-norm": Space(NORMALISATIONS["l1-norm"].text),
    "l2-norm": Space(NORMALISATIONS["l2-norm"].text),
    "linf-norm": Space(NORMALISATIONS["linf-norm"].text),
    "lp-1-layer": Space(_SHARED.format(_MEAN)),
    "lp-2-layer": Space(_SHARED.format(_ROOT)),
    "lp-inf-layer": Space(_SHARED.format(_MAX)),
    "l1-centred": Space(_CENTRED.format("mean(abs(c))")),
    "l2-centred": Space(_CENTRED.format("sqrt(c @ c / m + eps)")),
    "linf-centred": Space(_CENTRED.format("max(abs(c))")),
} | {
    name: Space(in_weights(BATCH))
    for name in (
        "inputs",
        "optima",
        "weights",
        "weights-at-X",
        "weights-centred",
        "weights-eigen",
        "weights-with-bias",
    )
}
"""The settings of the registry that a random batch can express."""


@cache
def definition(setting: str) -> tuple[tuple[str, Node], ...]:
    """The lines of a setting's definition."""
    return tuple(lines(SPACES[setting].text))
