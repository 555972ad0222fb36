"""Do the numbers agree: every statement on random instances, by autograd. Names are imported when first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnverify.numerics.check.findings import Finding
    from bnverify.numerics.check.run import ClaimFindings, check_claims
    from bnverify.numerics.measure.observe import Batch
    from bnverify.numerics.measure.tolerance import Measured, MeasuredVector

__all__ = [
    "Batch",
    "ClaimFindings",
    "Finding",
    "Measured",
    "MeasuredVector",
    "check_claims",
]

_HOMES = {
    "Batch": "observe",
    "ClaimFindings": "check",
    "Finding": "findings",
    "Measured": "tolerance",
    "MeasuredVector": "tolerance",
    "check_claims": "check",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
