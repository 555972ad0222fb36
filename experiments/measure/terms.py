"""The terms of Theorem 4.1 at every normalisation layer of a training network, bound and actual (Section 4.2)."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bnverify.experiments.measure.averages import geometric_mean
from bnverify.experiments.measure.landscape import LossFn
from bnverify.numerics.audit.report import LayerAudit
from bnverify.numerics.audit.run import audit
from bnverify.numerics.measure.norms import LpNorm, Noise, set_noise_step
from torch import Tensor, nn


@dataclass(frozen=True)
class Terms:
    """One normalisation layer at one step, its units taken together; y goes in, z comes out, g = dL/dz.

    Attributes:
        layer: the module's name. units: those that vary on the batch.
        sigma: geometric mean of the units' standard deviations.
        actual: sum over units of |dL/dy|^2. grad_sq: sum of |g|^2. scaled: sum of gamma^2/s^2 |g|^2, what it
        would be without reductions. term_mean, term_yhat, kept: shares of ``scaled`` that the two reductions
        remove and leave.
        positive: share of units with <g, y-hat> > 0. cosine: mean of |cos(g, y-hat)|.
        failed: rows at which a proved statement is contradicted by the numbers; 0 is what is claimed.
    """

    layer: str
    units: int
    sigma: float
    actual: float
    grad_sq: float
    scaled: float
    term_mean: float
    term_yhat: float
    kept: float
    positive: float
    cosine: float
    failed: int


def theorem_terms(model: nn.Module, x: Tensor, y: Tensor, loss_fn: LossFn, step: int) -> list[Terms]:
    """Audit every normalisation layer of ``model`` in training mode on one batch, with the noise draw of ``step``.

    A plain network has no such layer and gives an empty list. The model is left untouched to the bit.
    """
    if not normalises(model):
        return []
    with noise_of(model, step):
        report = audit(model, loss_fn, x, y, mode="train")
    return [_terms(layer) for layer in report.layers]


def normalises(model: nn.Module) -> bool:
    """Whether ``model`` has a normalisation layer."""
    return any(isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d | LpNorm) for m in model.modules())


@contextmanager
def noise_of(model: nn.Module, step: int) -> Iterator[None]:
    """``model`` with the noise draw of ``step``; the one it had is put back."""
    before = {m: m.step for m in model.modules() if isinstance(m, Noise)}
    set_noise_step(model, step)
    try:
        yield
    finally:
        for noise, old in before.items():
            noise.step = old


def _terms(layer: LayerAudit) -> Terms:
    columns = layer.columns
    alive = [i for i, sigma in enumerate(columns["sigma"]) if sigma > 0]
    projections = [columns["grad_proj"][i] for i in alive]
    cosines = [abs(columns["cosine"][i]) for i in alive if math.isfinite(columns["cosine"][i])]
    scaled = [scale * grad for scale, grad in zip(columns["scale_sq"], columns["grad_sq"], strict=True)]
    return Terms(
        layer.name,
        len(alive),
        geometric_mean([columns["sigma"][i] for i in alive]),
        layer.total("grad_in_sq"),
        layer.total("grad_sq"),
        math.fsum(scaled),
        **layer.shares,
        positive=sum(p > 0 for p in projections) / len(alive) if alive else math.nan,
        cosine=math.fsum(cosines) / len(cosines) if cosines else math.nan,
        failed=sum(rows.failed for rows in layer.statements),
    )
