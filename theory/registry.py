"""Every claim: walks the package `claims`, one ``CLAIM`` or tuple ``CLAIMS`` a file, ids unique."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from bnverify.theory import claims
from bnverify.theory.claim import Claim


@cache
def registry() -> dict[str, Claim]:
    """All claims by id, in the order of the files' names."""
    found: dict[str, Claim] = {}
    for info in pkgutil.iter_modules(claims.__path__):
        module = importlib.import_module(f"{claims.__name__}.{info.name}")
        for claim in (module.CLAIM,) if hasattr(module, "CLAIM") else module.CLAIMS:
            if claim.id in found:
                raise ValueError(f"two claims have the id {claim.id}")
            found[claim.id] = claim
    return found
