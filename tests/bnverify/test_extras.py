"""Without an extra the theory still answers, and the rest says in one line what to install."""

from __future__ import annotations

import subprocess
import sys

import pytest

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "numpy", "scipy", "matplotlib", "sklearn", "hypothesis"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from bnverify.__main__ import main
main()
"""


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("arguments", [("claims",), ("show", "thm-4.1"), ("vocabulary",)], ids=" ".join)
def test_the_theory_needs_no_torch(arguments: tuple[str, ...]) -> None:
    assert called(*arguments).returncode == 0


@pytest.mark.parametrize(
    "arguments", [("check", "thm-4.1"), ("audit", "model.py:make"), ("report",)], ids=" ".join
)
def test_what_needs_torch_says_how_to_get_it(arguments: tuple[str, ...]) -> None:
    done = called(*arguments)
    assert done.returncode == 2
    assert "pip install 'bnverify[torch]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
