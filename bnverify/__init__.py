"""Verdicts on claims about Batch Normalization. Public names are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnverify.errors import InputError
    from bnverify.numerics.audit import audit
    from bnverify.numerics.audit_report import AuditReport
    from bnverify.numerics.auditor import Auditor
    from bnverify.theory.registry import registry

__all__ = ["AuditReport", "Auditor", "InputError", "audit", "registry"]

_HOMES = {
    "AuditReport": "bnverify.numerics.audit_report",
    "Auditor": "bnverify.numerics.auditor",
    "InputError": "bnverify.errors",
    "audit": "bnverify.numerics.audit",
    "registry": "bnverify.theory.registry",
}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bnverify' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
