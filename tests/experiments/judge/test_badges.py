"""From log ratios to words, and the probability of every word under the design of every claim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from bnverify.experiments.judge import badges, ranks, rules
from bnverify.experiments.judge.badges import Word, answer, word
from bnverify.experiments.judge.rules import Direction, Endpoint, Rule

REGISTERED = rules.registered()
BELOW = Endpoint("vgg", "beta_max", ("batchnorm",), ("none",), "below", 0.5, 0.1, 0.3, 12)
SPREAD = [-0.2, -0.1, -0.05, 0.0, 0.03, 0.08, 0.12, 0.2]


def endpoint(direction: Direction, size: float) -> Endpoint:
    return replace(
        BELOW, direction=direction, size=size, test="tost" if direction == "within" else "wilcoxon"
    )


def seeds(ratio: float, spread: float = 1.0) -> list[float]:
    return [math.log(ratio) + spread * s for s in SPREAD]


@pytest.mark.parametrize(
    ("direction", "size", "ratio", "expected"),
    [
        ("below", 0.5, 0.2, "reproduced"),
        ("below", 0.5, 0.75, "too-small"),
        ("below", 0.5, 1.0, "no-effect"),
        ("below", 0.5, 4.0, "opposite"),
        ("above", 2.0, 4.0, "reproduced"),
        ("above", 2.0, 1.4, "too-small"),
        ("above", 2.0, 1.0, "no-effect"),
        ("above", 2.0, 0.2, "opposite"),
        ("within", 1.5, 1.0, "reproduced"),
        ("within", 1.5, 3.0, "opposite"),
        ("within", 1.5, 0.3, "opposite"),
        ("at-most", 1.25, 1.0, "reproduced"),
        ("at-most", 1.25, 0.2, "reproduced"),
        ("at-most", 1.25, 2.0, "opposite"),
        ("at-least", 0.8, 1.0, "reproduced"),
        ("at-least", 0.8, 3.0, "reproduced"),
        ("at-least", 0.8, 0.3, "opposite"),
    ],
)
def test_a_known_ratio_gets_its_word(direction: Direction, size: float, ratio: float, expected: Word) -> None:
    assert answer(seeds(ratio), endpoint(direction, size)).word == expected
    assert answer(seeds(ratio, spread=60), endpoint(direction, size)).word == "underpowered"


def test_too_small_is_not_no_effect_where_the_paper_says_two_orders_of_magnitude() -> None:
    rule = REGISTERED.claims["fig-4b"].primary
    assert answer(seeds(1 / 60), rule).word == "reproduced"
    assert answer(seeds(1 / 3), rule).word == "too-small"


def test_under_five_seeds_there_is_no_badge_and_five_decide_nothing() -> None:
    assert [answer([-3.0] * n, BELOW).word for n in (4, 5, 6)] == [
        "underpowered",
        "underpowered",
        "reproduced",
    ]
    assert answer([-3.0] * 4, BELOW, family=33).needs == 10


def test_a_diverged_standard_network_counts_for_the_other_one() -> None:
    finite = seeds(0.2)[:7]
    assert answer([*finite, -math.inf], BELOW).word == "reproduced"
    assert answer([*finite[:4], *[math.inf] * 4], BELOW).word == "underpowered"
    assert answer([-math.inf] * 8, BELOW).word == "reproduced"


def test_the_seeds_that_are_asked_for_settle_it() -> None:
    rng = np.random.default_rng(0)
    few = list(rng.normal(-1.0, 0.5, 8))
    found = answer(few, BELOW)
    assert found.word == "underpowered"
    assert found.needs is not None
    centre, spread = ranks.signed_rank(few).centre, 1.4826 * np.median(np.abs(np.array(few) - np.median(few)))
    words = [answer(list(rng.normal(centre, spread, found.needs)), BELOW).word for _ in range(200)]
    assert np.mean([w == "reproduced" for w in words]) >= 0.7


def test_equivalence_has_the_larger_of_two_p() -> None:
    one = endpoint("within", 1.5)
    assert answer(seeds(1.4), one).p == ranks.p_above([-x for x in seeds(1.4)], -math.log(1.5)) > 0.05
    assert answer(seeds(1 / 1.4), one).p > 0.05
    assert answer(seeds(1.0), one).p == 1 / 2**8


def test_a_sign_test_judges_by_the_median() -> None:
    rule = replace(BELOW, test="sign")
    assert answer([-3.0] * 10 + [30.0] * 2, rule).word == "reproduced"
    assert answer([-3.0] * 6 + [30.0] * 6, rule).word == "underpowered"


# ---------------------------------------------------------------- the probability of every badge, claim by claim


def effects(one: Endpoint) -> dict[str, float]:
    """Log ratios: no effect (the paper is wrong), half of it, the paper's, reversed."""
    none, full = math.log(one.null), math.log(one.design) - math.log(one.null)
    return {"none": none, "half": none + full / 2, "the paper's": none + full, "reversed": none - full}


