"""What a reviewer is handed runs and says the same without this package."""

from __future__ import annotations

import re
import subprocess
import sys

import latex2mathml.converter
import pytest
from bnverify.theory.registry import registry
from bnverify.theory.writing.cite import erratum
from bnverify.theory.writing.script import scriptable

from bnverify.commands.cite import script_of
from bnverify.commands.theory import _stored


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


def outside(text: str) -> str:
    """The words of an erratum without its formulas."""
    return re.sub(r"\$[^$]*\$|\\\[.*?\\\]", "", text)


def test_no_erratum_leaves_mathematics_in_words() -> None:
    entries = _stored(list(registry()))
    assert len(entries) > 200
    formulas: set[str] = set()
    for entry in entries:
        text = erratum(entry.item)
        formulas.update("".join(found) for found in re.findall(r"\$([^$]*)\$|\\\[(.*?)\\\]", text))
        left = outside(text)
        assert not re.search(r"(?<!\\)[_^&%#$<>|]|sqrt|gamma|sigma|\beps\b|l_|-hat", left), (entry.id, left)
        assert text.count("{") == text.count("}"), entry.id
    for formula in formulas:
        latex2mathml.converter.convert(formula)


def test_an_erratum_typesets_what_is_true_and_says_every_number_of_its_counterexample() -> None:
    (first, second) = (erratum(entry.item) for entry in _stored(["thm-4.1", "thm-4.2.2"]))
    assert r"scales the rest by $\gamma/\sigma$" in first
    assert r"with $|\gamma| > \sigma$ the gradient grows" in first
    assert r"the right side $2 - 2\sqrt{2}$" in first
    assert r"H = \bigl(\begin{smallmatrix} 0 & 0 \\ 0 & -1 \end{smallmatrix}\bigr)" in second


def test_the_command_gives_latex_bibtex_and_a_script(bnverify) -> None:  # type: ignore[no-untyped-def]
    text = bnverify("cite", "thm-4.1").stdout
    assert r"\paragraph{" in text
    assert "@inproceedings{santurkar2018how" in text
    assert "import sympy" in text
    assert bnverify("cite", "fact-C.1", "--py").exit_code == 2
