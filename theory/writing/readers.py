"""What a claim means for somebody who has not read the paper, and what that rests on, from `readers.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def _entries() -> dict[str, dict[str, Any]]:
    text = Path(__file__).with_name("readers.toml").read_text(encoding="utf-8")
    found = tomllib.loads(text)
    return {name: {"says": one, "rests": []} if isinstance(one, str) else one for name, one in found.items()}


def sentences() -> dict[str, str]:
    """At most two sentences a claim, by id."""
    return {name: entry["says"] for name, entry in _entries().items()}


def for_readers(name: str) -> str:
    """The sentences on a claim; empty where there are none."""
    return sentences().get(name, "")


def behind(name: str) -> str:
    """What the formula of a claim says in words, where it does not show by itself; empty elsewhere."""
    return str(_entries().get(name, {}).get("means", ""))


def rests(name: str) -> list[dict[str, Any]]:
    """What the sentences on a claim rest on, with the verdict that they presume.

    Each is a statement by its verdict (``proved`` or ``refuted``, with ``given``, ``norm``, ``numbers``, ``vectors``
    and ``min_m`` as ``decide`` takes them), or a ``claim`` or one ``reading`` of it with the verdict that it ``is``.
    """
    return list(_entries().get(name, {"rests": []})["rests"])
