"""Every inequality and identity of the registry: true ones survive a search for violations, refuted ones do not."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from bnverify.numerics.measure.points import measure
from bnverify.numerics.tester.falsify import (
    Target,
    convicted,
    falsify,
    neighbours,
    particular,
    searchable,
    suspects,
    target_of,
    universal,
)
from bnverify.theory.cases import point_of
from bnverify.theory.claim import Claim
from bnverify.theory.normalisations import NORMALISATIONS
from bnverify.theory.registry import registry
from hypothesis import settings

from bnverify.testing import assert_holds

pytestmark = pytest.mark.property

torch.set_num_threads(1)


def stated() -> dict[str, tuple[Claim, Any]]:
    """Readings and corrected statements by name."""
    found: dict[str, tuple[Claim, Any]] = {}
    for claim in registry().values():
        found |= {f"{claim.id}/{reading.slug}": (claim, reading) for reading in claim.readings}
        if claim.corrected is not None:
            found[f"{claim.id}/corrected"] = (claim, claim.corrected)
    return found


STATED = stated()
SEARCHED = {name: pair for name, pair in STATED.items() if particular(pair[1]) is None}
REFUTED = [name for name, (_, item) in SEARCHED.items() if getattr(item, "refutation", None) is not None]
TRUE = [name for name, (_, item) in SEARCHED.items() if item.proof is not None and name not in REFUTED]


def aimed(name: str) -> Target:
    """The statement as something to falsify."""
    aim = target_of(*SEARCHED[name])
    if reason := searchable(aim):
        pytest.skip(reason)
    return aim


EXAMPLES = max(20, settings().max_examples // 4)
"""Batches for one statement, every corner among them; the slow form asks all of the profile's."""
NAMED = {norm.text: name for name, norm in NORMALISATIONS.items()}


def of_one_unit(name: str) -> bool:
    """Whether a batch of `bnverify.testing` holds everything that a statement names."""
    claim = target_of(*SEARCHED[name]).claim
    one = "z_j" not in claim.definition and claim.definition[:3] not in ("y =", "z =")
    smooth = not any(word in claim.definition for word in ("sign(", "abs(", "max("))
    known = {text.split()[-1] for text in claim.operators} <= {"D"}
    return (
        one
        and smooth
        and known
        and "X" not in claim.statement
        and not any(" in " in text for text in claim.vectors)
    )


@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(EXAMPLES, id="some"),
        pytest.param(settings().max_examples, id="all", marks=pytest.mark.slow),
    ],
)
@pytest.mark.filterwarnings("ignore:.* names nothing that .* computes")  # Cauchy-Schwarz is a claim too
@pytest.mark.parametrize("name", [name for name in TRUE if of_one_unit(name)])
def test_no_batch_violates_a_true_statement(name: str, examples: int) -> None:
    """Batches with corners, by the public face for property tests; other settings are put to exact points."""
    claim = aimed(name).claim
    try:
        assert_holds(
            claim.statement,
            NAMED.get(claim.definition, claim.definition),
            given=(*claim.needs, *claim.hypotheses),
            eps=0.5 if claim.eps == "positive" else 0.0,
            vectors=[text for text in claim.vectors if text != "bias"],
            numbers=claim.numbers,
            examples=examples,
        )
    except ValueError as nothing:
        pytest.skip(str(nothing))


@pytest.mark.parametrize("name", [name for name in TRUE if not of_one_unit(name)])
def test_no_point_violates_a_true_statement(name: str) -> None:
    assert falsify(aimed(name), trials=2 * settings().max_examples) is None


@pytest.mark.parametrize("name", REFUTED)
def test_the_search_finds_and_shrinks_a_counterexample(name: str) -> None:
    aim = aimed(name)
    found = falsify(aim)
    assert found is not None
    assert convicted(aim, found)
    closer = [near for near in neighbours(aim, found) if measure(near) < measure(found)]
    assert not any(convicted(aim, near) for near in suspects(aim, closer)[:4])


@pytest.mark.parametrize("name", REFUTED)
def test_the_known_counterexample_is_seen_by_the_numbers(name: str) -> None:
    _, reading = SEARCHED[name]
    aim = aimed(name)
    both = (reading.refutation.smallest, reading.refutation.generic)
    known = [p for p in both if p is not None and "maxima" not in dict(p.extra)]
    points = [point_of(instance, aim.claim) for instance in known]
    assert all(convicted(aim, data) for data in points)
    if known and known[-1] is reading.refutation.generic and not aim.hypotheses:
        assert suspects(aim, [points[-1]])


def test_what_is_not_searched_has_a_reason() -> None:
    found = {name: universal(*pair) for name, pair in STATED.items()}
    reasons = {name: reason for name, reason in found.items() if reason is not None}
    assert all(reasons.values())
    assert reasons.keys() >= STATED.keys() - SEARCHED.keys()
    assert len(reasons) < 20
    assert not [name for name in reasons if name.split("/")[0].startswith("thm-")]
