"""What a reviewer is handed runs and says the same without this package."""

from __future__ import annotations

import contextlib
import hashlib
import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import latex2mathml.converter
import pytest
from bnverify.theory import verdicts
from bnverify.theory.registry import registry
from bnverify.theory.writing.cite import erratum

from bnverify.commands.cite import script_of, why_no_script
from bnverify.commands.theory import _stored

ENTRIES = _stored(list(registry()))
ERRATA = {entry.id: erratum(entry) for entry in ENTRIES}
FALSE = [
    entry for entry in ENTRIES if entry.verdict in ("refuted", "conditional") and not entry.claim.measured
]
UNWRITTEN = {
    "def-2.1.reparametrisation": "takes rates",
    "eq-58": "equates a maximum",
    "blog-beta-hessian": "refuted by a proof",
    "ext-groups.stationary": "two units",
    "ext-layer.thm-4.2.2": "two units",
    "ext-lp.l2": "two units",
}
"""The refuted and conditional claims without a script, and why."""
SIDES = {
    "thm-4.4": r"left +0\nright +-2\n",
    "thm-C.1": r"left +0\nright +36 - 81\*sqrt\(2\)/2\n",
    "lem-4.5": r"left +1/5\nright +0\n",
}


@pytest.mark.parametrize("entry", FALSE, ids=lambda entry: entry.id)
def test_a_script_shows_the_counterexample_at_which_every_condition_holds(entry) -> None:  # type: ignore[no-untyped-def]
    script = script_of(entry)
    if entry.id in UNWRITTEN:
        assert script is None
        assert UNWRITTEN[entry.id] in why_no_script(entry)
        return
    assert script is not None
    assert len(script.splitlines()) <= 30
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(script, {})
    said = [line.rsplit(maxsplit=1) for line in printed.getvalue().splitlines() if "holds:" in line]
    assert said.pop() == ["holds:", "False"]
    assert {value for _, value in said} <= {"True"}
    assert re.search(SIDES.get(entry.id, ""), printed.getvalue())


