"""Figures in the paper's arrangement, one module each; they read records and never train."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bnverify.experiments.record import Run

MODULES = (*(f"fig_{number}" for number in range(1, 14)), "protocol", "terms")


def draw_all(runs: list[Run], folder: Path) -> list[Path]:
    """Draw every figure whose runs are there into ``folder``; return the files written."""
    from bnverify.experiments.figures import style
    from bnverify.experiments.verdicts import Shelf

    shelf = Shelf(runs)
    paths = []
    with style.look():
        for name in MODULES:
            figure = importlib.import_module(f"{__name__}.{name}").draw(shelf)
            if figure is not None:
                paths += style.save(figure, folder, name.replace("_", "-"))
    return paths
