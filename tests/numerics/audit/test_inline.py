"""Normalisation that is written out in the middle of a larger module is found by its numbers."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from bnverify.numerics.audit.report import AuditReport
from bnverify.numerics.audit.run import audit
from torch import Tensor, nn


def _rms(y: Tensor) -> Tensor:
    return y * torch.rsqrt(y.pow(2).mean(-1, keepdim=True) + 1e-6)


def _layer(y: Tensor) -> Tensor:
    c = y - y.mean(-1, keepdim=True)
    return c / (c.square().mean(-1, keepdim=True) + 1e-5).sqrt()


def _unbiased(y: Tensor) -> Tensor:
    return (y - y.mean(-1, keepdim=True)) / y.std(-1, keepdim=True)


def _batch(y: Tensor) -> Tensor:
    mean, var = y.mean((0, 1), keepdim=True), y.var((0, 1), keepdim=True, unbiased=False)
    return (y - mean) / torch.sqrt(var + 1e-3)


def _length(y: Tensor) -> Tensor:
    return y / y.norm(dim=-1, keepdim=True)


KNOWN: dict[str, tuple[Callable[[Tensor], Tensor], str, float]] = {
    "rms": (_rms, "rms", 1e-6),
    "layer": (_layer, "centred", 1e-5),
    "unbiased": (_unbiased, "centred", 0.0),
    "batch": (_batch, "centred", 1e-3),
    "length": (_length, "rms", 0.0),
}


class Inside(nn.Module):
    """A block with weights of its own, a skip connection, and a layer between two lines."""

    def __init__(self, function: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.map, self.head, self.function = nn.Linear(4, 8), nn.Linear(8, 3), function

    def forward(self, x: Tensor) -> Tensor:
        y = self.map(x)
        return self.head(y + torch.tanh(1.3 * self.function(y)))


def report_of(
    function: Callable[[Tensor], Tensor], dtype: torch.dtype = torch.float64
) -> tuple[AuditReport, Inside, Tensor]:
    torch.manual_seed(0)
    block, x = Inside(function).to(dtype), torch.randn(6, 5, 4, dtype=dtype)
    return audit(nn.Sequential(block), lambda out: out.pow(3).sum(), x), block, x


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32])
@pytest.mark.parametrize("name", KNOWN)
def test_it_is_found_with_eps_and_has_the_gradients_of_autograd(name: str, dtype: torch.dtype) -> None:
    function, family, eps = KNOWN[name]
    report, block, x = report_of(function, dtype)
    (layer,) = report.layers
    assert (layer.name, layer.family, layer.eps) == (
        "0",
        family,
        pytest.approx(eps, rel=1e-9, abs=0 if dtype is torch.float64 else 1e-6),
    )
    assert "written out in place" in layer.recognised
    y = block.map(x).detach().requires_grad_()
    z = function(y)
    (g,) = torch.autograd.grad(
        block.head(y.detach() + torch.tanh(1.3 * z)).pow(3).sum(), z, retain_graph=True
    )
    (v,) = torch.autograd.grad(z, y, g)
    assert layer.total("grad_in_sq") == pytest.approx(float(v.square().sum()), rel=1e-5)
    assert layer.total("grad_out_sq") == pytest.approx(float(g.square().sum()), rel=1e-5)
    assert report.failures == ()
    assert layer.backward is not None
    assert layer.backward.verdict == "right"


def _softmax(y: Tensor) -> Tensor:
    e = y.exp()
    return e / e.sum(-1, keepdim=True)


def _gate(y: Tensor) -> Tensor:
    return y * torch.sigmoid(y.mean(-1, keepdim=True))


def _first(y: Tensor) -> Tensor:
    return y / (1 + y.abs().mean(-1, keepdim=True))


def _scaled(y: Tensor) -> Tensor:
    # The same tiny factor everywhere, as LayerScale has it, here from the data.
    return y * (1e-6 + 0 * y.mean(-1, keepdim=True))


@pytest.mark.parametrize("function", [_softmax, _gate, _first, _scaled])
def test_what_divides_by_something_else_is_no_layer(function: Callable[[Tensor], Tensor]) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(Inside(function), nn.LayerNorm(3)).double()
    report = audit(model, lambda out: out.pow(3).sum(), torch.randn(6, 5, 4).double())
    assert [layer.name for layer in report.layers] == ["1"]


def test_the_training_of_a_model_with_it_is_left_as_it_was() -> None:
    report, block, x = report_of(_rms)
    before = [p.detach().clone() for p in block.parameters()]
    audit(nn.Sequential(block), lambda out: out.pow(3).sum(), x)
    assert all(torch.equal(a, b) for a, b in zip(before, block.parameters(), strict=True))
    assert all(p.grad is None for p in block.parameters())
    assert report.layers[0].kind == "written out"
