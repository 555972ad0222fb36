"""One look for every figure: colours safe for the colour-blind, the paper's names, sizes, file formats."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

# Okabe and Ito's palette; line styles differ too, for readers who see no colours.
COLOURS = {
    "none": "#D55E00",
    "batchnorm": "#0072B2",
    "noisy-batchnorm": "#009E73",
    "noise": "#000000",
    "l1": "#E69F00",
    "l2": "#56B4E9",
    "linf": "#CC79A7",
}
STYLES = {
    "none": "-",
    "batchnorm": "--",
    "noisy-batchnorm": "-.",
    "noise": ":",
    "l1": "-.",
    "l2": ":",
    "linf": (0, (5, 1, 1, 1, 1, 1)),
}
NAMES = {
    "none": "Standard",
    "batchnorm": "Standard + BatchNorm",
    "noisy-batchnorm": 'Standard + "Noisy" BatchNorm',
    "noise": "Standard + noise",
    "l1": r"Standard + $\ell_1$",
    "l2": r"Standard + $\ell_2$",
    "linf": r"Standard + $\ell_\infty$",
}
RC: dict[Any, Any] = {
    "font.size": 8,
    "axes.titlesize": 7,
    "axes.labelsize": 7,
    "xtick.labelsize": 6,
    "ytick.labelsize": 6,
    "legend.fontsize": 7,
    "lines.linewidth": 1.2,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "svg.hashsalt": "bnverify",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}
PANEL = (2.7, 2.1)  # Inches.
FORMATS = ("pdf", "svg", "png")


@contextmanager
def look() -> Iterator[None]:
    """The project's style; figures are made and saved inside it."""
    with plt.rc_context(RC):
        yield


def canvas(rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure of ``rows`` x ``columns`` panels."""
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(PANEL[0] * columns, PANEL[1] * rows + 0.3),
        squeeze=False,
        layout="constrained",
    )
    return figure, [list(row) for row in axes]


def legend(axes: Axes) -> None:
    """What ``axes`` shows, named once above the whole figure."""
    handles, labels = axes.get_legend_handles_labels()
    figure = axes.get_figure()
    if handles and isinstance(figure, Figure):
        figure.legend(handles, labels, loc="outside upper center", ncols=len(handles), frameon=False)


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name`` as PDF, SVG and PNG (200 dots per inch), without a date, and close the figure."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for kind in FORMATS:
        path = folder / f"{name}.{kind}"
        metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
        figure.savefig(path, dpi=200, metadata=metadata)
        paths.append(path)
    plt.close(figure)
    return paths
