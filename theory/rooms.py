"""Which rooms a setting has: the formal one, that speaks of every batch size, and the exact points.

A reading names its setting; settings without an entry are BatchNorm's own.
"""

from __future__ import annotations

from collections.abc import Callable

from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact
from bnverify.theory.layer_points import LayerNormPoint, LayerPoint, RMSNormPoint
from bnverify.theory.layers import GroupNormGram, LayerGram, LayerNormGram, RMSNormGram
from bnverify.theory.observe import Gram
from bnverify.theory.variants import AffineGram, AffinePoint, UnbiasedGram, UnbiasedPoint
from bnverify.theory.weights import AtX

FORMAL: dict[str, Callable[[bool], Gram]] = {
    "affine": AffineGram,
    "unbiased": UnbiasedGram,
    "weights-at-X": AtX,
    "layer-norm": LayerNormGram,
    "rms-norm": RMSNormGram,
    "layer": LayerGram,
    "group-norm": GroupNormGram,
}
POINTS: dict[str, Callable[[Instance], Exact]] = {
    "affine": AffinePoint,
    "unbiased": UnbiasedPoint,
    "layer-norm": LayerNormPoint,
    "rms-norm": RMSNormPoint,
    "layer": LayerPoint,
}


def formal(setting: str, eps: bool = False) -> Gram:
    """The Gram room of a setting, at eps = 0 or at any eps > 0."""
    return FORMAL.get(setting, Gram)(eps)


def point(setting: str, instance: Instance) -> Exact:
    """The exact room of a setting at one instance."""
    return POINTS.get(setting, Exact)(instance)
