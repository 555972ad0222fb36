"""Every inequality and identity of the registry: true ones survive a search for violations, refuted ones do not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bnverify.numerics.check.strategies import instances
from bnverify.numerics.measure.points import batch_of, measure
from bnverify.numerics.tester.falsify import (
    Target,
    convicted,
    falsify,
    neighbours,
    suspects,
    target_of,
    universal,
)
from bnverify.numerics.tester.judged import Finding, judge, met, sides
from bnverify.theory.registry import registry
from hypothesis import HealthCheck, given, settings, target
from hypothesis import strategies as st

pytestmark = pytest.mark.property

torch.set_num_threads(1)


def stated() -> dict[str, Any]:
    """Readings and corrected statements by name."""
    found: dict[str, Any] = {}
    for claim in registry().values():
        found |= {f"{claim.id}/{reading.slug}": reading for reading in claim.readings}
        if claim.corrected is not None:
            found[f"{claim.id}/corrected"] = claim.corrected
    return found


STATED = stated()
SEARCHED = {name: item for name, item in STATED.items() if universal(item) is None}
REFUTED = [name for name, item in SEARCHED.items() if getattr(item, "refutation", None) is not None]
TRUE = [name for name, item in SEARCHED.items() if item.proof is not None and name not in REFUTED]


@pytest.mark.parametrize("name", TRUE)
def test_no_instance_violates_a_true_statement(name: str) -> None:
    aim = target_of(STATED[name])
    inside: list[bool] = []

    @settings(suppress_health_check=[HealthCheck.too_slow])
    @given(st.data())
    def search(data: st.DataObject) -> None:
        instance = data.draw(instances(aim.needs, aim.eps, aim.setting))
        room = batch_of([instance])
        relation = sides(aim.says, room)
        steer(relation, room, aim)
        codes = judge(relation, room)
        if aim.hypotheses:
            codes = torch.where(met(aim.hypotheses, room), codes, Finding.OUTSIDE_ASSUMPTIONS)
        inside.append(Finding.OUTSIDE_ASSUMPTIONS not in codes.tolist())
        assert Finding.VIOLATED not in codes.tolist(), instance

    search()
    if not any(inside):
        pytest.skip(f"none of {len(inside)} instances met the hypotheses beyond rounding: nothing was tested")


def steer(relation: Any, room: Any, aim: Target) -> None:
    """Towards the largest excess of the left side over the right, in units of what rounding explains."""
    allowed = room.allowance(relation.low, relation.ceiling)
    excess = (relation.low.value - relation.ceiling.value) / allowed
    if relation.op == "eq":
        excess = excess.abs()
    value = float(excess.reshape(-1)[0])
    if value == value and abs(value) != float("inf"):
        target(value, label="excess")


@pytest.mark.parametrize("name", REFUTED)
def test_the_search_finds_and_shrinks_a_counterexample(name: str) -> None:
    aim = target_of(STATED[name])
    found = falsify(aim) or falsify(aim, seed=1, trials=4000)
    assert found is not None
    assert convicted(aim, found)
    closer = [n for n in neighbours(found) if measure(n) < measure(found) and len(set(n.y)) > 1]
    assert not any(convicted(aim, n) for n in suspects(aim, closer)[:4])


@pytest.mark.parametrize("name", REFUTED)
def test_the_known_counterexample_is_seen_by_the_numbers(name: str) -> None:
    reading = STATED[name]
    aim = target_of(reading)
    known = [p for p in (reading.refutation.smallest, reading.refutation.generic) if p is not None]
    assert all(convicted(aim, p) for p in known)
    if reading.refutation.generic is not None and not aim.hypotheses:
        assert suspects(aim, [reading.refutation.generic])


def test_what_is_not_searched_has_a_reason() -> None:
    reasons = {name: universal(item) for name, item in STATED.items() if name not in SEARCHED}
    assert all(reasons.values())
    named = {"thm-4.1", "thm-4.2.1", "thm-4.2.2", "thm-4.4"}
    theorems = [name for name in reasons if name.split("/")[0] in named]
    assert theorems == ["thm-4.4/X-moves-everything"], "two inputs are for the kernel's exact points alone"
