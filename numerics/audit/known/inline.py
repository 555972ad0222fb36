"""Normalisation that is written out in the middle of a larger module or function.

Wherever a tensor c is divided by (or multiplied with the inverse of) a statistic s of its own, one number a group, the
two are compared: with sigma^2 = mean of c^2 over a group, the quotient is a normalisation where in every group

    s^2 = k (sigma^2 + eps),   k = 1, m/(m - 1) (an unbiased variance) or m (the Euclidean norm),

at the rounding bound, with one eps for all groups. c = y - mean(y) is followed back to y.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from bnverify.numerics.audit.layers import Family, Spec, Unit
from bnverify.numerics.measure.tolerance import roundings, unit_roundoff
from torch import Tensor

QUOTIENTS = {
    "div": False,
    "__truediv__": False,
    "true_divide": False,
    "mul": True,
    "__mul__": True,
    "__rmul__": True,
}
"""Names of the operations, and whether the statistic is the inverse of a spread."""
DIFFERENCES = ("sub", "__sub__", "subtract")
LOOKED_AT = frozenset((*QUOTIENTS, *DIFFERENCES))
LEAST = 4
"""Groups that have to agree on one eps."""
FEW = 16
"""Groups that are looked at first; most quotients are told by them."""
FORMER = 8
"""Differences that are remembered."""
ROUND = tuple(digit * 10.0**-power for power in range(1, 15) for digit in (1, 2, 5))


@dataclass(frozen=True)
class Written:
    """A quotient that is a normalisation: of y, over ``axes``. factor: what the result is beside y-hat, 1/sqrt(k)."""

    y: Tensor
    axes: tuple[int, ...]
    family: Family
    eps: float
    factor: float
    residual: float
    dtype: torch.dtype

    @property
    def words(self) -> str:
        name = "RMSNorm" if self.family is Family.RMS else "LayerNorm" if 0 not in self.axes else "BatchNorm"
        scale = "" if self.factor == 1 else f" times {self.factor:.4g}"
        return f"recognised as {name}{scale}, eps = {self.eps:.3g}, residual {self.residual:.0e}, written out in place"

    def spec(self) -> Spec:
        """How the quotient reads its input."""
        y, axes = self.y, self.axes
        rest = [axis for axis in range(y.dim()) if axis not in axes]
        order = (*rest, *axes)
        back = tuple(order.index(axis) for axis in range(y.dim()))
        groups = math.prod(y.shape[axis] for axis in rest)
        wide = torch.float64 if y.dtype is torch.float64 else torch.float32
        samples = 1 if 0 in axes else y.shape[0]
        return Spec(
            family=self.family,
            unit=Unit.CHANNEL if rest == [1] else Unit.POSITION,
            view=lambda t: t.permute(order).reshape(1, groups, -1),
            groups=groups,
            size=y.numel() // groups,
            label_shape=(groups,) if rest == [1] else (samples, groups // samples),
            eps=self.eps,
            gamma=torch.ones(groups, dtype=wide, device=y.device),
            fold=None
            if self.factor == 1
            else torch.full([1] * y.dim(), self.factor, dtype=wide, device=y.device),
            restore=lambda full, like: full.reshape([like.shape[axis] for axis in order]).permute(back),
        )


class Inline:
    """Looks at the operations of a forward pass, one after the other."""

    def __init__(self) -> None:
        self.former: deque[tuple[Tensor, Tensor]] = deque(maxlen=FORMER)

    def look(
        self, func: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], output: Any
    ) -> Written | None:
        """The normalisation that the operation completes, or None."""
        name = func.__name__
        if len(args) != 2 or kwargs or not isinstance(output, Tensor) or not output.requires_grad:
            return None
        if name in DIFFERENCES:
            y, mean = args
            if _statistic_of(y, mean):
                self.former.append((output, y))
            return None
        if name not in QUOTIENTS:
            return None
        c, statistic = args
        inverse = QUOTIENTS[name]
        if inverse and _statistic_of(statistic, c):
            c, statistic = statistic, c
        if not _statistic_of(c, statistic) or not output.is_floating_point():
            return None
        with torch.no_grad():
            axes = tuple(axis for axis in range(c.dim()) if statistic.shape[axis] == 1 and c.shape[axis] > 1)
            y = next((y for out, y in self.former if out is c), None)
            few = _slices(statistic.shape)
            part = None if y is None else y[few]
            if _compared(c[few], statistic[few], part, axes, inverse, output.dtype) is None:
                return None
            return _compared(c, statistic, y, axes, inverse, output.dtype)


def _compared(
    c: Tensor, statistic: Tensor, y: Tensor | None, axes: tuple[int, ...], inverse: bool, dtype: torch.dtype
) -> Written | None:
    size, s = math.prod(c.shape[axis] for axis in axes), statistic.detach().double().flatten()
    s = 1 / s if inverse else s
    wide = c.detach().double()
    square = wide.square().mean(axes).flatten()
    live = (square > 0) & torch.isfinite(s)
    if size < 2 or int(live.sum()) < LEAST:
        return None
    square, s = square[live], s[live]
    mean = torch.zeros_like(square) if y is None else y.detach().double().mean(axes).flatten()[live]
    if y is not None and bool((wide.mean(axes).flatten()[live].abs() > 1e-3 * square.sqrt()).any()):
        return None
    allowed = 4 * unit_roundoff(dtype) * roundings(0, size) * float((1 + mean.abs() / square.sqrt()).max())
    if float(s.max()) <= float(s.min()) * (1 + 100 * allowed):
        # One number for all groups is no spread of theirs.
        return None
    for k in (1.0, size / (size - 1), float(size)):
        gap = s.square() / k - square
        # Where the spread is least, eps shows most.
        eps = float(gap[square <= square.kthvalue(1 + len(square) // 4).values].median())
        for tried in (0.0, _round(eps), eps):
            off = float(((gap - tried).abs() / (square + tried)).max())
            if tried >= 0 and off <= allowed:
                family = Family.RMS if y is None else Family.CENTRED
                return Written(c if y is None else y, axes, family, tried, k**-0.5, off, dtype)
    return None


def _round(eps: float) -> float:
    """The nearest number that a person would write, where it is near."""
    near = min(ROUND, key=lambda value: abs(value / eps - 1)) if eps > 0 else eps
    return near if eps > 0 and abs(near / eps - 1) < 0.05 else eps


def _slices(shape: torch.Size) -> tuple[slice, ...]:
    """The first groups of a statistic of this shape, `FEW` or a little more."""
    left, found = FEW, []
    for size in reversed(shape):
        take = min(size, left)
        found.append(slice(0, take) if size > 1 else slice(None))
        left = -(-left // max(1, take))
    return tuple(reversed(found))


def _of_weights(statistic: Tensor) -> bool:
    """Whether it is a parameter in another shape."""
    node: Any = statistic.grad_fn
    while node is not None and len(node.next_functions) == 1:
        node = node.next_functions[0][0]
    return node is None or hasattr(node, "variable")


def _statistic_of(y: Any, statistic: Any) -> bool:
    """Whether the second has one number where the first has several, and is computed from data."""
    if not (isinstance(y, Tensor) and isinstance(statistic, Tensor)):
        return False
    if y.dim() < 2 or statistic.dim() != y.dim() or not (y.requires_grad and statistic.requires_grad):
        return False
    if statistic.is_leaf or statistic.numel() >= y.numel():
        return False
    fits = all(b in (1, a) for a, b in zip(y.shape, statistic.shape, strict=True))
    return fits and not _of_weights(statistic)
