"""Verdicts on the empirical claims, from run folders by what was fixed beforehand."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from bnverify.experiments.judge import ranks, ratios
from bnverify.experiments.judge.badges import Answer, Word, answer, needed, oriented
from bnverify.experiments.judge.rules import Endpoint, Rule, Rules
from bnverify.experiments.measure.averages import PHASES, WHOLE, Window
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.run.recipes import DlnRecipe, VggRecipe
from bnverify.experiments.run.record import Run

from bnverify.base.errors import InputError

Scale = Literal["S0", "S1", "S2"]
CURVE = 20  # Windows of a training in which the ratio is drawn.


@dataclass(frozen=True)
class Cell:
    """One comparison: an endpoint between two networks, the log ratio of every seed, and what they say.

    ``answer`` is None where there are no seeds or one of them was not measured; ``missing`` says which.
    ``least``: a sweep ended before the network failed, so that the size is a lower bound.
    """

    name: str
    endpoint: Endpoint
    of: str
    against: str | float
    log_ratios: dict[int, float]
    answer: Answer | None
    missing: str = ""
    least: bool = False

    @property
    def word(self) -> Word:
        return self.answer.word if self.answer else "not-run"


@dataclass(frozen=True)
class Judged:
    """A claim with its badge.

    Attributes:
        cells: the primary endpoint, one for every network of an "all". parts: in parts of the training. grid: what
        stands beside it.
        curve: the ratio window by window over the training, as estimates.
        p, p_holm: that it is as claimed and large enough, alone and in its family.
        boundary: for mixed, the cells whose answers part. needs: seeds that would settle it, None if beyond reach.
    """

    rule: Rule
    verdict: Word
    scale: Scale
    cells: tuple[Cell, ...]
    parts: tuple[Cell, ...] = ()
    grid: tuple[Cell, ...] = ()
    curve: tuple[tuple[float, ranks.Estimate, int], ...] = ()
    p: float = 1.0
    p_holm: float = 1.0
    boundary: tuple[Cell, ...] = ()
    needs: int | None = 0

    @property
    def seeds(self) -> int:
        return min((len(cell.log_ratios) for cell in self.cells), default=0)

    @property
    def telling(self) -> Cell:
        """The cell whose size the badge gives: the one that is least as claimed."""
        return max(self.cells, key=_doubt)


def _doubt(cell: Cell) -> tuple[float, float]:
    """How far a cell is from what is claimed: by p, then by the end of its interval."""
    if cell.answer is None:
        return 1.0, math.inf
    effect = oriented(cell.answer.estimate, cell.endpoint)
    ends = {"within": max(effect.high, -effect.low), "at-most": effect.high}
    return cell.answer.p, ends.get(cell.endpoint.direction, -effect.low)


def judge(rules: Rules, runs: Iterable[Run], *, common: bool = False, grid: bool = True) -> list[Judged]:
    """Every claim of ``rules`` on the finished runs of one reproduction, in their order.

    Args:
        common: see `ratios.check`. grid: compute what stands beside the badges too.

    Raises:
        InputError: the runs are on several data sets, a seed is there twice or missing, or a recipe is another one.
    """
    shelf = Shelf(runs)
    if len(shelf.data) > 1:
        alike = " (other pictures under one name)" if len(set(shelf.data)) == 1 else ""
        raise InputError(f"runs on {', '.join(shelf.data)}{alike}; judge one data set at a time")
    found = [_judged(shelf, rule, rules, common, grid) for rule in rules.claims.values()]
    return after_holm(found, rules)


def after_holm(found: list[Judged], rules: Rules) -> list[Judged]:
    """The claims with Holm's p over the primaries of their families; what that takes away is underpowered."""
    found = list(found)
    for family in {one.rule.family for one in found}:
        own = [i for i, one in enumerate(found) if one.rule.family == family and one.verdict != "not-run"]
        adjusted = ranks.holm([found[i].p for i in own], rules.size(family))
        for i, p in zip(own, adjusted, strict=True):
            found[i] = _after_holm(found[i], p, rules.size(family))
    return found


def scale_of(recipe: VggRecipe | DlnRecipe) -> Scale:
    """S2 the paper's size, S1 thin networks on real pictures of 32 x 32, S0 the rest."""
    if isinstance(recipe, DlnRecipe):
        size = recipe.layers == 25 and recipe.dim == 10 and recipe.samples == 1000
        return "S2" if size and recipe.steps >= 10_000 else "S0"
    real = recipe.data != "digits" and recipe.size == 32
    whole = recipe.width == 1 and recipe.depth == 16 and recipe.steps >= 15_000
    return ("S2" if whole else "S1") if real else "S0"


def _cell(
    shelf: Shelf, name: str, endpoint: Endpoint, pair: tuple[str, str | float], matched: bool = False
) -> Cell:
    logs = ratios.of_seeds(shelf, endpoint, *pair, matched=matched)
    lost = [seed for seed, value in logs.items() if math.isnan(value)]
    missing = "" if not lost else f"{len(lost)} of {len(logs)} seeds have no such value"
    found = None if lost or not logs else answer(list(logs.values()), endpoint)
    least = ratios.open_ended(shelf, endpoint, pair[0])
    return Cell(name, endpoint, *pair, {} if len(lost) == len(logs) else logs, found, missing, least)


