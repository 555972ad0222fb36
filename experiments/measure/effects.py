"""What one field of the linear networks' recipe changes: a table beside the claims, without verdicts (A.1)."""

from __future__ import annotations

import math
from collections.abc import Callable

from bnverify.experiments.judge.statistics import compare
from bnverify.experiments.judge.verdicts import Shelf
from bnverify.experiments.measure.views import View, number, statistic
from bnverify.experiments.run.plans import DEFAULT
from bnverify.experiments.run.recipes import EFFECTS
from bnverify.experiments.run.record import Row

LR = 1e-6

# Each a positive number a seed; lambda_max times the learning rate has no unit, so that losses can be compared.
QUANTITIES: dict[str, Callable[[View], float]] = {
    "loss_left": lambda v: statistic("final_loss", v, "all") / number(v.losses[0]),
    "lambda_max_times_lr": lambda v: statistic("lambda_max", v, "all") * v.recipe.lr,
    "ics_relative": lambda v: statistic("ics_relative", v, "all"),
}


def table(shelf: Shelf) -> list[Row]:
    """One row per changed field and network, the unchanged network first; none without the runs of ``effects``.

    ``values``: quantity -> geometric mean over the seeds with its 95 % t interval. ``against_default``: the same of
    the ratio to the unchanged network, paired by seed. None where fewer than two seeds have a value.
    """
    rows = []
    for norm in ("none", "batchnorm"):
        base = shelf.seeds(f"effects/{norm}-{DEFAULT}", norm, LR)
        for name in (DEFAULT, *EFFECTS):
            seeds = shelf.seeds(f"effects/{norm}-{name}", norm, LR)
            if not seeds:
                continue
            paired = sorted(seeds.keys() & base.keys())
            rows.append(
                {
                    "change": EFFECTS.get(name, ""),
                    "norm": norm,
                    "steps": next(iter(seeds.values())).recipe.steps,
                    "values": {
                        q: _interval([_log(of(v)) for v in seeds.values()]) for q, of in QUANTITIES.items()
                    },
                    "against_default": {
                        q: _interval([_log(of(seeds[s])) - _log(of(base[s])) for s in paired])
                        for q, of in QUANTITIES.items()
                        if name != DEFAULT
                    },
                }
            )
    return rows


def _log(value: float) -> float:
    return math.log(value) if value > 0 and math.isfinite(value) else math.nan


def _interval(logs: list[float]) -> Row | None:
    finite = [value for value in logs if math.isfinite(value)]
    if len(finite) < 2:
        return None
    # Only the mean and its interval are used; the direction does not matter.
    found = compare(finite, "below", 1.0)
    return {"seeds": found.n, "ratio": found.ratio, "low": found.low, "high": found.high}
