"""TensorBoard event files of a run, made from its record."""

from __future__ import annotations

import math
import shutil
from pathlib import Path

from bnverify.experiments.measure import views
from bnverify.experiments.measure.views import View
from bnverify.experiments.run.record import Run

from bnverify.base.errors import InputError


def write(run: Run, folder: Path | None = None) -> Path:
    """Write loss, accuracies, landscape and shift of every seed as scalars to ``folder``, replacing what is there.

    Args:
        run: a run, finished or not. folder: ``tensorboard`` in the run's own folder by default.

    Raises:
        InputError: tensorboard is not installed.
    """
    require()
    from torch.utils.tensorboard import SummaryWriter

    folder = folder or run.folder / "tensorboard"
    shutil.rmtree(folder, ignore_errors=True)
    for view in views.views(run):
        with SummaryWriter(str(folder / f"seed{view.seed}")) as writer:
            for name, step, value in scalars(view):
                writer.add_scalar(name, value, step)
    return folder


def require() -> None:
    """InputError where tensorboard is not installed."""
    try:
        import torch.utils.tensorboard  # noqa: F401
    except ImportError:
        raise InputError("event files need tensorboard; pip install 'bnverify[tensorboard]'") from None


def scalars(view: View) -> list[tuple[str, int, float]]:
    """(name, step, value) of everything that is shown; values that are not finite are left out."""
    found = [("loss", step, loss) for step, loss in enumerate(view.losses) if loss is not None]
    for row in view.rows:
        step = row["step"]
        found += [(f"accuracy/{part}", step, value) for part, value in row.get("accuracy", {}).items()]
        if "ray" in row:
            found += [(f"landscape/{name}", step, of(row["ray"])) for name, of in views.RAY.items()]
        if row.get("lambda_max") is not None:
            found.append(("landscape/lambda_max", step, row["lambda_max"]))
        for i, layer in enumerate(row.get("ics", [])):
            found += [(f"ics_{k}/layer{i + 1}", step, v) for k, v in layer.items() if v is not None]
    return [one for one in found if math.isfinite(one[2])]
