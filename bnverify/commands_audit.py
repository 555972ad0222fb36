"""``audit``: bound versus actual at every normalisation layer of a person's own model."""

from __future__ import annotations

import sys
import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bnverify.errors import InputError

if TYPE_CHECKING:
    from bnverify.numerics.audit_input import Subject
    from bnverify.numerics.audit_report import AuditReport


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(audit)


def audit(
    target: Annotated[
        str,
        typer.Argument(
            metavar="FILE.py:FACTORY",
            help="A function that returns the model, or (model, loss_fn, inputs, targets).",
        ),
    ],
    data: Annotated[
        str | None,
        typer.Option(
            help="FILE.py:FUNCTION (a batch, a Dataset or a DataLoader), FILE.pt, FILE.npz, digits, or normal:3x32x32."
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(help="The most samples to take.")] = 128,
    loss: Annotated[str, typer.Option(help="auto, cross-entropy, mse or mean-square.")] = "auto",
    layers: Annotated[
        str | None, typer.Option(help="Names or patterns such as 'layer1.*', separated by commas.")
    ] = None,
    channels: Annotated[
        str | None,
        typer.Option(help="Rows to keep, such as 0,3,8-11; in second order each is also asked alone."),
    ] = None,
    second_order: Annotated[
        bool, typer.Option("--second-order", help="Also curvature, by Hessian-vector products.")
    ] = False,
    probes: Annotated[
        int, typer.Option(help="Random sign vectors for the estimate of every row's curvature; 0 for none.")
    ] = 8,
    mode: Annotated[str, typer.Option(help="train, eval or both.")] = "train",
    dtype: Annotated[
        str, typer.Option(help="float64 audits a copy; model keeps the model's own.")
    ] = "float64",
    device: Annotated[
        str | None, typer.Option(help="Where to run, such as cuda; the model's own if none.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random inputs, labels and signs.")] = 0,
    skip_constant: Annotated[
        bool,
        typer.Option("--skip-constant", help="Give constant channels no verdict instead of refusing them."),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything measured as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write index.html and audit.json to this folder.")
    ] = None,
) -> None:
    """Bound versus actual at every normalisation layer of your model; exit 1 if a proved statement is contradicted."""
    from bnverify.terminal import console

    if dtype not in ("float64", "model"):
        raise InputError(f"dtype {dtype!r} is unknown; expected float64 or model")
    wanted = None if channels is None else parse_channels(channels)
    names = None if layers is None else [name.strip() for name in layers.split(",") if name.strip()]
    talk = console(stderr=True)
    with talk.status("auditing") if talk.is_terminal else nullcontext():
        from bnverify.numerics.audit_input import load_subject, with_data

        subject = with_data(load_subject(target), data, batch_size, loss, seed)
        report = _measured(
            subject,
            dtype,
            {
                "layers": names,
                "channels": wanted,
                "mode": mode,
                "second_order": second_order,
                "probes": probes,
                "device": device,
                "seed": seed,
                "skip_constant": skip_constant,
            },
        )
    for note in subject.notes:
        talk.print(f"note: {note}", style="dim")
    if report.environment.get("cost"):
        talk.print(f"note: {report.environment['cost']}", style="dim")
    if out is not None:
        from bnverify.experiments.report import audit_page

        talk.print(f"written: {audit_page.write(report, out)}", style="dim")
    if as_json:
        print(report.to_json(indent=2))
    else:
        _show(report)
    if report.failures:
        raise typer.Exit(1)


_FIRST = {
    "m": "m",
    "rows": "rows",
    "ŷ term": "ŷ",
    "mean": "mean",
    "kept": "kept",
    "4.1 printed exceeded": "4.1 broken",
    "4.1 corrected slack": "slack",
    "⟨g, ŷ⟩ ≥ 0": "⟨g,ŷ⟩≥0",
    "worst residual": "residual",
}
_SECOND = {
    "v′Bv": "v′Bv",
    "(Jv)′H(Jv)": "chain",
    "bend of the layer": "bend",
    "|Bv|/|v|": "|Bv|/|v|",
    "|Hg|/|g|": "|Hg|/|g|",
    "u′Hu ≥ 0 along probes": "psd",
}
_LEGEND = (
    "ŷ, mean: shares of γ²/s² |dL/dz|² that the two reductions of Theorem 4.1 remove; 4.1 broken: rows that exceed its "
    "printed bound; slack: of the corrected one; residual: the worst identity."
)
_LEGEND_SECOND = (
    "v′Bv = chain + bend: what comes from downstream, (Jv)′H(Jv), and from the layer itself; psd: probed directions "
    "with u′Hu ≥ 0."
)


def parse_channels(text: str) -> list[int]:
    """0,3,8-11 as a list.

    Raises:
        InputError: it is no list of whole numbers and ranges.
    """
    found: list[int] = []
    for part in text.split(","):
        first, dash, last = part.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()):
            raise InputError(
                f"channels {text!r}: {part.strip()!r} is no number; expected something like 0,3,8-11"
            )
        found += range(int(first), int(last) + 1) if dash else [int(first)]
    return list(dict.fromkeys(found))


def _measured(subject: Subject, dtype: str, options: dict[str, Any]) -> AuditReport:
    """The report, with what the float64 copy cost; an error of the person's model in one line."""
    import torch

    from bnverify.numerics.audit import audit as measure
    from bnverify.numerics.audit_cost import cost_of_copy
    from bnverify.numerics.audit_input import raised_by_subject, told

    double = torch.float64 if dtype == "float64" else None
    model, inputs, targets = subject.model, subject.inputs, subject.targets
    assert subject.loss_fn is not None
    started = time.perf_counter()
    try:
        report = measure(model, subject.loss_fn, inputs, targets, dtype=double, **options)
        cost = (
            "" if double is None else cost_of_copy(model, subject.loss_fn, inputs, targets, options["device"])
        )
    except InputError:
        raise
    except Exception as error:
        if not raised_by_subject(error):
            raise
        raise InputError(
            f"the model or its loss raised {told(error)}; run it on this batch in Python, then audit again"
        ) from None
    report.environment.update(cost=cost, seconds=time.perf_counter() - started)
    return report


def _show(report: AuditReport) -> None:
    from rich.table import Table

    from bnverify.experiments.report import audit_page
    from bnverify.terminal import console

    rows = [audit_page.row(index, layer) for index, layer in enumerate(report.layers)]
    screen = console()
    for part, columns, legend in (("table", _FIRST, _LEGEND), ("second", _SECOND, _LEGEND_SECOND)):
        if not any(row[part] for row in rows):
            continue
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name in ("mode", "layer", "kind"):
            table.add_column(name, no_wrap=True)
        for name in columns.values():
            table.add_column(name, justify="right", no_wrap=True)
        for row in rows:
            if row[part]:
                values = (row[part][name].text for name in columns)
                table.add_row(row["mode"], row["title"], row["kind"], *values)
        screen.print(table)
        screen.print(legend + "\n", style="dim", markup=False)
    if report.not_covered:
        screen.print("[bold]not covered[/bold]")
        for item in report.not_covered:
            screen.print(f"  {item.name} ({item.what}): {item.why}", markup=False)
        screen.print()
    for line in audit_page.summary(report):
        screen.print(line)
    for layer, statement in report.failures:
        print(
            f"bnverify: {layer.mode}, {layer.title}: {statement.key} is contradicted in {statement.failed} rows; "
            f"{layer.diagnosis}",
            file=sys.stderr,
        )
