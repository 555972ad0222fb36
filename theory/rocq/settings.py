"""The definitions that the library in Rocq has: the module of each, its setting, and the arguments of that."""

from __future__ import annotations

from dataclasses import dataclass

from bnverify.theory.normalisations import NORMALISATIONS, in_weights, two_units


@dataclass(frozen=True)
class Setting:
    """How Rocq names a normalisation: the module of its definition, its setting, and the arguments of that in order.

    text: the definition. arguments: ``names : type`` in groups; eps is 0 where a claim is stated for eps = 0.
    """

    text: str
    module: str
    predicate: str
    arguments: str

    def groups(self) -> list[tuple[tuple[str, ...], str]]:
        """The arguments: names and their type."""
        parts = [group.partition(" : ") for group in self.arguments.split("; ")]
        return [(tuple(names.split()), sort) for names, _, sort in parts]

    @property
    def names(self) -> tuple[str, ...]:
        """The arguments' names in order."""
        return tuple(name for names, _ in self.groups() for name in names)


def _setting(norm: str, module: str, predicate: str, before: str) -> Setting:
    return Setting(NORMALISATIONS[norm].text, module, predicate, f"{before}; {_LAYER}")


_LAYER = "y g v : vec; H B : vec -> vec"
_BATCH = NORMALISATIONS["batch-norm"].text
_DIVISOR = "eps gamma beta : R"
_ELEMENTWISE = "eps : R; D : vec -> vec; bias : vec"
_WEIGHTS = "d : nat; rows : nat -> vec; W g v : vec; H B : vec -> vec; dW : vec; HW : vec -> vec"
_PAIR = "y_j y_k g_j g_k v_j v_k : vec; H_jj H_jk H_kj H_kk B_jj B_jk B_kj B_kk : vec -> vec"
SETTINGS = {
    "batch-norm": _setting("batch-norm", "BatchNorm", "batch_norm", _DIVISOR),
    "batch-norm gains": Setting(
        _BATCH,
        "BatchNorm",
        "batch_norm_gains",
        f"{_DIVISOR}; {_LAYER}; dgamma dbeta : R",
    ),
    "batch-norm along": Setting(
        _BATCH,
        "BatchNorm",
        "batch_norm_along",
        f"{_DIVISOR}; L : vec -> R; G : vec -> vec; {_LAYER}",
    ),
    "batch-norm in weights": Setting(
        in_weights(_BATCH), "BatchNorm", "batch_norm_weights", f"{_DIVISOR}; {_WEIGHTS}"
    ),
    "plain weights": Setting("y = X @ W; z = y", "", "plain_weights", _WEIGHTS),
    "unbiased": _setting("unbiased", "Unbiased", "unbiased", _DIVISOR),
    "layer-norm": _setting("layer-norm", "LayerNorm", "layer_norm", _ELEMENTWISE),
    "rms-norm": _setting("rms-norm", "RMSNorm", "rms_norm", "eps gamma : R"),
    "rms-norm-elementwise": _setting(
        "rms-norm-elementwise", "RMSNormElementwise", "rms_norm_elementwise", _ELEMENTWISE
    ),
    "scale-norm": _setting("scale-norm", "ScaleNorm", "scale_norm", "gamma : R"),
    "l2-norm": _setting("l2-norm", "L2Norm", "l2_norm", _DIVISOR),
    "l1-norm": _setting("l1-norm", "L1Norm", "l1_norm", "gamma beta : R"),
    "linf-norm": _setting("linf-norm", "LInfNorm", "linf_norm", "gamma beta : R"),
    "smooth-norm": _setting(
        "smooth-norm",
        "SmoothNorm",
        "smooth_norm",
        "smooth : vec -> R; gamma beta : R; nu : vec; N : vec -> vec",
    ),
    "shared-smooth-norm": _setting(
        "shared-smooth-norm",
        "SharedSmoothNorm",
        "shared_smooth_norm",
        "smooth : vec -> R; C : vec -> vec; gamma : R; nu : vec; N : vec -> vec",
    ),
    "two units": Setting(
        two_units(_BATCH),
        "BatchNorm",
        "batch_norm_pair",
        f"eps gamma_j beta_j gamma_k beta_k : R; {_PAIR}",
    ),
    "two units, elementwise": Setting(
        two_units(NORMALISATIONS["layer-norm"].text),
        "LayerNorm",
        "layer_norm_pair",
        f"eps : R; D_j D_k : vec -> vec; bias_j bias_k : vec; {_PAIR}",
    ),
    "rescaled": Setting("z = scale*y", "Rescaled", "rescaled", f"scale : R; {_LAYER}"),
    "affine layer": Setting(
        "z = A @ y + bias", "Affine", "affine_layer", f"A : vec -> vec; bias : vec; {_LAYER}"
    ),
    "identity": Setting(NORMALISATIONS["identity"].text, "", "", ""),
}
"""The definitions that the library has, with what is assumed of each; ``identity`` assumes nothing."""
