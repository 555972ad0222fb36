"""What one field of the linear networks' recipe changes: a table beside the claims, without verdicts (A.1)."""

from __future__ import annotations

import math
from collections.abc import Callable

from bnverify.experiments.judge.ranks import signed_rank
from bnverify.experiments.measure.shelf import Shelf
from bnverify.experiments.measure.views import View, number, statistic
from bnverify.experiments.run.plans import DEFAULT
from bnverify.experiments.run.recipes import EFFECTS
from bnverify.experiments.run.record import Row

LR = 1e-6

# Each a positive number a seed; lambda_max times the learning rate has no unit, so that losses can be compared.
QUANTITIES: dict[str, Callable[[View], float]] = {
    "loss_left": lambda v: statistic("final_loss", v) / number(v.losses[0]),
    "lambda_max_times_lr": lambda v: statistic("lambda_max", v) * v.recipe.lr,
    "ics_relative": lambda v: statistic("ics_relative", v),
}


def table(shelf: Shelf) -> list[Row]:
    """One row per changed field and network, the unchanged network first; none without the runs of ``effects``.

    ``values``: quantity -> Hodges-Lehmann estimate over the seeds with its 95 % interval. ``against_default``: the
    same of the ratio to the unchanged network, paired by seed. None where fewer than two seeds have a value.
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
    known = [value for value in logs if math.isfinite(value)]
    if len(known) < 2:
        return None
    found = signed_rank(known)
    ends = {"low": found.low, "high": found.high}
    return {"seeds": found.n, "ratio": math.exp(found.centre), **{k: _exp(v) for k, v in ends.items()}}


def _exp(value: float) -> float:
    return math.exp(value) if value < 700 else math.inf
