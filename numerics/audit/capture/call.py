"""One call of one layer, and the identities in its graph that see what flows through it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from bnverify.numerics.audit.capture.watching import looking_away
from bnverify.numerics.audit.layers import Kind, Spec
from torch import Tensor, nn


@dataclass
class Call:
    """One call of one layer during a forward pass.

    y, z: the alias of the input and the output, kept only where a capture retains them.
    parameters, grads: the weight and the bias of the call, and the gradient that its own backward pass gives each.
    again: the layer alone, from an input and parameters by name, hooks of its module included.
    sampled, references: what `bnverify.numerics.audit.gradient` kept while the backward pass ran; compared, lost: what
    it found in that afterwards.
    summed: what of the references came with the measured sums.
    slopes: d(factor of y-hat)/d(parameter), 1 where the parameter is that factor.
    arrivals: how many gradients came through the call. twice: one of them is part of a loss, so that the loss sees the
    input otherwise than through the output.
    borrowed: parameters of the module that stand aside while it runs.
    recognised: how a hand-written layer was known, in words; "" for one of PyTorch's.
    """

    name: str
    kind: Kind
    order: int
    module: nn.Module | None
    dtype: torch.dtype
    spec: Spec | None = None
    measured: dict[str, Tensor] = field(default_factory=dict)
    y: Tensor | None = None
    z: Tensor | None = None
    g: Tensor | None = None
    fingerprint: Tensor | None = None
    parameters: dict[str, Tensor] = field(default_factory=dict)
    grads: dict[str, Tensor] = field(default_factory=dict)
    again: Callable[..., Tensor] | None = None
    sampled: Any = None
    compared: dict[str, tuple[float, float]] = field(default_factory=dict)
    references: dict[str, Tensor] = field(default_factory=dict)
    summed: dict[str, Tensor] = field(default_factory=dict)
    slopes: dict[str, float] = field(default_factory=dict)
    lost: Mapping[str, dict[str, float]] = field(default_factory=dict)
    borrowed: dict[str, Tensor] = field(default_factory=dict)
    arrivals: int = 0
    twice: bool = False
    recognised: str = ""


Arrived = Callable[[Call, Tensor, Tensor, Tensor], None]


def bring_to_host(calls: Iterable[Call]) -> None:
    """Move what was measured of the calls to the host, a transfer for each device and dtype: what a table is made of
    are thousands of operations on a number a group, of which a GPU would be told one by one."""
    alike: dict[tuple[torch.device, torch.dtype], list[tuple[Call, str]]] = {}
    for call in calls:
        for name, value in call.measured.items():
            alike.setdefault((value.device, value.dtype), []).append((call, name))
    for places in alike.values():
        values = [call.measured[name] for call, name in places]
        parts = torch.cat([value.flatten() for value in values]).cpu().split([v.numel() for v in values])
        for (call, name), value, part in zip(places, values, parts, strict=True):
            call.measured[name] = part.view(value.shape)


class _Alias(torch.autograd.Function):
    """The identity, with a view of its own; in the backward pass it hands (y, g, v) to ``arrived``."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, anchor: Tensor, call: Call, arrived: Arrived | None) -> Tensor:
        ctx.set_materialize_grads(False)
        ctx.save_for_backward(y)
        ctx.call, ctx.arrived = call, arrived
        return y.view_as(y)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, None, None, None]:
        (v,) = grads
        call: Call = ctx.call
        if torch.is_grad_enabled():
            # A derivative that is differentiated again becomes part of a loss.
            call.twice = True
            return v, None, None, None
        call.arrivals += v is not None
        if v is not None and ctx.arrived is not None and call.g is not None:
            with torch.no_grad(), looking_away():
                ctx.arrived(call, ctx.saved_tensors[0].detach(), call.g, v.detach())
        call.g = None
        return v, None, None, None


class _Quotient(torch.autograd.Function):
    """The identity on the output z of a layer without a module or a function of its own, whose input y is in the graph.

    In the backward pass the part of the graph between the two gives v at the g that arrived.
    """

    @staticmethod
    def forward(
        ctx: Any, z: Tensor, anchor: Tensor, y: Tensor, call: Call, arrived: Arrived | None
    ) -> Tensor:
        ctx.ends, ctx.call, ctx.arrived = (y, z), call, arrived
        return z.view_as(z)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (g,) = grads
        call: Call = ctx.call
        if torch.is_grad_enabled():
            call.twice = True
            return g, None, None, None, None
        call.arrivals += g is not None
        if g is not None and ctx.arrived is not None:
            (y, z), ctx.ends = ctx.ends, None
            with looking_away():
                (v,) = torch.autograd.grad(z, y, g, retain_graph=True)
                with torch.no_grad():
                    ctx.arrived(call, y.detach(), g.detach(), v.detach())
        return g, None, None, None, None


class _Parameter(torch.autograd.Function):
    """The identity on a weight or a bias; in the backward pass it keeps the gradient of this call alone."""

    @staticmethod
    def forward(ctx: Any, weight: Tensor, anchor: Tensor, call: Call, key: str) -> Tensor:
        ctx.call, ctx.key = call, key
        return weight.view_as(weight)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, None, None, None]:
        (grad,) = grads
        if grad is not None and not torch.is_grad_enabled():
            ctx.call.grads[ctx.key] = grad.detach()
        return grad, None, None, None
