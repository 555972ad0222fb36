"""The public audit: the numbers of every layer, and what is wrong with them, from one batch.

report = audit(model, torch.nn.functional.cross_entropy, images, labels, optimizer=optimizer)
report.ok, report.findings
"""

from __future__ import annotations

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from bnverify.numerics.audit.findings.columns import calls_of
from bnverify.numerics.audit.findings.fault import Fault
from bnverify.numerics.audit.findings.profile import Profile, profile
from bnverify.numerics.audit.findings.ranking import RULES, examined, from_rules, ranked
from bnverify.numerics.audit.findings.tables import from_tables
from bnverify.numerics.audit.passes import LossFn, batch_of, environment, unwrap
from bnverify.numerics.audit.report import AuditReport
from bnverify.numerics.audit.run import audit as measured
from bnverify.numerics.audit.subject import Subject, cast
from torch import nn

from bnverify.base.errors import InputError


def audit(
    model: nn.Module,
    loss_fn: LossFn | None,
    inputs: Any,
    targets: Any = None,
    *,
    optimizer: torch.optim.Optimizer | None = None,
    baseline: Sequence[Fault] = (),
    mode: str | None = None,
    **options: Any,
) -> AuditReport:
    """`bnverify.numerics.audit.run.audit` with its findings; the model is left untouched to the bit.

    The findings come from passes of their own, in the model's own dtype: one forward and backward pass, one forward
    pass in eval mode where there are running statistics, and one Hessian-vector product where an optimizer is given.

    Args:
        model, loss_fn, inputs, targets, mode, options: as there.
        optimizer: whose next step is judged; it is copied and never stepped.
        baseline: findings that are known; they are left out.

    Raises:
        InputError: as there, unless what is at fault is itself a finding (numbers that are not finite, a single
            number to normalise): then the report has the finding and no layers.
    """
    began = time.perf_counter()
    seen = _profiled(model, loss_fn, inputs, targets, mode, optimizer, options.get("device"))
    seconds = time.perf_counter() - began
    told = () if seen is None else examined(seen)
    try:
        report = measured(model, loss_fn, inputs, targets, mode=mode, **options)  # type: ignore[arg-type]
    except InputError as error:
        if not told or not told[0].alarming or not _NUMERIC.search(str(error)):
            raise
        report = AuditReport(
            (), (), environment(unwrap(model)) | {"batch": batch_of(inputs), "refused": str(error)}
        )
    if seen is not None:
        known = {call.name for call in seen.calls}
        seen.calls += calls_of([layer for layer in report.layers if layer.name not in known])
        told = ranked([*from_rules(seen), *from_tables(report.layers)], seen)
        report.environment["looked_at"] = {
            "calls": len(seen.calls),
            "rules": len(RULES),
            "not": seen.unseen
            + ([] if optimizer is not None else ["no optimizer was given, so its step was not tried"]),
            "seconds": seconds,
        }
    hidden = {fingerprint(item) for item in baseline}
    kept = tuple(item for item in told if fingerprint(item) not in hidden)
    report.environment["hidden"] = len(told) - len(kept)
    return replace(report, findings=kept)


_NUMERIC = re.compile(r"NaN|infinite|single number|normalises m = |the loss is -?(nan|inf)")
"""Refusals that a finding says better."""


def _profiled(
    model: nn.Module,
    loss_fn: LossFn | None,
    inputs: Any,
    targets: Any,
    mode: str | None,
    optimizer: torch.optim.Optimizer | None,
    device: Any,
) -> Profile | None:
    """What the rules look at; None where the model cannot be run as it is, which the audit then says."""
    if not isinstance(model, nn.Module):
        return None
    mode = "train" if mode == "both" else mode
    try:
        model = unwrap(model)
        one = Subject(model, loss_fn, inputs, targets)
        if device is not None:
            one = cast(one, None, torch.device(device))
        return profile(one.model, one.loss_fn, one.inputs, one.targets, mode, optimizer, model)
    except Exception:
        return None


def fingerprint(item: Fault) -> tuple[str, str, int, tuple[int, ...]]:
    """By what a finding is known again."""
    return item.kind, item.layer, item.call, tuple(item.channels)
