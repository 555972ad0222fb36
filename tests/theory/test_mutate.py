"""Mutants come from the trees, differ from the statement, and are certified only where they are true."""

from __future__ import annotations

from collections import Counter

import pytest
from bnverify.theory import mutate_derivation
from bnverify.theory.crosscheck import first_difference
from bnverify.theory.mutate import (
    Mutant,
    Statement,
    certified,
    mutants,
    spread,
    statements,
    unmutated,
)
from bnverify.theory.mutate_derivation import _point, _rebuilt, _same_formally, _source
from bnverify.theory.observe import Gram, Syntax
from bnverify.theory.prove import residual
from bnverify.theory.registry import registry


def corrected(identifier: str) -> Statement:
    return next(s for s in statements(registry()[identifier]) if s.about == "corrected")


@pytest.fixture(scope="module")
def made() -> tuple[Mutant, ...]:
    return mutants(corrected("thm-4.1"))


def test_a_tight_inequality_is_mutated_as_the_equality_it_is() -> None:
    assert corrected("thm-4.1").op == "eq"
    assert registry()["thm-4.1"].corrected.says(Syntax()).op == "le"  # type: ignore[union-attr]


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
    trees = {(mutant.lhs, mutant.rhs) for mutant in made}
    statement = made[0].statement
    assert len(trees) == len(made)
    assert (statement.lhs, statement.rhs) not in trees


def test_the_printed_theorem_is_a_mutant_of_the_corrected_one(made: tuple[Mutant, ...]) -> None:
    printed = registry()["thm-4.1"].readings[0].says(Syntax())
    assert any((mutant.lhs, mutant.rhs) == (printed.lhs, printed.rhs) for mutant in made)


def test_a_mutant_of_an_identity_is_false_unless_its_residual_is_zero(made: tuple[Mutant, ...]) -> None:
    for mutant in made:
        zero = residual(mutant.says, Gram()) == 0
        assert (certified(mutant) is not None) == zero


def test_weaker_inequalities_are_certified() -> None:
    statement = next(
        s for s in statements(registry()["prose-4.2-at-most-quadratic"]) if s.about == "cauchy-schwarz"
    )
    found = {mutant.text: certified(mutant) for mutant in mutants(statement)}
    assert found["right side times 2"][0] == "weaker"  # type: ignore[index]
    assert found["right side times 1/2"] is None
    assert any("Cauchy-Schwarz for g and yhat" in proof[1] for proof in found.values() if proof)


def test_what_a_hypothesis_makes_true_is_certified() -> None:
    (statement, *_) = statements(registry()["thm-4.2.2"])
    assert certified(next(m for m in mutants(statement) if m.text == "right side times 2")) is None
    assert (certified(weakened(statement)) or ("",))[0] == "weaker"


def weakened(statement: Statement) -> Mutant:
    """The statement with three times the slack of its hypothesis, by hand."""
    low, high = statement.source.hypotheses[0].says(Syntax()).sides(Syntax())
    return Mutant(statement, 0, "by hand", "more slack", statement.lhs, statement.rhs + (high - low) * 3)


def test_a_division_by_zero_for_every_m_is_void() -> None:
    (statement, *_) = statements(registry()["thm-4.1"])
    zero = Syntax().dot(Syntax().one, Syntax().yhat)
    void = Mutant(statement, 0, "by hand", "over 0", statement.lhs, statement.rhs / zero)
    assert certified(void) == ("void", "it divides by 0 for every m")


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
    assert unmutated(registry()["prose-4.2-not-scaling"]) == {}


def test_units_of_a_layer_are_confused_with_each_other_names() -> None:
    texts = {mutant.text for s in statements(registry()["ext-layer.gradient"]) for mutant in mutants(s)}
    assert {"left: v_j -> g_j", "right: 1 -> yhat_j"} <= texts


def test_statements_of_a_refuted_printed_theorem_are_those_of_its_correction() -> None:
    assert {s.about for s in statements(registry()["thm-4.1"])} == {"corrected"}


def test_the_derivation_rebuilt_from_its_own_source_is_itself() -> None:
    for module in mutate_derivation.TARGETS:
        room = _rebuilt(module, _source(module)).Gram(True)
        assert first_difference(room, _point()) is None
        assert _same_formally(room)


def test_rebuilding_leaves_the_modules_alone() -> None:
    from bnverify.theory import batchnorm, gram, observe

    _rebuilt("gram", _source("gram"))
    from bnverify.theory import batchnorm as batchnorm_
    from bnverify.theory import gram as gram_
    from bnverify.theory import observe as observe_

    assert (batchnorm, gram, observe) == (batchnorm_, gram_, observe_)
    assert observe.Jet is gram.Jet
