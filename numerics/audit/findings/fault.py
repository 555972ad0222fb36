"""One finding: what is wrong, where, by how much, why it matters and what to do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How bad it is: `ERROR` means numbers that are wrong or lost, `NOTE` asks for nothing."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


RANK = {severity: place for place, severity in enumerate(Severity)}


@dataclass(frozen=True)
class Fault:
    """One fault, wherever it shows.

    kind: a key of `bnverify.numerics.audit.findings.kinds.KINDS`. layer, call: where it shows first or most.
    channels: rows of that layer; empty where it concerns all of them, or none in particular.
    value, threshold: the number that decides, and where it decides. text: what and where, in a sentence.
    layers: all layers concerned. steps: first and last training step, None where one batch was looked at.
    certified: holds for every input, not for this batch alone.
    """

    kind: str
    layer: str
    call: int
    channels: tuple[int, ...]
    value: float
    threshold: float
    text: str
    why: str
    advice: str
    severity: str
    claim: str = ""
    layers: tuple[str, ...] = ()
    steps: tuple[int, int] | None = None
    certified: bool = False

    @property
    def where(self) -> str:
        """The layer, and how many more."""
        name = self.layer or "the model"
        if self.call:
            name += f" (call {self.call + 1})"
        more = len(set(self.layers) - {self.layer})
        return name + (f" and {more} more" if more else "")

    @property
    def alarming(self) -> bool:
        """Whether it is more than a note."""
        return self.severity != Severity.NOTE

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def ranges(numbers: tuple[int, ...]) -> str:
    """(0, 1, 2, 5) as "0-2, 5"; long lists are cut after eight parts."""
    parts: list[list[int]] = []
    for number in sorted(numbers):
        if parts and number == parts[-1][1] + 1:
            parts[-1][1] = number
        else:
            parts.append([number, number])
    told = [str(low) if low == high else f"{low}-{high}" for low, high in parts]
    return ", ".join(told[:8]) + (f" and {len(told) - 8} more" if len(told) > 8 else "")


def named(channels: tuple[int, ...], total: int) -> tuple[str, str]:
    """("channel 2", "does"), ("channels 0-2", "do") or ("all 8 channels", "do")."""
    if len(channels) == total and total > 1:
        return f"all {total} channels", "do"
    if len(channels) == 1:
        return f"channel {channels[0]}", "does"
    return f"channels {ranges(channels)}", "do"
