"""What is exported is the statement and its evidence, every number exact, every file in the manifest."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from bnverify.theory import export
from bnverify.theory.claim import Instance
from bnverify.theory.export import export_all, export_data, file_name, instance_data
from bnverify.theory.kernel import FORMAT, MANIFEST, check
from bnverify.theory.observe import Syntax
from bnverify.theory.registry import registry
from bnverify.theory.rooms import FORMAL, POINTS
from bnverify.theory.syntax import Vector, load, scalar

from bnverify.errors import InputError

CLAIMS = registry()


@pytest.mark.parametrize("identifier", CLAIMS)
def test_nothing_that_is_exported_fails_the_independent_checker(identifier: str) -> None:
    data = json.loads(json.dumps(export_data(CLAIMS[identifier])))
    assert data["claim"] == identifier
    assert data["format"] == FORMAT
    for item in data["items"]:
        state, why = check(item)
        assert state != "FAILS", f"{item['about']}: {why}"


@pytest.mark.parametrize("identifier", CLAIMS)
def test_every_reading_with_evidence_is_in_the_file(identifier: str) -> None:
    claim = CLAIMS[identifier]
    items = export_data(claim)["items"]
    for reading in claim.readings:
        assert any(item["about"].startswith(reading.slug) for item in items)
    assert (claim.corrected is not None) == any(item["about"].startswith("corrected") for item in items)


@pytest.mark.parametrize("identifier", CLAIMS)
def test_the_exported_statement_is_the_statement(identifier: str) -> None:
    claim = CLAIMS[identifier]
    items = {item["about"]: item for item in export_data(claim)["items"] if "statement" in item}
    for reading in claim.readings:
        if reading.slug in items:
            relation, stored = reading.says(Syntax()), items[reading.slug]["statement"]
            lhs = relation.lhs if isinstance(relation.lhs, Vector) else scalar(relation.lhs)
            assert load(stored["lhs"]) == lhs
            assert stored["op"] == relation.op


def test_other_normalisations_are_named_not_passed_off_as_batchnorm() -> None:
    for claim in CLAIMS.values():
        items = export_data(claim)["items"]
        for reading in claim.readings:
            kinds = {item["kind"] for item in items if item["about"] == reading.slug}
            assert reading.setting not in FORMAL or "certificate" not in kinds
            assert reading.setting not in POINTS or not kinds & {"counterexample", "witness"}


def test_the_manifest_lists_the_digest_of_every_file(tmp_path: Path) -> None:
    paths = export_all(tmp_path, ["thm-4.1", "fact-C.1"])
    listed = json.loads((tmp_path / MANIFEST).read_text())
    assert {path.name for path in paths} == {MANIFEST, *listed}
    for name, digest in listed.items():
        assert hashlib.sha256((tmp_path / name).read_bytes()).hexdigest() == digest


def test_exporting_more_claims_keeps_the_earlier_ones_listed(tmp_path: Path) -> None:
    export_all(tmp_path, ["thm-4.1"])
    export_all(tmp_path, ["fact-C.1"])
    assert set(json.loads((tmp_path / MANIFEST).read_text())) == {"thm-4.1.json", "fact-C.1.json"}


def test_numbers_are_strings_and_nothing_is_rounded() -> None:
    data = instance_data(Instance(y=(0, "1/3"), g=(1, 2), extra=(("inputs", ((1, "1/2"),)),)))
    assert data["y"] == ["0", "1/3"]
    assert data["extra"] == [["inputs", [["1", "1/2"]]]]


def test_two_exports_are_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        export_all(tmp_path / name, ["thm-4.2.2"])
    assert (tmp_path / "a" / "thm-4.2.2.json").read_bytes() == (
        tmp_path / "b" / "thm-4.2.2.json"
    ).read_bytes()


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot write"):
        export_all(tmp_path / "file", ["thm-4.1"])


def test_file_names_are_safe_and_distinct() -> None:
    names = [file_name(identifier) for identifier in CLAIMS]
    assert len(set(names)) == len(names)
    assert file_name("a/../b") == "a_.._b.json"
    assert MANIFEST not in names
    assert export.FORMAT == FORMAT
