"""Cost of an audit against depth, width and batch, on log-log axes with the fitted slopes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from bnverify.base.files import write_bytes


def draw_audit_growth(growth: dict[str, Any], path: Path) -> None:
    """Write the picture as SVG, one panel for each of depth, width and batch.

    Args:
        growth: what `bnverify.experiments.bench.audit_bench.growth` found.

    Raises:
        InputError: the folder cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    panels = list(dict.fromkeys(line["against"] for line in growth["series"]))
    figure, axes = pyplot.subplots(
        1, len(panels), figsize=(4 * len(panels), 3.6), layout="constrained", squeeze=False
    )
    for axis, against in zip(axes[0], panels, strict=True):
        for line in growth["series"]:
            if line["against"] == against:
                x, y = zip(*line["points"], strict=True)
                axis.loglog(x, y, marker="o", label=f"{line['work']}, slope {line['slope']:.2f}")
                axis.set(xlabel=f"{against} ({line['fixed']})", ylabel="seconds")
        axis.legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    write_bytes(path, buffer.getvalue())
