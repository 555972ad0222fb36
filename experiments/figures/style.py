"""One look for every figure: colours safe for the colour-blind, the paper's names, sizes, file formats."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
from bnverify.experiments.networks.kinds import KINDS
from bnverify.experiments.report.labels import NETWORKS as NAMES
from bnverify.experiments.report.labels import power
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

COLOURS = {name: kind.colour for name, kind in KINDS.items()}
STYLES: dict[str, Any] = {name: kind.style for name, kind in KINDS.items()}
INK, MUTED = "#1C1C1E", "#606066"
RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 7.5,
    "axes.titlesize": 7.5,
    "axes.labelsize": 7.5,
    "xtick.labelsize": 6.5,
    "ytick.labelsize": 6.5,
    "legend.fontsize": 7,
    "lines.linewidth": 1.3,
    "axes.linewidth": 0.6,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": MUTED,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "figure.max_open_warning": 0,
    "svg.hashsalt": "bnverify",
    "svg.fonttype": "path",
    "pdf.fonttype": 42,
}
PANEL = (2.0, 1.6)  # Inches; two of them beside each other fit on a telephone and on half a printed page.
COLUMNS = 2
FORMATS = ("pdf", "svg", "png")
__all__ = [
    "COLOURS",
    "NAMES",
    "STYLES",
    "canvas",
    "clock",
    "empty",
    "footnote",
    "grid",
    "inks",
    "legend",
    "look",
    "save",
    "tick",
]


def inks() -> dict[str, str]:
    """Variables of the report's style sheet, and the colour that stands for each of them in a figure."""
    return {"fg": INK, "muted": MUTED, **{f"net-{norm}": colour for norm, colour in COLOURS.items()}}


@contextmanager
def look() -> Iterator[None]:
    """The project's style; figures are made and saved inside it."""
    with plt.rc_context(RC):
        yield


def canvas(rows: int, columns: int) -> tuple[Figure, list[list[Axes]]]:
    """A figure of ``rows`` x ``columns`` panels."""
    # One panel alone is as wide as two and taller: the legend and the footnote need that.
    width, more = (2, 0.95) if columns == 1 else (columns, 0.45)
    figure = Figure(figsize=(PANEL[0] * width, PANEL[1] * rows + more), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    return figure, [list(row) for row in axes]


def grid(count: int) -> tuple[Figure, list[Axes]]:
    """A figure of ``count`` panels in `COLUMNS` columns, line by line; what is left over is empty."""
    figure, axes = canvas(-(-count // COLUMNS), min(COLUMNS, count))
    every = [panel for line in axes for panel in line]
    for panel in every[count:]:
        panel.set_axis_off()
    return figure, every[:count]


def clock(axes: Axes, time: str) -> None:
    """The horizontal axis of a training: ``linear`` (default) or ``log`` steps, counted from 1."""
    axes.set_xlabel("step" if time == "linear" else "step (log)")
    if time == "log":
        tick(axes, "x")
    else:
        axes.xaxis.set_major_locator(MaxNLocator(4))


def legend(figure: Figure) -> None:
    """Everything that any panel shows, named once above the figure."""
    found: dict[str, Any] = {}
    for axes in figure.axes:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    columns = len(found)
    while found:
        shown = figure.legend(
            list(found.values()), list(found), loc="outside upper center", ncols=columns, frameon=False
        )
        if columns == 1 or shown.get_window_extent().width <= figure.bbox.width:
            return
        shown.remove()
        columns -= 1


def footnote(figure: Figure, text: str) -> None:
    """A muted line below the panels: the data and what a line stands for."""
    figure.supxlabel(
        textwrap.fill(text, round(17 * figure.get_figwidth())), fontsize=6.5, color=MUTED, x=0.995, ha="right"
    )


def empty(axes: Axes, why: str) -> None:
    """A panel without runs says so instead of showing bare axes."""
    axes.set_axis_off()
    axes.text(
        0.5, 0.5, why, transform=axes.transAxes, ha="center", va="center", color=MUTED, wrap=True, fontsize=7
    )


def tick(axes: Axes, which: str) -> None:
    """A logarithmic axis (``x`` or ``y``) with at most six labels, written 0.01, 1, 100, 10⁶; it stays linear where
    nothing is positive."""
    if not math.isfinite(axes.dataLim.minposx if which == "x" else axes.dataLim.minposy):
        return
    axis = {"x": axes.xaxis, "y": axes.yaxis}[which]
    (axes.set_xscale if which == "x" else axes.set_yscale)("log")
    axis.set_major_locator(LogLocator(10, numticks=6))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    low, high = sorted(axis.get_view_interval())
    if high < 20 * low:
        # Less than a decade or so has too few powers of ten to be read by.
        axis.set_major_locator(LogLocator(10, subs=(1, 2, 5), numticks=6))
    axis.set_minor_formatter(NullFormatter())


def save(figure: Figure, folder: Path, name: str) -> list[Path]:
    """Write ``name`` as PDF, SVG and PNG (200 dots per inch), without a date."""
    folder.mkdir(parents=True, exist_ok=True)
    # The layout is worked out once, not for every format.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    paths = []
    for kind in FORMATS:
        path = folder / f"{name}.{kind}"
        metadata = {"pdf": {"CreationDate": None}, "svg": {"Date": None}, "png": {}}[kind]
        figure.savefig(path, dpi=200, metadata=metadata)
        paths.append(path)
    return paths
