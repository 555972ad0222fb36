"""What a reviewer is handed runs and says the same without this package."""

from __future__ import annotations

import subprocess
import sys

import pytest
from bnverify.theory.writing.script import scriptable

from bnverify.commands.cite import script_of


@pytest.mark.parametrize("name", ["thm-4.1", "thm-4.2.2", "ext-eps.thm-4.1-printed"])
def test_a_script_shows_the_counterexample_with_sympy_alone(name: str) -> None:
    script = script_of(name)
    assert script is not None
    assert "bnverify" not in script
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, timeout=120
    )
    assert "holds: False" in done.stdout


def test_what_needs_more_than_a_batch_has_no_script() -> None:
    assert not scriptable("max((T @ v) @ (T @ v), norm(X) <= lam) <= lam**2*(v @ v)")
    assert script_of("thm-4.4") is None


def test_the_command_gives_latex_bibtex_and_a_script(bnverify) -> None:  # type: ignore[no-untyped-def]
    text = bnverify("cite", "thm-4.1").stdout
    assert r"\paragraph{" in text
    assert "@inproceedings{santurkar2018how" in text
    assert "import sympy" in text
    assert bnverify("cite", "fact-C.1", "--py").exit_code == 2