def _judged(shelf: Shelf, rule: Rule, rules: Rules, common: bool, grid: bool) -> Judged:
    endpoint = rule.primary
    ratios.check(shelf, endpoint, common)
    pairs = list(itertools.product(endpoint.of, endpoint.against))
    cells = tuple(
        _cell(shelf, f"{of}" if len(endpoint.of) > 1 else f"{a}", endpoint, (of, a)) for of, a in pairs
    )
    scale = _scale(shelf, endpoint)
    if any(cell.answer is None for cell in cells):
        return Judged(rule, "not-run", scale, cells)
    parts = tuple(
        _cell(shelf, part.name, replace(endpoint, window=part.window), pairs[0]) for part in rule.parts
    )
    found = judged_of(rule, scale, cells, parts, rules.size(rule.family))
    if not grid:
        return found
    return replace(found, grid=_grid(shelf, rule, pairs), curve=_curve(shelf, endpoint, pairs[0]))


def judged_of(
    rule: Rule, scale: Scale, cells: tuple[Cell, ...], parts: tuple[Cell, ...], family: int
) -> Judged:
    """A claim from its comparisons, before Holm; ``parts`` count where there is one network alone."""
    if any(cell.answer is None for cell in cells):
        return Judged(rule, "not-run", scale, cells, parts)
    p = max(cell.answer.p for cell in cells if cell.answer)
    words = {cell.word for cell in cells}
    verdict: Word = words.pop() if len(words) == 1 else "underpowered"
    needs = _needs(cells, family) if verdict == "underpowered" else 0
    boundary = _boundary(cells) or (_boundary(parts) if len(cells) == 1 else ())
    verdict = "mixed" if boundary else verdict
    return Judged(rule, verdict, scale, cells, parts, p=p, p_holm=p, boundary=boundary, needs=needs)


def _scale(shelf: Shelf, endpoint: Endpoint) -> Scale:
    model = "depth/20" if endpoint.model == "predict-dln" else endpoint.model.removeprefix("predict-")
    for norm in (*endpoint.of, "batchnorm"):
        for view in shelf.seeds(model, norm, endpoint.lr).values():
            return scale_of(view.recipe)
    return "S0"


def _after_holm(one: Judged, p: float, family: int) -> Judged:
    if one.verdict != "reproduced" or p <= ranks.LEVEL:
        return replace(one, p_holm=p)
    return replace(one, p_holm=p, verdict="underpowered", needs=_needs(one.cells, family))


def _needs(cells: Iterable[Cell], family: int) -> int | None:
    wanted = [needed(list(cell.log_ratios.values()), cell.endpoint, family) for cell in cells]
    return None if None in wanted else max(n for n in wanted if n is not None)


def _boundary(cells: tuple[Cell, ...]) -> tuple[Cell, ...]:
    """Where answers part significantly: one reproduced, one not, and their paired difference is not 0."""
    pairs = [
        (a, b)
        for a, b in itertools.permutations(cells, 2)
        if a.word == "reproduced" and b.answer and b.word != "reproduced"
    ]
    differences = [
        [
            _difference(a.log_ratios[seed], b.log_ratios[seed])
            for seed in a.log_ratios.keys() & b.log_ratios.keys()
        ]
        for a, b in pairs
    ]
    adjusted = ranks.holm([ranks.p_differ(values) for values in differences])
    apart = [pair for pair, p in zip(pairs, adjusted, strict=True) if p <= ranks.LEVEL]
    ends = {cell.name for pair in apart for cell in pair}
    return tuple(cell for cell in cells if cell.name in ends)


def _difference(a: float, b: float) -> float:
    return 0.0 if a == b else a - b


def _grid(shelf: Shelf, rule: Rule, pairs: list[tuple[str, str | float]]) -> tuple[Cell, ...]:
    endpoint, grid = rule.primary, rule.grid
    named = ratios.variants(endpoint, grid.statistics, grid.lr)
    # Parts of the training that the claim is asked of stand there already.
    asked = {endpoint.window, *(part.window for part in rule.parts if len(pairs) == 1)}
    windows: list[tuple[str, Window]] = []
    if endpoint.statistic in ratios.TIMELESS or endpoint.model.startswith("predict-"):
        pass
    elif endpoint.window == WHOLE:
        windows = [(name, window) for name, window in PHASES.items() if window not in asked]
    else:
        windows = [("whole training", WHOLE)]
    named += [(name, replace(endpoint, window=window)) for name, window in windows]
    named += [(f"{over} over time", replace(endpoint, over=over)) for over in grid.over]
    named += [(f"{weights} weights", replace(endpoint, weights=weights)) for weights in grid.weights]
    cells = [_cell(shelf, name, one, pair) for name, one in named for pair in pairs]
    if grid.matched_loss:
        cells += [_cell(shelf, "at equal loss", endpoint, pair, matched=True) for pair in pairs]
    return tuple(cell for cell in cells if cell.log_ratios)


def _curve(
    shelf: Shelf, endpoint: Endpoint, pair: tuple[str, str | float]
) -> tuple[tuple[float, ranks.Estimate, int], ...]:
    """Middle of each window, the estimate of the log ratio in it, and in how many seeds it is as claimed."""
    points = []
    for i in range(CURVE):
        window = i / CURVE, (i + 1) / CURVE
        found = ratios.of_seeds(shelf, replace(endpoint, window=window), *pair).values()
        logs = [value for value in found if not math.isnan(value)]
        if not logs:
            continue
        towards = [-value if endpoint.direction == "below" else value for value in logs]
        points.append(((window[0] + window[1]) / 2, ranks.signed_rank(logs), sum(v > 0 for v in towards)))
    # What does not change over training has no curve.
    return tuple(points) if len({estimate for _, estimate, _ in points}) > 1 else ()
