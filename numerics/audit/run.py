"""Bound versus actual at every normalisation layer of any model, measured by autograd.

    from bnverify import audit
    report = audit(model, torch.nn.functional.cross_entropy, images, labels)

For every layer call and group (a channel of BatchNorm, a sample of LayerNorm): m, sigma, gamma, eps, rho, the
squared norms of dL/dz and dL^/dy, the two reductions of Theorem 4.1, actual and bound of every statement that
applies, and on request the second order of Theorem 4.2 by Hessian-vector products.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import torch
from bnverify.numerics.audit.capture import Arrived, Call, Capture, Selection, covered_layers
from bnverify.numerics.audit.curvature import (
    Groups2,
    Point,
    estimated_groups,
    exact_groups,
    extremes,
    points,
    whole,
)
from bnverify.numerics.audit.functions import Names, modules_of
from bnverify.numerics.audit.gradient.backward import judged, sample
from bnverify.numerics.audit.gradient.diagnosis import explained
from bnverify.numerics.audit.known.recognise import HandWritten, known_definition
from bnverify.numerics.audit.layers import NotCovered, not_covered
from bnverify.numerics.audit.passes import (
    LossFn,
    about_dtypes,
    batch_of,
    blame,
    environment,
    first_order_pass,
    fresh,
    loss_of,
    measure,
    numbered,
    plain_errors,
    require_batch,
    setting,
    shared_loss,
    twice_differentiable,
    unwrap,
)
from bnverify.numerics.audit.report import AuditReport, LayerAudit, SecondOrder
from bnverify.numerics.audit.restore import require_eager
from bnverify.numerics.audit.rows import first_order_answers, first_order_rows, second_order_rows
from torch import Tensor, nn

from bnverify.base.errors import InputError

Mode = Literal["train", "eval", "both"]


@dataclass(frozen=True)
class Request:
    """What is to be measured, checked once.

    channels: rows to keep, all where None; second order asks each of them alone. probes: sign probes for the
    estimate of all rows, 0 or at least 2. by_hand: what somebody says that classes are. budget: seconds for the second
    order. progress: told in words how far it is.
    """

    second_order: bool = False
    channels: tuple[int, ...] | None = None
    probes: int = 8
    seed: int = 0
    by_hand: HandWritten = field(default_factory=HandWritten)
    budget: float | None = None
    progress: Callable[[str], None] | None = None

    def __post_init__(self) -> None:
        if self.probes < 0 or self.probes == 1:
            raise InputError(f"probes = {self.probes}; expected 0 or at least 2, for a standard error")
        if self.budget is not None and self.budget <= 0:
            raise InputError(f"a budget of {self.budget:g} s; expected more than 0, such as 60s")
        if self.channels is not None and not self.channels:
            raise InputError("channels is empty; name at least one, or leave it out for all of them")


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


@dataclass(frozen=True)
class Subject:
    """What is audited: a model, its loss, one batch."""

    model: nn.Module
    loss_fn: LossFn | None
    inputs: Any
    targets: Any

    @property
    def others(self) -> dict[str, nn.Module]:
        """Modules that the loss holds, by the names they get."""
        own = set(map(id, self.model.modules()))
        return {name: module for name, module in modules_of(self.loss_fn) if id(module) not in own}

    def loss(self) -> Tensor:
        return loss_of(self.model, self.loss_fn, self.inputs, self.targets)

    def why_not_finite(self) -> str:
        return blame(self.model, self.inputs, self.targets, list(self.others.values()))


def cast(subject: Subject, dtype: torch.dtype | None, device: torch.device | None) -> Subject:
    """The subject on a copy of the model in another dtype or on another device; the loss too where it is a module."""
    model = converted(subject.model, dtype, device)
    loss_fn = converted_loss(subject.loss_fn, dtype, device)
    return Subject(
        model, loss_fn, fresh(subject.inputs, device, dtype), fresh(subject.targets, device, dtype)
    )


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


def converted(model: nn.Module, dtype: torch.dtype | None, device: torch.device | str | None) -> nn.Module:
    """A copy of the model in another dtype or on another device.

    Raises:
        InputError: the device is not there, or the model cannot be copied.
    """
    if device is not None:
        try:
            torch.empty(0, device=device)
        except (RuntimeError, AssertionError) as error:
            first = str(error).splitlines()[0]
            raise InputError(f"device {device} is not there ({first}); use --device cpu") from None
    try:
        twin = copy.deepcopy(model)
    except (RuntimeError, TypeError) as error:
        raise InputError(
            f"the model cannot be copied ({str(error).splitlines()[0]}); use --dtype model, which needs no copy"
        ) from None
    return twin.to(device=device, dtype=dtype)


def converted_loss(
    loss_fn: LossFn | None, dtype: torch.dtype | None, device: torch.device | str | None
) -> LossFn | None:
    """A loss that is a module, such as one with class weights, in another dtype or on another device."""
    return converted(loss_fn, dtype, device) if isinstance(loss_fn, nn.Module) else loss_fn


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
        second = _second_order(subject, watched, mode, request, by_key)
    rows = [
        first_order_rows(call, key[1], label, asked, request.channels, second.get(key), backward)
        for key, call, asked, backward in zip(
            keys, calls, first_order_answers(calls), judged(calls), strict=True
        )
    ]
    rows = _explained(rows, subject, watched, mode)
    listed = [
        NotCovered(place, f"F.{name}", "divides by something else than the spread of a group")
        for name, place in capture.listed
    ]
    return rows, [*missing, *elsewhere, *listed], loss


@dataclass(frozen=True)
class Watched:
    """Which layers a capture watches, and the names of who calls a function."""

    layers: dict[str, Any]
    names: Names
    wanted: Selection
    candidates: dict[str, nn.Module]
    by_hand: HandWritten

    def capture(self, arrived: Arrived | None = None, retain: bool = False) -> Capture:
        return Capture(
            self.layers,
            arrived,
            retain,
            require_batch,
            self.names,
            self.wanted,
            parameters=arrived is not None,
            candidates=self.candidates,
            what=self.by_hand.what,
        )


class Clock:
    """Which layers and how many probes the time for the second order allows.

    The first layer is timed; of the others, evenly spaced, as many are taken as fit, with fewer probes first.
    """

    def __init__(self, request: Request, layers: int) -> None:
        self.request, self.layers = request, layers
        self.probes = request.probes

    @property
    def products(self) -> int:
        """Hessian-vector products of a layer: four of its own, three a probe, one a Lanczos step, five a channel."""
        return 4 + 4 * self.probes + 5 * len(self.request.channels or ())

    def chosen(self, points: list[tuple[tuple[str, int], Point]]) -> Iterator[tuple[tuple[str, int], Point]]:
        """The layers in turn.

        Raises:
            InputError: the budget is too small for one layer.
        """
        tell, budget = self.request.progress or (lambda _: None), self.request.budget
        if not points:
            return
        started = time.perf_counter()
        whole(points[0][1], forms=False)
        product = (time.perf_counter() - started) / 2
        each = product * self.products
        if budget is not None:
            while self.probes > 2 and each * self.layers > budget:
                self.probes -= 1
                each = product * self.products
            if product * 4 > budget:
                raise InputError(
                    f"a budget of {budget:g} s is too small: one layer takes about {product * 4:.2g} s; give more, or "
                    "fewer samples"
                )
        fit = self.layers if budget is None else max(1, min(self.layers, int(budget / each)))
        places = [round(i * (self.layers - 1) / max(1, fit - 1)) for i in range(fit)]
        tell(
            f"second order: {fit} of {self.layers} layers, about {self.products} passes each, {_spoken(each * fit)}"
        )
        began = time.perf_counter()
        for index, place in enumerate(places):
            if budget is not None and index and time.perf_counter() - began > budget:
                tell(f"the budget is spent after {index} of {fit} layers")
                return
            yield points[place]
            left = (time.perf_counter() - began) / (index + 1) * (fit - index - 1)
            tell(f"second order: {index + 1} of {fit} layers, {_spoken(left)} left")


def _spoken(seconds: float) -> str:
    return f"about {seconds:.0f} s" if seconds < 100 else f"about {seconds / 60:.0f} min"


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


def _second_order(
    subject: Subject,
    watched: Watched,
    mode: str | None,
    request: Request,
    calls: dict[tuple[str, int], Call],
) -> dict[tuple[str, int], SecondOrder]:
    model, others = subject.model, subject.others
    capture = watched.capture(retain=True)
    lengths = path_length(model)
    found = {}
    whole_setting = setting(model, mode, twice=True, others=list(others.values()))
    with whole_setting, twice_differentiable(), capture.attached():
        loss = subject.loss()
        capture.recording = False
        if capture.unseen:
            raise InputError(
                "second order cannot pass through torch.utils.checkpoint(use_reentrant=True); build the model with "
                "use_reentrant=False, or leave out the second order"
            )
        found_points = [
            (key, point)
            for key, point in points(shared_loss(loss, capture.calls), capture.calls)
            if key in calls
        ]
        clock = Clock(request, len(found_points))
        for key, point in clock.chosen(found_points):
            estimate: Groups2 | None = None
            quotients: tuple[float, ...] = ()
            if clock.probes:
                estimate, quotients = estimated_groups(point, clock.probes, request.seed)
            exact = None
            if request.channels:
                exact = exact_groups(point, list(request.channels), yhat(calls[key], point))
            ends = {} if point.spec.synchronised else extremes(point, clock.probes, request.seed)
            found[key] = second_order_rows(
                calls[key], whole(point, quotients), exact, estimate, request.channels, lengths, ends
            )
    return found


def yhat(call: Call, point: Point) -> Tensor:
    """The normalised input of a call, shaped like it."""
    spec, found = point.spec, call.measured
    y = point.y.detach()
    centred = y - spec.spread(found["mean"], y)
    return (centred / spec.spread(found["s"], y)).to(y.dtype)


def path_length(model: nn.Module) -> int:
    """Numbers summed on the longest path through the model's weights: the fan-ins, added up."""
    return sum(p.numel() // p.shape[0] for p in model.parameters() if p.dim() > 1)
