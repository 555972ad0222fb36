"""Without an extra the theory still answers, and the rest says in one line what to install."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "scipy", "sympy", "matplotlib", "sklearn", "hypothesis"}:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
sys.meta_path.insert(0, Absent())
from bnverify.experiments.report import build
build.measuring = lambda: False
from bnverify.__main__ import main
main()
"""


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", WITHOUT, *arguments], capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("claims",),
        ("show", "thm-4.1"),
        ("prove", "thm-C.1"),
        ("vocabulary",),
        ("cite", "4.1"),
        ("cite", "4.1", "--py"),
        ("decide", "v @ one == 0"),
    ],
    ids=" ".join,
)
def test_the_theory_needs_no_torch(arguments: tuple[str, ...]) -> None:
    assert called(*arguments).returncode == 0


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        (("check", "thm-4.1"), "torch"),
        (("audit", f"{__file__}:make"), "torch"),
    ],
    ids=str,
)
def test_what_needs_an_extra_says_how_to_get_it(arguments: tuple[str, ...], extra: str) -> None:
    done = called(*arguments)
    assert done.returncode == 2
    assert f"pip install 'bnverify[{extra}]'" in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_formula_is_decided_without_torch() -> None:
    done = called("decide", "v @ v <= g @ g")
    assert done.returncode == 1, done.stderr
    assert "refuted at m = 3" in done.stdout


def test_without_torch_the_report_is_the_pages_of_the_theory(tmp_path: Path) -> None:
    done = called("report", "--out", str(tmp_path / "report"))
    assert done.returncode == 0, done.stderr
    assert "pip install 'bnverify[report]'" in done.stderr
    assert (tmp_path / "report" / "claims" / "thm-4.1.html").is_file()
    assert not (tmp_path / "report" / "network.html").exists()
