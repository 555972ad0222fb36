"""The certificates: one JSON list a claim file, one item a line, each what a claim says and what proves or refutes it.

An item is fresh while it says what the claim says; whether it proves that is decided by the kernel and by nobody else.
``python -I theory/kernel.py theory/certificates/santurkar_2018`` checks them without the rest of the house.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from bnverify.theory import kernel
from bnverify.theory.cases import Case, cases
from bnverify.theory.claim import Claim
from bnverify.theory.registry import files, registry

from bnverify.base.errors import InputError
from bnverify.base.files import write_text

FOLDER = Path(__file__).resolve().parent / "certificates"
TRIES = 300
"""Random points that are tried before a hypothesis counts as one that nothing satisfies."""


def load(folder: Path | None = None) -> dict[tuple[str, str], dict[str, Any]]:
    """Every item by claim and reading.

    Raises:
        InputError: a file cannot be read, or two items are about one thing.
    """
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for path in sorted((folder or FOLDER).rglob("*.json")):
        try:
            items = json.loads(path.read_text(encoding="utf-8"))
            if not isinstance(items, list) or not items:
                raise ValueError("no list of items, or an empty one")
            for item in items:
                key = (item["claim"], item["reading"])
                if item["claim"] not in registry():
                    raise ValueError(f"there is no claim {item['claim']!a}")
                if key in found:
                    raise ValueError(f"two items on {key[0]}, {key[1]}")
                found[key] = item
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"the certificates {path} cannot be read ({error}); `git checkout` restores them"
            ) from None
    return found


def item_of(case: Case) -> dict[str, Any]:
    """A case as an item; fields at their defaults are left out."""
    item: dict[str, Any] = {"claim": case.claim, "reading": case.label}
    for entry in fields(kernel.Claim):
        value = getattr(case.asked, entry.name)
        if value != entry.default:
            item[entry.name] = list(value) if isinstance(value, tuple) else value
    return item | {"certificate": case.certificate}


def items_of(claim: Claim) -> dict[tuple[str, str], dict[str, Any]]:
    """The items of one claim, made from what it says now."""
    return {(case.claim, case.label): item_of(renewed(case)) for case in cases(claim)}


def strays(claim: Claim, items: Iterable[tuple[str, str]]) -> list[str]:
    """The labels of items about a claim that it does not ask for."""
    return sorted(
        {label for name, label in items if name == claim.id} - {case.label for case in cases(claim)}
    )


def why_stale(case: Case, item: Mapping[str, Any]) -> str:
    """What an item says that the claim does not; empty where it says the same. The example is evidence, not claim."""
    said = item_of(replace(case, asked=replace(case.asked, example=None)))
    for name in sorted((said.keys() | item.keys()) - {"certificate", "example"}):
        if said.get(name) != item.get(name):
            return f"its {name} is {item.get(name)!a}, the claim's {said.get(name)!a}"
    return ""


def judge(case: Case, item: Mapping[str, Any] | None) -> kernel.Verified:
    """What the kernel makes of an item about a case.

    Raises:
        kernel.Refused: there is no item, it is about something else, or it does not prove or refute what is claimed.
    """
    if item is None:
        raise kernel.Refused("there is no certificate; `bnverify prove --renew` looks for one")
    if stale := why_stale(case, item):
        raise kernel.Refused(f"the certificate is about something else: {stale}")
    return kernel.judge(replace(case.asked, example=item.get("example")), item["certificate"])


def renewed(case: Case) -> Case:
    """The case with a point that satisfies its hypotheses, searched for at random where the claim gives none."""
    if (
        not case.asked.hypotheses
        or case.asked.example
        or "point" in case.certificate
        or case.part.startswith("step")
    ):
        return case
    return replace(case, asked=replace(case.asked, example=example_of(case.asked)))


def example_of(asked: kernel.Claim) -> dict[str, Any] | None:
    """A point that satisfies what a claim of the kernel supposes, if one is found at random."""
    usual = kernel.usual_point(asked)
    source = random.Random(0)
    for _ in range(TRIES):
        data = {
            name: value if f"projector {name}" in asked.operators else _drawn(value, source)
            for name, value in usual.items()
        }
        try:
            if not kernel.unmet(asked, kernel.Point(asked, data)):
                return data
        except kernel.Refused:
            continue
    return None


def _drawn(value: Any, source: random.Random) -> Any:
    if not isinstance(value, list):
        return source.choice(("1/2", "1", "2", "-1", "3", "1/3", "1/5"))
    if isinstance(value[0], list):
        square = len(value) == len(value[0])
        table = [[str(source.randint(-2, 3)) for _ in row] for row in value]
        return (
            [[table[min(i, j)][max(i, j)] for j in range(len(value))] for i in range(len(value))]
            if square
            else table
        )
    return [str(source.randint(-2, 3)) for _ in value]


def save(identifiers: Iterable[str], folder: Path | None = None) -> tuple[Path, ...]:
    """Write the items of whole claim files anew: those that hold one of the claims.

    Raises:
        InputError: the folder cannot be written.
    """
    wanted = set(identifiers)
    written = []
    for name, stated in files().items():
        if wanted.isdisjoint(claim.id for claim in stated):
            continue
        lines = [
            json.dumps(item) for claim in stated if not claim.measured for item in items_of(claim).values()
        ]
        if lines:
            path = (folder or FOLDER) / f"{name}.json"
            write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")
            written.append(path)
    return tuple(written)
