"""Two audits side by side on the terminal, or as JSON."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable, Mapping, Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from bnverify.base.errors import InputError
from bnverify.base.files import finite
from bnverify.base.terminal import console

if TYPE_CHECKING:
    from bnverify.numerics.audit.factory import Subject


def compare_files(first: Path, second: Path, as_json: bool) -> None:
    """Print two earlier audits layer by layer.

    Raises:
        InputError: a file is no audit, or the two are not of the same layers.
    """
    from bnverify.numerics.audit.contrast.compare import QUANTITIES, compared, read

    told = compared(read(first), read(second))
    if as_json:
        _print_json(
            {
                "layers": [{"layer": row.title, "mode": row.mode} | row.values for row in told.rows],
                "gone": told.gone,
                "new": told.new,
            }
        )
        return
    screen = console()
    for title, pairs in (("gone", told.gone), ("new", told.new)):
        if pairs:
            listed = ", ".join(f"{kind} at {layer or 'the model'}" for kind, layer in pairs)
            screen.print(f"{title}: {listed}", markup=False)
    if not told.gone and not told.new:
        screen.print("the findings are the same", style="dim")
    several = len({row.mode for row in told.rows}) > 1
    shown = [
        name for name in QUANTITIES if any(math.isfinite(v) for row in told.rows for v in row.values[name])
    ]
    _table(
        screen,
        ["layer", *(f"{name} {side}" for name in shown for side in ("A", "B"))],
        (
            [
                f"{row.title} ({row.mode})" if several else row.title,
                *(number(value) for name in shown for value in row.values[name]),
            ]
            for row in told.rows
        ),
    )
    screen.print(
        f"A: {first}; B: {second}. removed: share of γ²/s² |dL/dz|² that a layer takes out.",
        style="dim",
        markup=False,
    )


def what_if(subject: Subject, other: str, options: Mapping[str, Any], as_json: bool) -> None:
    """Print every layer as it is and with another normalisation that has the same activations on this batch."""
    from bnverify.numerics.audit.contrast.whatif import what_if as measured

    # What the person's own code prints is no part of the answer.
    with redirect_stdout(sys.stderr):
        told = measured(
            subject.model, subject.loss_fn, subject.inputs, subject.targets, other=other, **options
        )
    if as_json:
        _print_json([item.to_dict() for item in told])
        return
    screen = console()
    names = ("gradient", "bound", "tightness", "curvature")
    _table(
        screen,
        ["layer", "kind", *(f"{name} {side}" for name in names for side in ("now", "then"))],
        (
            [
                item.name if item.call == 0 else f"{item.name} (call {item.call + 1})",
                item.kind,
                *(number(getattr(side, name)) for name in names for side in (item.before, item.after)),
            ]
            for item in told
        ),
    )
    screen.print(
        f"now: as it is; then: {other} in its place, with the same activations on this batch. gradient: |dL̂/dy| at the "
        "layer's input; bound: what scaling by γ/s alone would leave; tightness: one over the other; curvature: "
        "v′Bv/|v|² along the gradient.",
        style="dim",
        markup=False,
    )


def batch_sizes(subject: Subject, text: str, options: Mapping[str, Any], as_json: bool) -> None:
    """Print what every layer removes at several batch sizes."""
    from bnverify.numerics.audit.contrast.sizes import by_batch_size

    sizes = parsed_sizes(text)
    with redirect_stdout(sys.stderr):
        told = by_batch_size(
            subject.model, subject.loss_fn, subject.inputs, subject.targets, sizes, **options
        )
    if as_json:
        _print_json([vars(item) for item in told])
        return
    rows: dict[str, dict[int, Any]] = {}
    for item in told:
        rows.setdefault(item.title, {})[item.batch] = item
    screen = console()
    _table(
        screen,
        ["layer", *(f"{name} at {size}" for size in sizes for name in ("m", "removed"))],
        (
            [title, *(cell for size in sizes for cell in _size_cells(by_size.get(size)))]
            for title, by_size in rows.items()
        ),
    )
    screen.print(
        "removed: the share of γ²/s² |dL/dz|² that the layer takes out; two of m directions go, so it falls as 1/m "
        "where the gradient has no direction of its own.",
        style="dim",
        markup=False,
    )


def _size_cells(item: Any) -> Sequence[str]:
    return ("–", "–") if item is None else (str(item.m), f"{100 * item.removed:.3g} %")


def parsed_sizes(text: str) -> list[int]:
    """4,16,64 as a list.

    Raises:
        InputError: it is no list of whole numbers.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    bad = next((part for part in parts if not part.isdigit()), None)
    if bad is not None or not parts:
        raise InputError(
            f"batch sizes {text!r}: {bad or text!r} is no number; expected something like 4,16,64"
        )
    return [int(part) for part in parts]


def number(value: float | None) -> str:
    return "–" if value is None or not math.isfinite(value) else f"{value:.3g}"


def _table(screen: Console, heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for place, name in enumerate(heads):
        lead = place == 0 or name == "kind"
        table.add_column(name, overflow="fold", justify="left" if lead else "right", no_wrap=False)
    for row in rows:
        table.add_row(*row)
    screen.print(table)


def _print_json(value: Any) -> None:
    print(json.dumps(finite(value), indent=2, allow_nan=False))
