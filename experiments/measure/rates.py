"""Which learning rates a network trains at, from its runs at several (Sections 3.1 and A.2.2)."""

from __future__ import annotations

import math
from collections.abc import Callable

from bnverify.experiments.measure.views import View, statistic

# A learning rate is usable if the final loss is below this share of the first one.
USABLE = 0.75


def usable(view: View) -> bool:
    """Whether the run ended with a final loss below `USABLE` of its first."""
    first = view.losses[0]
    return (
        view.status == "finished"
        and first is not None
        and statistic("final_loss", view, "all") < USABLE * first
    )


def diverges(view: View) -> bool:
    """Whether a loss of the run is not finite, or its final one above its first."""
    first = view.losses[0]
    return view.status == "diverged" or first is None or statistic("final_loss", view, "all") >= first


def largest_usable(rates: dict[float, View]) -> float:
    """The largest of the learning rates at which the network trains; nan if there is none."""
    return max((rate for rate, view in rates.items() if usable(view)), default=math.nan)


def smallest_diverging(rates: dict[float, View]) -> float:
    """The smallest of the learning rates at which the network diverges; nan if there is none."""
    return min((rate for rate, view in rates.items() if diverges(view)), default=math.nan)


OVER_RATES: dict[str, Callable[[dict[float, View]], float]] = {
    "largest_usable_lr": largest_usable,
    "smallest_diverging_lr": smallest_diverging,
}
