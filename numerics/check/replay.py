"""One random instance again: what it is, and both sides of every statement of a claim at it."""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from bnverify.numerics.check.findings import observe
from bnverify.numerics.check.statements import Stated, stated
from bnverify.numerics.measure.batch import Absent, Batch
from bnverify.numerics.measure.instances import draw, locate
from bnverify.numerics.measure.sides import Finding
from bnverify.theory.claim import Claim

WORDS = ("y", "yhat", "g", "v")


@dataclass(frozen=True)
class Replayed:
    """A statement at one instance.

    instance: m, gamma, beta, mu, sigma, eps, lam and the vectors `WORDS`. terms: each additive term by name.
    why_not: why this loss has no such instance, or no number can be had.
    """

    slug: str
    statement: str
    finding: str
    lhs: float
    rhs: float
    slack: float
    allowed: float
    terms: dict[str, float]
    instance: dict[str, Any]
    why_not: str = ""


def _row(value: torch.Tensor, batch: Batch, row: int) -> float:
    return float(value.expand_as(batch.cond)[row])


def _instance(batch: Batch, row: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("gamma", "beta", "mu", "sigma", "eps", "lam", *WORDS):
        for unit in batch.units:
            with suppress(Absent):
                value = batch.names[name + unit].value
                found[name + unit] = value[row].tolist() if value.dim() == 2 else _row(value, batch, row)
    return {"m": batch.size[1], "conditioning": float(batch.cond[row]), **found}


def _replay(
    statement: Stated, loss: str, index: int, seed: int, dtype: torch.dtype, device: torch.device
) -> Replayed:
    kind = statement.kind
    why_not = statement.why_not
    if kind is not None and loss not in kind.losses:
        why_not = f"it is checked behind {', '.join(kind.losses)} alone"
    if kind is None or why_not:
        return Replayed(
            statement.slug, statement.written, "", math.nan, math.nan, math.nan, math.nan, {}, {}, why_not
        )
    m, chunk, row = locate(index)
    batch = draw(kind, loss, m, seed, chunk).batch(slice(0, row + 1), device, dtype)
    seen = observe(statement.tree, batch, statement.hypotheses, statement.as_equality)
    return Replayed(
        slug=statement.slug,
        statement=statement.written,
        finding=Finding(int(seen.codes[row])).name,
        lhs=float(seen.lhs[row]),
        rhs=float(seen.rhs[row]),
        slack=float(seen.slack[row]),
        allowed=float(seen.allowed[row]),
        terms={
            name: float(value)
            for name, value in zip(statement.term_names, seen.terms.values[:, row], strict=True)
        },
        instance=_instance(batch, row),
    )


def replay(
    claim: Claim, loss: str, index: int, seed: int, dtype: torch.dtype, device: torch.device
) -> list[Replayed]:
    """Every statement of the claim at instance ``index`` of ``loss``."""
    found = []
    for statement in stated(claim):
        try:
            found.append(_replay(statement, loss, index, seed, dtype, device))
        except (KeyError, NotImplementedError) as error:
            nan, why = math.nan, str(error.args[0]) if error.args else "no such quantity"
            found.append(Replayed(statement.slug, statement.written, "", nan, nan, nan, nan, {}, {}, why))
    return found