def right(log_ratio: float, one: Endpoint) -> Word:
    """The word of an endpoint whose log ratio is known."""
    effect = -log_ratio if one.direction == "below" else log_ratio
    d = one.margin
    if one.direction in ("below", "above"):
        return (
            "reproduced"
            if effect > d
            else "too-small"
            if effect > 0
            else "no-effect"
            if effect > -d
            else "opposite"
        )
    inside = {"within": abs(effect) < d, "at-most": effect < d, "at-least": effect > d}[one.direction]
    return "reproduced" if inside else "opposite"


def words(samples: np.ndarray, one: Endpoint, family: int) -> list[Word]:
    """`badges.answer` with Holm at its worst, for every row of samples at once."""
    n = samples.shape[1]
    averages, k = ranks.walsh(samples), ranks.outside(n)
    low, high = averages[:, k - 1], averages[:, -k]
    d = one.margin
    turned = one.direction in ("below", "at-most")
    above = (-averages if turned else averages) > (-d if one.direction in ("at-most", "within") else d)
    p = ranks.upper(n)[above.sum(1)]
    if one.direction == "within":
        p = np.maximum(p, ranks.upper(n)[(-averages > -d).sum(1)])
    if one.direction == "below":
        low, high = -high, -low
    found = [word(a, b, one) for a, b in zip(low, high, strict=True)]
    return [
        "underpowered" if w == "reproduced" and p * family > 0.05 else w
        for w, p in zip(found, p, strict=True)
    ]


def simulated(rule: Rule, samples: int) -> dict[str, dict[Word, float]]:
    """Effect -> share of samples with each word; an "all" is as good as its networks, taken as independent."""
    one, rng = rule.primary, np.random.default_rng(0)
    networks = len(one.of) * len(one.against)
    found = {}
    for name, effect in effects(one).items():
        drawn = [
            words(rng.normal(effect, one.spread, (samples, one.seeds)), one, REGISTERED.size(rule.family))
            for _ in range(networks)
        ]
        every = [row[0] if len(set(row)) == 1 else "underpowered" for row in zip(*drawn, strict=True)]
        found[name] = {w: every.count(w) / samples for w in set(every)}
    return found


def wrong_way(expected: Word) -> Sequence[Word]:
    return {"reproduced": ("opposite",), "too-small": ("opposite",)}.get(expected, ("reproduced",))


@pytest.mark.parametrize("name", list(REGISTERED.claims))
def test_every_design_finds_the_right_badge_and_hardly_ever_the_wrong_direction(name: str) -> None:
    rule = REGISTERED.claims[name]
    for effect, shares in simulated(rule, 4000).items():
        expected = right(effects(rule.primary)[effect], rule.primary)
        assert shares.get(expected, 0.0) >= 0.8 - 0.02, (effect, shares)
        assert sum(shares.get(w, 0.0) for w in wrong_way(expected)) <= 0.025, (effect, shares)


def test_the_simulation_uses_the_judge() -> None:
    rng = np.random.default_rng(3)
    for one in (BELOW, endpoint("above", 2.0), endpoint("within", 1.5), endpoint("at-most", 1.2)):
        samples = rng.normal(0.0, 0.4, (40, 12)) + rng.normal(0, 1.0, (40, 1))
        expected = [badges.answer(list(row), one) for row in samples]
        assert words(samples, one, 1) == [
            "underpowered" if a.word == "reproduced" and a.p > 0.05 else a.word for a in expected
        ]
