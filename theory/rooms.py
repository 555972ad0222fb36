"""Which rooms a setting has: the formal one, that speaks of every batch size, and the exact points.

A reading names its setting; settings without an entry are BatchNorm's own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from bnverify.theory.claim import Instance
from bnverify.theory.exact import Exact
from bnverify.theory.layer_points import LayerNormPoint, LayerPoint, RMSNormPoint, SharedAffinePoint
from bnverify.theory.layers import GroupNormGram, LayerGram, LayerNormGram, RMSNormGram
from bnverify.theory.lp import CentredL2Gram, L1Gram, L2Gram, LInfGram, LpGram, SharedGram
from bnverify.theory.lp_points import LpPoint
from bnverify.theory.observe import Gram
from bnverify.theory.variants import AffineGram, AffinePoint, LinearGram, UnbiasedGram, UnbiasedPoint
from bnverify.theory.weights import AtX, Centred, Eigen

FORMAL: dict[str, Callable[[bool], Gram]] = {
    "affine": AffineGram,
    "unbiased": UnbiasedGram,
    "linear-loss": LinearGram,
    "weights-at-X": AtX,
    "weights-centred": Centred,
    "weights-eigen": Eigen,
    "layer-norm": LayerNormGram,
    "rms-norm": RMSNormGram,
    "layer": LayerGram,
    "group-norm": GroupNormGram,
    "lp-any": LpGram,
    "lp-1": L1Gram,
    "lp-2": L2Gram,
    "lp-inf": LInfGram,
    "lp-2-centred": CentredL2Gram,
}
POINTS: dict[str, Callable[[Instance], Exact]] = {
    "affine": AffinePoint,
    "unbiased": UnbiasedPoint,
    "layer-norm": LayerNormPoint,
    "rms-norm": RMSNormPoint,
    "layer": LayerPoint,
    "shared-affine": SharedAffinePoint,
}
POINTS["lp-any"] = partial(LpPoint, p="2")
for _p in ("1", "2", "inf"):
    POINTS[f"lp-{_p}"] = partial(LpPoint, p=_p)
    POINTS[f"lp-{_p}-centred"] = partial(LpPoint, p=_p, centred=True)
    for _average in ("layer", "sample"):
        FORMAL[f"lp-{_p}-{_average}"] = SharedGram
        POINTS[f"lp-{_p}-{_average}"] = partial(LpPoint, p=_p, average=_average)


def formal(setting: str, eps: bool = False) -> Gram:
    """The Gram room of a setting, at eps = 0 or at any eps > 0."""
    return FORMAL.get(setting, Gram)(eps)


def point(setting: str, instance: Instance) -> Exact:
    """The exact room of a setting at one instance."""
    return POINTS.get(setting, Exact)(instance)
