"""What the rules share: a finding from the table, and a fault that shows in several layers as one finding."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bnverify.numerics.audit.findings.fault import Fault
from bnverify.numerics.audit.findings.kinds import KINDS
from bnverify.numerics.audit.findings.watch import NormCall


def found(
    kind: str, call: NormCall | None, value: float, text: str, *, channels: Sequence[int] = (), **other: Any
) -> Fault:
    """A finding at a call, with what the table says; ``other`` sets further fields."""
    entry = KINDS[kind]
    name = "" if call is None else call.name
    given: dict[str, Any] = {
        "kind": kind,
        "layer": name,
        "call": 0 if call is None else call.call,
        "channels": tuple(channels),
        "value": float(value),
        "threshold": entry.threshold,
        "text": text,
        "why": entry.why,
        "advice": entry.advice,
        "severity": str(entry.severity),
        "claim": entry.claim,
        "layers": (name,),
    }
    return Fault(**(given | other))


@dataclass(frozen=True)
class Hit:
    """A layer in which a fault shows."""

    call: NormCall
    value: float
    channels: tuple[int, ...] = ()


def merged(hits: Sequence[Hit], worst: Any = None) -> tuple[Hit, tuple[str, ...]]:
    """The hit that stands for all (the first, or the extreme by ``worst``: min or max), and all layers' names."""
    head = hits[0] if worst is None else worst(hits, key=lambda hit: hit.value)
    return head, tuple(dict.fromkeys(hit.call.name for hit in hits))


def several(layers: Sequence[str]) -> str:
    """ " and in 3 more layers", or nothing."""
    more = len(layers) - 1
    return "" if more <= 0 else f", and {more} more layer{'s' if more > 1 else ''}"
