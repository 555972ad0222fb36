"""What several runs of one network say together: at several learning rates, or from several initialisations."""

from __future__ import annotations

import math
from collections.abc import Callable

from bnverify.experiments.measure.averages import WHOLE, Over, Weights, Window, average, shares
from bnverify.experiments.measure.views import View, number, statistic

# A learning rate is usable if the final loss is below this share of the first one.
USABLE = 0.75


def usable(view: View) -> bool:
    """Whether the run ended with a final loss below `USABLE` of its first."""
    first = view.losses[0]
    return view.status == "finished" and first is not None and statistic("final_loss", view) < USABLE * first


def diverges(view: View) -> bool:
    """Whether a loss of the run is not finite, or its final one not below its first."""
    first = view.losses[0]
    return view.status == "diverged" or first is None or statistic("final_loss", view) >= first


def largest_usable(rates: dict[float, View]) -> float:
    """The largest of the learning rates at which the network trains; 0 if there is none."""
    return max((rate for rate, view in rates.items() if usable(view)), default=0.0)


def smallest_diverging(rates: dict[float, View]) -> float:
    """The smallest of the learning rates at which the network diverges; +inf if there is none."""
    return min((rate for rate, view in rates.items() if diverges(view)), default=math.inf)


def sensitivity(runs: dict[float, View]) -> float:
    """What a wrong choice costs: geometric mean over the runs of the final loss over that of the best of them.

    Final is where the shortest of them ends. A run that diverged, or stands above its first loss there, has lost what
    its first loss is.
    """
    steps = min(view.recipe.steps for view in runs.values())
    finals = []
    for view in runs.values():
        first, share = number(view.losses[0]), steps / view.recipe.steps
        last = statistic("loss", view, (0.99 * share, share))
        finals.append(last if last < first else first)
    best = min(finals)
    return (
        average([final / best for final in finals], [1.0] * len(finals), "geometric")
        if best > 0
        else math.nan
    )


def band(
    rates: dict[float, View], window: Window = WHOLE, over: Over = "geometric", weights: Weights = "linear"
) -> float:
    """Largest minus smallest training loss over networks trained separately, each at its rate, step by step.

    The window is one of the longest of the runs; a shorter one counts as far as it goes, one that diverged is +inf.
    """
    total = max(view.recipe.steps for view in rates.values())
    widths = []
    for step in range(total):
        here = [view for view in rates.values() if step < view.recipe.steps]
        losses = [v.losses[step] if step < len(v.losses) else None for v in here]
        known = [number(loss) for loss in losses if loss is not None]
        widths.append(
            math.nan if len(here) < 2 else max(known) - min(known) if len(known) == len(here) else math.inf
        )
    return average(widths, shares(range(total), total, window, weights), over)


OVER_RATES: dict[str, Callable[[dict[float, View]], float]] = {
    "largest_usable_lr": largest_usable,
    "smallest_diverging_lr": smallest_diverging,
    "lr_sensitivity": sensitivity,
}
"""Of one network's runs at several learning rates, by rate."""
OVER_GAINS: dict[str, Callable[[dict[float, View]], float]] = {"init_sensitivity": sensitivity}
"""Of its runs from several initialisations, by the factor on Glorot's (recipe field ``init_gain``)."""
