"""A layer's own gradients beside the derivative of its definition: which of the two is off, and in which way."""

from __future__ import annotations

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from bnverify.numerics.audit.report import LayerAudit
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn


def net(norm: nn.Module) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 6), norm, nn.Tanh(), nn.Linear(6, 1)).double()


def asked(norm: nn.Module, **options: Any) -> LayerAudit:
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(1)).double()
    report = audit(net(norm), lambda out: out.pow(2).mean(), x, **options)
    assert report.failures == ()
    return report.layers[0]


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_every_layer_of_every_architecture_is_right(architecture: Any, mode: Any) -> None:
    for layer in audit(*architecture.args, mode=mode).layers:
        backward = layer.backward
        assert backward is not None
        assert backward.verdict == "right", (layer.name, backward)
        assert set(backward.errors) >= {"input"}
        assert all(error <= backward.allowed[key] for key, error in backward.errors.items())


@pytest.mark.parametrize(
    "norm",
    [nn.BatchNorm1d(6), nn.LayerNorm(6), nn.RMSNorm(6), nn.GroupNorm(2, 6)],
    ids=lambda norm: type(norm).__name__,
)
def test_weight_and_bias_gradients_are_compared_too(norm: nn.Module) -> None:
    nn.init.normal_(norm.weight)
    backward = asked(norm).backward
    assert backward is not None
    assert set(backward.errors) == {"input", "weight"} | ({"bias"} if hasattr(norm, "bias") else set())
    assert max(backward.errors.values()) < 1e-14


def tripled(factor: float) -> nn.Module:
    norm = nn.BatchNorm1d(6)
    norm.register_full_backward_hook(lambda m, into, out: tuple(factor * g for g in into))
    return norm


@pytest.mark.parametrize("factor", [3.0, 0.5, -1.0])
def test_a_backward_pass_that_is_off_by_a_factor_is_told_the_factor(factor: float) -> None:
    layer = asked(tripled(factor))
    assert layer.backward is not None
    assert (layer.backward.verdict, layer.backward.fault) == ("wrong", "factor")
    assert layer.backward.factor == pytest.approx(factor, rel=1e-9)
    assert f"{factor:.3f} times" in layer.backward.text
    assert "bug in bnverify" not in layer.diagnosis


class Kernel(torch.autograd.Function):
    """Layer normalisation with a backward pass as people get it wrong."""

    @staticmethod
    def forward(ctx: Any, y: Tensor, weight: Tensor, bias: Tensor, eps: float, fault: str) -> Tensor:
        c = y - y.mean(-1, keepdim=True)
        s = (c.square().mean(-1, keepdim=True) + eps).sqrt()
        ctx.save_for_backward(c / s, s, weight)
        ctx.fault = fault
        return c / s * weight + bias

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> Any:
        (g,) = grads
        yhat, s, weight = ctx.saved_tensors
        rows = g.flatten(0, -2)
        w, b = (rows * yhat.flatten(0, -2)).sum(0), rows.sum(0)
        if ctx.fault == "weight-gradient":
            w = w / len(rows)
        if ctx.fault == "no-bias":
            b = torch.zeros_like(b)
        h = g if ctx.fault == "weight-forgotten" else g * weight
        mean, along = h.mean(-1, keepdim=True), yhat * (h * yhat).mean(-1, keepdim=True)
        if ctx.fault in ("statistics-constant", "mean-constant"):
            mean = torch.zeros_like(mean)
        if ctx.fault in ("statistics-constant", "spread-constant"):
            along = torch.zeros_like(along)
        v = (h - mean - along) / s
        if ctx.fault == "one-row":
            v[3] += 1e-6 * v[3].abs().max()
        return v, w, b, None, None


class OwnLayerNorm(nn.LayerNorm):
    fault = "none"

    def forward(self, y: Tensor) -> Tensor:
        return Kernel.apply(y, self.weight, self.bias, self.eps, self.fault)


def faulty(fault: str) -> nn.Module:
    norm = OwnLayerNorm(6)
    norm.fault = fault
    nn.init.normal_(norm.weight)
    return norm


INPUT = ("statistics-constant", "spread-constant", "mean-constant", "weight-forgotten")


def test_a_right_kernel_of_ones_own_is_right() -> None:
    layer = asked(faulty("none"))
    assert layer.backward is not None
    assert layer.backward.verdict == "right"


