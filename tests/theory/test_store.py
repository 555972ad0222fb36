"""Every claim has a verdict without SymPy or torch, and what is remembered is void once the claim changes."""

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from bnverify.theory import judged, shelf, store, verdicts
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.registry import files, registry

from bnverify.base.errors import InputError

COMMITTED = verdicts.VERDICTS


def test_what_the_kernel_said_is_forgotten_where_the_claim_or_a_certificate_changes(monkeypatch):
    claim = registry()["thm-4.1"]
    assert verdicts.recalled(claim) is not None
    mended = dataclasses.replace(claim.readings[0], says=claim.corrected.says)
    assert verdicts.recalled(dataclasses.replace(claim, readings=(mended, *claim.readings[1:]))) is None
    items = {key: dict(item) for key, item in judged.shelved().items()}
    items["thm-4.1", "same-point, smallest"]["certificate"] = {"point": {}}
    monkeypatch.setattr(judged, "shelved", lambda: items)
    assert verdicts.recalled(claim) is None


def test_every_module_that_a_verdict_passes_through_is_in_its_key():
    # What a claim says and which claims there are stand in the key by themselves; of `said` the names alone are asked,
    # and not what evaluates a statement for LaTeX and audits.
    through = set(verdicts._JUDGES)
    for name in through:
        source = Path(verdicts.__file__).with_name(f"{name}.py").read_text()
        whole = re.findall(r"^from bnverify\.theory import (.+)$", source, re.M)
        parts = re.findall(r"^from bnverify\.theory\.(\w+) import", source, re.M)
        used = {one.strip() for line in whole for one in line.split(",")} | set(parts)
        assert used - through <= {"claim", "registry", "settings", "syntax"}, name


@pytest.fixture
def copied(tmp_path, monkeypatch):
    path = tmp_path / "verdicts.json"
    path.write_bytes(COMMITTED.read_bytes())
    monkeypatch.setattr(verdicts, "VERDICTS", path)
    verdicts._lines.cache_clear()
    yield path
    verdicts._lines.cache_clear()


@pytest.mark.parametrize("name", ["kernel", "cases", "judged", "shelf"])
def test_nothing_is_recalled_of_another_judge(copied, name, monkeypatch, tmp_path):
    for other in verdicts._JUDGES:
        text = Path(verdicts.__file__).with_name(f"{other}.py").read_text()
        (tmp_path / f"{other}.py").write_text(text + "#" * (other == name))
    monkeypatch.setattr(verdicts, "__file__", str(tmp_path / "verdicts.py"))
    assert verdicts.recalled(registry()["thm-4.1"]) is None


def test_nothing_is_recalled_of_another_definition_of_a_step(copied):
    claim = registry()["lem-4.5"]
    (first, *others) = claim.readings
    proof = dataclasses.replace(
        first.proof,
        steps=(dataclasses.replace(first.proof.steps[0], norm="unbiased"), *first.proof.steps[1:]),
    )
    assert verdicts.recalled(claim) is not None
    changed = dataclasses.replace(claim, readings=(dataclasses.replace(first, proof=proof), *others))
    assert verdicts.recalled(changed) is None


def test_nothing_is_recalled_of_another_definition(copied, monkeypatch):
    entry = NORMALISATIONS["batch-norm"]
    other = dataclasses.replace(entry, text=entry.text.replace("/ m", "/ (m - 1)"))
    monkeypatch.setitem(NORMALISATIONS, "batch-norm", other)
    assert verdicts.recalled(registry()["thm-4.1"]) is None
    assert verdicts.recalled(registry()["ext-lp.shared"]) is not None


def test_two_claims_that_say_the_same_are_not_each_other(copied):
    lines = json.loads(copied.read_text())
    lines["blog-beta-star"] = lines["blog-beta-smooth"]
    copied.write_text(json.dumps(lines))
    assert verdicts.recalled(registry()["blog-beta-star"]) is None


@pytest.mark.parametrize("entry", [3, {"key": 1}, {"key": "x", "readings": []}, [], None])
def test_a_line_of_another_shape_is_not_recalled(copied, entry):
    lines = json.loads(copied.read_text())
    lines["thm-4.1"] = entry
    copied.write_text(json.dumps(lines))
    assert verdicts.recalled(registry()["thm-4.1"]) is None


def test_a_verdict_is_judged_again_where_nothing_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "VERDICTS", tmp_path / "none.json")
    verdicts._lines.cache_clear()
    try:
        entry = store.Stored(registry()["thm-4.1"])
        assert entry.stale
        assert entry.verdict == "refuted"
    finally:
        verdicts._lines.cache_clear()


def test_what_is_remembered_is_written_a_line_a_claim_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(verdicts, "VERDICTS", tmp_path / "verdicts.json")
    verdicts._lines.cache_clear()
    try:
        claim = registry()["thm-4.2.1"]
        evidence = judged.evidence_of(claim)
        verdicts.keep([(claim, evidence)])
        assert verdicts.recalled(claim) == evidence
        assert len((tmp_path / "verdicts.json").read_text().splitlines()) == 4
    finally:
        verdicts._lines.cache_clear()


@pytest.mark.parametrize("text", ["{", "[]", "null", "\x00"])
def test_a_damaged_file_is_an_input_error_that_says_how_to_mend_it(tmp_path, text, monkeypatch):
    monkeypatch.setattr(verdicts, "VERDICTS", tmp_path / "verdicts.json")
    (tmp_path / "verdicts.json").write_text(text)
    verdicts._lines.cache_clear()
    try:
        with pytest.raises(InputError, match="`bnverify prove` writes it anew"):
            verdicts.recalled(registry()["thm-4.1"])
    finally:
        verdicts._lines.cache_clear()


def test_claims_are_ordered_as_in_the_paper():
    named = "ext-eps eq-10 eq-9 fact-C.1 thm-4.2.2 lem-4.5 obs-4.3.minima thm-4.1 thm-C.1"
    ordered = "thm-4.1 thm-4.2.2 obs-4.3.minima lem-4.5 thm-C.1 fact-C.1 eq-9 eq-10 ext-eps"
    assert " ".join(sorted(named.split(), key=store.position)) == ordered


def test_verdicts_are_known_without_sympy_or_torch():
    code = (
        "import sys; from bnverify.theory import store\n"
        "[entry.verdict for entry in store.load().values() if not entry.claim.measured]; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"sympy", "torch"} & set(done.stdout.split())


def test_every_claim_names_its_file():
    named = {claim.id: name for name, stated in files().items() for claim in stated}
    assert named["thm-4.1"] == "santurkar_2018/thm_4_1"
    assert set(named) == set(registry())
    assert shelf.FOLDER.is_dir()
