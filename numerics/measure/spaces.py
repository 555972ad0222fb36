"""What a setting of the registry is as a batch: the text of its normalisation, and which losses its instances have."""

from __future__ import annotations

from functools import cache

from bnverify.theory.cases import DEFINITIONS
from bnverify.theory.grammar import Node, lines
from bnverify.theory.normalisations import NORMALISATIONS, in_weights

ONLY = {"linear": "linear", "downstream": "quadratic-psd", "affine-layer": "quadratic-psd"}
"""The settings whose instances have one loss downstream alone: what they assume of it holds for no other."""

WHY_NOT = {
    "symmetric-matrices": "it is about matrices, not about a batch",
    "any-matrices": "it is about matrices, not about a batch",
    "two-weights": "random batches hold one set of weights; it is decided at exact points of two",
    "free-input": "it is about every input in a ball, not about one batch",
    "rates": "the second rate of a random loss is B by definition",
    "weight-space": "it exhibits one exact point",
}
"""Why a setting has no random batches."""

TEXTS = {name: text for name, text in DEFINITIONS.items() if name not in WHY_NOT} | {
    "optima": in_weights(NORMALISATIONS["batch-norm"].text)
}
"""The settings of the registry that a random batch can express, with their definitions."""


@cache
def definition(setting: str) -> tuple[tuple[str, Node], ...]:
    """The lines of a setting's definition."""
    return tuple(lines(TEXTS[setting]))
