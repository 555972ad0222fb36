"""From the log ratios of the seeds to one word: reproduced, too-small, no-effect, opposite or underpowered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from bnverify.experiments.judge import ranks
from bnverify.experiments.judge.ranks import LEVEL, Estimate
from bnverify.experiments.judge.rules import Endpoint

Word = Literal["reproduced", "too-small", "no-effect", "opposite", "mixed", "underpowered", "not-run"]
FEWEST = 6  # Seeds from which on there is a 95 % interval, and so a badge.
MOST = 10_000  # Seeds beyond which nobody is asked for a number.


@dataclass(frozen=True)
class Answer:
    """What the seeds say of an endpoint.

    Attributes:
        word: without Holm's adjustment. estimate: of the log ratio as it was measured, not turned to the claim.
        p: one-sided, that the effect is as claimed and large enough (the larger of two for within).
        needs: seeds that would settle it at the observed spread; 0 where it is settled, None beyond `MOST`.
    """

    word: Word
    estimate: Estimate
    p: float
    needs: int | None


def oriented(estimate: Estimate, endpoint: Endpoint) -> Estimate:
    """The estimate with the claimed direction upwards."""
    if endpoint.direction != "below":
        return estimate
    return Estimate(estimate.n, -estimate.centre, -estimate.high, -estimate.low)


def word(low: float, high: float, endpoint: Endpoint) -> Word:
    """The answer of a 95 % interval of the oriented effect; see BADGE in the preregistration."""
    d = endpoint.margin
    if endpoint.direction in ("below", "above"):
        if low > d:
            return "reproduced"
        if low > 0 and high < d:
            return "too-small"
        if -d < low and high < d:
            return "no-effect"
        return "opposite" if high <= -d or (high < 0 and low <= -d) else "underpowered"
    inside, outside = {
        "within": (-d < low and high < d, low > d or high < -d),
        "at-most": (high < d, low > d),
        "at-least": (low > d, high < d),
    }[endpoint.direction]
    return "reproduced" if inside else "opposite" if outside else "underpowered"


def answer(log_ratios: Sequence[float], endpoint: Endpoint, family: int = 1) -> Answer:
    """Judge the log ratios of the seeds, infinite ones among them.

    Args:
        family: primaries in the claim's family, for the seeds that are needed.

    Raises:
        ValueError: there is none, or one is nan.
    """
    if not log_ratios:
        raise ValueError("no seeds; a claim without runs is not-run")
    measure = ranks.sign if endpoint.test == "sign" else ranks.signed_rank
    estimate = measure(log_ratios)
    p, effect = p_value(log_ratios, endpoint), oriented(estimate, endpoint)
    found = word(effect.low, effect.high, endpoint)
    needs = 0 if found != "underpowered" else needed(list(log_ratios), endpoint, family)
    return Answer(found, estimate, p, needs)


def p_value(log_ratios: Sequence[float], endpoint: Endpoint) -> float:
    """One-sided p that the effect is as claimed and large enough."""
    above = ranks.p_sign_above if endpoint.test == "sign" else ranks.p_above
    turned = [-x for x in log_ratios]
    d = endpoint.margin
    return {
        "below": lambda: above(turned, d),
        "above": lambda: above(log_ratios, d),
        "within": lambda: max(above(log_ratios, -d), above(turned, -d)),
        "at-most": lambda: above(turned, -d),
        "at-least": lambda: above(log_ratios, d),
    }[endpoint.direction]()


def needed(log_ratios: Sequence[float], endpoint: Endpoint, family: int = 1) -> int | None:
    """Seeds with which the answer would be known in four of five repetitions if centre and spread stay as they are.

    The interval of the signed rank test has half a width of about z s sqrt(pi/3)/sqrt(n); s is the spread of the
    finite seeds, from their median absolute deviation. None beyond `MOST`, and where the centre is infinite or on an
    edge.
    """
    x = sorted(v for v in log_ratios if math.isfinite(v))
    effect = oriented(ranks.signed_rank(log_ratios), endpoint).centre
    floor = max(FEWEST, math.ceil(math.log2(family / LEVEL)))
    if len(x) < 2 or not math.isfinite(effect):
        return max(floor, len(log_ratios) + 1)
    middle = x[len(x) // 2]
    spread = 1.4826 * sorted(abs(v - middle) for v in x)[len(x) // 2]
    d = endpoint.margin
    edges = {"at-most": [d], "at-least": [d], "within": [-d, d]}.get(endpoint.direction)
    if edges is None:
        edges = [d] if effect > d else [0.0] if effect < -d else [-d, d]
    gap = min(abs(effect - edge) for edge in edges)
    if gap == 0:
        return None
    wanted = math.ceil(((1.96 + 0.84) * spread / gap) ** 2 * math.pi / 3)
    # With so few seeds as there are it was not enough.
    wanted = max(floor, wanted, len(log_ratios) + 1)
    return wanted if wanted <= MOST else None