def test_a_script_runs_where_nothing_of_ours_is_installed(tmp_path: Path) -> None:
    (tmp_path / "reviewer.py").write_text(script_of(_stored(["lem-4.5"])[0]) or "")
    blocked = "import runpy, sys; sys.modules['bnverify'] = None; runpy.run_path('reviewer.py', run_name='__main__')"
    done = subprocess.run(
        [sys.executable, "-c", blocked], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.endswith("holds: False\n")


FORMULA = r"\$([^$]*)\$|\\\[(.*?)\\\]"


def test_no_erratum_leaves_mathematics_in_words() -> None:
    assert len(ERRATA) > 200
    formulas: set[str] = set()
    for name, text in ERRATA.items():
        formulas.update("".join(found) for found in re.findall(FORMULA, text, re.DOTALL))
        left = re.sub(FORMULA, "", text, flags=re.DOTALL).replace(f"bnverify prove {name}", "")
        assert not re.search(r"(?<!\\)[_^&%#$<>|]|sqrt|gamma|sigma|\beps\b|l_|-hat|[^\x00-\x7f“”’]", left), (
            name,
            left,
        )
        assert text.count("{") == text.count("}"), name
    for formula in formulas:
        latex2mathml.converter.convert(re.sub(r"\\tag\{[^}]*\}|\\displaystyle", "", formula))


def test_every_erratum_of_a_proved_or_corrected_statement_ends_with_a_proof() -> None:
    for entry in ENTRIES:
        proved = entry.item["verdict"] == "proved" or entry.item["corrected"]
        assert (r"\emph{Proof.}" in ERRATA[entry.id]) >= bool(proved), entry.id
    text = ERRATA["thm-4.1"]
    steps = (r"\dot\sigma = \langle \hat y, b\rangle/m", r"\tag{fact-C.1}", "$P$ is a projector", r"\square")
    assert [text.index(step) for step in steps] == sorted(text.index(step) for step in steps)
    assert r"\texttt{bnverify prove fact-C.2 fact-C.1 thm-4.1}" in text
    for name in ("thm-4.2.1", "thm-4.2.2"):  # defined at gamma = 0, which the scope has
        assert r"PHP - \frac{\gamma}{m\sigma^2}" in ERRATA[name]
        assert r"m\gamma}\left" not in ERRATA[name]
    assert "given" not in re.sub(r"\bgiven\b", "", ERRATA["thm-4.2.2"])


def test_an_erratum_has_no_gamma_that_its_layer_lacks_and_the_eps_of_its_scope() -> None:
    assert r"$\gamma = 1$" in ERRATA["thm-4.1"]
    assert r"$\epsilon = 0$" in ERRATA["thm-4.1"]
    assert r"$\gamma" not in ERRATA["ext-groups.thm-4.1"]
    assert r"$\epsilon > 0$" not in ERRATA["ext-groups.thm-4.1"]
    assert r"$\epsilon > 0$" in ERRATA["ext-affine-gradients.reductions-eps"]


def test_every_letter_of_a_formula_is_explained() -> None:
    for name, letters in {
        "thm-4.1": (
            r"\mu =",
            r"\hat{y} =",
            r"\epsilon = 0",
            r"\sigma =",
            "learned scale",
            "the vector of ones",
            r"\langle a, b\rangle =",
        ),
        "ext-eps.thm-4.2.2": (r"\epsilon > 0", r"\rho =", "$P ="),
        "thm-4.4": (r"$\lambda$ is", "$X$ is"),
        "ext-layer.blocks": ("each of its units $j$ and $k$", r"\hat{y}_{j}"),
        "ext-groups.rms-norm": (r"s = \sqrt{",),
    }.items():
        assert all(letter in ERRATA[name] for letter in letters), (name, ERRATA[name])


@pytest.mark.parametrize("letter", [r"\sigma", r"\rho", r"\mu", r"\nu"])
def test_no_erratum_uses_a_letter_that_its_list_does_not_explain(letter: str) -> None:
    for name, text in ERRATA.items():
        before, here, listed = text.partition("\nHere ")
        explained = listed.partition("\n")[0]
        if here and re.search(re.escape(letter) + r"\b", before):
            assert re.search(re.escape(letter) + r"\b", explained), (name, before)


def test_only_a_strict_statement_is_said_to_fail_without_its_strictness() -> None:
    said = [name for name, text in ERRATA.items() if "even with" in text]
    assert said == ["thm-C.1"]
    assert r"in the reading \texttt{batchnorm-downstream}: $m = 3$" in ERRATA["prose-4.2-psd"]


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="pdflatex is not installed")
def test_latex_typesets_every_erratum_within_the_margins(tmp_path: Path) -> None:
    head = r"\documentclass{article}\usepackage{amsmath,amssymb}\usepackage[margin=2cm]{geometry}\begin{document}"
    (tmp_path / "errata.tex").write_text(f"{head}\n" + "\n\n".join(ERRATA.values()) + "\n\\end{document}\n")
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "errata.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False, timeout=120)
    said = done.stdout.decode(errors="replace")
    assert done.returncode == 0, said[-2000:]
    assert not [wide for wide in re.findall(r"Overfull \\hbox \((\d+)", said) if int(wide) > 20]


def test_an_erratum_typesets_what_is_true_and_says_every_number_of_its_counterexample() -> None:
    first, second = ERRATA["thm-4.1"], ERRATA["thm-4.2.2"]
    assert r"scales the rest by $\gamma/\sigma$" in first
    assert r"with $|\gamma| > \sigma$ and at least three samples it can grow" in first
    assert r"the right side $2 - 2\sqrt{2}$" in first
    assert r"H = \bigl(\begin{smallmatrix} 0 & 0 \\ 0 & -1 \end{smallmatrix}\bigr)" in second


def test_the_command_gives_latex_bibtex_and_a_script(bnverify) -> None:  # type: ignore[no-untyped-def]
    text = bnverify("cite", "thm-4.1").stdout
    assert r"\paragraph{" in text
    assert "@inproceedings{santurkar2018how" in text
    assert "import sympy" in text
    assert "\n@inproceedings" in text


