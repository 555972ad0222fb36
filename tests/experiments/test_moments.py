"""Moments and the activation-space beta against loops over units and samples."""

from __future__ import annotations

import math

import pytest
import torch
from bnverify.experiments.measure.landscape import Objective
from bnverify.experiments.measure.moments import (
    activation_beta,
    activations,
    condition,
    layer,
    moments,
    sampled_unit,
    soft_rank,
    units,
)
from bnverify.experiments.networks.models import vgg
from bnverify.experiments.run.recipes import NormKind, VggRecipe
from torch import nn

CE = nn.functional.cross_entropy


def objective(norm: NormKind) -> Objective:
    model = vgg(VggRecipe(depth=9, width=1 / 16, size=8, norm=norm), 1, 4).double()
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(12, 1, 8, 8, generator=generator, dtype=torch.float64)
    return Objective(model, x, torch.randint(0, 4, (12,), generator=generator), CE)


def test_batchnorm_puts_out_mean_0_and_variance_1_and_a_plain_network_its_linear_maps() -> None:
    obj = objective("batchnorm")
    seen = activations(obj, obj.point())
    rows = moments(seen.z, seen.z, seed=0)
    assert len(rows) == 9
    assert rows[0]["mean"] == pytest.approx(0, abs=1e-12)
    assert rows[0]["var"] == pytest.approx(1, rel=1e-2)
    assert rows[0]["mean_shift"] == rows[0]["var_shift"] == 0
    plain = objective("none")
    seen = activations(plain, plain.point())
    assert all(torch.equal(a, b) for a, b in zip(seen.y, seen.z, strict=True))


def test_watching_changes_neither_loss_nor_gradient_and_leaves_no_hooks() -> None:
    obj = objective("batchnorm")
    loss, grad = obj.value_and_grad(obj.point())
    seen = activations(obj, obj.point())
    assert torch.equal(seen.loss, loss)
    assert torch.equal(seen.grad, grad)
    assert not any(m._forward_hooks for m in obj.model.modules())


def test_a_layer_is_that_of_a_loop_and_units_that_do_not_vary_are_left_out() -> None:
    generator = torch.Generator().manual_seed(1)
    before, after = (torch.randn(2, 7, 3, generator=generator, dtype=torch.float64) for _ in range(2))
    before[1, :, 2] = 5.0
    found = layer(before, after)
    for s, alive in ((0, range(3)), (1, range(2))):
        columns, later = ([t[s, :, j].tolist() for j in range(3)] for t in (before, after))

        def power(c: list[float], p: int) -> float:
            return sum((v - sum(c) / 7) ** p for v in c) / 7

        def rms(values: list[float]) -> float:
            return math.sqrt(sum(v * v for v in values) / len(values))

        moved = [sum(b) / 7 - sum(a) / 7 for a, b in zip(columns, later, strict=True)]
        varied = [power(b, 2) - power(a, 2) for a, b in zip(columns, later, strict=True)]
        var = [power(c, 2) for c in columns]
        sds = [var[j] ** 0.5 for j in alive]
        expected = {
            "mean_shift": rms(moved),
            "var_shift": rms(varied),
            "mean_shift_scaled": rms([moved[j] / var[j] ** 0.5 for j in alive]),
            "var_shift_scaled": rms([varied[j] / var[j] for j in alive]),
            "sd": math.prod(sds) ** (1 / len(sds)),
            "sd_low": min(sds),
            "sd_high": max(sds),
            "kurtosis_gap": sum(abs(power(columns[j], 4) / var[j] ** 2 - 3) for j in alive) / len(alive),
            "skewness": sum(abs(power(columns[j], 3)) / var[j] ** 1.5 for j in alive) / len(alive),
        }
        assert {name: float(value[s]) for name, value in found.items()} == pytest.approx(expected)
    still = layer(torch.ones(1, 4, 2), torch.ones(1, 4, 2))
    assert all(
        torch.isnan(still[name]) for name in ("mean_shift_scaled", "sd", "sd_low", "sd_high", "skewness")
    )


def test_soft_rank_is_1_in_one_direction_and_J_where_all_are_alike() -> None:
    line = torch.outer(torch.arange(1.0, 6), torch.tensor([1.0, 2.0, -1.0]))
    assert soft_rank(line[None]).item() == pytest.approx(1)
    assert soft_rank(torch.eye(4)[None]).item() == pytest.approx(4)


def test_condition_is_that_of_the_covariance_with_a_floor() -> None:
    wide = torch.tensor([[3.0, 1], [-3, 1], [3, -1], [-3, -1]]) + 10
    assert condition(wide[None]).item() == pytest.approx(9)
    assert condition(torch.outer(torch.arange(4.0), torch.ones(2))[None]).item() == pytest.approx(1e6)
    assert torch.isnan(condition(torch.ones(1, 4, 2))).all()
    assert torch.isnan(condition(torch.full((1, 4, 2), math.nan))).all()


def test_moments_are_those_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    z0, z1 = torch.randn(5, 3, 2, 2, generator=generator), torch.randn(5, 3, 2, 2, generator=generator)
    (row,) = moments([z0], [z1], seed=4)
    j = sampled_unit(4, 0, 3)
    values = [float(z0[b, j, r, c]) for b in range(5) for r in range(2) for c in range(2)]
    mean = sum(values) / 20
    assert row["mean"] == pytest.approx(mean, abs=1e-6)
    assert row["var"] == pytest.approx(sum((v - mean) ** 2 for v in values) / 20, rel=1e-5)
    assert row["quantiles"][0] == pytest.approx(min(values))
    assert row["quantiles"][-1] == pytest.approx(max(values))
    changes = [float(z1[:, u].mean() - z0[:, u].mean()) for u in range(3)]
    assert row["mean_change"] == pytest.approx(changes[j], abs=1e-6)
    assert row["mean_shift"] == pytest.approx((sum(c * c for c in changes) / 3) ** 0.5, rel=1e-4)


def test_the_shown_unit_is_the_same_at_every_step_and_differs_between_layers() -> None:
    shown = [sampled_unit(0, layer, 1000) for layer in range(8)]
    assert shown == [sampled_unit(0, layer, 1000) for layer in range(8)]
    assert len(set(shown)) > 4


def test_activation_beta_is_the_largest_ratio_over_samples() -> None:
    obj = objective("batchnorm")
    w = obj.point()
    before = activations(obj, w)
    after = activations(obj, w - 0.1 * before.grad)
    layer, best = 2, 0.0
    for b in range(12):
        moved = float((before.y[layer][b] - after.y[layer][b]).norm())
        best = max(best, float((before.dy[layer][b] - after.dy[layer][b]).norm()) / moved)
    assert activation_beta(before, after)[layer] == pytest.approx(best, rel=1e-10)
    assert activation_beta(before, before)[0] != activation_beta(before, before)[0]
    assert units(before.y[0]).shape == (12 * 64, 4)


def test_inputs_are_what_goes_into_the_linear_maps() -> None:
    obj = objective("none")
    seen = activations(obj, obj.point())
    assert torch.equal(seen.x[0], obj.x)
    assert torch.equal(nn.functional.linear(seen.x[-1], obj.model.blocks[-1].linear.weight), seen.y[-1])
