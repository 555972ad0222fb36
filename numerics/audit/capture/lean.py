"""Convolutions whose second derivative leaves the weights alone.

PyTorch's double backward of a convolution always computes the gradient of its weight, which costs as much as the rest
of it. Second order at a layer differentiates activations only; here the backward pass of a convolution is a transposed
convolution with constant weights, whose own backward pass is one convolution.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from bnverify.numerics.audit.capture.watching import Watching
from torch import Tensor

_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}

_PLAIN = {torch.conv1d: 1, torch.conv2d: 2, torch.conv3d: 3}


class _Convolution(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor,
        bias: Tensor | None,
        stride: tuple[int, ...],
        padding: tuple[int, ...],
        dilation: tuple[int, ...],
        groups: int,
    ) -> Tensor:
        ctx.save_for_backward(weight)
        ctx.options, ctx.size = (stride, padding, dilation, groups), x.shape[2:]
        rank = len(stride)
        return next(conv for conv, r in _PLAIN.items() if r == rank)(
            x, weight, bias, stride, padding, dilation, groups
        )

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (weight,) = ctx.saved_tensors
        stride, padding, dilation, groups = ctx.options
        (g,) = grads
        reach = [
            (n - 1) * s - 2 * p + d * (k - 1) + 1
            for n, s, p, d, k in zip(g.shape[2:], stride, padding, dilation, weight.shape[2:], strict=True)
        ]
        rest = tuple(size - end for size, end in zip(ctx.size, reach, strict=True))
        back = _TRANSPOSED[len(stride)](g, weight, None, stride, padding, rest, groups, dilation)
        return back, None, None, None, None, None, None


class LeanConvolutions(Watching):
    """While it holds, convolutions on the CPU whose weights are constants take the lean way; others are left alone."""

    def __init__(self) -> None:
        super().__init__(_PLAIN)

    def called(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        rank = _PLAIN.get(func)
        if rank is not None:
            options = _options(rank, *args, **kwargs)
            if options is not None:
                return _Convolution.apply(*options)
        return func(*args, **kwargs)


def _options(
    rank: int,
    input: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> tuple[Any, ...] | None:
    """The arguments with every option written out, or None where the convolution has to stay as it is."""
    constants = not weight.requires_grad and (bias is None or not bias.requires_grad)
    if isinstance(padding, str) or input.device.type != "cpu" or not input.requires_grad or not constants:
        return None
    if input.dim() != rank + 2:
        return None
    whole = [_each(option, rank) for option in (stride, padding, dilation)]
    return (input, weight, bias, *whole, groups)


def _each(option: Any, rank: int) -> tuple[int, ...]:
    values = tuple(option) if isinstance(option, list | tuple | torch.Size) else (option,)
    return values * rank if len(values) == 1 else values
