"""The log ratio of every seed for an endpoint: what two networks of one seed, or one and a number, come to."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import replace

from bnverify.experiments.judge.rules import Endpoint
from bnverify.experiments.measure import predict
from bnverify.experiments.measure.averages import Over, Weights, Window
from bnverify.experiments.measure.pairs import at_matched_loss, change_at_common_distance, steps_to_loss
from bnverify.experiments.measure.rates import OVER_GAINS, OVER_RATES, band, largest_usable
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import ENDS, OVER_RUN, View, statistic

from bnverify.base.errors import InputError

# Fields of a recipe that two networks of a comparison may differ in: who they are, what else is measured, and where
# the pictures lay, which the shelf compares by their hash.
FREE = {
    "norm",
    "seed",
    "seeds",
    "threads",
    "save_every",
    "ics",
    "audit",
    "curvature_every",
    "psd",
    "directions",
}
FREE |= {"lanczos", "evaluate", "device", "data"}
TIMELESS = {*ENDS, *OVER_RUN, *OVER_RATES, *OVER_GAINS, "final_loss", "start_lambda_max", "steps_to_loss"}
"""Statistics of a run as a whole: another window is no other question."""


def log_ratio(value: float, base: float) -> float:
    """log(value / base) with 0 and +inf as values: -inf and +inf, 0 where both are the same; nan stays nan.

    A value below 0, as a cosine's may be, counts as 0.
    """
    if math.isnan(value) or math.isnan(base):
        return math.nan
    value, base = max(value, 0.0), max(base, 0.0)
    if value == base:
        return 0.0
    if value == 0 or math.isinf(base):
        return -math.inf
    return math.inf if base == 0 or math.isinf(value) else math.log(value) - math.log(base)


def of_seeds(
    shelf: Shelf, endpoint: Endpoint, of: str, against: str | float, *, matched: bool = False
) -> dict[int, float]:
    """Seed -> log ratio, for the seeds that both networks have; nan where a statistic was not measured."""
    if endpoint.model.startswith("predict-"):
        return predict.log_ratios(shelf, endpoint.model, endpoint.lr, endpoint.statistic, of, str(against))
    mine = _swept(shelf, endpoint, of)
    if not isinstance(against, str):
        return {s: log_ratio(_alone(shelf, endpoint, of, v), against) for s, v in sorted(mine.items())}
    theirs = _swept(shelf, endpoint, against)
    return {
        seed: _together(shelf, endpoint, of, against, mine[seed], theirs[seed], matched)
        for seed in sorted(mine.keys() & theirs.keys())
    }


def _sweep(shelf: Shelf, endpoint: Endpoint, norm: str, view: View) -> dict[float, View] | None:
    """The runs of a seed over learning rates or initialisations, by that; None where the statistic is of one run."""
    if endpoint.statistic in OVER_RATES or endpoint.statistic == "band_over_rates":
        return shelf.rates(endpoint.model, norm, view.seed)
    if endpoint.statistic in OVER_GAINS:
        return {**shelf.gains("init", norm, view.seed), view.recipe.init_gain: view}
    return None


def _swept(shelf: Shelf, endpoint: Endpoint, norm: str) -> dict[int, View]:
    """Seed -> view, without the seeds whose sweep is not as wide as the widest of the endpoint's networks."""
    names = dict.fromkeys((norm, *endpoint.of, *(a for a in endpoint.against if isinstance(a, str))))
    seeds = {name: shelf.seeds(endpoint.model, name, endpoint.lr) for name in names}
    sweeps = {
        (n, s): _sweep(shelf, endpoint, n, v) or {} for n, found in seeds.items() for s, v in found.items()
    }
    widest = set().union(*sweeps.values())
    return {seed: view for seed, view in seeds[norm].items() if sweeps[norm, seed].keys() == widest}


