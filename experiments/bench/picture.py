"""Time against N and m, and memory against m, on log-log axes with the fitted slopes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from bnverify.base.files import write_bytes


def draw_growth(growth: dict[str, Any], memory: dict[str, Any] | None, path: Path) -> None:
    """Write the picture as SVG.

    Raises:
        InputError: the folder cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, 3 if memory else 2, figsize=(12 if memory else 8, 3.6), layout="constrained"
    )
    for axis, against in zip(axes, ("N", "m"), strict=False):
        for line in growth["series"]:
            if line["against"] == against:
                x, y = zip(*line["points"], strict=True)
                axis.loglog(x, y, marker="o", label=f"{line['loss']}, slope {line['slope']:.2f}")
                fixed = line["fixed"]
        axis.set(xlabel=f"{against} ({fixed})", ylabel="seconds of one check")
        axis.legend(frameon=False)
    if memory:
        x, y = zip(*((p["m"], p["bytes"] / 2**20) for p in memory["points"]), strict=True)
        axes[2].loglog(x, y, marker="o", label=f"{memory['loss']}, slope {memory['slope']:.2f}")
        axes[2].set(xlabel=f"m (N = {memory['instances']})", ylabel="peak memory, MiB")
        axes[2].legend(frameon=False)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata={"Date": None})
    pyplot.close(figure)
    write_bytes(path, buffer.getvalue())