@pytest.mark.parametrize("fault", INPUT)
def test_the_usual_mistakes_are_told_by_name(fault: str) -> None:
    layer = asked(faulty(fault))
    assert layer.backward is not None
    assert (layer.backward.verdict, layer.backward.of, layer.backward.fault) == ("wrong", "input", fault)
    assert layer.outside_theory


def test_a_single_row_that_is_off_is_named() -> None:
    layer = asked(faulty("one-row"))
    assert layer.backward is not None
    assert (layer.backward.fault, layer.backward.rows, layer.backward.where) == ("differs", 1, "3,0")


def test_wrong_weight_and_bias_gradients_are_told_apart_from_the_input() -> None:
    weight, bias = asked(faulty("weight-gradient")).backward, asked(faulty("no-bias")).backward
    assert weight is not None
    assert bias is not None
    assert (weight.of, weight.fault) == ("weight", "factor")
    assert weight.factor == pytest.approx(1 / 16)
    assert (bias.of, bias.fault) == ("bias", "missing")


def test_the_script_shows_it_without_this_package(tmp_path: Path) -> None:
    layer = asked(faulty("spread-constant"))
    assert layer.backward is not None
    text = layer.backward.script
    assert "bnverify" not in text
    (tmp_path / "show.py").write_text(text)
    done = subprocess.run(
        [sys.executable, "show.py"], cwd=tmp_path, capture_output=True, text=True, check=True, timeout=120
    )
    wrong = float(done.stdout.split("wrong by")[1].split()[0])
    assert wrong > 1e-2


class Penalised(nn.Module):
    """A gradient penalty: the loss holds a derivative through the layer."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = nn.Sequential(
            nn.Conv2d(3, 8, 4, 2, 1), nn.BatchNorm2d(8), nn.LeakyReLU(0.2), nn.Conv2d(8, 1, 4)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x.requires_grad_()
        score = self.critic(x)
        (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        return score.mean() + 10 * (slope.flatten(1).norm(dim=1) - 1).pow(2).mean()


def test_a_gradient_penalty_is_outside_the_theory_and_no_bug() -> None:
    report = audit(Penalised(), lambda out: out, torch.randn(6, 3, 8, 8), dtype=torch.float64)
    (layer,) = report.layers
    assert "gradient penalty" in layer.outside_theory
    assert layer.backward is not None
    assert layer.backward.verdict == "not-compared"
    assert report.failures == ()
    assert {finding for rows in layer.statements for finding in rows.finding} == {"outside_assumptions"}


def test_a_loss_that_reads_the_statistics_of_the_input_beside_the_layer_is_inside_the_theory() -> None:
    class Beside(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norm = nn.LayerNorm(4)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(x) + x.square()

    report = audit(Beside(), lambda out: out.pow(3).sum(), torch.randn(3, 4), dtype=torch.float64)
    assert report.layers[0].outside_theory == ""


@pytest.mark.parametrize(("low", "digits"), [(0.0, 1.0), (1e3, 2.5), (4e4, 4.0)])
def test_a_mean_far_from_zero_costs_digits_in_a_narrower_dtype(low: float, digits: float) -> None:
    y = low + torch.arange(4.0).repeat(3, 1) + torch.tensor([[0.0], [0.1], [0.3]])
    model = nn.LayerNorm(4).double()
    weights = torch.tensor([1.0, -2.0, 0.5, 3.0])
    (layer,) = audit(model, lambda out: (out * weights).sum(), y.double()).layers
    assert layer.backward is not None
    lost = layer.backward.lost["float32"]["input"]
    assert (lost < digits) if low == 0 else (digits - 1.5 < lost < digits + 1.5)
    assert math.isfinite(layer.backward.lost["bfloat16"]["weight"])


def test_what_torch_computes_in_float32_is_measured_and_not_assumed() -> None:
    y = torch.tensor([[40000.0, 40001.0, 40002.0, 40003.5]])
    g = torch.tensor([[1.0, -2.0, 0.5, 3.0]])
    ways = {}
    for dtype in (torch.float32, torch.float64):
        at = y.to(dtype).requires_grad_()
        (ways[dtype],) = torch.autograd.grad(F.layer_norm(at, (4,)), at, g.to(dtype))
    error = float((ways[torch.float32].double() - ways[torch.float64]).norm() / ways[torch.float64].norm())
    (layer,) = audit(nn.LayerNorm(4).double(), lambda out: (out * g).sum(), y.double()).layers
    assert layer.backward is not None
    assert layer.backward.lost["float32"]["input"] == pytest.approx(
        max(0.0, math.log10(error / 2**-24)), abs=0.2
    )
