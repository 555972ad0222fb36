"""What is exported is the statement and its evidence, every number exact, every file in the manifest."""

from __future__ import annotations

import hashlib
import json
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from bnverify.theory import export
from bnverify.theory.checker import FORMAT, MANIFEST, check, tree
from bnverify.theory.claim import Instance
from bnverify.theory.export import export_all, export_data, file_name, instance_data, source
from bnverify.theory.observe import Syntax
from bnverify.theory.registry import registry
from bnverify.theory.rooms import FORMAL, POINTS
from bnverify.theory.syntax import scalar

from bnverify.base.errors import InputError

CLAIMS = registry()


@cache
def exported(identifier: str) -> dict[str, Any]:
    return export_data(CLAIMS[identifier])


@pytest.mark.parametrize("identifier", CLAIMS)
def test_nothing_that_is_exported_fails_the_independent_checker(identifier: str) -> None:
    data = json.loads(json.dumps(exported(identifier)))
    assert data["claim"] == identifier
    assert data["format"] == FORMAT
    for item in data["items"]:
        state, why = check(item)
        assert state != "FAILS", f"{item['about']}: {why}"


@pytest.mark.parametrize("identifier", CLAIMS)
def test_every_reading_with_evidence_is_in_the_file(identifier: str) -> None:
    claim = CLAIMS[identifier]
    items = exported(identifier)["items"]
    for reading in claim.readings:
        assert any(item["about"].startswith(reading.slug) for item in items)
    assert (claim.corrected is not None) == any(item["about"].startswith("corrected") for item in items)


@pytest.mark.parametrize("identifier", CLAIMS)
def test_the_exported_statement_is_the_statement(identifier: str) -> None:
    claim = CLAIMS[identifier]
    items = {item["about"]: item for item in exported(identifier)["items"] if "statement" in item}
    for reading in claim.readings:
        if reading.slug in items:
            relation, stored = reading.says(Syntax()), items[reading.slug]["statement"]
            assert tree(stored["lhs"]) == as_read(relation.lhs)
            assert tree(stored["rhs"]) == as_read(relation.rhs)
            assert stored["op"] == relation.op


HEADS = {
    "add": "Add",
    "sub": "Sub",
    "mul": "Mult",
    "scale": "Mult",
    "div": "Div",
    "dot": "MatMult",
    "pow": "Pow",
}


def as_read(node: Any) -> Any:
    """The tree that the checker should read for an expression."""
    if isinstance(node, str):
        return ["sym", node]
    if isinstance(node, int | Fraction) and not isinstance(node, bool):
        node = Fraction(node)
        size: Any = ["num", abs(node.numerator)]
        if node.denominator != 1:
            size = ["Div", size, ["num", node.denominator]]
        return size if node >= 0 else ["neg", size]
    head, args = node.head.removeprefix("v") if node.head != "vec" else "vec", node.args
    if head in {"num", "sym", "vec"}:
        return as_read(args[0]) if head == "num" else [head, args[0]]
    if head == "op":
        return ["op", args[0], as_read(args[1])]
    return [HEADS.get(head, head), *map(as_read, args)]


def test_every_kind_of_expression_has_a_text() -> None:
    q = Syntax()
    half = scalar(Fraction(-1, 2))
    assert source(q.g * half - q.H(q.yhat)) == "((neg((1/2)) * 'g') - H('yhat'))"
    assert source(q.dot(q.one, -q.g) / q.m**2) == "(('1' @ neg('g')) / (m ** 2))"
    assert source(q.s**-2) == "(1 / (s ** 2))"
    assert source(q.max_form(q.v, "B") + q.max_grad(q.g)) == "(max_form('v', B) + max_grad('g'))"
    assert source(q.derivative(lambda r: r.sqrt(r.m), q.b, "y")) == "derivative(sqrt(m), 'b', y)"
    assert source(q.absolute(-q.gamma)) == "abs(neg(gamma))"
    with pytest.raises(TypeError):
        source(0.5)


def test_every_statement_is_exported_in_its_own_setting() -> None:
    seen = set()
    for identifier, claim in CLAIMS.items():
        for reading in claim.readings:
            for item in exported(identifier)["items"]:
                if item["about"] == reading.slug and "setting" in item:
                    rooms = FORMAL if item["kind"] == "certificate" else POINTS
                    assert item["setting"] == (reading.setting if reading.setting in rooms else "activations")
                    seen.add(item["setting"])
    assert {"activations", "unbiased", "layer", "rms-norm", "lp-1"} <= seen


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
