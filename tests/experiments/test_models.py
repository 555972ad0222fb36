"""The networks have the paper's shapes, and variants start at the same weights."""

from __future__ import annotations

import pytest
import torch
from bnverify.experiments.networks.models import Network, Pool, linear_network, vgg
from bnverify.experiments.run.recipes import NORMS_VGG, DlnRecipe, NormKind, VggRecipe
from bnverify.numerics.measure.norms import LpNorm, Noise, NoisyBatchNorm
from torch import nn

SMALL = VggRecipe(depth=9, width=1 / 16, size=16)


def linear_maps(model: Network) -> list[nn.Conv2d | nn.Linear]:
    return [m for m in model.modules() if isinstance(m, nn.Conv2d | nn.Linear)]


@pytest.mark.parametrize("depth", [9, 11, 13, 16])
@pytest.mark.parametrize("size", [8, 16, 32])
def test_depth_counts_the_weight_layers_and_any_size_gives_logits(depth: int, size: int) -> None:
    model = vgg(VggRecipe(depth=depth, width=1 / 16, size=size), 3, 10)  # type: ignore[arg-type]
    assert len(linear_maps(model)) == depth
    assert model(torch.zeros(2, 3, size, size)).shape == (2, 10)


def test_full_width_16_layers_on_32_pixels_has_the_known_number_of_convolution_weights() -> None:
    model = vgg(VggRecipe(depth=16, bias=False), 3, 10)
    # VGG-16's thirteen convolutions without bias: 14,710,464 weights.
    assert sum(m.weight.numel() for m in model.modules() if isinstance(m, nn.Conv2d)) == 14_710_464


@pytest.mark.parametrize(
    ("norm", "kind"),
    [("batchnorm", nn.BatchNorm2d), ("noisy-batchnorm", NoisyBatchNorm), ("noise", Noise), ("linf", LpNorm)],
)
def test_every_layer_but_the_last_is_normalised(norm: NormKind, kind: type[nn.Module]) -> None:
    model = vgg(VggRecipe(depth=9, width=1 / 16, size=8, norm=norm), 1, 10)
    assert isinstance(model.blocks[0].norm, kind)
    assert not isinstance(model.blocks[-2].norm, nn.Identity)
    assert isinstance(model.blocks[-1].norm, nn.Identity)


@pytest.mark.parametrize("norm", NORMS_VGG)
def test_variants_of_one_seed_start_at_the_same_weights(norm: NormKind) -> None:
    plain = linear_maps(vgg(SMALL, 3, 10))
    variant = linear_maps(vgg(VggRecipe(depth=9, width=1 / 16, size=16, norm=norm), 3, 10))
    assert all(torch.equal(a.weight, b.weight) for a, b in zip(plain, variant, strict=True))


def test_seeds_differ_and_the_global_generator_is_left_alone() -> None:
    before = torch.get_rng_state()
    first = linear_maps(vgg(SMALL, 3, 10))[0]
    second = linear_maps(vgg(VggRecipe(depth=9, width=1 / 16, size=16, seed=1), 3, 10))[0]
    linear_network(DlnRecipe())
    assert torch.equal(before, torch.get_rng_state())
    assert not torch.equal(first.weight, second.weight)
    assert first.bias is not None
    assert first.bias.abs().max() == 0


@pytest.mark.parametrize("init", ["glorot-uniform", "glorot-normal"])
def test_initial_weights_have_glorots_variance(init: str) -> None:
    model = vgg(VggRecipe(depth=9, width=0.5, size=8, init=init), 3, 10)  # type: ignore[arg-type]
    weight = linear_maps(model)[5].weight
    fan = 9 * (weight.shape[0] + weight.shape[1])
    assert weight.var().item() == pytest.approx(2 / fan, rel=0.02)
    bounded = weight.abs().max().item() <= (6 / fan) ** 0.5
    assert bounded == (init == "glorot-uniform")


def test_the_linear_network_is_25_square_layers_in_float64_normalised_after_the_last_on_request() -> None:
    model = linear_network(DlnRecipe(norm="l1"))
    assert [tuple(m.weight.shape) for m in linear_maps(model)] == [(10, 10)] * 25
    assert linear_maps(model)[0].weight.dtype == torch.float64
    assert isinstance(model.blocks[-1].norm, nn.Identity)
    assert isinstance(linear_network(DlnRecipe(norm="l1", last_norm=True)).blocks[-1].norm, LpNorm)


def test_pooling_in_another_layout_is_pytorchs_to_the_bit() -> None:
    x = torch.randn(3, 5, 8, 8, generator=torch.Generator().manual_seed(0)).relu_().requires_grad_()
    cotangent = torch.randn(3, 5, 4, 4, generator=torch.Generator().manual_seed(1))
    found = []
    for pool in (Pool(), nn.MaxPool2d(2)):
        out = pool(x)
        (grad,) = torch.autograd.grad(out, x, cotangent)
        found.append((out, grad))
    assert found[0][0].is_contiguous()
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
