"""Pictures as SVG that take their colours from the page: legible in both themes, and in shape as well as colour.

Every picture is small enough to be read at its own size on a phone; a page sets several side by side.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from bnverify.experiments.report.content import Picture
from bnverify.experiments.report.html import standalone
from bnverify.experiments.report.mathml import ascii_math
from bnverify.experiments.report.numbers import RAISED
from markupsafe import escape

_FLOOR = 1e-12
# In places, not in words: two digits after the point are a hundredth of a point, more only weighs.
_TAG, _LONG = re.compile(r"<[^>]+>"), re.compile(r"(\d\.\d{2})\d+")

WIDTH, HEIGHT = 3.75, 2.9
"""Inches at 96 pixels: 360 x 278."""

# The drawing library knows colours only; each of these stands for a variable of the style sheet.
INK = {
    "fg": "#010101",
    "muted": "#020202",
    "grid": "#030303",
    "printed": "#040404",
    "corrected": "#050505",
    "third": "#060606",
    "fourth": "#070707",
    "bg": "#080808",
}


@dataclass(frozen=True)
class Dots:
    """A series of a scatter: x and y of the same length, a colour of `INK`, a name and a shape."""

    x: Sequence[float]
    y: Sequence[float]
    ink: str
    name: str = ""
    hollow: bool = False


@cache
def _library() -> Any:
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    return plt


def _style() -> dict[str, Any]:
    return {
        "svg.fonttype": "none",
        "svg.hashsalt": "bnverify",
        "path.simplify": False,
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],
        "font.size": 8.5,
        "axes.labelsize": 8.5,
        "axes.edgecolor": INK["muted"],
        "axes.labelcolor": INK["fg"],
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": INK["grid"],
        "grid.linewidth": 0.5,
        "text.color": INK["fg"],
        "xtick.color": INK["muted"],
        "ytick.color": INK["muted"],
        "xtick.labelsize": 8,
        "ytick.labelsize": 8,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "legend.frameon": False,
        "legend.fontsize": 8,
        "legend.handletextpad": 0.5,
        "legend.borderaxespad": 0.2,
        "axes.unicode_minus": True,
        "figure.dpi": 96,
        "savefig.transparent": True,
    }


def _drawable(text: str) -> str:
    """``text`` without the characters that the metrics of the drawing library lack."""
    return text.replace("𝟏", "1")


def _canvas(width: float = WIDTH, height: float = HEIGHT) -> tuple[Any, Any]:
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def themed(figure: Any, name: str, caption: str, inks: Mapping[str, str] = INK) -> str:
    """The figure as SVG for a page, with the page's colours: ``inks`` says which code stands for which variable."""
    buffer = io.StringIO()
    figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = re.sub(r"^.*?(?=<svg)", "", text, flags=re.DOTALL)
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    safe = re.sub(r"[^a-zA-Z0-9]+", "-", name)
    text = re.sub(r'id="([^"]+)"', rf'id="{safe}-\1"', text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{safe}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{safe}-\1)", text)
    text = _TAG.sub(lambda tag: _LONG.sub(r"\1", tag[0]), text)
    for ink, code in inks.items():
        text = text.replace(code.lower(), f"var(--{ink})")
    return text.replace("<svg ", f'<svg role="img" aria-label="{escape(ascii_math(caption))}" ', 1)


def finish(figure: Any, name: str, caption: str) -> Picture:
    """The figure as a `Picture`: inline SVG with the page's colours, and a file with a background of its own."""
    inline = themed(figure, name, caption)
    return Picture(
        name, caption, inline, standalone(re.sub(r' role="img" aria-label="[^"]*"', "", inline, count=1))
    )


