"""Healthy networks and planted faults, in two halves; every entry is built when it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import findings_nets as nets
import torch
import torch.nn.functional as F
from findings_nets import Case
from torch import Tensor, nn


@dataclass(frozen=True)
class Planted:
    """A network with something wrong: what is to be found, in which layer, in which channels."""

    net: str
    kind: str
    case: Case
    layer: str
    channels: tuple[int, ...] | None = None


Build = Callable[[], Case]


def of_images(model: Callable[[], nn.Module], n: int = 32, size: int = 8) -> Build:
    return lambda: Case(model(), *nets.images(n, size=size))


def of_vectors(model: Callable[[], nn.Module], n: int = 64) -> Build:
    return lambda: Case(model(), *nets.vectors(n))


def of_tokens(model: Callable[[], nn.Module]) -> Build:
    return lambda: Case(model(), *nets.tokens())


def autoencoder() -> Case:
    x, _ = nets.vectors()
    return Case(nets.Autoencoder(), x, x, F.mse_loss)


def generator() -> Case:
    return Case(
        nets.Generator(), torch.randn(32, 16), None, lambda out: F.softplus(-out.mean((1, 2, 3))).mean()
    )


def decoder() -> Case:
    ids, _ = nets.tokens()
    return Case(nets.Decoder(), ids, ids.roll(-1, 1))


DEVELOPED: dict[str, Build] = {
    "mlp": of_vectors(nets.mlp),
    "mlp-tanh": of_vectors(lambda: nets.mlp(act=nn.Tanh)),
    "mlp-layer-norm": of_vectors(lambda: nets.mlp(norm=nn.LayerNorm, bias=True)),
    "vgg": of_images(nets.vgg),
    "resnet": of_images(nets.resnet),
    "resnet-group-norm": of_images(lambda: nets.resnet(nets.group_norm)),
    "preact": of_images(nets.preact),
    "densenet": of_images(nets.Dense),
    "post-norm": of_tokens(nets.Encoder),
    "pre-norm": of_tokens(lambda: nets.Encoder(first=True)),
    "unet": of_images(nets.UNet),
    "autoencoder": autoencoder,
    "tied": of_vectors(nets.Tied),
    "recurrent": of_tokens(nets.Recurrent),
}
HELD_OUT: dict[str, Build] = {
    "bottleneck": of_images(nets.bottlenecks),
    "zero-init": of_images(lambda: nets.bottlenecks(zero=True)),
    "mobile": of_images(nets.mobile),
    "mixer": of_images(nets.Mixer),
    "convnext": of_images(nets.ConvNeXt),
    "vit": of_images(nets.ViT),
    "decoder": decoder,
    "temporal": of_images(nets.Temporal),
    "pointnet": of_images(nets.PointNet),
    "generator": generator,
    "squeeze": of_images(nets.Squeeze),
    "graph": of_vectors(nets.Graph, 48),
}
NETS = DEVELOPED | HELD_OUT


def trained(build: Build, steps: int = 60, fresh: Callable[[], tuple[Any, Any]] | None = None) -> Build:
    return lambda: nets.fitted(build(), steps, again=fresh)


def with_sgd(build: Build, lr: float) -> Build:
    def made() -> Case:
        case = build()
        return case.put(optimizer=torch.optim.SGD(case.model.parameters(), lr, momentum=0.9))

    return made


def frozen(build: Build, fresh: Callable[[], tuple[Any, Any]]) -> Build:
    """Fine-tuning with the statistics and scales of a trained network held fast, and a new head."""

    def made() -> Case:
        case = nets.fitted(build(), 80, again=fresh)
        case.model.train()
        for _, norm in nets.norms(case.model):
            norm.eval()
            for p in norm.parameters():
                p.requires_grad_(False)
        head = [m for m in case.model.modules() if isinstance(m, nn.Linear)][-1]
        nn.init.normal_(head.weight, std=0.01)
        return case.put(
            optimizer=torch.optim.SGD([p for p in case.model.parameters() if p.requires_grad], 0.01)
        )

    return made


def doubled(build: Build) -> Build:
    def made() -> Case:
        case = build()
        return case.put(
            model=case.model.double(),
            inputs=case.inputs.double() if case.inputs.is_floating_point() else case.inputs,
        )

    return made


def evaluated(build: Build) -> Build:
    def made() -> Case:
        case = build()
        case.model.eval()
        return case.put(optimizer=None)

    return made


D, H = DEVELOPED, HELD_OUT
HEALTHY_DEVELOPED: dict[str, Build] = {f"{name}, at initialisation": build for name, build in D.items()} | {
    "mlp, trained": trained(D["mlp"], fresh=nets.vectors),
    "mlp, with SGD": with_sgd(D["mlp"], 0.1),
    "vgg, trained": trained(D["vgg"], fresh=nets.images),
    "vgg, trained, in eval mode": evaluated(trained(D["vgg"], 80, fresh=nets.images)),
    "vgg of 16 layers": of_images(lambda: nets.vgg(plan=(8, 8, 0, 8, 8, 0, *[16] * 4, 0, *[16] * 8))),
    "resnet, trained on one batch": trained(D["resnet"]),
    "resnet, with SGD": with_sgd(D["resnet"], 0.1),
    "resnet, 4 images of 6 x 6": of_images(nets.resnet, 4, 6),
    "resnet of 20 layers": of_images(lambda: nets.resnet(blocks=4)),
    "resnet, fine-tuned with frozen norms": frozen(D["resnet"], nets.images),
    "preact of 24 blocks": of_images(lambda: nets.preact(24)),
    "densenet, trained": trained(D["densenet"], fresh=nets.images),
    "post-norm of 12 layers": of_tokens(lambda: nets.Encoder(12)),
    "post-norm, trained": trained(D["post-norm"], fresh=nets.tokens),
    "pre-norm of 12 layers, trained": trained(of_tokens(lambda: nets.Encoder(12, True)), 30, nets.tokens),
    "autoencoder, trained": trained(D["autoencoder"]),
    "autoencoder, in float64": doubled(D["autoencoder"]),
    "tied, trained": trained(D["tied"], fresh=nets.vectors),
}
HEALTHY_HELD_OUT: dict[str, Build] = {f"{name}, at initialisation": build for name, build in H.items()} | {
    "bottleneck, trained": trained(H["bottleneck"], fresh=nets.images),
    "zero-init, trained": trained(H["zero-init"], 30),
    "zero-init, with SGD": with_sgd(H["zero-init"], 0.1),
    "bottleneck, fine-tuned with frozen norms": frozen(H["bottleneck"], nets.images),
    "bottleneck, 4 images of 6 x 6": of_images(nets.bottlenecks, 4, 6),
    "mobile, trained": trained(H["mobile"], fresh=nets.images),
    "mixer, trained": trained(H["mixer"], fresh=nets.images),
    "convnext, trained": trained(H["convnext"], fresh=nets.images),
    "vit, trained": trained(H["vit"], fresh=nets.images),
    "decoder, trained": trained(H["decoder"]),
    "decoder, in float64": doubled(H["decoder"]),
    "temporal, trained": trained(H["temporal"], fresh=nets.images),
    "pointnet, trained, in eval mode": evaluated(trained(H["pointnet"], 80, fresh=nets.images)),
    "squeeze, trained": trained(H["squeeze"], fresh=nets.images),
    "graph, trained": trained(H["graph"]),
    "generator, with Adam": trained(H["generator"], 5),
}


# Faults: a network, something done to it, and what is to be named.

Plant = Callable[[str], Planted]


def dead_scale(place: int, channels: tuple[int, ...] = (1, 4), shift: float = -0.1) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, norm = case.norm(place)
        with torch.no_grad():
            norm.weight[list(channels)], norm.bias[list(channels)] = 0.0, shift
        return Planted(net, "dead-scale", case, name, channels)

    return plant


def dead_channel(place: int, channels: tuple[int, ...] = (2, 3), shift: float = -8.0) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, norm = case.norm(place)
        with torch.no_grad():
            norm.bias[list(channels)] = shift
        return Planted(net, "dead-channel", case, name, channels)

    return plant


def constant_input(
    place: int, source: Callable[[nn.Module], Any], channels: tuple[int, ...] = (0, 5)
) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, norm = case.norm(place)
        with torch.no_grad():
            source(case.model).weight[list(channels)] = 0.0
            norm.bias[list(channels)] = 0.5
        return Planted(net, "constant-input", case, name, channels)

    return plant


def eps_dominates(place: int, eps: float = 10.0) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, norm = case.norm(place)
        norm.eps = eps
        return Planted(net, "eps-dominates", case, name)

    return plant


def small_weights(place: int, source: Callable[[nn.Module], Any], factor: float = 1e-3) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, _ = case.norm(place)
        with torch.no_grad():
            for p in source(case.model).parameters():
                p.mul_(factor)
        return Planted(net, "eps-dominates", case, name)

    return plant


def tiny_batch(count: int = 2, place: int = 0) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        targets = None if case.targets is None else case.targets[:count]
        return Planted(
            net, "tiny-batch", case.put(inputs=case.inputs[:count], targets=targets), case.norm(place)[0]
        )

    return plant


def duplicates(copies: int) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        n = len(case.inputs) // copies
        repeat = lambda t: None if t is None else torch.cat([t[:n]] * copies)  # noqa: E731
        case = case.put(inputs=repeat(case.inputs), targets=repeat(case.targets))
        return Planted(net, "duplicate-batch", case, case.norm(0)[0])

    return plant


def outlier(factor: float = 100.0) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        x = case.inputs.clone()
        x[3] *= factor
        return Planted(net, "uneven-batch", case.put(inputs=x), case.norm(0)[0])

    return plant


def two_domains(shift: float, factor: float = 1.0) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        x = case.inputs.clone()
        x[::2] = factor * x[::2] + shift
        return Planted(net, "mixed-domains", case.put(inputs=x), case.norm(0)[0])

    return plant


def momentum(value: float, place: int = 1) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, norm = case.norm(place)
        norm.momentum = value
        return Planted(net, "momentum-extreme", case, name)

    return plant


def fresh_of(net: str) -> Callable[[], tuple[Any, Any]] | None:
    return nets.images if isinstance(NETS[net]().inputs, Tensor) and NETS[net]().inputs.dim() == 4 else None


def stale(place: int, shift: float = 3.0, factor: float = 1.0) -> Plant:
    def plant(net: str) -> Planted:
        case = nets.fitted(NETS[net](), 60, again=fresh_of(net))
        name, norm = case.norm(place)
        norm.running_mean += shift * norm.running_var.sqrt()
        norm.running_var *= factor
        return Planted(net, "stale-statistics", case, name)

    return plant


def stale_at_start(net: str) -> Planted:
    """An untrained network in eval mode, on data far from mean 0 and spread 1."""
    case = NETS[net]()
    case.model.eval()
    return Planted(net, "stale-statistics", case.put(inputs=case.inputs * 20 + 50), case.norm(0)[0])


def eval_in_training(place: int) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, norm = case.norm(place)
        norm.eval()
        return Planted(net, "eval-in-training", case, name)

    return plant


def ill_conditioned(place: int, source: Callable[[nn.Module], Any], shift: float = 1e5) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, _ = case.norm(place)
        layer = source(case.model)
        layer.bias = nn.Parameter(shift * torch.ones(layer.weight.shape[0]))
        return Planted(net, "ill-conditioned", case, name)

    return plant


def not_finite(place: int) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, norm = case.norm(place)
        with torch.no_grad():
            norm.weight[0] = float("nan")
        return Planted(net, "non-finite", case, name)

    return plant


def overflow(net: str) -> Planted:
    """A logarithm of what is not positive, behind the first normalisation."""
    case = NETS[net]()
    name, _ = case.norm(0)
    parent = case.model.get_submodule(name.rpartition(".")[0])

    class Log(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return x.log()

    children = list(parent._modules)
    at = children[children.index(name.rpartition(".")[2]) + 1]
    parent._modules[at] = Log()
    return Planted(net, "non-finite", case, f"{name.rpartition('.')[0]}.{at}".strip("."))


def large_step(lr: float) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        return Planted(
            net, "step-too-large", case.put(optimizer=torch.optim.SGD(case.model.parameters(), lr)), ""
        )

    return plant


def with_bias(place: int, source: Callable[[nn.Module], Any]) -> Plant:
    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, _ = case.norm(place)
        layer = source(case.model)
        layer.bias = nn.Parameter(0.1 * torch.randn(layer.weight.shape[0]))
        return Planted(net, "bias-before-norm", case, name)

    return plant


def deep(depth: int, act: Any = nn.ReLU, width: int = 32) -> Plant:
    def plant(net: str) -> Planted:
        case = Case(nets.mlp(width, depth, act=act), *nets.vectors())
        return Planted(net, "gradient-growth", case, case.norm(0)[0])

    return plant


def deep_convolutions(net: str) -> Planted:
    case = Case(nets.vgg(plan=(8,) * 28), *nets.images())
    return Planted(net, "gradient-growth", case, case.norm(0)[0])


def saturated(net: str) -> Planted:
    """Sigmoids without a normalisation between them."""
    layers: list[nn.Module] = [nn.Linear(16, 32), nn.LayerNorm(32)]
    for _ in range(8):
        layers += [nn.Linear(32, 32), nn.Sigmoid()]
    model = nn.Sequential(*layers, nn.LayerNorm(32, eps=1e-12), nn.Linear(32, nets.CLASSES))
    return Planted(net, "gradient-decay", Case(model, *nets.vectors()), "1")


class Sequence(nn.Module):
    """A normalisation between linear maps of a sequence, (sample, position, channel)."""

    def __init__(self, norm: nn.Module, turned: bool = False, bias: bool = True) -> None:
        super().__init__()
        self.inner, self.norm, self.head = nn.Linear(16, 24, bias=bias), norm, nn.Linear(24, nets.CLASSES)
        self.turned = turned

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(x)
        h = self.norm(h.transpose(1, 2)).transpose(1, 2) if self.turned else self.norm(h)
        return self.head(F.relu(h)).mean(1)


def wrong_axis(norm: Callable[[], nn.Module], turned: bool = False, bias: bool = True) -> Plant:
    def plant(net: str) -> Planted:
        case = Case(
            Sequence(norm(), turned, bias), torch.randn(32, 9, 16), torch.randint(0, nets.CLASSES, (32,))
        )
        return Planted(net, "wrong-axis", case, "norm")

    return plant


def closed_layer(place: int) -> Plant:
    """Every channel of a layer far below 0 before ReLU."""

    def plant(net: str) -> Planted:
        case = NETS[net]()
        name, norm = case.norm(place)
        with torch.no_grad():
            norm.bias.fill_(-30.0)
        return Planted(net, "dead-channel", case, name, tuple(range(len(norm.bias))))

    return plant


def padded(net: str) -> Planted:
    """Positions that are zero and count in the loss."""
    case = NETS[net]()
    with torch.no_grad():
        case.model.embed.weight[0] = 0.0
    ids = case.inputs.clone()
    ids[:4, 5:] = 0
    return Planted(net, "constant-input", case.put(inputs=ids), case.norm(0)[0])


def first(kind: type[nn.Module], place: int = 0) -> Callable[[nn.Module], nn.Module]:
    return lambda model: [m for m in model.modules() if type(m) is kind][place]


def small_maps(net: str) -> Planted:
    """Instance normalisation where one position is left."""
    model = nn.Sequential(
        nets.conv(3, 8),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d((1, 2)),
        nn.InstanceNorm2d(8),
        nn.Flatten(),
        nn.Linear(16, 5),
    )
    return Planted(net, "tiny-batch", Case(model, *nets.images()), "3")


def single_groups(net: str) -> Planted:
    """One channel a group on vectors: m = 1."""
    model = nn.Sequential(nn.Linear(16, 10), nn.GroupNorm(10, 10), nn.ReLU(), nn.Linear(10, nets.CLASSES))
    return Planted(net, "tiny-batch", Case(model, *nets.vectors()), "1")


FAULTS_DEVELOPED: list[tuple[str, Plant]] = [
    ("mlp", dead_scale(1)),
    ("mlp", dead_channel(0)),
    ("mlp", constant_input(1, first(nn.Linear, 1))),
    ("mlp", eps_dominates(2)),
    ("mlp", tiny_batch(4)),
    ("mlp", duplicates(2)),
    ("mlp", outlier()),
    ("mlp", two_domains(6.0)),
    ("mlp", large_step(200.0)),
    ("mlp", with_bias(1, first(nn.Linear, 1))),
    ("mlp-tanh", small_weights(0, first(nn.Linear))),
    ("mlp-tanh", not_finite(1)),
    ("mlp-layer-norm", eps_dominates(0, 30.0)),
    ("vgg", dead_scale(2, (0, 7))),
    ("vgg", dead_channel(1, (5,))),
    ("vgg", momentum(0.99)),
    ("vgg", stale(1)),
    ("vgg", eval_in_training(2)),
    ("vgg", ill_conditioned(1, first(nn.Conv2d, 1))),
    ("vgg", stale_at_start),
    ("vgg", overflow),
    ("resnet", dead_channel(1, (2,))),
    ("resnet", eps_dominates(0)),
    ("resnet", stale(0, 0.0, 30.0)),
    ("resnet", momentum(0.0, 0)),
    ("resnet-group-norm", small_weights(0, first(nn.Conv2d))),
    ("preact", closed_layer(0)),
    ("preact", duplicates(4)),
    ("densenet", eval_in_training(1)),
    ("densenet", dead_scale(4, (3, 8, 11))),
    ("post-norm", eps_dominates(1, 100.0)),
    ("tied", eps_dominates(0, 10.0)),
    ("pre-norm", not_finite(2)),
    ("unet", eps_dominates(1, 20.0)),
    ("autoencoder", tiny_batch(3)),
    ("autoencoder", two_domains(0.0, 12.0)),
    ("recurrent", padded),
    ("thirty blocks", deep(30)),
    ("sigmoids", saturated),
    ("sequence", wrong_axis(lambda: nn.BatchNorm1d(9))),
    ("sequence", wrong_axis(lambda: nn.LayerNorm(9), True)),
    ("small maps", small_maps),
]
FAULTS_HELD_OUT: list[tuple[str, Plant]] = [
    ("bottleneck", dead_channel(2, (1, 6))),
    ("bottleneck", dead_scale(1, (0,))),
    ("bottleneck", constant_input(2, first(nn.Conv2d, 2))),
    ("bottleneck", momentum(0.9, 3)),
    ("bottleneck", stale(4)),
    ("bottleneck", outlier(60.0)),
    ("zero-init", dead_channel(0, (3,))),
    ("zero-init", eps_dominates(0, 5.0)),
    ("zero-init", duplicates(2)),
    ("mobile", eval_in_training(1)),
    ("mobile", dead_channel(4, (0, 9), -12.0)),
    ("mobile", ill_conditioned(0, first(nn.Conv2d), -3e4)),
    ("mixer", small_weights(0, first(nn.Conv2d))),
    ("mixer", not_finite(1)),
    ("convnext", eps_dominates(1, 10.0)),
    ("vit", not_finite(4)),
    ("vit", eps_dominates(0, 50.0)),
    ("decoder", not_finite(0)),
    ("decoder", small_weights(0, first(nn.Embedding), 1e-3)),
    ("temporal", dead_scale(0, (4, 5, 6))),
    ("temporal", duplicates(8)),
    ("temporal", with_bias(1, first(nn.Conv1d, 1))),
    ("temporal", stale(1, 0.0, 0.01)),
    ("pointnet", tiny_batch(2, 2)),
    ("pointnet", constant_input(2, first(nn.Linear), (3,))),
    ("pointnet", two_domains(9.0)),
    ("generator", momentum(1.0, 0)),
    ("generator", dead_scale(0, (7, 8, 9))),
    ("squeeze", eval_in_training(0)),
    ("squeeze", large_step(500.0)),
    ("squeeze", ill_conditioned(0, first(nn.Conv2d))),
    ("squeeze", stale_at_start),
    ("graph", eps_dominates(0, 10.0)),
    ("graph", dead_channel(1, (4, 20), -9.0)),
    ("forty blocks", deep(40, nn.ReLU, 24)),
    ("convolutions", deep_convolutions),
    ("channels last", wrong_axis(lambda: nn.BatchNorm1d(9), False, False)),
    ("channels last", wrong_axis(lambda: nn.GroupNorm(3, 9))),
    ("channels last", wrong_axis(lambda: nn.InstanceNorm1d(9))),
    ("single groups", single_groups),
]
