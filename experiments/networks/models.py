"""The paper's two networks: a VGG and a deep linear network, as lists of alike blocks (Appendix A.1)."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import ParamSpec

import torch
from bnverify.experiments.run.recipes import DlnRecipe, MlpRecipe, Recipe, VggRecipe
from bnverify.numerics.measure.norms import LpNorm, Noise, NoisyBatchNorm, draw_together
from torch import Tensor, nn

from bnverify.base.errors import InputError

# Channels of the convolutions; "M" halves the picture. 11, 13 and 16 are columns A, B, D of the VGG paper.
PLANS: dict[int, tuple[int | str, ...]] = {
    9: (64, "M", 128, "M", 256, 256, "M", 512, 512, "M"),
    11: (64, "M", 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    13: (64, 64, "M", 128, 128, "M", 256, 256, "M", 512, 512, "M", 512, 512, "M"),
    16: (64, 64, "M", 128, 128, "M", 256, 256, 256, "M", 512, 512, 512, "M", 512, 512, 512, "M"),
}
P = ParamSpec("P")

HIDDEN = 512  # Units of the two hidden fully connected layers, before the width factor.


class Block(nn.Module):
    """One layer i of Definition 2.1: linear map, normalisation of its output, non-linearity, shape change.

    Its parameters (weight and bias of the map, gamma and beta of the normalisation) count as layer i's.
    """

    def __init__(self, linear: nn.Module, norm: nn.Module, act: nn.Module, tail: nn.Module) -> None:
        super().__init__()
        self.linear, self.norm, self.act, self.tail = linear, norm, act, tail

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.tail(self.act(self.norm(self.linear(x))))
        return out


class Pool(nn.Module):
    """2x2 max-pooling, ``(m, J, h, w)`` to ``(m, J, h/2, w/2)``.

    On the CPU only the kernel for channels_last is vectorised; values and gradients are the same to the bit.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.is_cuda:
            return nn.functional.max_pool2d(x, 2)
        last = x.contiguous(memory_format=torch.channels_last)
        return nn.functional.max_pool2d(last, 2).contiguous()


class Network(nn.Module):
    """Blocks one after the other; ``blocks[i]`` is layer i + 1 of the paper."""

    def __init__(self, blocks: list[Block]) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(blocks)

    def forward(self, x: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x)
        return x


def build_norm(recipe: Recipe, units: int, spatial: bool, layer: int) -> nn.Module:
    """The normalisation that ``recipe`` asks for, for a layer of ``units`` units; an Identity for none."""
    if recipe.norm == "none":
        return nn.Identity()
    if recipe.norm in ("l1", "l2", "linf"):
        p = {"l1": 1.0, "l2": 2.0, "linf": math.inf}[recipe.norm]
        return LpNorm(
            units, p, average=recipe.lp_average, of=recipe.lp_of, eps=recipe.norm_eps, affine=recipe.affine
        )
    kind = nn.BatchNorm2d if spatial else nn.BatchNorm1d
    batchnorm = kind(units, eps=recipe.norm_eps, affine=recipe.affine)
    if recipe.norm == "batchnorm":
        return batchnorm
    if not isinstance(recipe, VggRecipe):
        raise InputError(f"norm = {recipe.norm} needs a VGG recipe")
    noise = Noise(
        units,
        seed=recipe.seed,
        layer=layer,
        n_mu=recipe.noise_n_mu,
        n_sigma=recipe.noise_n_sigma,
        r_mu=recipe.noise_r_mu,
        r_sigma=recipe.noise_r_sigma,
        sigma_reading=recipe.noise_sigma_reading,
        at_test=recipe.noise_at_test,
    )
    return noise if recipe.norm == "noise" else NoisyBatchNorm(batchnorm, noise, recipe.noise_place)


def _leaving_the_global_generator(build: Callable[P, Network]) -> Callable[P, Network]:
    @functools.wraps(build)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> Network:
        # PyTorch's modules draw initial values when they are made; those are overwritten.
        with torch.random.fork_rng(devices=[]):
            return build(*args, **kwargs)

    return wrapped


