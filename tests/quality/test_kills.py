"""The stored kill table is that of these sources, covers every proof, and comes out again."""

from __future__ import annotations

import json
import random

import pytest
import torch
from bnverify.numerics.tester import kills
from bnverify.numerics.tester.killing import judged_statement
from bnverify.theory.claim import Claim
from bnverify.theory.mutate import statements, unmutated
from bnverify.theory.registry import registry

from bnverify.base.errors import InputError

torch.set_num_threads(1)

AGAIN = "run `bnverify mutants --all --store` and commit numerics/kills.json"
STORED = kills.load()
HANDFUL = 5


def proved(claim: Claim) -> bool:
    return claim.corrected is not None or any(reading.proof is not None for reading in claim.readings)


def test_the_committed_table_is_not_stale() -> None:
    assert [one.id for one in STORED.values() if one.stale] == [], AGAIN


def test_every_proof_of_the_registry_has_mutants_or_a_reason() -> None:
    missing = [
        name
        for name, claim in registry().items()
        if proved(claim) and not (name in STORED and (STORED[name].statements or STORED[name].without))
    ]
    assert missing == [], AGAIN


@pytest.mark.parametrize("identifier", [name for name, claim in registry().items() if proved(claim)])
def test_every_statement_has_five_mutants_and_none_got_away(identifier: str) -> None:
    stored = STORED[identifier]
    assert stored.sound
    for statement in stored.statements:
        assert statement["judged"] >= 5, statement["skipped"]
        assert statement["killed"] == statement["false"]
        listed = sum(statement[name] for name in ("equivalent", "weaker", "open"))
        assert (
            statement["judged"] == statement["false"] + listed == statement["false"] + len(statement["true"])
        )
        if statement["points"] is not None:
            assert statement["points"]["points"] == sum(statement["points"]["sizes"].values()) == kills.POINTS
            assert set(statement["points"]["sizes"]) <= {str(m) for m in range(2, 13)}


def test_a_handful_of_rows_comes_out_again_from_nothing() -> None:
    rng = random.Random(20)
    names = [name for name, one in STORED.items() if one.statements]
    for name in rng.sample(names, HANDFUL):
        number = rng.randrange(len(STORED[name].statements))
        stored = STORED[name].statements[number]
        found = judged_statement(statements(registry()[name])[number])
        assert json.loads(json.dumps(found)) == stored, f"{name} {stored['about']}: {AGAIN}"


def test_a_proof_that_a_lemma_states_says_so() -> None:
    assert "rayleigh" in unmutated(registry()["eq-10"])["symmetric"]
    assert unmutated(registry()["lem-4.5"]) == {}


def test_a_changed_tester_makes_the_table_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    one = STORED["thm-4.1"]
    before = kills.digest(one.file)
    source = kills._source
    kills.digest.cache_clear()
    monkeypatch.setattr(
        kills, "_source", lambda name: source(name) + ("#" if name == "numerics/mutants.py" else "")
    )
    try:
        assert kills.digest(one.file) != before
    finally:
        kills.digest.cache_clear()


def test_the_table_rests_on_the_tester_and_not_on_the_audit() -> None:
    assert {"numerics/mutants.py", "numerics/coordinates.py", "theory/mutate.py"} <= set(kills._tester())
    assert not any("audit" in name for name in kills._tester())


def test_what_is_saved_is_what_is_loaded(tmp_path) -> None:
    path = tmp_path / "kills.json"
    some = [STORED[name] for name in ("thm-4.1", "eq-10")]
    kills.save(some, path)
    assert kills.load(path) == {one.id: one for one in some}
    assert kills.load(tmp_path / "none.json") == {}


@pytest.mark.parametrize(
    "text", ["", "[]", '{"format": 0, "claims": {}}', '{"format": 1, "claims": {"a": {}}}']
)
def test_a_damaged_table_is_an_input_error_that_says_how_to_mend_it(tmp_path, text: str) -> None:
    path = tmp_path / "kills.json"
    path.write_text(text)
    with pytest.raises(InputError, match="--store` derives it again"):
        kills.load(path)
