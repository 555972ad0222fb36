"""What the kernel said last of every claim, so that a table is fast; ``bnverify prove`` writes it and believes none.

``verdicts.json`` holds the digest of what judges, and a line a claim: its evidence, with a digest of the claim, of its
certificates and of that evidence. Where one of these differs nothing is recalled, and the kernel is asked again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import astuple
from functools import cache
from pathlib import Path
from typing import Any

from bnverify.theory import judged
from bnverify.theory.claim import Check, Claim, Corrected, Evidence, Reading
from bnverify.theory.normalisations import text_of

from bnverify.base.errors import InputError
from bnverify.base.files import write_text

VERDICTS = Path(__file__).resolve().parent / "verdicts.json"
_JUDGES = ("cases", "grammar", "judged", "kernel", "names", "normalisations", "shelf", "sorts", "vocabulary")
"""What stands between a claim's text and its verdict."""


def in_checkout() -> bool:
    """Whether these are the files of a checkout, which `prove` may write, and not those of an installed package."""
    return (Path(__file__).resolve().parents[1] / "pyproject.toml").is_file()


def _judge() -> str:
    sources = [Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8") for name in _JUDGES]
    return hashlib.sha256("\0".join(sources).encode()).hexdigest()[:16]


def _key(claim: Claim, evidence: Any, items: Mapping[tuple[str, str], dict[str, Any]]) -> str:
    said = [repr((claim.id, claim.scope, claim.readings, claim.corrected)), json.dumps(evidence)]
    stated: list[Reading | Corrected] = [*claim.readings, *([claim.corrected] if claim.corrected else [])]
    steps = [step for one in stated if one.proof for step in one.proof.steps]
    said += [text_of(one.norm) for one in (*stated, *steps) if one.norm]
    said += [json.dumps(item, sort_keys=True) for (name, _), item in items.items() if name == claim.id]
    return hashlib.sha256("\n".join(said).encode()).hexdigest()[:16]


@cache
def _lines() -> dict[str, Any]:
    if not VERDICTS.is_file():
        return {}
    try:
        found = json.loads(VERDICTS.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("not an object")
        return found if found.get("judge") == _judge() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"{VERDICTS} cannot be read ({error}); `bnverify prove` writes it anew") from None


def recalled(claim: Claim) -> tuple[Evidence, ...] | None:
    """The evidence on a claim as the kernel gave it last; None where anything that it rests on has changed since."""
    match _lines().get(claim.id):
        case {"key": key, "readings": readings} if key == _key(claim, readings, judged.shelved()):
            try:
                return tuple(
                    Evidence(slug, proved, refuted, tight, tuple(map(_check, checks)))
                    for slug, proved, refuted, tight, checks in readings
                )
            except (TypeError, ValueError):
                return None
    return None


def _check(entry: Any) -> Check:
    kind, holds, text, lemmas, values = entry
    return Check(kind, holds, text, tuple(lemmas), tuple((name, value) for name, value in values))


def keep(found: Iterable[tuple[Claim, tuple[Evidence, ...]]]) -> None:
    """Write down what the kernel said of some claims, and forget what no claim says any more.

    Raises:
        InputError: the folder cannot be written.
    """
    from bnverify.theory.registry import registry

    lines = {name: entry for name, entry in _lines().items() if name in registry()}
    for claim, evidence in found:
        readings = json.loads(json.dumps([astuple(item) for item in evidence]))
        lines[claim.id] = {"key": _key(claim, readings, judged.shelved()), "readings": readings}
    said = {"judge": _judge()} | {name: lines[name] for name in sorted(lines)}
    body = ",\n".join(f"{json.dumps(name)}: {json.dumps(entry)}" for name, entry in said.items())
    write_text(VERDICTS, "{\n" + body + "\n}\n")
    _lines.cache_clear()
