"""The Rocq files that are written by hand: the library here, and what no certificate gives in ``theorems/``."""

from __future__ import annotations

from pathlib import Path

HERE = Path(__file__).parent


def library() -> dict[str, str]:
    """Every stored Rocq file, name without ending -> text."""
    files = sorted([*HERE.glob("*.v"), *HERE.glob("theorems/*.v")])
    return {file.stem: file.read_text(encoding="utf-8") for file in files}


def words() -> list[str]:
    """The files of the library, which hold the words of statements; those of theorems are not among them."""
    return sorted(file.stem for file in HERE.glob("*.v"))
