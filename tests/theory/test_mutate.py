"""Mutants come from the trees, differ from the statement, and are certified only where they are true."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from bnverify.theory import kernel
from bnverify.theory.grammar import parse
from bnverify.theory.mutate import (
    Mutant,
    Statement,
    certified,
    holds_for_all,
    mutants,
    spread,
    statements,
)
from bnverify.theory.mutate_derivation import DEFINITION, derivation_mutants, first_difference
from bnverify.theory.registry import registry


def corrected(identifier: str) -> Statement:
    return next(s for s in statements(registry()[identifier]) if s.about == "corrected")


@pytest.fixture(scope="module")
def made() -> tuple[Mutant, ...]:
    return mutants(corrected("thm-4.1"))


def test_a_tight_inequality_is_mutated_as_the_equality_it_is() -> None:
    assert corrected("thm-4.1").op == "=="
    assert parse(registry()["thm-4.1"].corrected.says).head == "<="  # type: ignore[union-attr]


def test_every_kind_of_slip_is_made(made: tuple[Mutant, ...]) -> None:
    kinds = Counter(mutant.kind for mutant in made)
    wanted = {
        "constant",
        "sign",
        "exponent",
        "dropped term",
        "doubled term",
        "root",
        "factor",
        "other vector",
    }
    assert wanted <= set(kinds)


def test_mutants_differ_from_the_statement_and_from_each_other(made: tuple[Mutant, ...]) -> None:
    trees = {mutant.tree for mutant in made}
    assert len(trees) == len(made)
    assert made[0].statement.tree not in trees


def test_the_printed_theorem_is_a_mutant_of_the_corrected_one(made: tuple[Mutant, ...]) -> None:
    printed = parse(registry()["thm-4.1"].readings[0].says)
    assert any(mutant.tree.args == printed.args for mutant in made)


def test_a_mutant_of_an_identity_is_false_unless_its_residual_is_zero(made: tuple[Mutant, ...]) -> None:
    for mutant in made:
        zero = holds_for_all(mutant.statement.said(str(mutant.tree)))
        assert (certified(mutant) is not None) == zero


def test_weaker_inequalities_are_certified() -> None:
    statement = next(
        s for s in statements(registry()["prose-4.2-at-most-quadratic"]) if s.about == "cauchy-schwarz"
    )
    found = {mutant.text: certified(mutant) for mutant in mutants(statement)}
    assert found["right side times 2"][0] == "weaker"  # type: ignore[index]
    assert found["right side times 1/2"] is None


def test_what_a_hypothesis_makes_true_is_certified() -> None:
    statement = next(s for s in statements(registry()["thm-4.2.2"]) if s.op == "<=")
    assert certified(next(m for m in mutants(statement) if m.text == "right side times 2")) is None
    assert (certified(weakened(statement)) or ("",))[0] == "weaker"


def weakened(statement: Statement) -> Mutant:
    """The statement with three times the slack of its hypothesis, by hand."""
    low, high = parse(statement.asked.hypotheses[0]).args
    left, right = statement.tree.args
    return Mutant(statement, 0, "by hand", "more slack", parse(f"{left} <= {right} + 3*({high} - ({low}))"))


def test_what_the_kernel_refuses_is_certified_as_nothing() -> None:
    (statement, *_) = statements(registry()["thm-4.1"])
    left, right = statement.tree.args
    void = Mutant(statement, 0, "by hand", "over 0", parse(f"{left} == {right}/(one @ yhat)"))
    assert certified(void) is None


def test_a_sample_has_every_kind_and_the_same_seed_gives_the_same(made: tuple[Mutant, ...]) -> None:
    few = spread(made, 12)
    assert len(few) == 12
    assert {mutant.kind for mutant in few} == {mutant.kind for mutant in made}
    assert few == spread(made, 12)
    assert few != spread(made, 12, seed=1)
    assert spread(made, 1000) == made


def test_a_proof_by_a_point_is_mutated_at_its_point() -> None:
    found = [s for s in statements(registry()["prose-4.2-not-scaling"]) if s.at is not None]
    assert [s.about for s in found] == ["at-equal-scale"]


def test_units_of_a_layer_are_confused_with_each_other_names() -> None:
    texts = {mutant.text for s in statements(registry()["ext-layer.gradient"]) for mutant in mutants(s)}
    assert {"left: v_j -> g_j", "right: one -> yhat_j"} <= texts


def test_statements_of_a_refuted_printed_theorem_are_those_of_its_correction() -> None:
    assert {s.about for s in statements(registry()["thm-4.1"])} == {"corrected"}


def test_the_kernel_and_plain_differentiation_agree_where_nothing_is_changed() -> None:
    assert first_difference(kernel, DEFINITION) is None


def test_mutants_of_the_derivation_change_the_definition_the_calculus_and_the_chain_rule() -> None:
    made = derivation_mutants()
    assert {mutant.module for mutant in made} == {"definition", "Sum", "Number", "Vector", "Formal"}
    assert len({mutant.name for mutant in made}) == len(made) > 200


def test_an_equality_that_needs_its_hypotheses_keeps_them() -> None:
    kept = [s for s in statements(registry()["eq-17"]) if s.asked.hypotheses]
    free = statements(registry()["thm-4.1"])
    assert kept
    assert not any(s.asked.hypotheses for s in free)
    assert all(replace(s.asked, hypotheses=()) != s.asked for s in kept)
