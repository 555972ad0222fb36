"""Figures in the paper's arrangement, one module each; they read records and never train."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from bnverify.experiments.report.labels import SYNTHETIC, data_sets

if TYPE_CHECKING:
    from bnverify.experiments.measure.shelf import Shelf
    from bnverify.experiments.run.record import Run
    from matplotlib.figure import Figure

MODULES = (*(f"fig_{number}" for number in range(1, 14)), "protocol", "terms", "predict")
LINEAR = ("fig_9", "fig_10", "fig_13")
BOTH = ("fig_3", "fig_5", "fig_7", "predict")


def caption(name: str) -> str:
    """What the figure of a module shows and how it is read."""
    return str(importlib.import_module(f"{__name__}.{name}").CAPTION)


def _data(name: str, pictures: str) -> str:
    """What the networks of a figure were trained on."""
    if name in LINEAR:
        return SYNTHETIC
    return f"VGG: {pictures}; DLN: {SYNTHETIC}" if name in BOTH and pictures != SYNTHETIC else pictures


def draw(shelf: Shelf) -> Iterator[tuple[str, Figure]]:
    """Every figure whose runs are there, with the name of its module; to be saved inside `style.look`."""
    from bnverify.experiments.figures import style

    for name in MODULES:
        figure = importlib.import_module(f"{__name__}.{name}").draw(shelf)
        if figure is not None:
            style.legend(figure)
            style.footnote(figure, f"{_data(name, data_sets(sorted(shelf.data)))}; steps count from 1")
            yield name, figure


def draw_all(runs: list[Run], folder: Path) -> list[Path]:
    """Draw every figure whose runs are there into ``folder``; return the files written."""
    from bnverify.experiments.figures import style
    from bnverify.experiments.measure.shelf import Shelf

    paths = []
    with style.look():
        for name, figure in draw(Shelf(runs)):
            paths += style.save(figure, folder, name.replace("_", "-"))
    return paths