def _alone(shelf: Shelf, endpoint: Endpoint, norm: str, view: View) -> float:
    name, average = endpoint.statistic, _averaged(endpoint)
    runs = _sweep(shelf, endpoint, norm, view)
    if runs is not None:
        # One run is no sweep.
        if len(runs) < 2:
            return math.nan
        return band(runs, *average) if name == "band_over_rates" else {**OVER_RATES, **OVER_GAINS}[name](runs)
    try:
        return statistic(name, view, *average)
    except KeyError:
        return math.nan


def _averaged(endpoint: Endpoint) -> tuple[Window, Over, Weights]:
    return endpoint.window, endpoint.over, endpoint.weights


def _together(
    shelf: Shelf, endpoint: Endpoint, of: str, against: str, mine: View, theirs: View, matched: bool
) -> float:
    if matched:
        return log_ratio(at_matched_loss(endpoint.statistic, mine, theirs), 1.0)
    if endpoint.statistic == "steps_to_loss":
        return log_ratio(steps_to_loss(mine, theirs), 1.0)
    if endpoint.statistic == "change_at_common_distance":
        return log_ratio(change_at_common_distance(mine, theirs, *_averaged(endpoint)), 1.0)
    return log_ratio(_alone(shelf, endpoint, of, mine), _alone(shelf, endpoint, against, theirs))


def open_ended(shelf: Shelf, endpoint: Endpoint, of: str) -> bool:
    """Whether a network of ``of`` trains at the last learning rate of its sweep, so that its largest is not known."""
    if endpoint.statistic != "largest_usable_lr":
        return False
    sweeps = (_sweep(shelf, endpoint, of, view) or {} for view in _swept(shelf, endpoint, of).values())
    return any(largest_usable(rates) == max(rates, default=math.inf) for rates in sweeps)


def check(shelf: Shelf, endpoint: Endpoint, common: bool) -> None:
    """Every network of the endpoint has the same seeds and, but for `FREE` fields, one recipe.

    Args:
        common: judge the seeds that all networks have, whatever others some have.

    Raises:
        InputError: a seed is missing, or a recipe is another one; the line names both.
    """
    if endpoint.model.startswith("predict-"):
        return
    networks = {
        name: found
        for name in (*endpoint.of, *(a for a in endpoint.against if isinstance(a, str)))
        if (found := shelf.seeds(endpoint.model, name, endpoint.lr))
    }
    everyone = set().union(*networks.values()) if networks else set()
    for name, found in networks.items():
        lost = sorted(everyone - _swept(shelf, endpoint, name).keys())
        if lost and not common:
            what = "is missing" if lost[0] not in found else "lacks a run of its sweep"
            raise InputError(
                f"seed {lost[0]} of {endpoint.model} {name} at learning rate {endpoint.lr:g} {what}, "
                f"{len(everyone) - len(lost)} of {len(everyone)} are there; finish the runs with --resume, or judge "
                "the seeds that all networks have with --common"
            )
    views = [(name, view) for name, found in networks.items() for view in found.values()]
    for name, view in views:
        first = views[0][1].recipe
        field = next((f for f in _fields(first) if getattr(first, f) != getattr(view.recipe, f)), None)
        if field is not None:
            raise InputError(
                f"seed {view.seed} of {endpoint.model} {name} has another recipe than {views[0][0]}: {field} = "
                f"{getattr(view.recipe, field)}, not {getattr(first, field)}; judge one reproduction at a time"
            )


def _fields(recipe: object) -> list[str]:
    return [f.name for f in dataclasses.fields(recipe) if f.name not in FREE]  # type: ignore[arg-type]


def variants(
    endpoint: Endpoint, statistics: tuple[str, ...], lr: tuple[float, ...]
) -> list[tuple[str, Endpoint]]:
    """The endpoint with another statistic, and at another learning rate, each with its name."""
    return [
        *((name, replace(endpoint, statistic=name)) for name in statistics),
        *((f"learning rate {rate:g}", replace(endpoint, lr=rate)) for rate in lr),
    ]