@_leaving_the_global_generator
def vgg(recipe: VggRecipe, channels: int, classes: int) -> Network:
    """The VGG of ``recipe``: 3x3 convolutions, ReLU, 2x2 max-pooling while the picture is larger than one
    pixel, two hidden fully connected layers, a linear classifier without normalisation; no dropout.

    Input ``(m, channels, size, size)``, output logits ``(m, classes)``.
    """
    blocks: list[Block] = []
    spaces: list[tuple[int, ...]] = []
    plan, width = PLANS[recipe.depth], recipe.width
    side: int = recipe.size
    for here, after in zip(plan, (*plan[1:], None), strict=True):
        if isinstance(here, str):
            continue
        units = max(1, round(here * width))
        spaces.append((side, side))
        tail: nn.Module = nn.Identity()
        if after == "M" and side > 1:
            tail, side = Pool(), side // 2
        convolution = nn.Conv2d(channels, units, 3, padding=1, bias=recipe.bias)
        blocks.append(Block(convolution, build_norm(recipe, units, True, len(blocks)), nn.ReLU(), tail))
        channels = units
    blocks[-1].tail = nn.Sequential(blocks[-1].tail, nn.Flatten())
    features = channels * side * side
    for _ in range(2):
        units = max(1, round(HIDDEN * width))
        linear = nn.Linear(features, units, bias=recipe.bias)
        blocks.append(Block(linear, build_norm(recipe, units, False, len(blocks)), nn.ReLU(), nn.Identity()))
        features = units
    blocks.append(Block(nn.Linear(features, classes), nn.Identity(), nn.Identity(), nn.Identity()))
    if recipe.noise_drawn == "together":
        layers = zip(blocks, (*spaces, (), (), ()), strict=True)
        draw_together(
            [(m, space) for block, space in layers for m in block.modules() if isinstance(m, Noise)]
        )
    return initialised(Network(blocks), recipe)


@_leaving_the_global_generator
def linear_network(recipe: DlnRecipe) -> Network:
    """The deep linear network of ``recipe`` in float64: square layers, normalised but for the last (see ``last_norm``).

    Input and output ``(samples, dim)``.
    """
    blocks = [
        Block(
            nn.Linear(recipe.dim, recipe.dim, bias=recipe.bias),
            build_norm(recipe, recipe.dim, False, i)
            if i < recipe.layers - 1 or recipe.last_norm
            else nn.Identity(),
            nn.Identity(),
            nn.Identity(),
        )
        for i in range(recipe.layers)
    ]
    return initialised(Network(blocks).double(), recipe)


@_leaving_the_global_generator
def relu_network(recipe: MlpRecipe) -> Network:
    """The fully connected ReLU network of ``recipe`` in float64, input and output ``(samples, dim)``."""
    units = [recipe.dim, *[recipe.width] * (recipe.layers - 1), recipe.dim]
    blocks = []
    for i in range(recipe.layers):
        last = i == recipe.layers - 1
        norm: nn.Module = nn.Identity()
        if recipe.norm == ("last-batchnorm" if last else "batchnorm-relu"):
            norm = nn.BatchNorm1d(units[i + 1], eps=recipe.norm_eps, affine=recipe.affine)
        act = nn.Identity() if last else nn.ReLU()
        blocks.append(Block(nn.Linear(units[i], units[i + 1], bias=recipe.bias), norm, act, nn.Identity()))
    network = initialised(Network(blocks).double(), recipe)
    with torch.no_grad():
        for block in network.blocks:
            assert isinstance(block, Block)
            block.linear.weight.mul_(math.sqrt(2))  # type: ignore[operator]
    return network


def initialised(model: Network, recipe: Recipe) -> Network:
    """Initialise the linear maps of ``model`` in place as the recipe says, from its seed; biases become 0.

    Weights are drawn layer by layer from one generator, so that two recipes that differ in their
    normalisation alone start at the same weights. The global generator is not used.
    """
    generator = torch.Generator().manual_seed(recipe.seed)
    draws: dict[str, Callable[..., Tensor]] = {
        "glorot-uniform": nn.init.xavier_uniform_,
        "glorot-normal": nn.init.xavier_normal_,
        "he-normal": _he_normal,
    }
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            draws[recipe.init](module.weight, gain=recipe.init_gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return model


def _he_normal(weight: Tensor, gain: float, generator: torch.Generator) -> Tensor:
    """Normal with variance 2 gain^2 / fan-in (He et al. 2015), for ReLU."""
    fan_in = weight[0].numel()
    return nn.init.normal_(weight, 0.0, gain * math.sqrt(2 / fan_in), generator=generator)
