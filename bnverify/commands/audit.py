"""``audit``: bound versus actual at every normalisation layer of a person's own model."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import nullcontext, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bnverify.base import options
from bnverify.base.errors import InputError
from bnverify.base.files import require_folder

if TYPE_CHECKING:
    from bnverify.numerics.audit.factory import Subject
    from bnverify.numerics.audit.report import AuditReport


def register(app: typer.Typer) -> None:
    """Add the command of this topic."""
    app.command()(audit)


def audit(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="FILE.py:FACTORY",
            help="A function that returns the model, or (model, loss_fn, inputs, targets).",
        ),
    ] = None,
    library: Annotated[
        str | None,
        typer.Option("--from", help="timm:NAME, torchvision:NAME or transformers:NAME, small and random."),
    ] = None,
    said: Annotated[
        list[str] | None,
        typer.Option(
            "--as",
            help="MyNorm=rms-norm, or MyNorm='s = sqrt(y @ y / m + eps); z = gamma*y/s': what a class is.",
        ),
    ] = None,
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
    budget: Annotated[
        str | None,
        typer.Option(help="Time for the second order, such as 60s or 5m; it picks layers and probes."),
    ] = None,
    mode: Annotated[
        str | None, typer.Option(help="train, eval or both; the mode that the model comes in if none.")
    ] = None,
    dtype: Annotated[
        str, typer.Option(help="float64 audits a copy; model keeps the model's own.")
    ] = "float64",
    device: Annotated[
        str | None, typer.Option(help="Where to run, such as cuda; the model's own if none.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of random inputs, labels and signs.")] = 0,
    what_if: Annotated[
        str | None,
        typer.Option(
            "--what-if",
            help="Another normalisation in its place: none, batch-norm, layer-norm or group-norm.",
        ),
    ] = None,
    compare: Annotated[
        tuple[Path, Path] | None, typer.Option(help="Two earlier audits (--json), layer by layer.")
    ] = None,
    batch_sizes: Annotated[
        str | None, typer.Option(help="What the layers remove at these sizes, such as 4,16,64.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 if a finding is more than a note.")
    ] = False,
    baseline: Annotated[
        Path | None, typer.Option(help="Findings that are known, from an earlier --json; they are not shown.")
    ] = None,
    sarif: Annotated[Path | None, typer.Option(help="Also write the findings as SARIF to this file.")] = None,
    rows: Annotated[
        int, typer.Option(help="The most layer calls to print, those of most interest; 0 for all.")
    ] = 25,
    as_json: Annotated[bool, typer.Option("--json", help="Print everything measured as JSON.")] = False,
    out: Annotated[
        Path | None, typer.Option(help="Also write index.html and audit.json to this folder.")
    ] = None,
) -> None:
    """What is wrong with the normalisation of your model, and the numbers of every layer.

    Exit 1 if a proved statement is contradicted, or with --strict if there is a finding.
    """
    from bnverify.base.terminal import console
    from bnverify.commands.display_audit import show

    if rows < 0:
        raise InputError(f"rows {rows}; expected 0 for all of them, or a number of layer calls")
    options.one_of("dtype", dtype, ("float64", "model"))
    options.one_of("mode", mode, ("train", "eval", "both"))
    options.one_of("loss", loss, ("auto", "cross-entropy", "mse", "mean-square"))
    options.one_of("--what-if", what_if, ("none", "batch-norm", "layer-norm", "group-norm"))
    options.at_least(1, "--batch-size", batch_size)
    options.at_least(0, "--probes", probes)
    options.device(device)
    options.writable(sarif)
    seconds = None if budget is None else parse_budget(budget)
    if batch_sizes is not None:
        from bnverify.commands.display_contrast import parsed_sizes

        parsed_sizes(batch_sizes)
    wanted = None if channels is None else parse_channels(channels)
    names = None if layers is None else [name.strip() for name in layers.split(",") if name.strip()]
    definitions = parse_definitions(said or [])
    for path in compare or ():
        options.readable("--compare", path)
    if compare is None:
        _named(target, library, data)
    else:
        from bnverify.commands.display_contrast import compare_files

        compare_files(*compare, as_json)
        return
    from bnverify.numerics.audit.findings.baseline import known

    before = () if baseline is None else known(baseline)
    talk = console(stderr=True)
    if out is not None:
        require_folder(out)
    # What the person's own code prints is no part of the answer.
    with talk.status("auditing") if talk.is_terminal else nullcontext(), redirect_stdout(sys.stderr):
        from bnverify.numerics.audit.factory import with_data

        subject = with_data(_subject(target, library, seed), data, batch_size, loss, seed)
    if what_if is not None or batch_sizes is not None:
        only = {"layers": names, "mode": mode}
        _contrasted(subject, dtype, device, what_if, batch_sizes, only, as_json)
        return
    with talk.status("auditing") if talk.is_terminal else nullcontext(), redirect_stdout(sys.stderr):
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
                "baseline": before,
                "known": definitions,
                "budget": seconds,
                "progress": lambda line: talk.print(f"note: {line}", style="dim"),
            },
        )
    if out is not None:
        from bnverify.experiments.report import audit_page

        talk.print(f"written: {audit_page.write(report, out)}", style="dim")
    if as_json:
        print(report.to_json(indent=2))
    else:
        show(report, rows)
    for note in (*subject.notes, *_chosen(subject, mode, report)):
        talk.print(f"note: {note}", style="dim")
    if report.environment.get("cost"):
        talk.print(f"note: {report.environment['cost']}", style="dim")
    if sarif is not None:
        _write_sarif(report, target or library or "", sarif)
    if report.failures or (strict and not report.ok):
        raise typer.Exit(1)


def _contrasted(
    subject: Subject,
    dtype: str,
    device: str | None,
    other: str | None,
    sizes: str | None,
    options: dict[str, Any],
    as_json: bool,
) -> None:
    """The layers with another normalisation, or at several batch sizes, on a float64 copy where one was asked for."""
    from dataclasses import replace

    import torch

    from bnverify.commands import display_contrast
    from bnverify.numerics.audit.passes import fresh
    from bnverify.numerics.audit.subject import converted, converted_loss

    double = torch.float64 if dtype == "float64" else None
    if double is not None or device is not None:
        where = None if device is None else torch.device(device)
        subject = replace(
            subject,
            model=converted(subject.model, double, device),
            loss_fn=converted_loss(subject.loss_fn, double, device),
            inputs=fresh(subject.inputs, where, double),
            targets=fresh(subject.targets, where, double),
        )
    if other is not None:
        display_contrast.what_if(subject, other, options, as_json)
    else:
        assert sizes is not None
        display_contrast.batch_sizes(subject, sizes, options, as_json)


def _chosen(subject: Subject, mode: str | None, report: AuditReport) -> Iterator[str]:
    """What was chosen in the person's place."""
    if mode is None and not subject.model.training:
        yield "the model came in eval mode and is audited in it; --mode train audits its batch statistics"
    if report.environment.get("dtype_note"):
        yield report.environment["dtype_note"]


