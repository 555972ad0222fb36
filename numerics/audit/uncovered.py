"""What looks like normalisation and has no rows, and why."""

from __future__ import annotations

from dataclasses import dataclass

from bnverify.numerics.audit.layers import _KINDS, kind_of
from torch import nn


def looks_like_norm(module: nn.Module) -> bool:
    """By its class or by the class's name."""
    known = any(isinstance(module, cls) for cls, _ in _KINDS)
    return known or "norm" in type(module).__name__.lower() or type(module).__name__ == "CrossMapLRN2d"


@dataclass(frozen=True)
class NotCovered:
    """Something that looks like normalisation and has no rows, and why."""

    name: str
    what: str
    why: str


_REASONS: tuple[tuple[str, str], ...] = (
    ("LocalResponseNorm", "divides by neighbouring channels, not by the spread of a group"),
    ("CrossMapLRN2d", "divides by neighbouring channels, not by the spread of a group"),
    (
        "GlobalResponse",
        "weighs channels by their norms beside each other, so that no group has a spread of its own",
    ),
    ("_WeightNorm", "normalises weights, not activations"),
    ("_SpectralNorm", "normalises weights, not activations"),
    ("Lazy", "has no shape yet; run one forward pass and audit again"),
    ("FrozenBatchNorm", "is an affine map with constant statistics and no normalisation of the batch"),
    ("Quantized", "runs in integer arithmetic, which has no gradient"),
)


def not_covered(model: nn.Module, chosen: set[str]) -> tuple[NotCovered, ...]:
    """Modules of ``model`` that look like normalisation and are no part of ``chosen``; containers are left out."""
    found = []
    for name, module in model.named_modules():
        if not looks_like_norm(module) or name in chosen or kind_of(module) is not None:
            continue
        if any(name.startswith(f"{other}.") or other.startswith(f"{name}.") for other in chosen):
            continue
        if any(
            child is not module and next(child.parameters(), None) is not None for child in module.modules()
        ):
            continue
        base = next((cls.__name__ for cls, _ in _KINDS if isinstance(module, cls)), None)
        what = type(module).__name__
        why = next((reason for key, reason in _REASONS if key.lower() in what.lower()), None)
        if why is None:
            why = (
                f"overrides the forward pass of {base}, and its numbers are not those of a known one"
                if base
                else "is not a layer type whose formula is known, and its numbers are not those of one"
            )
        found.append(NotCovered(name or type(model).__name__, what, why))
    return tuple(found)
