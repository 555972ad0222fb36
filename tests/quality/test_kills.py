"""The stored kill table is that of these sources, covers every proof, and comes out again."""

from __future__ import annotations

import pytest
import torch
from bnverify.numerics.tester import kills
from bnverify.numerics.tester.killing import kill

from bnverify.base.errors import InputError

torch.set_num_threads(1)

SAMPLE = ("thm-4.1", "fact-C.2", "prose-4.2-at-most-quadratic")
"""Claims whose mutants are judged from nothing here; ``bnverify mutants --all`` judges those of all."""
STORED: dict[str, kills.Killed] = {}


def stored(identifier: str) -> kills.Killed:
    """The mutants of a claim, judged once."""
    if identifier not in STORED:
        STORED[identifier] = kill(identifier, points=12)
    return STORED[identifier]


@pytest.mark.parametrize("identifier", SAMPLE)
def test_no_mutant_of_a_statement_gets_away(identifier: str) -> None:
    found = stored(identifier)
    assert found.sound
    assert found.statements
    for statement in found.statements:
        assert statement["judged"] >= 5, statement["skipped"]
        assert statement["killed"] == statement["false"]
        listed = sum(statement[name] for name in ("equivalent", "weaker", "open"))
        assert (
            statement["judged"] == statement["false"] + listed == statement["false"] + len(statement["true"])
        )


def test_no_table_means_no_rows(tmp_path) -> None:
    assert kills.load(tmp_path / "none.json") == {}


def test_what_is_saved_is_what_is_loaded(tmp_path) -> None:
    path = tmp_path / "kills.json"
    some = [stored(name) for name in SAMPLE[:2]]
    kills.save(some, path)
    assert set(kills.load(path)) == set(SAMPLE[:2])


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 0, "claims": {}}', '{"format": 1, "claims": {"a": {}}}']
)
def test_a_damaged_table_is_an_input_error_that_says_how_to_mend_it(tmp_path, text: str) -> None:
    path = tmp_path / "kills.json"
    path.write_text(text)
    with pytest.raises(InputError, match="--store` derives it again"):
        kills.load(path)
