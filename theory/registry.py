"""Every claim: walks the packages below `claims`, one ``CLAIM`` or tuple ``CLAIMS`` a file, ids unique."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache

from bnverify.theory import claims
from bnverify.theory.claim import Claim


@cache
def files() -> dict[str, tuple[Claim, ...]]:
    """The claims of every file, by its name below ``claims`` without the suffix, such as santurkar_2018/thm_4_1."""
    found = {}
    for info in pkgutil.walk_packages(claims.__path__, f"{claims.__name__}."):
        if not info.ispkg:
            module = importlib.import_module(info.name)
            name = info.name.removeprefix(f"{claims.__name__}.").replace(".", "/")
            found[name] = (module.CLAIM,) if hasattr(module, "CLAIM") else module.CLAIMS
    return found


@cache
def registry() -> dict[str, Claim]:
    """All claims by id, in the order of the files' names."""
    found: dict[str, Claim] = {}
    for claim in (claim for stated in files().values() for claim in stated):
        if claim.id in found:
            raise ValueError(f"two claims have the id {claim.id}")
        found[claim.id] = claim
    return found
