"""Only what is beyond rounding counts for or against a statement."""

from fractions import Fraction
from typing import Any

import pytest
import torch
from bnverify.numerics.check.findings import observe
from bnverify.numerics.measure.batch import Batch
from bnverify.numerics.measure.instances import Kind, draw
from bnverify.numerics.measure.sides import Finding, Sides, judge
from bnverify.numerics.measure.tolerance import Measured, allowance, exact
from bnverify.theory.claims.santurkar_2018 import thm_4_1, thm_4_2_1, thm_4_2_2
from bnverify.theory.grammar import parse
from bnverify.theory.room import walk

DOUBLE = torch.float64


class Room:
    """Three instances, well conditioned."""

    cond = torch.ones(3, dtype=DOUBLE)

    def allowance(self, *parts: Measured) -> torch.Tensor:
        return allowance(self.cond, *parts)

    def num(self, value: Any) -> Measured:
        return exact(Fraction(value), self.cond)


def measured(*values: float, count: float = 100.0, scale: float | None = None) -> Measured:
    value = torch.tensor(values, dtype=DOUBLE)
    return Measured(value, value.abs() if scale is None else torch.full_like(value, scale), count)


def found(op: str, lhs: Measured, rhs: Measured, as_equality: bool = False) -> list[str]:
    codes = judge(Sides(op, lhs, lhs, rhs, rhs), Room(), as_equality)
    return [Finding(int(code)).name for code in codes]


def test_an_inequality_holds_only_beyond_rounding() -> None:
    lhs, rhs = measured(1.0, 1.0, 1.0), measured(1.1, 1.0 + 1e-15, 0.9)
    expected = ["HOLDS", "WITHIN_ROUNDOFF", "VIOLATED"]
    assert found("<=", lhs, rhs) == expected
    assert found("<", lhs, rhs) == expected
    assert found("<=", lhs, measured(1.0 - 1e-15, 1.0 - 1e-13, 1.0)) == [
        "WITHIN_ROUNDOFF",
        "VIOLATED",
        "WITHIN_ROUNDOFF",
    ]


def test_an_equality_holds_within_rounding_and_a_gap_violates_it() -> None:
    lhs, rhs = measured(1.0, 1.0, 1.0), measured(1.0, 1.0 + 1e-6, 1.0 - 1e-6)
    assert found("==", lhs, rhs) == ["HOLDS", "VIOLATED", "VIOLATED"]
    assert found("<=", lhs, rhs, as_equality=True) == ["HOLDS", "VIOLATED", "VIOLATED"]


def test_an_equality_that_could_show_no_error_supports_nothing() -> None:
    blurred = measured(1.0, 1e-12, 0.0, scale=1e7)
    assert found("==", blurred, blurred) == ["WITHIN_ROUNDOFF"] * 3
    assert found("==", measured(0.0, 0.0, 0.0), measured(0.0, 0.0, 0.0)) == ["WITHIN_ROUNDOFF"] * 3


def test_an_equality_with_zero_is_judged_by_what_its_left_side_is_formed_from() -> None:
    zero = exact(0, Room.cond)
    assert found("==", measured(1e-17, 1e-3, 0.0, scale=1.0), zero) == ["HOLDS", "VIOLATED", "HOLDS"]


def test_a_number_that_is_none_is_an_error() -> None:
    assert (
        found("<=", measured(float("nan"), 1.0, 1.0), measured(1.0, float("inf"), 2.0))[:2] == ["ERROR"] * 2
    )


def test_a_maximum_convicts_by_what_is_attained_and_acquits_by_its_bound() -> None:
    low, high = measured(1.0, 1.0, 3.0), measured(2.0, 2.0, 4.0)
    rhs = measured(2.5, 1.5, 2.5)
    codes = judge(Sides("<=", low, high, rhs, rhs), Room())
    assert [Finding(int(c)).name for c in codes] == ["HOLDS", "WITHIN_ROUNDOFF", "VIOLATED"]


def batch(loss: str = "mlp-tanh", m: int = 8, rows: int = 200) -> Batch:
    return draw(Kind(), loss, m, 1, 0).batch(slice(0, rows), torch.device("cpu"), DOUBLE)


def form(q: Batch, name: str) -> Measured:
    """v'Hv or g'Hg"""
    return walk(parse(f"{name} @ H @ {name}"), q)


def test_instances_outside_the_hypotheses_count_for_nothing() -> None:
    q = batch()
    seen = observe(parse(thm_4_2_2.PRINTED), q, (parse(thm_4_2_2.NOT_INCREASED.says),))
    outside = seen.codes == Finding.OUTSIDE_ASSUMPTIONS
    unmet = form(q, "v").value > form(q, "g").value
    assert 50 < int(unmet.sum()) < 150
    assert bool(outside[unmet].all())
    assert int(outside.sum()) - int(unmet.sum()) <= 2, "and beyond those only what rounding leaves open"
    assert not (seen.codes == Finding.VIOLATED).any()
    assert bool(seen.vacuous[outside].all())


def test_a_vanishing_term_makes_an_instance_vacuous() -> None:
    assert bool(observe(parse(thm_4_2_1.PRINTED), batch("linear"), ()).vacuous.all())
    assert bool(observe(parse(thm_4_1.CORRECTED), batch("linear", m=2), ()).vacuous.all())
    assert not observe(parse(thm_4_1.CORRECTED), batch("linear"), ()).vacuous.any()


LEFT, RIGHT = thm_4_1.CORRECTED.split(" <= ")
WRONG_CONSTANT = parse(f"{LEFT} == ({RIGHT})*1000001/1000000")


@pytest.mark.parametrize("loss", ["linear", "quadratic-psd", "mlp-tanh", "convolution"])
def test_a_constant_off_by_one_millionth_is_seen_wherever_the_true_one_holds(loss: str) -> None:
    q = batch(loss)
    true, false = observe(parse(thm_4_1.CORRECTED), q, (), True), observe(WRONG_CONSTANT, q)
    holds = true.codes == Finding.HOLDS
    assert float(holds.double().mean()) > 0.9
    assert bool((false.codes[holds] == Finding.VIOLATED).all())


def test_a_float32_batch_still_decides_the_corrected_theorem() -> None:
    q = draw(Kind(), "linear", 3, 1, 0).batch(slice(0, 256), torch.device("cpu"), torch.float32)
    codes = observe(parse(thm_4_1.CORRECTED), q, (), True).codes
    assert int((codes == Finding.HOLDS).sum()) > 30
    assert not (codes == Finding.VIOLATED).any()


def test_a_strict_and_a_weak_inequality_differ_in_nothing_a_float_can_see() -> None:
    q = batch()
    for relation in ("<=", "<"):
        seen = observe(parse(f"g @ g {relation} g @ g"), q)
        assert bool((seen.codes == Finding.WITHIN_ROUNDOFF).all())


def test_an_unmet_hypothesis_is_not_repaired_by_rounding() -> None:
    never = parse("1 <= 0")
    seen = observe(parse(thm_4_1.CORRECTED), batch(), (never,))
    assert bool((seen.codes == Finding.OUTSIDE_ASSUMPTIONS).all())
