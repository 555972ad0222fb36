"""The real case as a section of the report: sentences, a table a snapshot, and pictures, all from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from statistics import median
from typing import Any

from bnverify.experiments.report.content import Column, Picture, Section, Table
from bnverify.experiments.report.digits_case import DigitsCase, Snapshot
from bnverify.experiments.report.numbers import number, percent
from bnverify.experiments.report.plots import strips
from bnverify.numerics.audit.report import LayerAudit, StatementRows
from bnverify.numerics.audit.table.column import plain

PRINTED, CORRECTED, IDENTITY = "thm-4.1:printed", "thm-4.1:corrected", "ext-eps.gradient:formula"
FIRST, SECOND = "thm-4.2.1:printed", "thm-4.2.2:printed"

_COLUMNS = (
    Column("layer", code=True),
    Column("m", True),
    Column("median σ", True),
    Column("‖v‖² / ‖g‖²", True),
    Column("removed by ⟨1, g⟩", True),
    Column("removed by ⟨g, ŷ⟩", True),
    Column("4.1 printed fails", True),
    Column("4.1 corrected fails", True),
    Column("vᵀHv ≤ gᵀHg", True),
    Column("4.2.2 fails", True),
)


def rows_of(layer: LayerAudit, key: str) -> StatementRows | None:
    """The rows of one statement, first or second order."""
    second = layer.second.statements if layer.second else ()
    return next((rows for rows in (*layer.statements, *second) if rows.key == key), None)


def broken(rows: StatementRows | None) -> int:
    """Rows whose actual value exceeds the bound by more than rounding: eps > 0 is not excused."""
    if rows is None:
        return 0
    return sum(
        low > high and residual > 1e-12
        for low, high, residual in zip(rows.lhs, rows.rhs, rows.residual, strict=True)
    )


def _leading(layer: LayerAudit) -> list[float]:
    """gamma^2/s^2 |g|^2, the bound without its reductions, per channel."""
    return [a * b for a, b in zip(layer.columns["scale_sq"], layer.columns["grad_sq"], strict=True)]


def _condition(layer: LayerAudit) -> tuple[int, int]:
    """In how many channels v'Hv <= g'Hg, and of how many."""
    exact = layer.second.exact if layer.second else {}
    pairs = list(zip(exact.get("hess_bn", ()), exact.get("hess_grad", ()), strict=True))
    return sum(v <= g for v, g in pairs), len(pairs)


def _relative(rows: StatementRows | None) -> list[float]:
    """(bound - actual) / (|bound| + |actual|), between -1 and 1."""
    if rows is None:
        return []
    return [
        (high - low) / (abs(high) + abs(low)) if high or low else 0.0
        for low, high in zip(rows.lhs, rows.rhs, strict=True)
    ]


def _shares(layer: LayerAudit, rows: StatementRows | None, side: str) -> list[float]:
    values = getattr(rows, side) if rows is not None else ()
    return [value / lead for value, lead in zip(values, _leading(layer), strict=True) if lead]


def _row(layer: LayerAudit) -> tuple[str, ...]:
    shares = layer.shares
    met, asked = _condition(layer)
    count = len(layer.labels)
    grad = layer.total("grad_sq")
    return (
        layer.name,
        f"{layer.columns['size'][0]:,.0f}",
        number(median(layer.columns["sigma"])),
        number(layer.total("grad_in_sq") / grad) if grad else "–",
        percent(shares["term_mean"]),
        percent(shares["term_yhat"]),
        f"{broken(rows_of(layer, PRINTED))} of {count}",
        f"{broken(rows_of(layer, CORRECTED))} of {count}",
        f"{met} of {asked}" if asked else "–",
        f"{broken(rows_of(layer, SECOND))} of {asked}" if asked else "–",
    )


def _when(snapshot: Snapshot) -> str:
    return "at initialisation" if snapshot.step == 0 else f"after {snapshot.step} steps"


def _table(snapshot: Snapshot) -> Table:
    caption = (
        f"{_when(snapshot).capitalize()}; “fails” counts channels where the actual value exceeds the bound"
    )
    return Table(_COLUMNS, tuple(_row(layer) for layer in snapshot.layers), caption)


def _pictures(snapshot: Snapshot) -> list[Picture]:
    when, stamp, layers = _when(snapshot), f"digits-{snapshot.step}", snapshot.layers
    names = [layer.name for layer in layers]
    actual, corrected, printed = (
        [_shares(layer, rows_of(layer, key), side) for layer in layers]
        for key, side in ((PRINTED, "lhs"), (CORRECTED, "rhs"), (PRINTED, "rhs"))
    )
    made = [
        strips(
            f"{stamp}-bound",
            f"Theorem 4.1 {when}: actual ‖v‖² and both bounds in each channel, as a share of γ²/s² ‖g‖². "
            "A bound below the ring is broken.",
            names,
            {"actual": actual, "corrected bound": corrected, "printed bound": printed},
            ("fg", "corrected", "printed"),
            "share of γ²/s² ‖g‖²",
            (True, False, False),
        ),
        strips(
            f"{stamp}-terms",
            f"The two reductions of Theorem 4.1 {when}, each as a share of ‖g‖² in its channel (log scale).",
            names,
            {
                "⟨1, g⟩²/m": [layer.columns["term_mean"] for layer in layers],
                "⟨g, ŷ⟩²/m": [layer.columns["term_yhat"] for layer in layers],
            },
            ("third", "fourth"),
            "share of ‖g‖² removed",
            log=True,
        ),
    ]
    if any(layer.second for layer in layers):
        made.append(
            strips(
                f"{stamp}-curvature",
                f"Theorem 4.2 {when}: (bound − actual) / (|bound| + |actual|) in each channel. The first part is an "
                "equality but for ε; the second fails below 0, which is where vᵀHv > gᵀHg.",
                names,
                {
                    "first part": [_relative(rows_of(layer, FIRST)) for layer in layers],
                    "second part": [_relative(rows_of(layer, SECOND)) for layer in layers],
                },
                ("corrected", "printed"),
                "relative slack",
            )
        )
    return made


def _total(snapshots: Sequence[Snapshot], key: str) -> tuple[int, int]:
    rows = [rows_of(layer, key) for snapshot in snapshots for layer in snapshot.layers]
    return sum(broken(one) for one in rows), sum(len(one.lhs) for one in rows if one is not None)


def _largest(snapshots: Sequence[Snapshot], key: str) -> float:
    rows = [rows_of(layer, key) for snapshot in snapshots for layer in snapshot.layers]
    return max((value for one in rows if one is not None for value in one.residual), default=0.0)


def _words(case: DigitsCase) -> tuple[str, ...]:
    recipe, first, last = case.recipe, case.snapshots[0], case.snapshots[-1]
    widths = ", ".join(str(width) for width in recipe.widths if width != "pool")
    eps = number(first.layers[0].eps)
    printed, channels = _total(case.snapshots, PRINTED)
    corrected, _ = _total(case.snapshots, CORRECTED)
    second, asked = _total(case.snapshots, SECOND)
    layers = [layer for snapshot in case.snapshots for layer in snapshot.layers]
    met = sum(_condition(layer)[0] for layer in layers)
    removed = [layer.shares["term_mean"] + layer.shares["term_yhat"] for layer in layers]
    words = [
        f"Random batches are not the whole story. This is a small VGG (convolutions of {widths} channels, "
        f"{case.parameters:,} parameters) with PyTorch's own BatchNorm2d (ε = {eps}) on the 8 × 8 "
        f"digits that come with scikit-learn, in float64: at initialisation (loss {number(first.loss)}) and after "
        f"{last.step} steps of SGD with momentum (loss {number(last.loss)} on the same batch of {recipe.batch}, "
        f"{percent(last.accuracy)} of the held-out images right). g and v are what autograd delivers at the output "
        "and at the input of each layer; curvature is measured by Hessian-vector products.",
        f"Theorem 4.1 as printed fails in {printed} of {channels} channels, counted over both snapshots; with 1/m "
        f"it fails in {corrected or 'none'}. What is left between its two sides comes from ε alone: the identity "
        f"that includes ε holds to a relative {number(_largest(case.snapshots, IDENTITY))}."
        + (" Where the printed bound does hold, ε gives it the room." if printed < channels else ""),
        f"How much do the two reductions remove? Between {percent(min(removed))} and {percent(max(removed))} of "
        "‖g‖² in a layer: here the factor γ²/σ² decides the size of the gradient, and not the terms that are "
        "subtracted.",
    ]
    if asked:
        words.append(
            f"Theorem 4.2: the first part is an equality up to ε (relative difference at most "
            f"{number(_largest(case.snapshots, FIRST))} of its terms). The second part fails in {second} of {asked} "
            f"channels; its condition vᵀHv ≤ gᵀHg is met in {met} of {asked}."
        )
    return tuple(words)


def section(case: DigitsCase) -> Section:
    """Sentences, tables, pictures and data of the real case."""
    data: dict[str, Any] = {
        "recipe": asdict(case.recipe),
        "parameters": case.parameters,
        "losses": list(case.losses),
        "snapshots": [plain(snapshot) for snapshot in case.snapshots],
    }
    tables = tuple(_table(snapshot) for snapshot in case.snapshots)
    grouped = [_pictures(snapshot) for snapshot in case.snapshots]
    figures = tuple(picture for pictures in grouped for picture in pictures)
    return Section(_words(case), tables, figures, data)
