"""What a claim means for somebody who has not read the paper, from `readers.toml`."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path


@cache
def sentences() -> dict[str, str]:
    """At most two sentences a claim, by id."""
    path = Path(__file__).with_name("readers.toml")
    return dict(tomllib.loads(path.read_text(encoding="utf-8")))


def for_readers(name: str) -> str:
    """The sentences on a claim; empty where there are none."""
    return sentences().get(name, "")
