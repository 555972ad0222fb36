"""Bound versus actual at every normalisation layer of any model, measured by autograd.

    from bnverify import audit
    report = audit(model, torch.nn.functional.cross_entropy, images, labels)

For every layer call and group (a channel of BatchNorm, a sample of LayerNorm): m, sigma, gamma, eps, rho, the
squared norms of dL/dz and dL^/dy, the two reductions of Theorem 4.1, actual and bound of every statement that
applies, and on request the second order of Theorem 4.2 by Hessian-vector products.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import torch
from bnverify.numerics.audit.capture.call import Call, bring_to_host
from bnverify.numerics.audit.capture.names import Names
from bnverify.numerics.audit.capture.selection import Selection, covered_layers
from bnverify.numerics.audit.gradient.backward import judged, sample
from bnverify.numerics.audit.gradient.diagnosis import explained
from bnverify.numerics.audit.known.handwritten import HandWritten
from bnverify.numerics.audit.known.register import known_definition
from bnverify.numerics.audit.passes import (
    LossFn,
    about_dtypes,
    batch_of,
    environment,
    first_order_pass,
    measure,
    numbered,
    plain_errors,
    setting,
    unwrap,
)
from bnverify.numerics.audit.report import AuditReport, LayerAudit, SecondOrder
from bnverify.numerics.audit.restore import require_eager
from bnverify.numerics.audit.subject import Request, Subject, Watched, cast
from bnverify.numerics.audit.table.rows import first_order_answers, first_order_rows
from bnverify.numerics.audit.table.second import second_order_of
from bnverify.numerics.audit.uncovered import NotCovered, not_covered
from torch import Tensor, nn

from bnverify.base.errors import InputError

Mode = Literal["train", "eval", "both"]


def audit(
    model: nn.Module,
    loss_fn: LossFn | None,
    inputs: Any,
    targets: Any = None,
    *,
    layers: Sequence[str] | None = None,
    channels: Sequence[int] | None = None,
    mode: Mode | None = None,
    second_order: bool = False,
    probes: int = 8,
    dtype: torch.dtype | None = None,
    device: torch.device | str | None = None,
    seed: int = 0,
    known: Mapping[str, str] | None = None,
    budget: float | None = None,
    progress: Callable[[str], None] | None = None,
) -> AuditReport:
    """Audit the normalisation layers of ``model`` on one batch; the model is left untouched to the bit.

    First order takes one forward pass and a backward pass without parameter gradients; through
    ``torch.utils.checkpoint(use_reentrant=True)``, which knows ``loss.backward()`` alone, with them.

    Args:
        model: any eager module; DataParallel and DistributedDataParallel are unwrapped, so that the batch, and m
            with it, is this process's own. Layers with synchronised statistics are audited over all processes, with
            the loss averaged over them; every process then makes the same call.
        loss_fn: ``loss_fn(outputs, targets)``, or ``loss_fn(outputs)`` where targets is None; one number. None takes
            the ``loss`` that the model's output has. Layers of a module that it is or holds are audited as well.
        inputs: a tensor, a tuple or list of positional arguments, or a dict of keyword arguments.
        layers: names or shell patterns; all covered layers where None.
        channels: rows to keep; in second order each is also asked alone, one product each.
        mode: "train", "eval" or "both"; None leaves the model in the mode it has.
        second_order: also v'Bv, its bound, |Bv|/|v| and the sign of the curvature along probed directions.
        probes: random sign vectors for the unbiased estimate of every row's second order; 0 for none.
        dtype: torch.float64 audits a copy in that dtype, or the model in its own where it fails in another; None keeps
            the model's own.
        device: where a copy of the model runs; None keeps the model's own.
        seed: of the sign probes.
        known: class names and what they are: the name of a normalisation, such as "rms-norm", or its definition,
            such as "s = sqrt(y @ y / m + eps); z = gamma*y/s"; beside what `recognise.register` was told. Other
            hand-written layers are recognised by their numbers.
        budget: seconds for the second order; it picks layers and probes so that they fit.
        progress: called with a line of text before the second order, with an estimate, and after every layer.

    Raises:
        InputError: the model has no covered layer, a name or a channel does not exist, the loss or a gradient is not
            finite, the loss is no number or does not depend on the model, a group has one number, memory ran out.
    """
    if mode not in (None, "train", "eval", "both"):
        raise InputError(f"mode {mode!r} is unknown; expected train, eval or both")
    if not isinstance(model, nn.Module):
        raise InputError(f"the model is {type(model).__name__}; expected a torch.nn.Module")
    said = {name: known_definition(text) for name, text in (known or {}).items()}
    request = Request(
        second_order,
        None if channels is None else tuple(channels),
        probes,
        seed,
        HandWritten(said),
        budget,
        progress,
    )
    started = time.perf_counter()
    note = ""
    with plain_errors():
        model = unwrap(model)
        require_eager(model)
        subject = Subject(model, loss_fn, inputs, targets)
        request.by_hand.require(model, *subject.others.values())
        where = None if device is None else torch.device(device)
        try:
            audited = subject if dtype is None and where is None else cast(subject, dtype, where)
            layers_found, missing, losses = _audit_modes(audited, layers, mode, request)
        except RuntimeError as error:
            if dtype is None or not about_dtypes(error):
                raise
            # Numbers of a fixed dtype inside the model do not follow it into another one.
            audited = subject if where is None else cast(subject, None, where)
            layers_found, missing, losses = _audit_modes(audited, layers, mode, request)
            first = str(error).splitlines()[0]
            note = f"audited in its own dtype: the model uses numbers of a fixed dtype and fails in another ({first})"
    facts = environment(audited.model) | {
        "batch": batch_of(inputs),
        "loss": losses,
        "second_order": request.second_order,
        "channels": None if request.channels is None else list(request.channels),
        "probes": request.probes if request.second_order else 0,
        "seed": request.seed,
        "dtype_note": note,
        "seconds": time.perf_counter() - started,
    }
    return AuditReport(tuple(layers_found), tuple(missing), facts)


def _audit_modes(
    subject: Subject, patterns: Sequence[str] | None, mode: Mode | None, request: Request
) -> tuple[list[LayerAudit], list[NotCovered], dict[str, float]]:
    wanted = Selection(None if patterns is None else tuple(patterns))
    found: list[LayerAudit] = []
    missing: dict[NotCovered, None] = {}
    losses: dict[str, float] = {}
    for one in ("train", "eval") if mode == "both" else (mode,):
        label = one or ("train" if subject.model.training else "eval")
        rows, without, loss = _audit_mode(subject, wanted, one, label, request)
        found += rows
        missing |= dict.fromkeys(without)
        losses[label] = loss
    if not found:
        raise InputError(_nothing(missing))
    return found, list(missing), losses


def _nothing(missing: Iterable[NotCovered]) -> str:
    seen = "; ".join(f"{item.name} ({item.what}) {item.why}" for item in missing)
    return (
        "the model has no normalisation layer that can be audited; expected a call of batch_norm, layer_norm, "
        "group_norm, instance_norm or rms_norm, a layer of bnverify.numerics.measure.norms, or a layer whose "
        "numbers are those of one" + (f"; not covered: {seen}" if seen else "")
    )


def _audit_mode(
    subject: Subject, wanted: Selection, mode: str | None, label: str, request: Request
) -> tuple[list[LayerAudit], list[NotCovered], float]:
    model, others = subject.model, subject.others
    covered = covered_layers(model)
    for prefix, module in others.items():
        covered |= covered_layers(module, prefix)
    chosen = {name: layer for name, layer in covered.items() if wanted(name)}
    candidates: dict[str, nn.Module] = {}
    for prefix, root in ({"": model} | others).items():
        candidates |= request.by_hand.candidates(root, prefix, covered)
    by_hand = replace(request.by_hand, found={}, rejected={})
    watched = Watched(chosen, Names({"": model} | others), wanted, candidates, by_hand)
    capture = watched.capture(_measured)
    loss, missing = first_order_pass(
        model, subject.loss_fn, subject.inputs, subject.targets, capture, mode, list(others.values())
    )
    names = dict.fromkeys((*covered, *(call.name for call in capture.calls), *capture.passed))
    elsewhere = not_covered(model, set(names))
    wanted.require(names, elsewhere)
    calls = capture.finished()
    keys = numbered(calls)
    for call in calls:
        _require_usable(call, request, subject)
    second: dict[tuple[str, int], SecondOrder] = {}
    if request.second_order:
        by_key = dict(zip(keys, calls, strict=True))
        second = second_order_of(subject, watched, mode, request, by_key)
    backward = judged(calls)
    bring_to_host(calls)
    rows = [
        first_order_rows(call, key[1], label, asked, request.channels, second.get(key), sampled)
        for key, call, asked, sampled in zip(keys, calls, first_order_answers(calls), backward, strict=True)
    ]
    rows = _explained(rows, subject, watched, mode)
    listed = [
        NotCovered(place, f"F.{name}", "divides by something else than the spread of a group")
        for name, place in capture.listed
    ]
    return rows, [*missing, *elsewhere, *listed], loss


def _measured(call: Call, y: Tensor, g: Tensor, v: Tensor) -> None:
    measure(call, y, g, v)
    sample(call, y, g, v)


def _suspected(layer: LayerAudit) -> bool:
    """A proved statement fails, or the sample of the backward pass is off; where no theorem speaks, neither counts."""
    second = layer.second.statements if layer.second else ()
    off = layer.backward is not None and layer.backward.verdict == "suspected"
    return not layer.outside_theory and (off or any(rows.failed for rows in (*layer.statements, *second)))


def _explained(
    rows: list[LayerAudit], subject: Subject, watched: Watched, mode: str | None
) -> list[LayerAudit]:
    """The layers that are off with the reason: from one more pass, and from each of them run alone."""
    names = {layer.name for layer in rows if _suspected(layer)}
    if not names:
        return rows
    kept: dict[int, tuple[Tensor, Tensor, Tensor]] = {}

    def keep(call: Call, y: Tensor, g: Tensor, v: Tensor) -> None:
        measure(call, y, g, v)
        kept[id(call)] = y.clone(), g.clone(), v.clone()

    chosen = {name: layer for name, layer in watched.layers.items() if name in names}
    capture = replace(watched, layers=chosen, wanted=Selection(tuple(names))).capture(keep)
    others = list(subject.others.values())
    first_order_pass(subject.model, subject.loss_fn, subject.inputs, subject.targets, capture, mode, others)
    calls = capture.finished()
    again = dict(zip(numbered(calls), calls, strict=True))
    found = []
    for layer in rows:
        call = again.get((layer.name, layer.call))
        if call is not None and _suspected(layer):
            with setting(subject.model, mode, others=others):
                layer = explained(layer, call, *kept[id(call)])
        found.append(layer)
    return found


def _require_usable(call: Call, request: Request, subject: Subject) -> None:
    """Refuse channels that do not exist, and gradients that are not finite."""
    spec, measured = call.spec, call.measured
    assert spec is not None
    if request.channels is not None:
        bad = [j for j in request.channels if not 0 <= j < spec.groups]
        if bad:
            raise InputError(
                f"channel {bad[0]} is out of range: layer {call.name} has {spec.groups}, 0 to {spec.groups - 1}; "
                "choose others, or name the layer they belong to with --layers"
            )
    for what, key in (("output", "grad_out_sq"), ("input", "v.v")):
        if not bool(torch.isfinite(measured[key]).all()):
            raise InputError(
                f"the gradient at the {what} of layer {call.name} is NaN or infinite"
                f"{subject.why_not_finite() or '; check the loss and its scale'}"
            )
