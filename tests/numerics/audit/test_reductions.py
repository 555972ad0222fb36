"""The sums of a layer call: whatever the piece they are taken in, and with as many digits as the input has."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from bnverify.numerics.audit.layers import Spec, kind_of
from bnverify.numerics.audit.table import reductions
from bnverify.numerics.audit.table.room import Table, together
from bnverify.numerics.measure.norms import LpNorm
from torch import Tensor, nn

LAYERS: dict[str, tuple[nn.Module, tuple[int, ...]]] = {
    "batch 2d": (nn.BatchNorm2d(5), (7, 5, 6, 6)),
    "batch 2d, short rows": (nn.BatchNorm2d(5), (7, 5, 2, 2)),
    "batch 1d": (nn.BatchNorm1d(5), (7, 5)),
    "batch 2d, eval": (nn.BatchNorm2d(5).eval(), (7, 5, 3, 3)),
    "one sample": (nn.BatchNorm2d(5), (1, 5, 6, 6)),
    "layer": (nn.LayerNorm(6), (7, 5, 6)),
    "group": (nn.GroupNorm(2, 6), (7, 6, 3, 3)),
    "instance": (nn.InstanceNorm2d(5), (7, 5, 3, 3)),
    "rms": (nn.RMSNorm(6), (7, 5, 6)),
    "l1": (LpNorm(5, 1), (7, 5, 4)),
}


def call(name: str, dtype: torch.dtype = torch.float64) -> tuple[Any, list[Tensor]]:
    layer, shape = LAYERS[name]
    generator = torch.Generator().manual_seed(0)
    tensors = [torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype) for _ in range(3)]
    kind = kind_of(layer)
    assert kind is not None
    return kind.describe(layer.to(dtype), tensors[0]), tensors


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("room", [1, 40, 100])
def test_the_size_of_a_piece_changes_no_number(monkeypatch: pytest.MonkeyPatch, name: str, room: int) -> None:
    spec, tensors = call(name)
    want = reductions.first_order(spec, *tensors)
    monkeypatch.setattr(reductions, "PIECE", {"cpu": room})
    monkeypatch.setattr(reductions, "SHORT", 1)
    got = reductions.first_order(spec, *tensors)
    for key, values in want.items():
        assert torch.allclose(got[key], values, rtol=1e-13, atol=1e-13), key


@pytest.mark.parametrize("name", ["batch 2d", "batch 2d, short rows", "batch 2d, eval", "layer", "instance"])
def test_the_sum_of_yhat_is_that_of_its_entries(name: str) -> None:
    spec, tensors = call(name)
    found = reductions.first_order(spec, *tensors)
    y = spec.view(tensors[0]).transpose(0, 1).flatten(1)
    yhat = (y - found["mean"].unsqueeze(1)) / found["s"].unsqueeze(1)
    assert torch.allclose(found["1.yhat"], yhat.sum(1), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("layout", ["channels last", "transposed"])
def test_the_layout_in_memory_changes_no_number(layout: str) -> None:
    spec, tensors = call("batch 2d, short rows")
    want = reductions.first_order(spec, *tensors)
    if layout == "channels last":
        tensors = [t.contiguous(memory_format=torch.channels_last) for t in tensors]
    else:
        tensors = [t.transpose(2, 3).contiguous().transpose(2, 3) for t in tensors]
    got = reductions.first_order(spec, *tensors)
    for key, values in want.items():
        assert torch.allclose(got[key], values, rtol=1e-13, atol=1e-13), key


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["batch 2d", "layer", "group", "instance", "one sample"])
def test_a_large_mean_costs_sigma_no_more_digits_than_the_input_lost(name: str, dtype: torch.dtype) -> None:
    """y is rounded at 1e4 first; sigma of those very numbers is then right to a few roundings."""
    spec, (y, g, v) = call(name, dtype)
    y = y + 1e4
    found = reductions.first_order(spec, y, g, v)
    exact = spec.view(y.double()).transpose(0, 1).flatten(1).var(1, correction=0)
    assert torch.allclose(found["var"].double(), exact, rtol=200 * torch.finfo(dtype).eps)


@pytest.mark.parametrize("value", [0.1, 1 / 3, 3.7, -1e6, 1e-30])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(7, 5, 13, 11), (641, 5), (3, 5, 1, 3)])
def test_a_constant_channel_has_no_spread(value: float, dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    layer = nn.BatchNorm2d(5) if len(shape) == 4 else nn.BatchNorm1d(5)
    kind = kind_of(layer)
    assert kind is not None
    y = torch.full(shape, value, dtype=dtype)
    found = reductions.first_order(kind.describe(layer, y), y, torch.ones_like(y), torch.ones_like(y))
    rounding = 64 * torch.finfo(dtype).eps * found["mean"].abs()
    assert bool((found["var"].sqrt() <= rounding).all())


@pytest.mark.parametrize("name", ["layer", "group", "rms", "group 2d"])
def test_factors_on_the_sums_are_factors_on_the_gradient(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    layers = LAYERS | {"group 2d": (nn.GroupNorm(2, 6), (7, 6, 5, 5))}
    layer: Any = copy.deepcopy(layers[name][0])
    layer.weight.data = torch.linspace(-1, 2, 6)
    monkeypatch.setitem(LAYERS, name, (layer, layers[name][1]))
    spec, (y, g, v) = call(name)
    parameters: dict[str, Tensor] = {}
    got = reductions.first_order(spec, y, g, v, parameters)
    monkeypatch.setattr(Spec, "weighs_places", False)
    monkeypatch.setattr(Spec, "weighs_channels", False)
    want = reductions.first_order(spec, y, g, v)
    for key, values in want.items():
        assert torch.allclose(got[key], values, rtol=1e-12, atol=1e-12), key
    if parameters:
        yhat = (y - spec.spread(want["mean"], y)) / spec.spread(want["s"], y)
        rest = [d for d in range(y.dim()) if d != (1 if "group" in name else 2)]
        assert torch.allclose(parameters["weight"], (g * yhat).sum(rest), rtol=1e-12, atol=1e-12)
        assert torch.allclose(parameters["bias"], g.sum(rest), rtol=1e-12, atol=1e-12)
    assert bool(parameters) == (name != "group")


@pytest.mark.parametrize("name", LAYERS)
def test_a_brief_sum_leaves_out_the_products_of_v_and_changes_nothing_else(name: str) -> None:
    spec, tensors = call(name)
    want, got = reductions.first_order(spec, *tensors), reductions.first_order(spec, *tensors, brief=True)
    assert set(want) - set(got) == {"1.v", "v.yhat"}
    assert all(torch.allclose(got[key], want[key], rtol=1e-14, atol=1e-14) for key in got)


@pytest.mark.parametrize("order", [1, -1])
def test_layers_asked_together_keep_the_rounding_of_their_own_length(order: int) -> None:
    one, every = torch.ones(2), torch.ones(2, dtype=torch.bool)
    tables = [Table({"m": one}, {("g", "v"): one}, {"g": one, "v": one}, m, every) for m in (4, 4000)]
    errors = [table.product("g", "v").error * one for table in tables[::order]]
    assert torch.equal(together(tables[::order]).product("g", "v").error, torch.cat(errors))
