"""Every claim with its verdict, as tables, pages and notes show it: item and detail are made when asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bnverify.theory import empirical, empirical_items, judged, verdicts
from bnverify.theory.claim import Claim, Evidence, reason_of, status_of
from bnverify.theory.registry import registry

_ORDER = ("thm", "obs", "lem", "fact", "def", "eq", "fig", "prose", "blog", "ext")


@dataclass(frozen=True)
class Stored:
    """A claim and the evidence on it: what the kernel said last, or says now where something has changed since.

    anew: the kernel is asked in any case, as it is about one claim that is shown.
    """

    claim: Claim
    anew: bool = False

    @property
    def id(self) -> str:
        return self.claim.id

    @cached_property
    def recalled(self) -> tuple[Evidence, ...] | None:
        return None if self.claim.measured else verdicts.recalled(self.claim)

    @property
    def stale(self) -> bool:
        """Whether the claim or a certificate has changed since ``bnverify prove``."""
        return not self.claim.measured and self.recalled is None

    @cached_property
    def evidence(self) -> tuple[Evidence, ...]:
        known = None if self.anew else self.recalled
        return judged.evidence_of(self.claim) if known is None else known

    @cached_property
    def measured(self) -> Any:
        """What training runs measured, of a claim that they judge."""
        return empirical.measured_for(self.id, empirical.committed())

    @property
    def verdict(self) -> str:
        return str(self.item["verdict"]) if self.claim.measured else str(status_of(self.claim, self.evidence))

    @property
    def why(self) -> str:
        """The reason in a line."""
        return self.claim.why if self.claim.measured else reason_of(self.claim, self.evidence)

    @property
    def tight(self) -> bool:
        if self.claim.measured:
            return bool(self.item["tight"])
        admitted = {reading.slug for reading in self.claim.readings if reading.admitted}
        found = [item.tight for item in self.evidence if item.reading in admitted]
        return bool(found) and all(found)

    @cached_property
    def item(self) -> dict[str, Any]:
        """The item of ``bnverify claims --json``."""
        from bnverify.theory.items import item_of

        if self.claim.measured:
            return empirical_items.item_of(self.claim, self.measured)
        return item_of(self.claim, self.evidence)

    @cached_property
    def detail(self) -> dict[str, Any]:
        """What ``bnverify show`` adds to the item."""
        from bnverify.theory.items import detail_of

        if self.claim.measured:
            return empirical_items.detail_of(self.claim, self.measured)
        return detail_of(self.claim, self.evidence)


def position(identifier: str) -> tuple[Any, ...]:
    """The place of a claim in a table: named theorems in the order of the paper, then the rest by kind."""
    prefix, _, rest = identifier.partition("-")
    rank = _ORDER.index(prefix) if prefix in _ORDER else len(_ORDER)
    named = prefix in {"thm", "obs", "lem", "fact"}
    parts = tuple(
        (0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.findall(r"\d+|[^\W\d]+", rest)
    )
    return (0, parts, rank) if named else (1 + rank, parts, rank)


def load(identifiers: Iterable[str] | None = None, anew: bool = False) -> dict[str, Stored]:
    """The claims by id, in the order of `position`; all of them where none is named."""
    names = registry() if identifiers is None else identifiers
    return {name: Stored(registry()[name], anew) for name in sorted(names, key=position)}
