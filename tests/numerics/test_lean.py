"""Lean convolutions are the same functions, with the same first and second derivatives in their input."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.capture.lean import LeanConvolutions
from torch import Tensor

OPTIONS: list[dict[str, Any]] = [
    {},
    {"stride": 2},
    {"padding": 1, "stride": 3},
    {"dilation": 2, "padding": 2},
    {"groups": 2, "stride": 2, "padding": 1},
    {"padding": "same"},
]


def derivatives(rank: int, options: dict[str, Any], bias: bool) -> list[Tensor]:
    generator = torch.Generator().manual_seed(rank)

    def random(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator).double()

    x = random(2, 4, *(9,) * rank).requires_grad_()
    weight = random(6, 4 // options.get("groups", 1), *(3,) * rank)
    out = getattr(F, f"conv{rank}d")(x, weight, random(6) if bias else None, **options)
    (first,) = torch.autograd.grad(torch.tanh(out).pow(2).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first, x, random(*x.shape))
    return [out.detach(), first.detach(), second]


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("bias", [False, True])
def test_value_and_both_derivatives_are_those_of_the_plain_one(
    rank: int, options: dict[str, Any], bias: bool
) -> None:
    want = derivatives(rank, options, bias)
    with LeanConvolutions():
        got = derivatives(rank, options, bias)
    for a, b in zip(got, want, strict=True):
        assert torch.allclose(a, b, rtol=1e-12, atol=1e-12)


def test_a_weight_that_is_no_constant_keeps_its_gradient() -> None:
    weight = torch.randn(6, 4, 3, 3, requires_grad=True)
    with LeanConvolutions():
        F.conv2d(torch.randn(2, 4, 9, 9, requires_grad=True), weight).sum().backward()
    assert weight.grad is not None


def test_the_second_derivative_makes_no_weight_gradient() -> None:
    x = torch.randn(2, 4, 9, 9, requires_grad=True)
    weight = torch.randn(6, 4, 3, 3)

    def convolutions(lean: bool) -> int:
        from contextlib import nullcontext

        with LeanConvolutions() if lean else nullcontext():
            out = F.conv2d(x, weight)
        (first,) = torch.autograd.grad(out.pow(3).sum(), x, create_graph=True)
        with torch.profiler.profile(activities=[torch.profiler.ProfilerActivity.CPU]) as profile:
            torch.autograd.grad(first, x, torch.ones_like(x))
        names = ("aten::convolution", "aten::convolution_backward")
        return sum(event.count for event in profile.key_averages() if event.key in names)

    assert convolutions(lean=True) < convolutions(lean=False)