def _dots(axes: Any, dots: Dots, size: float = 3.6) -> None:
    """All points as one path of zero-length strokes with round ends: a tenth of the bytes of single marks."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    x, y = np.asarray(dots.x, float), np.asarray(dots.y, float)
    if len(x) == 0:
        return
    if dots.hollow:
        axes.plot(
            x, y, "o", ms=size + 0.6, mfc="none", mec=INK[dots.ink], mew=0.8, label=dots.name, alpha=0.8
        )
        return
    points = np.repeat(np.column_stack([x, y]), 2, axis=0)
    codes = np.tile([Path.MOVETO, Path.LINETO], len(x))
    patch = PathPatch(
        Path(points, codes), fill=False, edgecolor=INK[dots.ink], lw=size, capstyle="round", alpha=0.55
    )
    axes.add_patch(patch)
    axes.plot([], [], "o", ms=size, color=INK[dots.ink], label=dots.name)


def _tick(value: float, position: int | None = None) -> str:
    """-1000 as −1000, a million as 10⁶."""
    sign = "−" if value < 0 else ""
    size = abs(value)
    if size >= 1e4:
        return f"{sign}10{str(round(np.log10(size))).translate(RAISED)}"
    return f"{sign}{size:g}"


def _signed(axes: Any, low: float, high: float, which: str = "both") -> None:
    """Linear up to 1 in size, logarithmic beyond, where a bound is many times its own leading term."""
    if low >= -4 and high <= 4:
        return
    from matplotlib.ticker import FixedLocator, FuncFormatter

    top = 10.0 ** np.ceil(np.log10(max(abs(low), abs(high), 1.0)))
    sizes = [10.0**power for power in range(round(np.log10(top)) + 1)]
    step = max(1, len(sizes) // 3)
    kept = [size for index, size in enumerate(sizes) if index % step == 0]
    ticks = [tick for tick in (*(-size for size in kept), 0.0, *kept) if low <= tick <= high]
    for axis, scale in ((axes.xaxis, axes.set_xscale), (axes.yaxis, axes.set_yscale)):
        if which in ("both", axis.axis_name):
            scale("symlog", linthresh=1, linscale=1)
            axis.set_major_locator(FixedLocator(ticks))
            axis.set_minor_locator(FixedLocator([]))
            axis.set_major_formatter(FuncFormatter(_tick))


def _decades(axes: Any, low: float, high: float) -> None:
    """A logarithmic axis upwards with whole decades, written in per cent from 0.01 % on."""
    from matplotlib.ticker import FixedLocator, FuncFormatter

    first, last = int(np.floor(np.log10(low))), int(np.ceil(np.log10(high)))
    step = max(1, (last - first + 5) // 6)
    axes.set_yscale("log")
    axes.set_ylim(10.0**first * 0.7, 10.0**last * 1.4)
    axes.yaxis.set_major_locator(FixedLocator([10.0**power for power in range(first, last + 1, step)]))
    axes.yaxis.set_minor_locator(FixedLocator([]))
    axes.yaxis.set_major_formatter(FuncFormatter(_percent))


def _percent(value: float, position: int | None = None) -> str:
    percent = value * 100
    if percent >= 0.009:
        return f"{percent:g} %"
    power = str(round(np.log10(percent)))
    return f"10{power.translate(RAISED)} %"


def _span(values: Sequence[float], pad: float = 0.06) -> tuple[float, float]:
    low, high = (float(min(values)), float(max(values))) if len(values) else (0.0, 1.0)
    room = pad * max(high - low, 1e-9)
    return low - room, high + room


def scatter(
    name: str, caption: str, series: Sequence[Dots], xlabel: str, ylabel: str, shade: bool = True
) -> Picture:
    """Actual (upwards) against bound (to the right); above the diagonal, shaded, the bound is broken."""
    plt = _library()
    with plt.rc_context(_style()):
        figure, axes = _canvas()
        xs = [value for dots in series for value in dots.x]
        ys = [value for dots in series for value in dots.y]
        (x0, x1), (y0, y1) = _span(xs), _span(ys)
        low, high = min(x0, y0), max(x1, y1)
        if shade:
            axes.fill_between([low, high], [low, high], [high, high], color=INK["grid"], alpha=0.45, lw=0)
        axes.plot([low, high], [low, high], color=INK["muted"], lw=0.9)
        for dots in series:
            _dots(axes, dots)
        axes.set_xlim(x0, x1)
        axes.set_ylim(y0, y1)
        _signed(axes, x0, x1, "x")
        _signed(axes, y0, y1, "y")
        axes.set_xlabel(xlabel)
        axes.set_ylabel(ylabel)
        if any(dots.name for dots in series):
            axes.legend(loc="lower right")
        return finish(figure, name, caption)


def shares(
    name: str,
    caption: str,
    labels: Sequence[str],
    parts: Mapping[str, Sequence[float]],
    inks: Sequence[str] = ("corrected", "printed", "third", "fourth", "muted", "fg"),
    xlabel: str = "%",
) -> Picture:
    """Horizontal bars, one a label, cut into parts that add up; each part has a hatch besides its colour."""
    plt = _library()
    hatches = ("", "//", "\\\\", "xx", "--", "||")
    with plt.rc_context({**_style(), "hatch.linewidth": 0.5, "hatch.color": INK["bg"]}):
        figure, axes = _canvas(height=0.85 + 0.2 * len(parts) + 0.26 * len(labels))
        left = np.zeros(len(labels))
        at = np.arange(len(labels))
        for index, (part, values) in enumerate(parts.items()):
            share = np.asarray(values, float) * 100
            axes.barh(
                at,
                share,
                left=left,
                height=0.66,
                color=INK[inks[index % len(inks)]],
                hatch=hatches[index % len(hatches)],
                edgecolor=INK["bg"],
                lw=0.4,
                label=_drawable(part),
            )
            left += share
        axes.set_yticks(at, labels)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.set_xlim(0, max(100.0, float(left.max()) if len(left) else 100.0))
        axes.set_xlabel(xlabel)
        figure.legend(loc="outside upper left", ncols=1, fontsize=8)
        return finish(figure, name, caption)


def strips(
    name: str,
    caption: str,
    labels: Sequence[str],
    series: Mapping[str, Sequence[Sequence[float]]],
    inks: Sequence[str],
    ylabel: str,
    hollow: Sequence[bool] = (),
    log: bool = False,
) -> Picture:
    """One column of dots a label and series: every channel of every layer. ``log``: values > 0, log axis."""
    plt = _library()
    with plt.rc_context(_style()):
        figure, axes = _canvas()
        every: list[float] = []
        count = len(series)
        for index, (part, groups) in enumerate(series.items()):
            x: list[float] = []
            y: list[float] = []
            for at, values in enumerate(groups):
                offset = (index - (count - 1) / 2) * 0.24
                spread = np.linspace(-0.07, 0.07, len(values)) if len(values) > 1 else [0.0]
                x += [at + offset + float(shift) for shift in spread]
                y += [max(float(value), _FLOOR) if log else float(value) for value in values]
            every += y
            _dots(axes, Dots(x, y, inks[index], part, hollow[index] if hollow else False), size=2.8)
        low, high = _span(every)
        axes.set_xlim(-0.6, len(labels) - 0.4)
        if log:
            _decades(axes, min(every), max(every))
        else:
            axes.set_ylim(low, high)
            _signed(axes, low, high, "y")
            axes.axhline(0, color=INK["muted"], lw=0.7)
        axes.set_xticks(range(len(labels)), labels)
        axes.grid(visible=False, axis="x")
        axes.set_ylabel(ylabel)
        figure.legend(loc="outside upper left", ncols=count, columnspacing=1.2)
        return finish(figure, name, caption)
