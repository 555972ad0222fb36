"""Statistics measured in float32 are those of float64, up to rounding, and a wrong one would be seen."""

from __future__ import annotations

from bnverify.experiments.run import rounding
from bnverify.experiments.run.recipes import VggRecipe

SMALL = VggRecipe(
    depth=9, width=1 / 16, size=8, batch_size=32, steps=20, checkpoints=3, probes=3, directions=1, lanczos=4
)


def test_every_statistic_that_is_measured_stands_in_the_table() -> None:
    rows = rounding.table(SMALL, steps=3)
    seen = {row["statistic"] for row in rows}
    assert {"loss_range", "max_change", "beta_max", "ics_l2", "mean_shift", "lambda_max", "sigma"} <= seen
    assert {row["norm"] for row in rows} == set(rounding.NETWORKS)
    assert all(row["tf32"] is None for row in rows)
    first = [row for row in rows if row["statistic"] in ("grad_norm", "weight_norm", "sigma")]
    assert all(0 < row["fp32"] < 1e-3 for row in first)
    worst = rounding.worst(rows)
    assert [row["fp32"] for row in worst] == sorted((row["fp32"] for row in worst), reverse=True)
    assert len(worst) == len(seen)
