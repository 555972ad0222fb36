"""The package: an old build tool is told what it lacks, and what is declared is there."""

from __future__ import annotations

import runpy
import tomllib
from pathlib import Path

import pytest
import setuptools

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def test_an_old_setuptools_is_told_in_a_line_which_one_it_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setuptools, "__version__", "66.1.1")
    with pytest.raises(SystemExit, match=r"built by setuptools 77 or newer, this is 66\.1\.1") as told:
        runpy.run_path(str(ROOT / "setup.py"))
    assert "\n" not in str(told.value)
    assert PROJECT["build-system"]["requires"] == ["setuptools>=77"]
