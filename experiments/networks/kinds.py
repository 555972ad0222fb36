"""The networks that are compared, each once: what it is called, how it is drawn, and where there is one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Model = Literal["vgg", "dln", "start"]


@dataclass(frozen=True)
class Kind:
    """One normalisation of a network.

    Attributes:
        words: the paper's name. colour, style: of its line, told apart without colours too.
        models: which models are trained with it.
    """

    words: str
    colour: str
    style: Any
    models: tuple[Model, ...] = ("vgg", "dln")


# Okabe and Ito's palette, safe for the colour-blind.
KINDS: dict[str, Kind] = {
    "none": Kind("Standard", "#D55E00", "-", ("vgg", "dln", "start")),
    "batchnorm": Kind("Standard + BatchNorm", "#0072B2", "--"),
    "noisy-batchnorm": Kind("Standard + “Noisy” BatchNorm", "#009E73", "-.", ("vgg",)),
    "noise": Kind("Standard + noise", "#4D4D4D", ":", ("vgg",)),
    "l1": Kind("Standard + ℓ₁", "#E69F00", "-."),
    "l2": Kind("Standard + ℓ₂", "#56B4E9", ":"),
    "linf": Kind("Standard + ℓ∞", "#CC79A7", (0, (5, 1, 1, 1, 1, 1))),
    "last-batchnorm": Kind("BatchNorm after the last layer alone", "#0072B2", ":", ("start",)),
    "batchnorm-relu": Kind("ReLU + BatchNorm", "#0072B2", "-.", ("start",)),
}


def of(model: Model) -> tuple[str, ...]:
    """The networks of a model, in the order in which they are shown."""
    return tuple(name for name, kind in KINDS.items() if model in kind.models)
