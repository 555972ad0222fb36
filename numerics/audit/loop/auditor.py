"""An audit of a running training, at intervals, on the run's own backward pass.

    with Auditor(model, optimizer=optimizer, every=100, sink="audit.jsonl") as auditor:
        for x, t in batches:
            loss = loss_fn(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            auditor.step(loss)
    auditor.ok, auditor.findings

First order, in the run's own dtype. Between recorded steps the model has no hooks, so those steps cost nothing. The
training is bit for bit the one without: nothing of it is read but what flows through the layers. Whatever fails in
here is told once, as a warning, and the recording stops; the training goes on.
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections import deque
from collections.abc import Sequence
from types import TracebackType
from typing import Any

import torch
from bnverify.numerics.audit.capture.call import Call
from bnverify.numerics.audit.capture.selection import choose, covered_layers
from bnverify.numerics.audit.findings.fault import Fault
from bnverify.numerics.audit.findings.rules.statistics import divergence
from bnverify.numerics.audit.layers import Family
from bnverify.numerics.audit.loop import trend
from bnverify.numerics.audit.loop.asked import asked, statements
from bnverify.numerics.audit.loop.hooks import SafeCapture
from bnverify.numerics.audit.loop.record import LayerRecord, Recorded, summaries
from bnverify.numerics.audit.loop.sinks import Sink, sinks_of
from bnverify.numerics.audit.loop.weights import weights_before
from bnverify.numerics.audit.passes import environment, measure, numbered, unwrap
from bnverify.numerics.audit.report import AuditReport
from bnverify.numerics.audit.table.rows import first_order_answers, first_order_rows
from bnverify.numerics.audit.uncovered import not_covered
from torch import Tensor, nn

from bnverify.base.errors import InputError


class Auditor:
    """Records every ``every``-th step, step 0 first; see the module's example.

    Args:
        model: the model that is trained; DistributedDataParallel is unwrapped, and m is then this process's batch. A
            compiled model runs uncompiled in the steps that are recorded.
        every: steps between records.
        layers: names or shell patterns; all covered layers where None.
        scale: the factor on the loss that is differentiated; gradients are divided by it. A number, a function
            called when the first gradient arrives, or a ``torch.amp.GradScaler``, whose scale is read then.
        optimizer: its learning rate is recorded, and its weights are followed.
        record: statements in the grammar that are asked of every group, such as "g @ yhat >= 0".
        rows: keep every row of every layer (`Recorded.report`) and not their quantiles alone.
        worst: rows a layer that are kept in full.
        sink: where records go: a path ending in .jsonl, .csv or .parquet, "tensorboard:FOLDER", "wandb", "mlflow", or
            several of them.
        keep: records held in memory, the newest.

    Attributes:
        records: the recorded steps, oldest first. seconds: time spent in hooks and records.

    Raises:
        InputError: the model has no covered layer, a name does not exist, ``every`` is no whole number from 1 on, a
            statement cannot be recorded, or a sink cannot be written.
    """

    def __init__(
        self,
        model: nn.Module,
        every: int = 100,
        layers: Sequence[str] | None = None,
        scale: Any = 1.0,
        *,
        optimizer: torch.optim.Optimizer | None = None,
        record: Sequence[str] = (),
        rows: bool = False,
        worst: int = 2,
        sink: str | Sequence[str] | None = None,
        keep: int = 10_000,
    ) -> None:
        if not isinstance(every, int) or every < 1:
            raise InputError(
                f"every = {every!r}; expected a whole number of steps, at least 1, between records"
            )
        if not isinstance(model, nn.Module):
            raise InputError(f"the model is {type(model).__name__}; expected a torch.nn.Module")
        inner = unwrap(model)
        self.compiled = _compiled(inner)
        self.model: nn.Module = getattr(inner, "_orig_mod", inner)
        self.every, self.scale, self.optimizer, self.rows, self.worst = every, scale, optimizer, rows, worst
        covered = covered_layers(self.model)
        self.missing = not_covered(self.model, set(covered))
        self.layers = choose(covered, None if layers is None else list(layers), self.missing)
        self.statements = statements([record] if isinstance(record, str) else record)
        self.sinks: list[Sink] = sinks_of(sink)
        self.records: deque[Recorded] = deque(maxlen=keep)
        self.seconds = 0.0
        self.count = 0
        self.trouble = ""
        self._weights: dict[str, Tensor] | None = None
        self._capture: SafeCapture | None = None
        self._factor: float | None = None
        self._inside = False

    def __enter__(self) -> Auditor:
        if self._inside:
            raise InputError("this Auditor is already in use; make another one for a second loop")
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None and self.count == 0:
            self._fail(InputError("no step was told; call auditor.step(loss) after optimizer.step()"))
        self.stop()

    def start(self) -> None:
        """Begin to record: what ``with`` does."""
        self._inside = True
        if not self.trouble:
            self._arm()

    def stop(self) -> None:
        """Take every hook off and close the sinks; the records stay."""
        self._inside = False
        self._disarm()
        for sink in self.sinks:
            self._try(sink.close)

    def __getstate__(self) -> dict[str, Any]:
        """Records and settings, without hooks, model, optimizer or open files."""
        left_out: dict[str, Any] = {
            "_capture": None,
            "model": None,
            "optimizer": None,
            "sinks": [],
            "layers": dict.fromkeys(self.layers),
            "_weights": None,
            "_inside": False,
            "scale": 1.0,
        }
        return self.__dict__ | left_out

    @property
    def findings(self) -> tuple[Fault, ...]:
        """What is wrong over the recorded steps, most important first."""
        return trend.findings(list(self.records))

    @property
    def ok(self) -> bool:
        """No finding is more than a note."""
        return not any(item.alarming for item in self.findings)

    def step(self, loss: Tensor | float | None = None) -> Recorded | None:
        """Say that a training step is over; call it after ``loss.backward()``, once for all micro batches.

        Returns:
            the record, if this step was recorded. Never raises: what goes wrong is told once as a warning.
        """
        record = None
        if not self._inside:
            self._fail(
                InputError("Auditor.step was called outside of `with Auditor(...)`; move the loop into it")
            )
            return None
        capture = self._capture
        if capture is not None:
            started = time.perf_counter()
            try:
                record = self._record(capture, loss)
            except Exception as error:
                self._fail(error)
            self._disarm()
            if record is not None:
                self.records.append(record)
                self._write(record)
            self.seconds += time.perf_counter() - started
        self.count += 1
        if self.count % self.every == 0 and not self.trouble:
            self._arm()
        return record

    def _arm(self) -> None:
        try:
            self._factor = None
            self._capture = SafeCapture(self.layers, self._measure, self._fail)
            self._capture.attach()
            if self.compiled:
                torch.compiler.set_stance("force_eager")
        except Exception as error:
            self._fail(error)

    def _disarm(self) -> None:
        if self._capture is not None:
            self._capture.detach()
            self._capture = None
            if self.compiled:
                torch.compiler.set_stance("default")

    def _fail(self, error: BaseException) -> None:
        """Tell the first failure and record no more; a filter that makes warnings errors must not end the training."""
        if self.trouble:
            return
        first = (str(error).strip() or "no message").splitlines()[0]
        reason = first if isinstance(error, InputError) else f"{type(error).__name__}: {first}"
        self.trouble = f"the audit of this training stopped at step {self.count}: {reason}"
        try:
            warnings.warn(self.trouble, stacklevel=3)
        except Warning:
            logging.getLogger("bnverify").warning(self.trouble)

    def _try(self, work: Any) -> None:
        try:
            work()
        except Exception as error:
            self._fail(error)

    def _measure(self, call: Call, y: Tensor, g: Tensor, v: Tensor) -> None:
        started = time.perf_counter()
        if self._factor is None:
            # A gradient scaler changes its scale before the step is over.
            self._factor = _factor(self.scale)
        measure(call, y, g, v, brief=not (self.rows or self.statements))
        self.seconds += time.perf_counter() - started

    def _record(self, capture: SafeCapture, loss: Tensor | float | None) -> Recorded:
        if capture.broken:
            raise InputError(self.trouble or "a hook failed")
        calls = capture.finished()
        number = _number(loss)
        touched = {call.name for call in calls}
        untouched = tuple(name for name in self.layers if name not in touched)
        if not calls and not self.records:
            raise InputError(
                f"step {self.count}: no gradient came through any normalisation layer; call loss.backward() before "
                "Auditor.step(loss), and run the model that was given to Auditor"
            )
        scale = 1.0 if self._factor is None else self._factor
        rate = _rate(self.optimizer)
        facts: dict[str, Any] = {
            "micro": capture.micro + 1,
            "untouched": untouched,
            "scale": scale,
            "rate": rate,
        }
        for call in calls:
            _unscale(call, scale)
        if self._weights is None:
            self._weights = weights_before(loss, calls, self.model) if isinstance(loss, Tensor) else {}
        first: dict[int, dict[str, int]] = {}
        layers, finite = [], True
        for call, (summary, table) in zip(calls, summaries(calls, self.worst), strict=True):
            finite = finite and bool(torch.isfinite(table).all())
            micro = capture.micro_of.get(id(call), 0)
            seen = first.setdefault(micro, {})
            which = seen.get(call.name, -1) + 1
            seen[call.name] = which
            assert call.spec is not None
            layers.append(
                LayerRecord(
                    call.name,
                    which,
                    micro,
                    call.kind.name,
                    str(call.spec.unit),
                    table.shape[1],
                    asked={
                        one.text: counts
                        for one in self.statements
                        if (counts := asked(call, one)) is not None
                    },
                    eps=call.spec.eps,
                    weight=self._weight(call.name),
                    divergence=_gap(call),
                    roundoff=torch.finfo(call.dtype).eps / 2,
                    **summary,
                )
            )
        if not finite:
            return Recorded(self.count, number, (), overflow=True, **facts)
        report = self._report(calls, number) if self.rows else None
        return Recorded(self.count, number, tuple(layers), report=report, **facts)

    def _report(self, calls: list[Call], loss: float | None) -> AuditReport:
        label = "train" if self.model.training else "eval"
        rows = tuple(
            first_order_rows(call, which, label, answers)
            for (_, which), call, answers in zip(
                numbered(calls), calls, first_order_answers(calls), strict=True
            )
        )
        facts = environment(self.model) | {"step": self.count, "loss": {label: loss}}
        return AuditReport(rows, self.missing, facts)

    def _weight(self, layer: str) -> float:
        weight = None if self._weights is None else self._weights.get(layer)
        return math.nan if weight is None else float(weight.detach().norm())

    def _write(self, record: Recorded) -> None:
        for sink in list(self.sinks):
            try:
                sink.write(record)
            except Exception as error:
                self.sinks.remove(sink)
                warnings.warn(f"the audit no longer writes to {sink.where}: {error}", stacklevel=3)

    def series(self, layer: str, column: str) -> tuple[list[int], list[float]]:
        """Steps, and a column of the first call of ``layer`` at each of them: its sum, or its median where sums say
        nothing.

        Raises:
            InputError: no such layer or column was recorded.
        """
        steps, values = [], []
        for record in self.records:
            found = next((item for item in record.layers if item.name == layer), None)
            if found is None and not record.overflow and layer in record.untouched:
                continue
            if found is None or column not in found.quantiles:
                if record.overflow:
                    continue
                raise InputError(
                    f"no column {column!r} of layer {layer!r} was recorded; the layers are {', '.join(self.layers)}"
                )
            steps.append(record.step)
            values.append(found.sums[column] if column in found.sums else found.median(column))
        return steps, values


def _compiled(model: nn.Module) -> bool:
    return hasattr(model, "_orig_mod") or any(
        getattr(module, "_compiled_call_impl", None) is not None for module in model.modules()
    )


def _factor(scale: Any) -> float:
    if hasattr(scale, "get_scale"):
        return float(scale.get_scale()) if scale.is_enabled() else 1.0
    return float(scale() if callable(scale) else scale)


def _number(loss: Tensor | float | None) -> float | None:
    if loss is None:
        return None
    return float(loss.detach().sum()) if isinstance(loss, Tensor) else float(loss)


def _rate(optimizer: torch.optim.Optimizer | None) -> float:
    if optimizer is None or not optimizer.param_groups:
        return math.nan
    return float(optimizer.param_groups[0].get("lr", math.nan))


def _gap(call: Call) -> float:
    """Divergence of a BatchNorm's running statistics from those of the batch; nan while they settle."""
    module, spec = call.module, call.spec
    mean, var = getattr(module, "running_mean", None), getattr(module, "running_var", None)
    momentum, count = getattr(module, "momentum", None), getattr(module, "num_batches_tracked", None)
    if (
        mean is None
        or var is None
        or spec is None
        or spec.family is Family.FIXED
        or mean.numel() != spec.groups
    ):
        return math.nan
    if momentum is not None and (count is None or (1 - min(momentum, 1.0)) ** int(count) > 0.1):
        return math.nan
    found = call.measured
    return float(divergence(found["mean"], found["var"] + spec.eps, mean, var + spec.eps).median())


_POWERS = {"grad_out_sq": 2, "g.g": 2, "v.v": 2}
_POWERS |= dict.fromkeys(("1.g", "g.yhat", "1.v", "v.yhat", "g.nu", "nu.v", "shared"), 1)


def _unscale(call: Call, scale: float) -> None:
    if scale == 1.0:
        return
    for name, power in _POWERS.items():
        if name in call.measured:
            call.measured[name] = torch.div(call.measured[name], scale**power)
