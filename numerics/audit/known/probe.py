"""A copy of a module in float64 that is asked for values: its eps, its parameters."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Any

import torch
from bnverify.numerics.audit.capture.functions import FunctionCalls, Seen
from bnverify.numerics.audit.known.forms import Form, Recognised, regress, spread_out
from bnverify.numerics.audit.known.register import PLACES
from bnverify.numerics.audit.layers import Family
from bnverify.theory.normalisations import NORMALISATIONS
from torch import Tensor, nn

from bnverify.base.errors import InputError

LOOSE = 1e-4
"""While a form is looked for, arithmetic in float32 inside the module is put up with; the last test is at rounding."""


class _Probe:
    """A copy of a module in float64 that is asked for values.

    functions: how many normalisation functions it called. dtypes: those that its arithmetic passed through.
    """

    def __init__(self, module: nn.Module) -> None:
        self.twin = copy.deepcopy(module).to(torch.float64)
        self.functions = 0
        self.dtypes: set[torch.dtype] = set()

    def __call__(self, x: Tensor) -> Tensor | None:
        with torch.no_grad(), _Arithmetic(self):
            z = self.twin.forward(x.clone())
        return z if isinstance(z, Tensor) and z.shape == x.shape and z.is_floating_point() else None


class _Arithmetic(FunctionCalls):
    """Notes for a probe what its module calls and in which dtypes it computes."""

    def __init__(self, probe: _Probe) -> None:
        super().__init__(self._counted)
        self.probe = probe

    def _counted(self, call: Seen) -> Any:
        # A layer that divides by a norm and scales by a weight is one layer.
        self.probe.functions += call.function != "normalize"
        return call.run()

    def called(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        output = super().called(func, args, kwargs)
        if isinstance(output, Tensor) and output.is_floating_point():
            self.probe.dtypes.add(output.dtype)
        return output


def _eps(
    probe: _Probe, form: Form, family: Family, axis: str, scale: Tensor, shift: Tensor, x: Tensor
) -> tuple[float, bool]:
    """(eps, whether it is added to sigma and not to its square), from two batches as small as eps.

    With a and b known, z - b = a c/s gives the divisor s of every group; eps is s^2 - sigma^2, or s - sigma.
    """
    a, b = spread_out(scale, axis, x), spread_out(shift, axis, x)
    squares: list[Tensor] = []
    roots: list[Tensor] = []
    for power in range(10):
        small = x * 10.0**-power
        z = probe(small)
        if z is None:
            return 0.0, False
        viewed = form.view(small)
        dims = [d for d in range(viewed.dim()) if d != 1]
        c = viewed if family is Family.RMS else viewed - viewed.mean(dims, keepdim=True)
        sigma = c.square().mean(dims).sqrt()
        weighted = form.view((a * torch.ones_like(x)).contiguous()) * c
        along = (form.view((z - b).contiguous()) * weighted).sum(dims)
        s = weighted.square().sum(dims) / along
        to_square, to_root = s.square() - sigma.square(), s - sigma
        if not squares and float((to_square / sigma.square()).median()) < 0.05:
            continue
        squares.append(to_square)
        roots.append(to_root)
        if len(squares) == 2:
            every = torch.cat(squares), torch.cat(roots)
            apart = [float((t.std() / t.mean()).abs()) for t in every]
            added = apart[1] < apart[0]
            return float(every[added].median()), added
    return 0.0, False


def _snapped(eps: float, module: nn.Module) -> float:
    """The nearest number that a person would write, or that the module holds, where it is as near as that."""
    if eps <= 0:
        return 0.0
    short = float(f"{eps:.3g}")
    if abs(short / eps - 1) < 1e-7:
        return short
    own = [value for value in vars(module).values() if isinstance(value, float) and value > 0]
    power = math.floor(math.log10(eps))
    round_ones = [digit * 10.0 ** (power + k) for digit in (1, 2, 5) for k in (0, 1)]
    machine = [torch.finfo(dtype).eps for dtype in (torch.float32, torch.float64)]
    near = min((*own, *round_ones, *machine), key=lambda value: abs(value / eps - 1))
    return float(near) if abs(near / eps - 1) < 2e-3 else eps


def _single(module: nn.Module, parameters: dict[str, str]) -> bool:
    return dict(module.named_parameters())[parameters["weight"]].numel() == 1


def _parameters(
    probe: _Probe, found: Recognised, a: Tensor, b: Tensor, own: Tensor, yhat: Tensor
) -> tuple[dict[str, str], dict[str, float], Tensor, Tensor]:
    """Which parameters of the module a and b move with, and then a and b from them, to the last digit."""
    names: dict[str, str] = {}
    slopes: dict[str, float] = {}
    for name, parameter in probe.twin.named_parameters(recurse=False):
        if parameter.numel() not in (1, a.numel()):
            continue
        before = parameter.detach().clone()
        parameter.data += 0.5
        z = probe(own)
        parameter.data.copy_(before)
        if z is None:
            continue
        scale, shift, _ = regress(yhat, z, found.axis)
        p = (
            before.reshape(a.shape)
            if before.numel() == a.numel()
            else before.reshape([1] * a.dim()).expand(a.shape)
        )
        for key, moved, value in (("weight", scale, a), ("bias", shift, b)):
            rate = (moved.reshape(value.shape) - value) / 0.5
            slope = float(rate.median())
            steady = float((rate - slope).abs().amax()) <= LOOSE * abs(slope)
            if key in names or abs(slope) < LOOSE or not steady:
                continue
            slope = 1.0 if abs(slope - 1) < LOOSE else slope
            offset = float((value - slope * p).median())
            offset = next((float(k) for k in (0, 1) if abs(offset - k) < LOOSE), offset)
            names[key], slopes[key] = name, slope
            if key == "weight":
                a = offset + slope * p
            else:
                b = offset + slope * p
    if "bias" not in names and float(b.abs().amax()) <= LOOSE * float(a.abs().amax()):
        b = torch.zeros_like(b)
    return names, slopes, a, b


def _least(function: Callable[[float], float]) -> float:
    """Where a function of eps is least between 1e-14 and 1: on a grid of its logarithm, then by thirds."""
    grid = [-14 + 0.25 * k for k in range(57)]
    middle = min(grid, key=lambda power: function(10**power))
    low, high = middle - 0.25, middle + 0.25
    for _ in range(60):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        if function(10**a) <= function(10**b):
            high = b
        else:
            low = a
    return float(10 ** ((low + high) / 2))


def _misfit(module: nn.Module, definition: str, residual: float) -> InputError:
    return InputError(
        f"{type(module).__name__} is not {definition!r}: the best fit leaves {residual:.1e} of its output unexplained; "
        f"name another ({', '.join(dict.fromkeys((*PLACES, *NORMALISATIONS)))}) or type its definition"
    )
