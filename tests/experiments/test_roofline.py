"""Operations and bytes are counted as one counts them by hand."""

from __future__ import annotations

import pytest
import torch
from bnverify.experiments.bench import roofline
from bnverify.experiments.bench.roofline import Call, Peaks
from torch import nn

F32 = 4


def test_a_matrix_product_and_its_gradients() -> None:
    a, b = torch.rand(3, 5, requires_grad=True), torch.rand(5, 7, requires_grad=True)
    cotangent = torch.rand(3, 7)
    found = [c for c in roofline.calls(lambda: torch.autograd.backward(a @ b, cotangent)) if c.name == "mm"]
    moved = F32 * (3 * 5 + 5 * 7 + 3 * 7)
    assert found == [Call("mm", 2 * 3 * 5 * 7, moved)] * 3


def test_a_convolution_and_its_gradients() -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1, bias=False)
    x = torch.rand(2, 3, 8, 8, requires_grad=True)
    forward, backward = (
        c for c in roofline.calls(lambda: conv(x).sum().backward()) if c.name.startswith("convolution")
    )
    once = 2 * (2 * 4 * 8 * 8) * (3 * 3 * 3)
    inputs, weights, outputs = 2 * 3 * 8 * 8, 4 * 3 * 9, 2 * 4 * 8 * 8
    assert forward == Call("convolution", once, F32 * (inputs + weights + outputs))
    # The cotangent of a sum is one number, broadcast.
    assert backward == Call("convolution_backward", 2 * once, F32 * (2 * inputs + 2 * weights) + F32)


def test_views_and_allocations_move_nothing_and_in_place_changes_read_and_write() -> None:
    x = torch.rand(6, 4)
    assert roofline.calls(lambda: x.view(4, 6).t()[1:].detach()) == []
    assert roofline.calls(lambda: torch.empty_like(x)) == []
    assert roofline.calls(lambda: x.mul_(2.0)) == [Call("mul_", 0, 2 * F32 * 24)]
    assert roofline.calls(lambda: x.zero_()) == [Call("zero_", 0, F32 * 24)]
    changed, added = [torch.rand(6, 4), torch.rand(4)], [torch.rand(6, 4), torch.rand(4)]
    assert roofline.calls(lambda: torch._foreach_add_(changed, added)) == [
        Call("_foreach_add_", 0, 3 * F32 * (24 + 4))
    ]


def test_the_slower_of_arithmetic_and_memory_counts() -> None:
    work = [Call("mm", 100, 10), Call("add", 0, 50)]
    assert roofline.seconds(work, Peaks(flops=10.0, bytes=5.0)) == pytest.approx(10 + 10)


def test_peaks_are_positive() -> None:
    peaks = roofline.measured_peaks(torch.device("cpu"), size=64, numbers=1000)
    assert peaks.flops > 0
    assert peaks.bytes > 0
