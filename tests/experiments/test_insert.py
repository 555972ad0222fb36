"""A matched BatchNorm changes nothing but the landscape, and both sides are what plain differentiation says."""

from __future__ import annotations

import copy

import pytest
import torch
from bnverify.experiments.networks.models import Block, Network, vgg
from bnverify.experiments.run.insert import MatchedNorm, insert
from bnverify.experiments.run.recipes import VggRecipe
from torch import Tensor, nn

CE = nn.functional.cross_entropy
LENGTHS = [0.05, 0.1]


def plain() -> tuple[Network, Tensor, Tensor]:
    model = vgg(VggRecipe(depth=9, width=1 / 64, size=8), 1, 4)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(16, 1, 8, 8, generator=generator)
    return model, x, torch.randint(0, 4, (16,), generator=generator)


def block_of(model: Network, layer: int) -> Block:
    block = model.blocks[layer]
    assert isinstance(block, Block)
    return block


@pytest.mark.parametrize("layer", range(9))
def test_activations_and_loss_are_equal_to_rounding_at_every_layer(layer: int) -> None:
    model, x, y = plain()
    (found,) = insert(model, [layer], x, y, CE, LENGTHS)
    assert found.layer == layer + 1
    assert found.activation_gap < 1e-13
    assert found.inserted.loss == pytest.approx(found.plain.loss, rel=1e-13)


def test_the_plain_side_is_a_dense_hessian_at_the_weights_of_the_layer() -> None:
    model, x, y = plain()
    layer = 2
    found = insert(model, [layer], x, y, CE, LENGTHS)[0].plain
    double = copy.deepcopy(model).double()
    inputs = x.double()
    for earlier in list(double.blocks)[:layer]:
        inputs = earlier(inputs)
    block = block_of(double, layer)
    linear = block.linear
    assert isinstance(linear, nn.Conv2d)
    weight, bias = linear.weight.detach().clone(), linear.bias

    def loss(w: Tensor) -> Tensor:
        out = nn.functional.conv2d(inputs.detach(), w, bias, padding=1)
        out = block.tail(block.act(block.norm(out)))
        for later in list(double.blocks)[layer + 1 :]:
            out = later(out)
        return CE(out, y)

    g = torch.autograd.functional.jacobian(loss, weight).reshape(-1)
    h = torch.autograd.functional.hessian(loss, weight).reshape(len(g), len(g))
    assert found.layer_grad == pytest.approx(float(g.norm()), rel=1e-10)
    assert found.layer_curvature == pytest.approx(float(g @ h @ g / (g @ g)), rel=1e-8)


def test_the_inserted_gradient_is_the_projection_that_batchnorm_makes() -> None:
    """With gamma = sigma the gradient loses its mean and its part along y-hat (equation 5), and nothing else."""
    model, x, y = plain()
    (found,) = insert(model, [7], x, y, CE, LENGTHS)
    double = copy.deepcopy(model).double()
    inputs = x.double()
    for block in list(double.blocks)[:7]:
        inputs = block(inputs)
    out = block_of(double, 7).linear(inputs).detach().requires_grad_()
    (g,) = torch.autograd.grad(CE(double.blocks[8](block_of(double, 7).act(out)), y), out)
    hat = (out - out.mean(0)) / out.std(0, unbiased=False)
    projected = g - g.mean(0) - hat * (g * hat).mean(0)
    assert found.plain.activation_grad == pytest.approx(float(g.norm()), rel=1e-10)
    assert found.inserted.activation_grad == pytest.approx(float(projected.detach().norm()), rel=1e-10)
    assert found.inserted.activation_grad < found.plain.activation_grad


def test_matched_batchnorm_agrees_with_pytorchs_away_from_the_matched_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second = (torch.randn(9, 3, 4, 4, generator=generator, dtype=torch.float64) for _ in range(2))
    ours, theirs = MatchedNorm(first), nn.BatchNorm2d(3, eps=1e-300).double()
    theirs.weight.data, theirs.bias.data = ours.gamma, ours.beta
    torch.testing.assert_close(ours(second), theirs(second), rtol=1e-12, atol=1e-12)


def test_units_that_do_not_vary_pass_unchanged_and_are_counted() -> None:
    y = torch.randn(9, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    y[:, 1] = 0.0
    y.requires_grad_()
    out = MatchedNorm(y.detach())(y)
    (grad,) = torch.autograd.grad(out.square().sum(), y)
    assert torch.equal(out[:, 1], y[:, 1])
    assert grad.isfinite().all()


def test_the_network_is_not_changed() -> None:
    model, x, y = plain()
    before = copy.deepcopy(model.state_dict())
    insert(model, [3], x, y, CE, LENGTHS)
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert all(p.grad is None for p in model.parameters())
    assert isinstance(model.blocks[3].norm, nn.Identity)
