"""What ``claims --json`` promises: fields, ids, and the verdicts of theory as they stood before the house was rebuilt.

A verdict that changes is a change of `claims.tsv`, with its reason in notes/decisions.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

FIELDS = {
    "assumptions",
    "corrected",
    "counterexample",
    "id",
    "kind",
    "lemmas",
    "notation",
    "quotation",
    "readings",
    "scope",
    "tight",
    "title",
    "verdict",
    "where",
    "witnesses",
}
EMPIRICAL = {
    "mixed",
    "no-effect",
    "not-run",
    "opposite",
    "reproduced",
    "too-small",
    "underpowered",
}


def rows() -> dict[str, tuple[str, str, str]]:
    lines = Path(__file__).with_name("claims.tsv").read_text(encoding="utf-8").splitlines()[1:]
    return {
        name: (kind, verdict, tight) for name, kind, verdict, tight in (line.split("\t") for line in lines)
    }


@pytest.fixture(scope="module")
def items() -> list[dict]:
    done = subprocess.run(
        [sys.executable, "-m", "bnverify", "claims", "--json"], capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_every_item_has_the_promised_fields(items):
    assert isinstance(items, list)
    for item in items:
        assert item.keys() >= FIELDS, item["id"]


def test_no_id_is_lost_and_none_changes_its_kind(items):
    found = {item["id"]: item["kind"] for item in items}
    assert {name: found.get(name) for name in rows()} == {name: kind for name, (kind, _, _) in rows().items()}


def test_verdicts_of_theory_are_as_they_were(items):
    expected = {name: row[1:] for name, row in rows().items() if row[1] not in EMPIRICAL}
    found = {item["id"]: (item["verdict"], str(item["tight"]).lower()) for item in items}
    assert {name: found[name] for name in expected} == expected
