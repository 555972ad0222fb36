"""Verdicts on claims about Batch Normalization. Public names are imported when they are first used."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bnverify.base.errors import InputError
    from bnverify.numerics.audit.findings.audit import audit
    from bnverify.numerics.audit.known.register import register
    from bnverify.numerics.audit.loop.auditor import Auditor
    from bnverify.numerics.audit.report import AuditReport
    from bnverify.theory.decide.ask import decide
    from bnverify.theory.decide.decision import Decision
    from bnverify.theory.registry import registry

__all__ = ["AuditReport", "Auditor", "Decision", "InputError", "audit", "decide", "register", "registry"]

_HOMES = {
    "AuditReport": "bnverify.numerics.audit.report",
    "Auditor": "bnverify.numerics.audit.loop.auditor",
    "Decision": "bnverify.theory.decide.decision",
    "InputError": "bnverify.base.errors",
    "audit": "bnverify.numerics.audit.findings.audit",
    "decide": "bnverify.theory.decide.ask",
    "register": "bnverify.numerics.audit.known.register",
    "registry": "bnverify.theory.registry",
}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("bnverify")
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'bnverify' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
