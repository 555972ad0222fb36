"""Exact points as a room of floats: the data of many `bnverify.theory.kernel.Point` of one shape in one `Batch`.

Floats search, exact arithmetic convicts: the loss downstream is the quadratic with gradient g and Hessian H at z, and
every derivative is autograd's.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

import torch
from bnverify.numerics.measure.batch import Batch, Given
from bnverify.numerics.measure.downstream import DenseQuadratic
from bnverify.theory import kernel
from bnverify.theory.grammar import lines
from torch import Tensor

Data = Mapping[str, Any]


@lru_cache(maxsize=65_536)
def number(text: str) -> float:
    """The nearest float of an exact text such as ``sqrt(2)/3 - 1``, up to a few roundings where it holds roots."""
    try:
        return float(Fraction(text))
    except ValueError:
        return approximate(kernel.exact(text))


def approximate(exact: kernel.Exact) -> float:
    """The float of an exact number."""
    return sum((float(c) * math.sqrt(root) for root, c in exact.parts.items()), 0.0)


def _tensor(rows: Sequence[Any]) -> Tensor:
    def plain(value: Any) -> Any:
        return [plain(item) for item in value] if isinstance(value, list) else number(str(value))

    return torch.tensor([plain(row) for row in rows], dtype=torch.float64)


def shape(data: Data) -> tuple[Any, ...]:
    """What points must share to stand in one room."""
    return tuple(
        (name, len(value), len(value[0]) if isinstance(value[0], list) else 0)
        if isinstance(value, list)
        else (name, 0, 0)
        for name, value in sorted(data.items())
    )


@dataclass(frozen=True)
class Around(DenseQuadratic):
    """The quadratic of an exact point, whose u - z is formed from u and z wherever it is evaluated."""

    def scales(self, z: Tensor) -> tuple[Tensor, Tensor]:
        curvature = self.H.flatten(1).norm(dim=1)
        return self.g.norm(dim=1) + curvature * (z.norm(dim=1) + self.at.norm(dim=1)), curvature


def batch_of(definition: str, points: Sequence[Data]) -> Batch:
    """The room of these points, in order.

    Args:
        definition: the lines of the normalisation.
        points: of one `shape`; a Hessian that is not there is zero, gamma is then 1 and beta 0.
    """
    first = points[0]
    units = ("_j", "_k") if "z_j" in definition else ("",)
    held = {name: _tensor([point[name] for point in points]) for name in first}
    like = next(value for value in held.values())
    count = len(like)
    vectors = {name: t for name, t in held.items() if t.dim() == 2 and not re.fullmatch(r"g(_\w)?", name)}
    numbers = {name: t for name, t in held.items() if t.dim() == 1}
    operators = {name: t for name, t in held.items() if t.dim() == 3 and not re.fullmatch(r"H(_\w\w)?", name)}
    rows = next((t.shape[-1] for name, t in vectors.items() if name[0] == "y"), 0)
    rows = rows or (operators["X"].shape[1] if "X" in operators else like.shape[-1] if like.dim() > 1 else 2)
    if "z = y" in definition and not any(name[0] == "y" for name in vectors) and "X" not in operators:
        vectors["y"] = torch.zeros(count, rows, dtype=torch.float64)
    ones, none = torch.ones(count, dtype=torch.float64), torch.zeros(count, rows, dtype=torch.float64)
    for unit in units:
        numbers.setdefault(f"gamma{unit}", ones)
        numbers.setdefault(f"beta{unit}", 0 * ones)
    numbers.setdefault("eps", 0 * ones)
    operators.setdefault("I", torch.ones_like(none))
    g = torch.cat([held.get(f"g{unit}", none) for unit in units], dim=1)
    empty = torch.zeros(count, rows, rows, dtype=torch.float64)
    H = held.get("H", empty)
    if len(units) == 2:
        mixed = held.get("H_jk", empty)
        upper = torch.cat([held.get("H_jj", empty), mixed], dim=2)
        H = torch.cat([upper, torch.cat([mixed.transpose(1, 2), held.get("H_kk", empty)], dim=2)], dim=1)
    given, parts = Given(vectors, numbers, operators), tuple(lines(definition))
    flat = DenseQuadratic(0 * g, 0 * H, 0 * g)
    return Batch(parts, given, Around(g, H, Batch(parts, given, flat).z.detach()))


def numbers_in(value: Any) -> list[Fraction]:
    """Every number of exact data; a root counts as 1, which has the least height."""
    if isinstance(value, list):
        return [x for item in value for x in numbers_in(item)]
    try:
        return [Fraction(str(value))]
    except ValueError:
        return [Fraction(1)]


def measure(data: Data) -> tuple[Any, ...]:
    """The order of points: m, then non-zeros, then height, then the sum of heights, then fewer signs.

    Of a symmetric table the entries on and above the diagonal count.
    """
    values: list[Fraction] = []
    for name, value in data.items():
        if name[0] == "H" and isinstance(value, list) and "_jk" not in name:
            value = [row[i:] for i, row in enumerate(value)]
        values += numbers_in(value)
    heights = [max(abs(x.numerator), x.denominator) for x in values if x]
    size = next((len(value) for name, value in data.items() if name in ("y", "y_j", "X")), 0)
    return size, len(heights), max(heights, default=0), sum(heights), sum(x < 0 for x in values)
