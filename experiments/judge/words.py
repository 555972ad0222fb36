"""Badges and sizes in words."""

from __future__ import annotations

import math

from bnverify.experiments.judge.badges import FEWEST, oriented
from bnverify.experiments.judge.rules import Endpoint
from bnverify.experiments.judge.verdicts import Cell, Judged

RATES = {"smallest_diverging_lr": "rate "}
"""Statistics whose value is read with its unit."""


def number(value: float) -> str:
    """Three digits at most, infinity as a sign."""
    return "∞" if math.isinf(value) else f"{value:.3g}" if abs(value) < 1000 else f"{value:.2g}"


def shown(cell: Cell) -> tuple[float, float, float, str]:
    """Size and interval as a reader wants them, with their unit: the statistic itself where it is compared with a
    number, else how many times smaller (below) or larger than the other network's."""
    assert cell.answer is not None
    if not isinstance(cell.against, str):
        estimate, factor, unit = cell.answer.estimate, cell.against, RATES.get(cell.endpoint.statistic, "")
    else:
        estimate, factor, unit = oriented(cell.answer.estimate, cell.endpoint), 1.0, "×"
    low, high = sorted((estimate.low, estimate.high))
    return factor * _exp(estimate.centre), factor * _exp(low), factor * _exp(high), unit


def _exp(value: float) -> float:
    return math.inf if value > 700 else math.exp(value)


def measured(cell: Cell) -> str:
    """A size with its interval: "×48 [20, 110]"; the size alone of too few seeds, and words where it is no number, from
    end to end of the interval."""
    if (words := boundless(cell)) is not None:
        return words
    centre, low, high, unit = shown(cell)
    size = f"{'at least ' if cell.least else ''}{unit}{number(centre)}"
    return size if len(cell.log_ratios) < FEWEST else f"{size} [{number(low)}, {number(high)}]"


def boundless(cell: Cell) -> str | None:
    """What a ratio whose interval is one infinity says: "never reached in 15 of 15 seeds"; None if it is a number."""
    assert cell.answer is not None
    estimate = cell.answer.estimate
    end = estimate.centre
    if not (isinstance(cell.against, str) and math.isinf(end) and estimate.low == estimate.high == end):
        return None
    words = "infinitely larger" if end > 0 else "infinitely smaller"
    if end > 0 and cell.endpoint.statistic == "steps_to_loss":
        words = "never reached"
    values = cell.log_ratios.values()
    return f"{words} in {sum(v == end for v in values)} of {len(values)} seeds"


def said(cell: Cell) -> str:
    """A size with its interval, and in how many seeds it points as claimed: "×48 [20, 110], 24 of 24 seeds"."""
    text = measured(cell)
    if boundless(cell) is not None:
        return text
    towards = [-v if cell.endpoint.direction == "below" else v for v in cell.log_ratios.values()]
    if cell.endpoint.direction in ("below", "above"):
        text += f", {sum(v > 0 for v in towards)} of {len(towards)} seeds"
    return text


def counts_from(endpoint: Endpoint) -> str:
    """What has to be reached, in the unit of `shown`."""
    number_against = next((a for a in endpoint.against if not isinstance(a, str)), None)
    if number_against is None:
        size = 1 / endpoint.size if endpoint.direction == "below" else endpoint.size
        words = {"below": "×{} counts", "above": "×{} counts", "within": "within ×{}"}
        return words.get(endpoint.direction, f"{endpoint.direction.replace('-', ' ')} ×{{}}").format(
            number(size)
        )
    at = number(number_against * endpoint.size)
    if endpoint.direction == "within":
        return f"{number(number_against / endpoint.size)} to {at}"
    return {"below": "below ", "at-most": "at most ", "above": "above ", "at-least": "at least "}[
        endpoint.direction
    ] + at


def badge(one: Judged) -> str:
    """The whole badge: ``reproduced ×48 [20, 110] (paper ~×100) at S1``."""
    if one.verdict == "not-run":
        return "not run"
    if one.verdict == "mixed":
        counts = counts_from(one.rule.primary)
        return f"mixed ({counts}) at {one.scale}: " + "; ".join(
            f"{cell.name}: {said(cell)}" for cell in one.boundary
        )
    word = one.verdict.replace("-", " ")
    if one.verdict == "underpowered":
        wanted = "more than anyone runs" if one.needs is None else f"n >= {one.needs}"
        word = f"underpowered (needs {wanted}, has {one.seeds})"
        if one.seeds < FEWEST:
            # Without an interval a size says nothing.
            return f"{word} at {one.scale}"
    who = f" {one.telling.name}:" if len(one.cells) > 1 else "" if boundless(one.telling) is None else ":"
    return f"{word}{who} {measured(one.telling)} ({stated(one)}) at {one.scale}"


def stated(one: Judged) -> str:
    """The paper's own size where it gives one, else what counts."""
    endpoint = one.rule.primary
    if one.rule.paper and endpoint.direction in ("below", "above"):
        return f"paper ~×{number(1 / endpoint.design if endpoint.direction == 'below' else endpoint.design)}"
    return counts_from(endpoint)


def change(one: Judged) -> str:
    """What would change the verdict, in a sentence."""
    endpoint = one.rule.primary
    if one.verdict == "not-run":
        return "Runs of it: the networks were not trained, or the statistic was not measured."
    if one.verdict == "underpowered":
        if one.needs is None:
            return "Nothing within reach: the effect lies on the edge of what counts."
        settled = all(cell.word == "reproduced" for cell in one.cells)
        held = (
            "Its own interval is wholly as claimed, and Holm's p over all claims of its kind is above 5 %. "
        )
        return (
            f"{held if settled else ''}About {one.needs} seeds would settle it if centre and spread stay as they are; "
            f"{one.seeds} were run."
        )
    if one.verdict == "mixed":
        return "A part whose interval moved to the other side of what counts."
    _, low, high, unit = shown(one.telling)
    beyond = "beyond what counts" if endpoint.direction in ("below", "above") else "as claimed"
    needed = {
        "reproduced": f"that is not wholly {beyond} ({counts_from(endpoint)})",
        "too-small": f"that reached what counts ({counts_from(endpoint)})",
        "no-effect": f"that reached what counts ({counts_from(endpoint)}), on either side",
        "opposite": f"that reached the claimed side ({counts_from(endpoint)})",
    }[one.verdict]
    if (words := boundless(one.telling)) is not None:
        return f"An interval {needed}; now: {words}."
    return f"An interval, now {unit}{number(low)} to {unit}{number(high)}, {needed}."
