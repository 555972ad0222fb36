"""Every claim has a verdict without SymPy or torch, and what is remembered is void once the claim changes."""

import dataclasses
import subprocess
import sys

import pytest
from bnverify.theory import judged, shelf, store
from bnverify.theory.registry import registry

from bnverify.base.errors import InputError


def test_what_the_kernel_said_is_forgotten_where_the_claim_or_a_certificate_changes(monkeypatch):
    claim = registry()["thm-4.1"]
    assert judged.remembered(claim) is not None
    mended = dataclasses.replace(claim.readings[0], says=claim.corrected.says)
    assert judged.remembered(dataclasses.replace(claim, readings=(mended, *claim.readings[1:]))) is None
    items = {key: dict(item) for key, item in judged.shelved().items()}
    items["thm-4.1", "same-point, smallest"]["certificate"] = {"point": {}}
    monkeypatch.setattr(judged, "shelved", lambda: items)
    assert judged.remembered(claim) is None


def test_a_verdict_is_judged_again_where_nothing_is_remembered(tmp_path, monkeypatch):
    monkeypatch.setattr(judged, "VERDICTS", tmp_path / "none.json")
    judged._remembered.cache_clear()
    try:
        entry = store.Stored(registry()["thm-4.1"])
        assert entry.stale
        assert entry.verdict == "refuted"
    finally:
        judged._remembered.cache_clear()


def test_what_is_remembered_is_written_a_line_a_claim_and_read_again(tmp_path, monkeypatch):
    monkeypatch.setattr(judged, "VERDICTS", tmp_path / "verdicts.json")
    judged._remembered.cache_clear()
    try:
        claim = registry()["thm-4.2.1"]
        evidence = judged.evidence_of(claim)
        judged.remember([(claim, evidence)])
        assert judged.remembered(claim) == evidence
        assert len((tmp_path / "verdicts.json").read_text().splitlines()) == 3
    finally:
        judged._remembered.cache_clear()


@pytest.mark.parametrize("text", ["{", "[]", "null", "\x00"])
def test_a_damaged_file_is_an_input_error_that_says_how_to_mend_it(tmp_path, text, monkeypatch):
    monkeypatch.setattr(judged, "VERDICTS", tmp_path / "verdicts.json")
    (tmp_path / "verdicts.json").write_text(text)
    judged._remembered.cache_clear()
    try:
        with pytest.raises(InputError, match="`bnverify prove` writes it anew"):
            judged.remembered(registry()["thm-4.1"])
    finally:
        judged._remembered.cache_clear()


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
    files = store.files()
    assert files["thm-4.1"] == "claims/thm_4_1.py"
    assert store.digest(files["thm-4.1"]) != store.digest(files["thm-4.4"])
    assert store.digest("claims/gone.py") == ""
    assert set(files) == set(registry())
    assert shelf.FOLDER.is_dir()
