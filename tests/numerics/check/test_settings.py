"""Statements of settings beside one unit of a BatchNorm: what the numbers say is what the evidence says."""

import pytest
import torch
from bnverify.numerics.check.run import check_claims
from bnverify.numerics.check.statements import kind_of
from bnverify.numerics.measure.batch import Batch
from bnverify.numerics.measure.instances import Kind, draw
from bnverify.numerics.measure.sides import Finding, judge, sides
from bnverify.theory.grammar import parse
from bnverify.theory.registry import registry

CLAIMS = {
    "blog-learning-rate": {"guaranteed-decrease": True},
    "blog-rescaling": {"no-gain": True, "same-factor": False},
    "def-2.1.first-order": {"gradient-descent": True},
    "def-2.1.reparametrisation": {"rescaled-layers": False},
    "eq-16": {"X-moves-everything": False},
    "eq-52": {"value": True},
    "ext-groups.thm-4.1": {"largest-gamma": False},
    "ext-lp.linf": {"layer": False},
    "ext-lp.shared": {"where-the-norm-agrees": True, "corrected": True},
    "prose-4.2-psd": {"affine-downstream": True, "batchnorm-downstream": False},
    "prose-4.2-towards-minimum": {"minimum-at-beta": True},
}


@pytest.mark.parametrize("name", CLAIMS)
def test_numbers_and_evidence_say_the_same(name: str) -> None:
    (found,) = check_claims([name], trials=224, seed=2)
    said = {s.slug: s for s in found.statements}
    for slug, holds in CLAIMS[name].items():
        assert said[slug].why_not == ""
        assert said[slug].verdict == ("proved" if holds else "refuted")
        assert (said[slug].count(Finding.VIOLATED) == 0) is holds
        assert not holds or said[slug].count(Finding.HOLDS) > 20


@pytest.mark.parametrize(
    ("name", "loss"),
    [
        ("prose-4.2-psd", "quadratic-psd"),
        ("prose-4.2-towards-minimum", "quadratic-psd"),
        ("ext-spectrum.linear-loss", "linear"),
    ],
)
def test_what_is_assumed_of_h_chooses_the_loss(name: str, loss: str) -> None:
    claim = registry()[name]
    said = {"quadratic-psd": "psd(H)", "linear": "H @ v == 0"}[loss]
    assuming = [one for one in claim.readings if said in {given.says for given in one.hypotheses}]
    assert {kind_of(claim, one)[0].losses for one in assuming} == {(loss,)}  # type: ignore[union-attr]


def test_what_underflows_contradicts_nothing() -> None:
    """Among these batches are two whose sides are no normal numbers of float32."""
    names = ["ext-lp.gradient", "ext-weight-fixed-X.scale-invariance-eps"]
    found = check_claims(names, trials=560, seed=7, dtype=torch.float32)
    assert not any(claim.contradiction for claim in found)


@pytest.fixture(scope="module")
def numbers() -> Batch:
    drawn = draw(Kind(norm="z = y"), "linear", 3, 5, 0, 40)
    return drawn.batch(slice(0, 40), torch.device("cpu"), torch.float64)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("d(x0**3, x0) == 3*x0**2", Finding.HOLDS),
        ("d(d(x0**3*x1, x0), x1) == 3*x0**2", Finding.HOLDS),
        ("d(d(d(x0**4, x0), x0), x0) == 24*x0", Finding.HOLDS),
        ("d(x0/x1 - 1/x0, x1) == -x0/x1**2", Finding.HOLDS),
        ("d(x0*d(x0*x1, x1), x1) == 0", Finding.WITHIN_ROUNDOFF),
        ("d(x0*d(x0*x1, x1), x0) == 2*x0", Finding.HOLDS),
        ("at(d(x0**2, x0), x0, x1) == 2*x1", Finding.HOLDS),
        ("at(at(x0 - x1, x0, x1), x1, t) == 0", Finding.HOLDS),
        ("d(x0**3, x0) == 2*x0**2", Finding.VIOLATED),
    ],
)
def test_free_numbers_have_rates_of_any_order(text: str, expected: Finding, numbers: Batch) -> None:
    codes = judge(sides(parse(text), numbers), numbers)
    assert bool((codes == expected).all())