def test_a_missing_script_is_explained_and_hides_no_other(bnverify) -> None:  # type: ignore[no-untyped-def]
    for name, why in {"fact-C.1": "no counterexample", "eq-58": "--tex", "fig-4a": "is measured"}.items():
        done = bnverify("cite", name, "--py")
        assert done.exit_code == 2
        assert why in done.stderr
        assert done.stderr.count("\n") == 1
    done = bnverify("cite", "thm-4.1", "eq-58", "--py")
    assert done.exit_code == 0
    assert "import sympy" in done.stdout
    assert "eq-58" in done.stderr


def test_an_erratum_defines_batch_norm_and_what_its_statement_names() -> None:
    for name in ("lem-4.5", "blog-lem-4.5", "obs-4.3.minima", "obs-4.3.activations"):
        assert r"\hat{y} = \frac{y - \mu\mathbf{1}}{s}" in ERRATA[name], name
    for letter in (r"$\nabla^{2}_{W}\mathcal{L}$ is", "$u$", "$W_{0}$", "is the $W^*$ of the paper"):
        assert letter in ERRATA["lem-4.5"].partition("Here $y")[2]
    assert not [name for name, text in ERRATA.items() if r"\[ z = y. \]" in text]


def test_the_counterexample_to_c1_refutes_the_statement_that_is_not_strict_too() -> None:
    text = ERRATA["thm-C.1"]
    assert r"even with $\le$ for $<$" in text
    assert r"the right side at most $36 - 81\sqrt{2}/2$" in text
    assert all(
        number in text for number in ("H = ", r"\lambda = 1", r"$\gamma \ne 0$", r"XX^\top = \lambda^2 I")
    )
    assert "In steps" not in text
    assert r"\tag{thm-4.4}" not in text
    assert not [name for name, said in ERRATA.items() if said.count(r"\tag{fact-C.2}") > 1]


def test_several_ids_give_an_entry_each_and_the_paper_once(bnverify) -> None:  # type: ignore[no-untyped-def]
    text = bnverify("cite", "4.1", "thm-4.4", "--bib").stdout
    assert text.count("@inproceedings") == 1
    assert re.findall(r"@misc\{(.*),", text) == ["bnverify-thm-4.1", "bnverify-thm-4.4"]
    assert bnverify("cite", "4.1", "4.4", "--tex").stdout.count(r"\paragraph{") == 2


def test_bibtex_names_the_text_that_was_read_and_the_state_of_the_verdicts(
    bnverify, tmp_path, monkeypatch
) -> None:  # type: ignore[no-untyped-def]
    text = bnverify("cite", "4.1", "--bib").stdout
    assert "url       = {https://arxiv.org/abs/1805.11604}" in text
    assert "Appendices A to C" in text
    assert re.search(
        r"version \d+\.\d+\.\d+, (commit [0-9a-f]{12} of \d{4}-\d\d-\d\d|verdicts.json with SHA-256)", text
    )
    (tmp_path / "theory").mkdir()
    (tmp_path / "theory" / "verdicts.json").write_bytes(verdicts.VERDICTS.read_bytes())
    digest = hashlib.sha256(verdicts.VERDICTS.read_bytes()).hexdigest()[:16]
    monkeypatch.setattr(verdicts, "VERDICTS", tmp_path / "theory" / "verdicts.json")
    assert f"verdicts.json with SHA-256 {digest}}}" in bnverify("cite", "4.1", "--bib").stdout


def test_a_counterexample_to_another_reading_is_written_with_that_reading() -> None:
    text = ERRATA["obs-4.3.minima"]
    assert (
        r"A counterexample to the reading \[ \left\|\nabla_{W}\widehat{\mathcal{L}}\right\|^{2} = 0 \]"
        in text
    )
    assert r"$u$ in the space of weights" in text
    assert ".: " not in "".join(ERRATA.values())


def test_the_tex_says_first_that_it_is_a_fragment_and_what_it_needs(bnverify: Callable[..., Any]) -> None:
    assert bnverify("cite", "thm-4.1", "--tex").stdout.startswith(
        r"% A fragment: \input it into a document with \usepackage{amsmath,amssymb}."
    )
