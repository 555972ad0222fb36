"""Stored evidence is read without SymPy, goes stale with its sources, and is whole or absent."""

import dataclasses
import json
import shutil
import subprocess
import sys

import pytest
from bnverify.theory import store

from bnverify.base.errors import InputError

ENTRY = store.Stored("thm-4.1", "claims/thm_4_1.py", "0" * 64, {"id": "thm-4.1"}, {"why": ""})


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the package's sources that a test may change."""
    folder = tmp_path / "theory"
    shutil.copytree(store.FOLDER, folder, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(store, "FOLDER", folder)
    for function in (store.digest, store._imports, store._source):
        function.cache_clear()
    yield folder
    for function in (store.digest, store._imports, store._source):
        function.cache_clear()


def changed(copy, name):
    path = copy / name
    path.write_text(path.read_text() + "\n# changed\n")
    for function in (store.digest, store._imports, store._source):
        function.cache_clear()
    return store.digest("claims/thm_4_1.py")


def test_evidence_rests_on_the_claim_the_definition_and_both_derivations():
    found = set(store.sources("claims/thm_4_1.py"))
    needed = {
        "claims/thm_4_1.py",
        "batchnorm.py",
        "gram.py",
        "exact.py",
        "observe.py",
        "prove.py",
        "settings.py",
    }
    assert needed <= found


def test_evidence_does_not_rest_on_other_claims_unless_it_imports_them():
    assert [name for name in store.sources("claims/thm_4_1.py") if "claims/thm" in name] == [
        "claims/thm_4_1.py"
    ]
    assert "claims/thm_4_2_1.py" in store.sources("claims/thm_4_2_2.py")


@pytest.mark.parametrize("name", ["claims/thm_4_1.py", "batchnorm.py", "gram.py", "exact.py", "prove.py"])
def test_a_change_to_a_source_makes_evidence_stale(copy, name):
    before = store.digest("claims/thm_4_1.py")
    entry = dataclasses.replace(ENTRY, rests_on=before)
    assert not entry.stale
    assert changed(copy, name) != before
    assert entry.stale


def test_a_change_to_another_claim_leaves_evidence_fresh(copy):
    before = store.digest("claims/thm_4_1.py")
    assert changed(copy, "claims/fact_c_1.py") == before


@pytest.fixture
def measured(copy, monkeypatch):
    """A copy of the package with what was fixed beforehand and a summary of runs beside it."""
    notes = copy.parent / "notes"
    (notes / "results").mkdir(parents=True)
    (notes / "preregistration-2.toml").write_text("# fixed")
    (notes / "results" / "reproduce-a.json").write_text("{}")
    monkeypatch.setattr(store, "NOTES", notes)
    store.digest.cache_clear()
    return notes


@pytest.mark.parametrize(
    "name", ["preregistration-2.toml", "results/reproduce-a.json", "results/runs-b.json"]
)
def test_a_changed_or_a_new_summary_makes_the_evidence_on_empirical_claims_stale(measured, name):
    file = "claims/fig_section_2.py"
    proved, judged = (
        dataclasses.replace(ENTRY, file=it, rests_on=store.digest(it)) for it in ("claims/thm_4_1.py", file)
    )
    assert not judged.stale
    path = measured / name
    path.write_text((path.read_text() if path.exists() else "") + " ")
    store.digest.cache_clear()
    assert judged.stale
    assert not proved.stale


def test_files_beside_the_summaries_do_not_matter(measured):
    before = store.digest("claims/fig_section_2.py")
    (measured / "results" / "bench.json").write_text("{}")
    store.digest.cache_clear()
    assert store.digest("claims/fig_section_2.py") == before


def test_evidence_on_empirical_claims_rests_on_what_judges_them():
    needed = {"empirical.py", "empirical_items.py", "results.py"}
    assert needed <= set(store.sources("claims/fig_section_3.py"))
    assert not needed & set(store.sources("claims/thm_4_1.py"))


def test_evidence_on_a_claim_whose_file_is_gone_is_stale():
    assert dataclasses.replace(ENTRY, file="claims/gone.py").stale


def test_what_is_saved_is_what_is_loaded(tmp_path):
    path = tmp_path / "evidence.json"
    store.save({"thm-4.1": ENTRY}, path)
    assert store.load(path) == {"thm-4.1": ENTRY}
    assert [item.name for item in tmp_path.iterdir()] == ["evidence.json"]


def test_no_file_means_no_evidence(tmp_path):
    assert store.load(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"format": 1}',
        '{"format": 2, "claims": {}}',
        '{"format": 1, "claims": {"a": {"b": 1}}}',
    ],
)
def test_a_damaged_file_is_an_input_error_that_says_how_to_mend_it(tmp_path, text):
    path = tmp_path / "evidence.json"
    path.write_text(text)
    with pytest.raises(InputError, match="`bnverify prove` rebuilds it"):
        store.load(path)


def test_claims_are_ordered_as_in_the_paper():
    names = [
        "ext-eps",
        "eq-10",
        "eq-9",
        "fact-C.1",
        "thm-4.2.2",
        "lem-4.5",
        "obs-4.3.minima",
        "thm-4.1",
        "thm-C.1",
    ]
    assert sorted(names, key=store.position) == [
        "thm-4.1",
        "thm-4.2.2",
        "obs-4.3.minima",
        "lem-4.5",
        "thm-C.1",
        "fact-C.1",
        "eq-9",
        "eq-10",
        "ext-eps",
    ]


def test_reading_evidence_loads_neither_sympy_nor_the_claims():
    code = (
        "import sys; from bnverify.theory import store\n"
        "[entry.stale for entry in store.load().values()]; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())
    assert not loaded & {"sympy", "torch", "bnverify.theory.registry"}


def test_the_committed_evidence_is_valid_json_in_the_order_of_the_paper():
    names = list(json.loads(store.EVIDENCE.read_text(encoding="utf-8"))["claims"])
    assert names == sorted(names, key=store.position)


def test_the_committed_evidence_is_not_stale():
    stale = [entry.id for entry in store.load().values() if entry.stale]
    assert stale == [], "run `bnverify prove` and commit theory/evidence.json"
    assert store.unproved(store.load().values()) == (), "run `bnverify prove` and commit theory/evidence.json"
