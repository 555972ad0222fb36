"""Verdicts on the empirical claims, computed from run folders by what `notes/preregistration.toml` fixed
beforehand."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from bnverify.experiments.judge.statistics import LEVEL, Comparison, Decision, compare, holm
from bnverify.experiments.measure import predict
from bnverify.experiments.measure.rates import OVER_RATES
from bnverify.experiments.measure.views import View, change_at, statistic, views
from bnverify.experiments.run.recipes import VggRecipe
from bnverify.experiments.run.record import Run
from bnverify.theory.preregistered import Block, Direction, Fixed

from bnverify.base.errors import InputError

Verdict = Literal["reproduced", "partly", "not-reproduced", "open", "not judged on this data"]
# Folders of a reproduction whose runs differ in a field that the others share; the model's name says in which.
PARTS = ("depth", "effects")


@dataclass(frozen=True)
class Cell:
    """One test in one place: what was compared, the log ratio of every seed, and what follows.

    ``missing`` says why a cell has no comparison: seeds without the statistic.
    """

    model: str
    statistic: str
    of: str
    against: str | float
    claim: Direction
    bound: float
    phase: str
    lr: float
    log_ratios: dict[int, float | None]
    comparison: Comparison | None
    decision: Decision
    missing: str = ""


@dataclass(frozen=True)
class Judged:
    """A claim with its cells, its p value (the largest of the cells'), that of the family, and its
    verdict."""

    claim: Fixed
    cells: tuple[Cell, ...]
    p: float
    p_holm: float
    verdict: Verdict


class Shelf:
    """The views of many runs, found by model, normalisation, learning rate and seed."""

    def __init__(self, runs: Iterable[Run]) -> None:
        self._views: dict[tuple[str, str, float], dict[int, View]] = {}
        self.data: set[str] = set()
        for run in runs:
            if run.result is None:
                continue
            if run.environment.get("data"):
                self.data.add(run.environment["data"]["name"])
            recipe, model = run.recipe, model_of(run)
            for view in views(run):
                seeds = self._views.setdefault((model, recipe.norm, recipe.lr), {})
                if view.seed in seeds:
                    raise InputError(
                        f"{run.folder} repeats seed {view.seed} of {model} {recipe.norm} at learning rate "
                        f"{recipe.lr}; judge one reproduction at a time"
                    )
                seeds[view.seed] = view

    def seeds(self, model: str, norm: str, lr: float) -> dict[int, View]:
        return self._views.get((model, norm, lr), {})

    def rates(self, model: str, norm: str, seed: int) -> dict[float, View]:
        """All learning rates at which this network was trained from this seed, ascending."""
        found = {
            lr: seeds[seed]
            for (m, n, lr), seeds in self._views.items()
            if (m, n) == (model, norm) and seed in seeds
        }
        return dict(sorted(found.items()))


def model_of(run: Run) -> str:
    """What a run is a run of: ``vgg``, ``dln``, ``insert``, ``insert-dln``; ``depth/<layers>`` and
    ``effects/<folder>`` for the runs that `PARTS` names."""
    recipe, part = run.recipe, run.folder.parent.name
    if isinstance(recipe, VggRecipe):
        return "insert" if recipe.insert else "vgg"
    if part in PARTS:
        return f"{part}/{recipe.layers if part == 'depth' else run.folder.name}"
    return "insert-dln" if recipe.insert else "dln"


def _value(shelf: Shelf, test: Block, name: str, norm: str, seed: int, phase: str, lr: float) -> float:
    if name in OVER_RATES:
        rates = shelf.rates(test.model, norm, seed)
        # One rate is no sweep.
        return OVER_RATES[name](rates) if len(rates) > 1 else math.nan
    return statistic(name, shelf.seeds(test.model, norm, lr)[seed], phase)


def _common_distance(a: View, b: View, phase: str) -> float:
    """Log ratio of |g_t - g| between two networks, at the largest distance that both probed at a step."""
    logs = []
    for one, other in zip(a.during(phase), b.during(phase), strict=False):
        reach = [
            (
                ray["lengths"][0] * (ray["direction_norm"] or 0),
                ray["lengths"][-1] * (ray["direction_norm"] or 0),
            )
            for ray in (one["ray"], other["ray"])
        ]
        low, high = max(r[0] for r in reach), min(r[1] for r in reach)
        if 0 < low <= high:
            # Just inside, so that rounding does not put the point past the last probe.
            at = high * (1 - 1e-12)
            pair = change_at(one["ray"], at), change_at(other["ray"], at)
            logs.append(math.log(pair[0] / pair[1]) if all(map(math.isfinite, pair)) else math.nan)
    logs = [v for v in logs if math.isfinite(v)]
    return sum(logs) / len(logs) if logs else math.nan


def _log_ratio(shelf: Shelf, test: Block, name: str, of: str, seed: int, phase: str, lr: float) -> float:
    if name == "change_at_common_distance":
        pair = [shelf.seeds(test.model, norm, lr)[seed] for norm in (of, str(test.against))]
        return _common_distance(pair[0], pair[1], phase)
    value = _value(shelf, test, name, of, seed, phase, lr)
    base = test.against
    if isinstance(base, str):
        base = _value(shelf, test, name, base, seed, phase, lr)
    if not (value > 0 and base > 0 and math.isfinite(value) and math.isfinite(base)):
        return math.nan
    return math.log(value / base)


def _ratios(shelf: Shelf, test: Block, name: str, of: str, phase: str, lr: float) -> dict[int, float]:
    """Seed -> log ratio of a cell."""
    if test.model.startswith("predict-"):
        return predict.log_ratios(shelf, test.model, lr, name, of, str(test.against))
    seeds = set(shelf.seeds(test.model, of, lr))
    if isinstance(test.against, str):
        seeds &= set(shelf.seeds(test.model, test.against, lr))
    return {seed: _log_ratio(shelf, test, name, of, seed, phase, lr) for seed in sorted(seeds)}


def _cells(shelf: Shelf, test: Block) -> list[Cell]:
    cells = []
    for key in test.cells():
        _, name, of, _, _, _, phase, lr = key
        ratios = _ratios(shelf, test, name, of, phase, lr)
        good = [r for r in ratios.values() if math.isfinite(r)]
        comparison, missing = None, ""
        if len(good) < 2 or len(good) < len(ratios):
            missing = f"{len(ratios) - len(good)} of {len(ratios)} seeds have no such value"
        if len(good) >= 2:
            comparison = compare(good, test.claim, test.bound)
        shown = {seed: r if math.isfinite(r) else None for seed, r in ratios.items()}
        cells.append(Cell(*key, shown, comparison, "undecided", missing))
    return cells


def _decided(cells: list[Cell]) -> tuple[Cell, ...]:
    """Cells with their decisions, Holm-adjusted within the claim; a cell that lacks seeds does not hold."""
    adjusted = iter(holm([c.comparison.p for c in cells if c.comparison is not None]))
    out = []
    for cell in cells:
        decision: Decision = "undecided"
        if cell.comparison is not None:
            p = next(adjusted)
            if cell.comparison.fails:
                decision = "fails"
            elif p <= LEVEL and not cell.missing:
                decision = "holds"
        out.append(Cell(**{**cell.__dict__, "decision": decision}))
    return tuple(out)


def _p(cells: tuple[Cell, ...]) -> float:
    # All cells have to hold: an intersection-union test, whose p is the largest.
    return max((1.0 if c.comparison is None or c.missing else c.comparison.p for c in cells), default=1.0)


def _verdict(claim: Fixed, cells: tuple[Cell, ...], p_holm: float, data: str) -> Verdict:
    if not claim.judged_on(data):
        return "not judged on this data"
    if p_holm <= LEVEL:
        return "reproduced"
    decisions = {c.decision for c in cells}
    if "holds" in decisions:
        # Every cell by itself, but not against the whole family: no claim that it holds in places only.
        return "partly" if len(decisions) > 1 else "open"
    return "not-reproduced" if "fails" in decisions else "open"


def judge(claims: Iterable[Fixed], runs: Iterable[Run]) -> list[Judged]:
    """Judge every claim whose networks were trained; claims without any cell are left out.

    Raises:
        InputError: the runs hold one seed twice, or come from more than one data set.
    """
    shelf = Shelf(runs)
    if len(shelf.data) > 1:
        raise InputError(f"runs on {', '.join(sorted(shelf.data))}; judge one data set at a time")
    found = []
    for claim in claims:
        cells = _decided([cell for test in claim.blocks for cell in _cells(shelf, test)])
        if any(cell.log_ratios for cell in cells):
            found.append((claim, cells, _p(cells)))
    adjusted = holm([p for _, _, p in found])
    data = next(iter(shelf.data), "")
    return [
        Judged(claim, cells, p, p_holm, _verdict(claim, cells, p_holm, data))
        for (claim, cells, p), p_holm in zip(found, adjusted, strict=True)
    ]
