"""An audit of a running training, at intervals, on the run's own backward pass.

    with Auditor(model, every=100) as auditor:
        for x, t in batches:
            loss = loss_fn(model(x), t)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            auditor.step(loss)

First order, in the run's own dtype. Between recorded steps the model has no hooks, so those steps cost nothing.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import torch
from bnverify.numerics.audit.capture import Call, Capture, choose, covered_layers
from bnverify.numerics.audit.layers import not_covered
from bnverify.numerics.audit.passes import environment, measure, numbered, unwrap
from bnverify.numerics.audit.report import AuditReport
from bnverify.numerics.audit.rows import first_order_answers, first_order_rows
from torch import Tensor, nn

from bnverify.base.errors import InputError


@dataclass(frozen=True)
class Recorded:
    """One recorded step: its number from 0, the loss, and what every layer did to the gradient."""

    step: int
    loss: float
    report: AuditReport


class Auditor:
    """Records every ``every``-th step, step 0 first; see the module's example.

    Args:
        model: the model that is trained; DistributedDataParallel is unwrapped, and m is then this process's batch.
        every: steps between records.
        layers: names or shell patterns; all covered layers where None.
        scale: the factor on the loss that is differentiated, where a gradient scaler puts one; gradients are
            divided by it. A number, or a function called at each record.

    Attributes:
        records: the recorded steps, oldest first.
        seconds: time spent in hooks and records.

    Raises:
        InputError: the model has no covered layer, a name does not exist, or ``every`` is below 1.
    """

    def __init__(
        self,
        model: nn.Module,
        every: int = 100,
        layers: Sequence[str] | None = None,
        scale: float | Any = 1.0,
    ) -> None:
        if every < 1:
            raise InputError(f"every = {every}; expected at least 1 step between records")
        if not isinstance(model, nn.Module):
            raise InputError(f"the model is {type(model).__name__}; expected a torch.nn.Module")
        self.model = unwrap(model)
        self.every, self.scale = every, scale
        covered = covered_layers(self.model)
        self.missing = not_covered(self.model, set(covered))
        self.layers = choose(covered, None if layers is None else list(layers), self.missing)
        self.records: list[Recorded] = []
        self.seconds = 0.0
        self.count = 0
        self._capture: Capture | None = None
        self._inside = False

    def __enter__(self) -> Auditor:
        if self._inside:
            raise InputError("this Auditor is already in use; make another one for a second loop")
        self._inside = True
        self._arm()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside = False
        self._disarm()

    def step(self, loss: Tensor | float) -> Recorded | None:
        """Say that a training step is over; call it after ``loss.backward()``.

        Returns:
            the record, if this step was recorded.

        Raises:
            InputError: outside of ``with``, or no gradient came through any layer since the last step.
        """
        if not self._inside:
            raise InputError("Auditor.step was called outside of `with Auditor(...)`; move the loop into it")
        record = None
        if self._capture is not None:
            started = time.perf_counter()
            record = self._record(self._capture, loss)
            self.seconds += time.perf_counter() - started
            self._disarm()
        self.count += 1
        if self.count % self.every == 0:
            self._arm()
        return record

    def _arm(self) -> None:
        self._capture = Capture(self.layers, self._measure)
        self._capture.attach()

    def _disarm(self) -> None:
        if self._capture is not None:
            self._capture.detach()
            self._capture = None

    def _measure(self, call: Call, y: Tensor, g: Tensor, v: Tensor) -> None:
        started = time.perf_counter()
        measure(call, y, g, v)
        self.seconds += time.perf_counter() - started

    def _record(self, capture: Capture, loss: Tensor | float) -> Recorded:
        calls = capture.finished()
        if not calls:
            raise InputError(
                f"step {self.count}: no gradient came through any normalisation layer; call loss.backward() before "
                "Auditor.step(loss), and run the model that was given to Auditor"
            )
        number = float(loss.detach()) if isinstance(loss, Tensor) else float(loss)
        scale = float(self.scale() if callable(self.scale) else self.scale)
        for call in calls:
            _unscale(call, scale)
        label = "train" if self.model.training else "eval"
        rows = tuple(
            first_order_rows(call, which, label, asked)
            for (_, which), call, asked in zip(
                numbered(calls), calls, first_order_answers(calls), strict=True
            )
        )
        facts = environment(self.model) | {"step": self.count, "loss": {label: number}}
        record = Recorded(self.count, number, AuditReport(rows, self.missing, facts))
        self.records.append(record)
        return record

    def series(self, layer: str, column: str) -> tuple[list[int], list[float]]:
        """Steps, and the sum of a column over the rows of the first call of ``layer`` at each of them.

        Raises:
            InputError: no such layer or column was recorded.
        """
        steps, values = [], []
        for record in self.records:
            table = next((rows for rows in record.report.layers if rows.name == layer), None)
            if table is None or column not in table.columns:
                raise InputError(
                    f"no column {column!r} of layer {layer!r} was recorded; the layers are {', '.join(self.layers)}"
                )
            steps.append(record.step)
            values.append(table.total(column))
        return steps, values


_POWERS = {"grad_out_sq": 2, "g.g": 2, "v.v": 2}
_POWERS |= dict.fromkeys(("1.g", "g.yhat", "1.v", "v.yhat", "g.nu", "nu.v", "shared"), 1)


def _unscale(call: Call, scale: float) -> None:
    if scale == 1.0:
        return
    for name, power in _POWERS.items():
        if name in call.measured:
            call.measured[name] = torch.div(call.measured[name], scale**power)
