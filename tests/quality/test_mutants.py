"""The tester is tested: what is false is caught twice, what is true is left alone, at every theorem."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from bnverify.numerics.tester.mutants import judge_statement, totals
from bnverify.theory.grammar import parse
from bnverify.theory.mutate import Statement, mutants, spread, statements
from bnverify.theory.mutate_derivation import POINT, derivation_mutants, derivation_verdict
from bnverify.theory.registry import registry

torch.set_num_threads(1)

NAMED = ("thm", "obs", "lem", "fact")
THEOREMS = [name for name in registry() if name.partition("-")[0] in NAMED]


@pytest.mark.parametrize("identifier", THEOREMS)
def test_every_false_mutant_is_caught_by_the_numbers_and_by_the_exact_room(identifier: str) -> None:
    rows = [judge_statement(statement) for statement in statements(registry()[identifier])]
    assert rows
    for row in rows:
        assert not row.skipped
        assert not row.convicted, "the numbers convict a true statement"
        escaped = [v.mutant.name for v in row.verdicts if v.proof == "false" and v.numbers is False]
        assert not escaped, "false, and the numbers did not see it"
        wronged = [v.mutant.name for v in row.verdicts if v.proof in {"equivalent", "weaker"} and v.numbers]
        assert not wronged, "true, and the numbers convict it"
        assert row.sound
    assert totals(rows)["killed by both"] >= 5


def only(identifier: str, about: str) -> Statement:
    return next(s for s in statements(registry()[identifier]) if s.about == about)


@pytest.mark.parametrize(
    "identifier",
    ["eq-28", "ext-layer.blocks", "ext-lp.l2", "ext-groups.group-norm", "eq-10"],
)
def test_statements_of_every_setting_are_put_to_numbers_and_exact_points(identifier: str) -> None:
    for statement in statements(registry()[identifier]):
        row = judge_statement(statement, chosen=spread(mutants(statement), 10))
        assert not row.skipped
        assert row.sound
        assert row.killed + sum(map(row.count, ("equivalent", "weaker", "open"))) == len(row.verdicts) >= 4
        assert row.killed >= 3


def test_a_statement_about_a_point_is_mutated_at_that_point() -> None:
    statement = only("prose-4.2-not-scaling", "at-equal-scale")
    assert statement.at is not None
    row = judge_statement(statement)
    assert row.skipped == "exact points alone: it is about the point that is exhibited"
    assert row.count("false") >= 3
    assert row.sound


@pytest.mark.parametrize(
    ("identifier", "reason"),
    [("ext-lp.shared", "any smooth function"), ("eq-17", "clearly inside the hypotheses")],
)
def test_statements_without_a_room_of_numbers_are_put_to_exact_points(identifier: str, reason: str) -> None:
    (statement, *_) = statements(registry()[identifier])
    row = judge_statement(statement, chosen=spread(mutants(statement), 10))
    assert row.skipped.startswith("exact points alone")
    assert reason in row.skipped
    assert row.count("false") >= 3
    assert row.sound


def test_the_tester_convicts_a_statement_that_is_false_itself() -> None:
    statement = only("ext-unbiased.gradient", "formula")
    left, right = statement.tree.args
    assert judge_statement(replace(statement, tree=parse(f"{left} == 2*({right})")), chosen=()).convicted


def test_no_mutant_of_the_derivation_gets_away() -> None:
    states = {mutant.name: derivation_verdict(mutant)[0] for mutant in derivation_mutants()}
    assert [name for name, state in states.items() if state == "survived"] == []
    assert sum(state == "caught" for state in states.values()) > 100


def test_the_point_of_the_cross_check_is_generic() -> None:
    assert sum(map(int, POINT["y"])) != 0
    assert len(POINT["y"]) == 3
    assert POINT["eps"] != "0"
