"""The tester is tested: what is false is caught twice, what is true is left alone, at every theorem."""

from __future__ import annotations

import pytest
import torch
from bnverify.numerics.mutants import judge_statement, totals
from bnverify.theory.mutate import mutants, statements
from bnverify.theory.mutate_derivation import POINT, derivation_mutants, derivation_verdict
from bnverify.theory.registry import registry

torch.set_num_threads(1)

QUICK = ("thm-4.1", "thm-4.4", "fact-C.1", "fact-C.2", "obs-4.3.activations")
SLOW = ("thm-4.2.1", "thm-4.2.2", "thm-C.1", "lem-4.5", "obs-4.3.minima")


def check(identifier: str) -> None:
    rows = [judge_statement(statement) for statement in statements(registry()[identifier])]
    assert rows
    for row in rows:
        assert not row.skipped
        assert not row.convicted, "the numbers convict a true statement"
        escaped = [v.mutant.name for v in row.verdicts if v.proof == "false" and not v.numbers]
        assert not escaped, "false, and the numbers did not see it"
        wronged = [v.mutant.name for v in row.verdicts if v.proof in {"equivalent", "weaker"} and v.numbers]
        assert not wronged, "true, and the numbers convict it"
        assert row.sound
    assert totals(rows)["killed by both"] >= 5


@pytest.mark.parametrize("identifier", QUICK)
def test_every_false_mutant_is_caught_by_the_numbers_and_by_the_exact_room(identifier: str) -> None:
    check(identifier)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", SLOW)
def test_every_false_mutant_of_the_longer_proofs_is_caught(identifier: str) -> None:
    check(identifier)


@pytest.mark.slow
@pytest.mark.parametrize("identifier", registry())
def test_every_proved_item_has_mutants(identifier: str) -> None:
    made = [mutant for statement in statements(registry()[identifier]) for mutant in mutants(statement)]
    assert not made or len(made) >= 5


MUTANTS = {mutant.name: mutant for mutant in derivation_mutants()}
PICKED = [
    name for name in MUTANTS if name.startswith(("batchnorm.standardise", "gram.inverse", "observe._loss"))
]


@pytest.mark.parametrize("name", PICKED)
def test_a_changed_definition_or_chain_rule_is_caught_or_derives_the_same(name: str) -> None:
    assert derivation_verdict(MUTANTS[name])[0] != "survived"


@pytest.mark.slow
def test_no_mutant_of_the_derivation_gets_away() -> None:
    states = {name: derivation_verdict(mutant)[0] for name, mutant in MUTANTS.items()}
    assert [name for name, state in states.items() if state == "survived"] == []
    assert sum(state == "caught" for state in states.values()) > 100


def test_the_point_of_the_cross_check_is_generic() -> None:
    assert sum(map(int, POINT.y)) != 0
    assert POINT.m == 3
    assert POINT.eps != 0