def _write_sarif(report: AuditReport, target: str, path: Path) -> None:
    import json
    from importlib.metadata import version

    from bnverify.base.files import write_text
    from bnverify.numerics.audit.findings.baseline import sarif

    source = target.rpartition(":")[0] or target
    write_text(path, json.dumps(sarif(report.findings, source, version("bnverify")), indent=1) + "\n")


def _subject(target: str | None, library: str | None, seed: int) -> Subject:
    from bnverify.numerics.audit.factory import load_subject
    from bnverify.numerics.audit.sources import from_library

    return load_subject(target) if target is not None else from_library(library or "", seed)


def _named(target: str | None, library: str | None, data: str | None) -> None:
    """Refuse a model or data that cannot be there, before torch is loaded.

    Raises:
        InputError: no model is named or two are, or a file is not there.
    """
    if (target is None) == (library is None):
        raise InputError(
            "name one model: FILE.py:FACTORY, or --from timm:NAME, torchvision:NAME, transformers:NAME"
        )
    if target is not None:
        options.function("FACTORY", target)
    elif not re.fullmatch(r"(timm|torchvision|transformers):.+", library or ""):
        raise InputError(f"--from {library}: expected timm:NAME, torchvision:NAME or transformers:NAME")
    if data is None or data == "digits":
        return
    if data.startswith("normal:"):
        if not re.fullmatch(r"[1-9]\d*(x[1-9]\d*)*", data.removeprefix("normal:")):
            raise InputError(
                f"--data {data}: expected the shape of one sample after normal:, such as normal:3x32x32"
            )
    elif ":" in data:
        options.function("FUNCTION", data)
    else:
        options.readable("--data", Path(data))


def parse_definitions(texts: list[str]) -> dict[str, str]:
    """["MyNorm=rms-norm"] as {"MyNorm": "rms-norm"}; what follows the first equals sign is a name or a text.

    Raises:
        InputError: there is no class or no definition.
    """
    found = {}
    for text in texts:
        name, _, definition = text.partition("=")
        if not name.strip().isidentifier() or not definition.strip():
            raise InputError(f"--as {text!r}: expected CLASS=DEFINITION, such as MyNorm=rms-norm")
        found[name.strip()] = definition.strip()
    return found


def parse_budget(text: str) -> float:
    """60s, 5m or 1h in seconds.

    Raises:
        InputError: it is none of these.
    """
    units = {"s": 1, "m": 60, "h": 3600}
    number, unit = text[:-1], text[-1:]
    try:
        return float(number) * units[unit]
    except (ValueError, KeyError):
        raise InputError(f"--budget {text!r}: expected a time such as 60s, 5m or 1h") from None


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
        low, high = int(first), int(last or first)
        if low > high:
            raise InputError(f"channels {text!r}: {part.strip()!r} runs backwards; write {high}-{low}")
        found += range(low, high + 1)
    return list(dict.fromkeys(found))


def _measured(subject: Subject, dtype: str, options: dict[str, Any]) -> AuditReport:
    """The report, with what the float64 copy cost; an error of the person's model in one line."""
    import torch

    from bnverify.numerics.audit.cost import cost_of_copy
    from bnverify.numerics.audit.factory import raised_by_subject, told
    from bnverify.numerics.audit.findings.audit import audit as measure

    double = torch.float64 if dtype == "float64" else None
    model, inputs, targets = subject.model, subject.inputs, subject.targets
    started = time.perf_counter()
    try:
        report = measure(model, subject.loss_fn, inputs, targets, dtype=double, **options)
        with redirect_stdout(StringIO()):
            cost = (
                ""
                if double is None
                or subject.loss_fn is None
                or not report.layers
                or report.environment.get("dtype_note")
                else cost_of_copy(model, subject.loss_fn, inputs, targets, options["device"])
            )
    except InputError:
        raise
    except Exception as error:
        if not raised_by_subject(error):
            raise
        way_out = "run it on this batch in Python, then audit again"
        raise InputError(f"the model or its loss raised {told(error)}; {way_out}") from None
    report.environment.update(cost=cost, seconds=time.perf_counter() - started)
    return report
