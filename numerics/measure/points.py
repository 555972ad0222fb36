"""Exact instances as a room of floats: many `bnverify.theory.claim.Instance` of one shape in one `Batch`.

Floats search, exact arithmetic convicts: the numbers of an instance become tensors, its downstream loss the
quadratic with gradient g and Hessian H at z, and every derivative is autograd's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import torch
from bnverify.numerics.measure.derivatives import standardise
from bnverify.numerics.measure.downstream import DenseQuadratic
from bnverify.numerics.measure.observe import Batch
from bnverify.theory.claim import Instance
from torch import Tensor


@lru_cache(maxsize=65_536)
def number(value: Any) -> float:
    """The nearest float of an exact number."""
    return float(Fraction(value))


def _tensor(rows: Sequence[Any]) -> Tensor:
    def plain(value: Any) -> Any:
        return [plain(item) for item in value] if isinstance(value, tuple | list) else number(value)

    return torch.tensor([plain(row) for row in rows], dtype=torch.float64)


def shape(instance: Instance) -> tuple[Any, ...]:
    """What instances must share to stand in one room."""
    names = tuple(name for name, _ in instance.extra)
    return instance.m, instance.X is not None and len(instance.X[0]), instance.gamma == "s", names


@dataclass(frozen=True)
class Around(DenseQuadratic):
    """The quadratic of an exact instance, whose u - z is formed from u and z wherever it is evaluated."""

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        curvature = self.H.flatten(1).norm(dim=1)
        return self.g.norm(dim=1) + curvature * (z.norm(dim=1) + self.at.norm(dim=1)), curvature


def _affine(values: Sequence[Any], special: str, ready: Tensor) -> Tensor:
    plain = [0.0 if value == special else number(value) for value in values]
    chosen = torch.tensor([value == special for value in values])
    return torch.where(chosen, ready, torch.tensor(plain, dtype=torch.float64))


def batch_of(instances: Sequence[Instance]) -> Batch:
    """The room of these instances, in order.

    Args:
        instances: of one `shape`; a Hessian that is None is zero.
    """
    first = instances[0]
    y = _tensor([i.y for i in instances])
    zero = tuple((0,) * first.m for _ in range(first.m))
    H = _tensor([zero if i.H is None else i.H for i in instances])
    eps = torch.tensor([number(i.eps) for i in instances], dtype=torch.float64)
    stats = standardise(y, eps.unsqueeze(-1))
    gamma = _affine([i.gamma for i in instances], "s", stats.s.squeeze(-1))
    beta = _affine([i.beta for i in instances], "mu", stats.mu.squeeze(-1))
    z = stats.yhat * gamma.unsqueeze(-1) + beta.unsqueeze(-1)
    loss = Around(g=_tensor([i.g for i in instances]), H=H, at=z)
    vectors: dict[str, Tensor] = {}
    symbols: dict[str, Tensor] = {}
    other = None
    for name, value in first.extra:
        known = name not in (
            "inputs",
            "maxima",
        )  # these are evidence for the kernel, not part of the instance
        given = _tensor([dict(i.extra)[name] for i in instances]) if known else None
        if name == "X_other":
            other = given
        elif given is not None:
            (vectors if isinstance(value, tuple | list) else symbols)[name] = given
    weights = first.X is not None
    return Batch(
        y,
        gamma,
        beta,
        loss,
        eps=eps,
        X=_tensor([i.X for i in instances]) if weights else None,
        W=_tensor([i.W for i in instances]) if weights else None,
        X_other=other,
        lam=_tensor([i.lam for i in instances]),
        vectors=vectors,
        symbols=symbols,
    )


def numbers(instance: Instance) -> list[Fraction]:
    """Every number of an instance, H once above and on its diagonal; the batch's own s and mu count as 1."""
    found: list[Fraction] = []

    def collect(value: Any) -> None:
        if isinstance(value, tuple | list):
            for item in value:
                collect(item)
        elif value is not None:
            found.append(Fraction(1) if value in ("s", "mu") else Fraction(value))

    parts = (instance.g, instance.gamma, instance.beta, instance.eps, instance.X, instance.W)
    for part in (*parts, None if instance.X is not None else instance.y):
        collect(part)
    for i, row in enumerate(instance.H or ()):
        collect(tuple(row[i:]))
    for _, value in instance.extra:
        collect(value)
    return found


def measure(instance: Instance) -> tuple[Any, ...]:
    """The order of instances: m, then non-zeros, then height, then the sum of heights, then fewer signs."""
    values = numbers(instance)
    heights = [max(abs(x.numerator), x.denominator) for x in values if x]
    negative = sum(x < 0 for x in values)
    lam = Fraction(instance.lam)
    return (
        instance.m,
        len(heights),
        max(heights, default=0),
        sum(heights) + max(lam.numerator, lam.denominator),
        negative,
    )
