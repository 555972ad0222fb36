"""The sufficient statistics give the loss and gradient of the plain network on the plain data, to 1e-12."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import pytest
import torch
from bnverify.experiments.networks import deep_linear, linear_backward
from bnverify.experiments.networks.models import linear_network
from bnverify.experiments.run.recipes import NORMS_DLN, DlnRecipe, NormKind
from bnverify.numerics.measure.norms import AVERAGES, Average
from torch import Tensor, nn

SMALL = DlnRecipe(layers=6, dim=5, samples=60, seeds=3, bias=True)


def plain(recipe: DlnRecipe, data: deep_linear.Problem, s: int, theta: Tensor) -> tuple[Tensor, Tensor]:
    """Loss and gradient (k, q) of one seed by running the network on its data."""
    network = linear_network(replace(recipe, seed=recipe.seed + s))
    with torch.no_grad():
        for block, row in zip(network.blocks, theta, strict=True):
            at = 0
            for p in block.parameters():
                p.copy_(row[at : at + p.numel()].view_as(p))
                at += p.numel()
    x, a = data.x[s], data.a[s]
    difference = (network(x) - x @ a.T).square()
    loss = {"sum": difference.sum(), "sample-mean": difference.sum(1).mean(), "mean": difference.mean()}[
        recipe.loss
    ]
    parameters = list(network.parameters())
    grads = iter(torch.autograd.grad(loss, parameters))
    out = torch.zeros_like(theta)
    for i, block in enumerate(network.blocks):
        flat = torch.cat([next(grads).reshape(-1) for _ in block.parameters()])
        out[i, : len(flat)] = flat
    return loss.detach(), out


def perturbed(recipe: DlnRecipe) -> Tensor:
    theta = deep_linear.initial(recipe)
    noise = torch.randn(theta.shape, generator=torch.Generator().manual_seed(5), dtype=theta.dtype)
    return theta + 0.1 * noise


def agree(recipe: DlnRecipe, rel: float = 1e-12) -> None:
    data, theta = deep_linear.problem(recipe), perturbed(recipe)
    found = [of.losses_and_grads(recipe, data, theta) for of in (deep_linear, linear_backward)]
    for s in range(recipe.seeds):
        expected, g = plain(recipe, data, s, theta[s])
        for loss, grad in found:
            assert float((loss[s] - expected).abs() / expected) < rel
            for i in range(recipe.layers):
                assert float((grad[s, i] - g[i]).norm() / g[i].norm()) < rel


@pytest.mark.parametrize("norm", NORMS_DLN)
@pytest.mark.parametrize("last_norm", [False, True])
@pytest.mark.parametrize("affine", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_loss_and_each_layers_gradient_are_those_of_the_plain_network(
    norm: NormKind, last_norm: bool, affine: bool, bias: bool
) -> None:
    agree(replace(SMALL, norm=norm, last_norm=last_norm, affine=affine, bias=bias))


@pytest.mark.parametrize("norm", ["l1", "l2", "linf"])
@pytest.mark.parametrize("average", AVERAGES)
@pytest.mark.parametrize("of", ["raw", "centred"])
def test_every_reading_of_the_l_p_norm_agrees(
    norm: NormKind, average: Average, of: Literal["raw", "centred"]
) -> None:
    agree(replace(SMALL, norm=norm, lp_average=average, lp_of=of))


@pytest.mark.parametrize("norm", NORMS_DLN)
def test_the_papers_25_layers_agree(norm: NormKind) -> None:
    agree(DlnRecipe(norm=norm, seeds=1))


@pytest.mark.parametrize("loss", ["sum", "sample-mean", "mean"])
def test_every_reading_of_the_loss_agrees(loss: Literal["sum", "sample-mean", "mean"]) -> None:
    agree(replace(SMALL, loss=loss, norm="batchnorm"))


def test_networks_of_one_batch_do_not_see_one_another() -> None:
    recipe = replace(SMALL, norm="batchnorm")
    data, theta = deep_linear.problem(recipe), perturbed(recipe)
    _, alone = linear_backward.losses_and_grads(recipe, data, theta)
    broken = torch.stack([theta, theta.clone()])
    broken[1, 0] = torch.nan
    _, together = linear_backward.losses_and_grads(recipe, data, broken)
    torch.testing.assert_close(together[0], alone, rtol=1e-13, atol=0)
    torch.testing.assert_close(together[1, 1:], alone[1:], rtol=1e-13, atol=0)


def test_seeds_start_where_single_networks_start() -> None:
    theta = deep_linear.initial(SMALL)
    network = linear_network(replace(SMALL, seed=2))
    linear = network.blocks[3].linear
    assert isinstance(linear, nn.Linear)
    assert torch.equal(theta[2, 3, :25].view(5, 5), linear.weight)
    alone = deep_linear.problem(replace(SMALL, seed=2, seeds=1))
    torch.testing.assert_close(deep_linear.problem(SMALL).x[2], alone.x[0], rtol=0, atol=0)


@pytest.mark.parametrize("norm", NORMS_DLN)
def test_layer_outputs_are_what_the_network_puts_out(norm: NormKind) -> None:
    recipe = replace(SMALL, norm=norm, seeds=1)
    data = deep_linear.problem(recipe)
    outputs = deep_linear.layer_outputs(recipe, data, deep_linear.initial(recipe))
    x = data.x[0]
    for block, out in zip(linear_network(recipe).blocks, outputs, strict=True):
        x = block(x)
        torch.testing.assert_close(out[0], x, rtol=1e-10, atol=1e-10)
