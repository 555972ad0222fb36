# ruff: noqa: E501
"""A third set: networks of other shapes, with faults and without, written before the rules were run on them.

Every entry goes through the public audit (or the recorder, for what takes steps) and says what is to be named.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from bnverify.numerics.audit.findings.audit import audit
from bnverify.numerics.audit.loop.auditor import Auditor
from torch import Tensor, nn

CLASSES = 4


def images(n: int = 24, size: int = 8, channels: int = 3) -> tuple[Tensor, Tensor]:
    targets = torch.arange(n) % CLASSES
    pattern = torch.randn(CLASSES, channels, size, size, generator=torch.Generator().manual_seed(3))
    return torch.randn(n, channels, size, size) + pattern[targets], targets


def rows(n: int = 48, width: int = 12) -> tuple[Tensor, Tensor]:
    targets = torch.arange(n) % CLASSES
    centre = torch.randn(CLASSES, width, generator=torch.Generator().manual_seed(4))
    return torch.randn(n, width) + centre[targets], targets


def words(n: int = 12, length: int = 8) -> tuple[Tensor, Tensor]:
    ids = torch.randint(1, 30, (n, length))
    return ids, ids[:, 0] % CLASSES


class Residual(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.inner = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.inner(x)


class Attention(nn.Module):
    """Self-attention written out, with a class token's worth of heads."""

    def __init__(self, width: int, heads: int = 2) -> None:
        super().__init__()
        self.qkv, self.out, self.heads = nn.Linear(width, 3 * width), nn.Linear(width, width), heads

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in self.qkv(x).chunk(3, -1))
        return self.out(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))


class Block(nn.Module):
    def __init__(
        self, width: int, first: bool = True, norm: Callable[[int], nn.Module] = nn.LayerNorm
    ) -> None:
        super().__init__()
        self.first, self.norm1, self.norm2 = first, norm(width), norm(width)
        self.mix = Attention(width)
        self.feed = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        if self.first:
            x = x + self.mix(self.norm1(x))
            return x + self.feed(self.norm2(x))
        x = self.norm1(x + self.mix(x))
        return self.norm2(x + self.feed(x))


class TokenViT(nn.Module):
    def __init__(self, width: int = 16, depth: int = 2) -> None:
        super().__init__()
        self.patch = nn.Conv2d(3, width, 4, 4)
        self.cls, self.place = (
            nn.Parameter(torch.zeros(1, 1, width)),
            nn.Parameter(0.02 * torch.randn(1, 5, width)),
        )
        self.blocks = nn.Sequential(*[Block(width) for _ in range(depth)])
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        t = self.patch(x).flatten(2).transpose(1, 2)
        t = torch.cat([self.cls.expand(len(t), -1, -1), t], 1) + self.place
        return self.head(self.norm(self.blocks(t))[:, 0])


class TokenMixer(nn.Module):
    def __init__(self, width: int = 16, length: int = 4) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 4, 4)
        self.n1, self.n2, self.n3 = (nn.LayerNorm(width) for _ in range(3))
        self.tokens, self.channels = nn.Linear(length, length), nn.Linear(width, width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        t = self.stem(x).flatten(2).transpose(1, 2)
        t = t + F.gelu(self.tokens(self.n1(t).transpose(1, 2))).transpose(1, 2)
        t = t + F.gelu(self.channels(self.n2(t)))
        return self.head(self.n3(t).mean(1))


class Next(nn.Module):
    """ConvNeXt's block with its permutations and LayerScale."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.dw = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)
        self.scale = nn.Parameter(1e-6 * torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.dw(x).permute(0, 2, 3, 1))
        return x + (self.scale * self.down(F.gelu(self.up(h)))).permute(0, 3, 1, 2)


class GRUNorm(nn.Module):
    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.embed, self.cell, self.norm = (
            nn.Embedding(30, width),
            nn.GRUCell(width, width),
            nn.LayerNorm(width),
        )
        self.head = nn.Linear(width, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        h = torch.zeros(len(ids), self.norm.normalized_shape[0])
        for x in self.embed(ids).unbind(1):
            h = self.norm(self.cell(x, h))
        return self.head(h)


class GroupUNet(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        pair = lambda i, o: nn.Sequential(nn.Conv2d(i, o, 3, padding=1), nn.GroupNorm(2, o), nn.SiLU())  # noqa: E731
        self.a, self.b, self.c = pair(3, width), pair(width, 2 * width), pair(3 * width, width)
        self.head = nn.Conv2d(width, CLASSES, 1)

    def forward(self, x: Tensor) -> Tensor:
        a = self.a(x)
        b = F.interpolate(self.b(F.avg_pool2d(a, 2)), scale_factor=2)
        return self.head(self.c(torch.cat([a, b], 1))).mean((2, 3))


def critic(norm: bool = True) -> nn.Module:
    layer = lambda c: nn.BatchNorm2d(c) if norm else nn.Identity()  # noqa: E731
    return nn.Sequential(
        nn.Conv2d(3, 8, 4, 2, 1), nn.LeakyReLU(0.2),
        nn.Conv2d(8, 16, 4, 2, 1, bias=False), layer(16), nn.LeakyReLU(0.2),
        nn.Flatten(), nn.Linear(64, CLASSES),
    )  # fmt: skip


class FixUp(nn.Module):
    """Residual blocks without normalisation whose last map is zero, and one BatchNorm before the head."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, width, 3, padding=1)
        self.blocks = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(4)])
        self.out = nn.ModuleList([nn.Conv2d(width, width, 3, padding=1) for _ in range(4)])
        for conv in self.out:
            nn.init.zeros_(conv.weight)
            nn.init.zeros_(conv.bias)
        self.norm, self.head = nn.BatchNorm2d(width), nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        for a, b in zip(self.blocks, self.out, strict=True):
            h = h + b(F.relu(a(h)))
        return self.head(F.relu(self.norm(h)).mean((2, 3)))


class DenseB(nn.Module):
    """DenseNet with bottlenecks and a transition."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        unit = lambda i: nn.Sequential(  # noqa: E731
            nn.BatchNorm2d(i), nn.ReLU(), nn.Conv2d(i, 8, 1, bias=False),
            nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 4, 3, padding=1, bias=False),
        )  # fmt: skip
        self.units = nn.ModuleList([unit(8), unit(12)])
        self.turn = nn.Sequential(
            nn.BatchNorm2d(16), nn.ReLU(), nn.Conv2d(16, 8, 1, bias=False), nn.AvgPool2d(2)
        )
        self.last = nn.ModuleList([unit(8), unit(12)])
        self.norm, self.head = nn.BatchNorm2d(16), nn.Linear(16, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = self.stem(x)
        for unit in self.units:
            h = torch.cat([h, unit(h)], 1)
        h = self.turn(h)
        for unit in self.last:
            h = torch.cat([h, unit(h)], 1)
        return self.head(F.relu(self.norm(h)).mean((2, 3)))


def inverted(i: int, o: int, stride: int = 1) -> nn.Module:
    body = nn.Sequential(
        nn.Conv2d(i, 3 * i, 1, bias=False), nn.BatchNorm2d(3 * i), nn.ReLU6(),
        nn.Conv2d(3 * i, 3 * i, 3, stride, 1, groups=3 * i, bias=False), nn.BatchNorm2d(3 * i), nn.ReLU6(),
        nn.Conv2d(3 * i, o, 1, bias=False), nn.BatchNorm2d(o),
    )  # fmt: skip
    return Residual(*body) if stride == 1 and i == o else body


def mobile() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU6(),
        inverted(8, 8), inverted(8, 12, 2), inverted(12, 12),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(12, CLASSES),
    )  # fmt: skip


class Points(nn.Module):
    """PointNet with a transform net: a point is a position of a one-dimensional convolution."""

    def __init__(self) -> None:
        super().__init__()
        self.look = nn.Sequential(nn.Conv1d(3, 12, 1, bias=False), nn.BatchNorm1d(12), nn.ReLU())
        self.turn = nn.Sequential(
            nn.Linear(12, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 9)
        )
        self.local = nn.Sequential(nn.Conv1d(3, 16, 1, bias=False), nn.BatchNorm1d(16), nn.ReLU())
        self.head = nn.Sequential(
            nn.Linear(16, 16, bias=False), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, CLASSES)
        )

    def forward(self, x: Tensor) -> Tensor:
        turn = self.turn(self.look(x).amax(2)).view(-1, 3, 3) + torch.eye(3)
        return self.head(self.local(turn @ x).amax(2))


def clouds(n: int = 24) -> tuple[Tensor, Tensor]:
    targets = torch.arange(n) % CLASSES
    return torch.randn(n, 3, 20) * (1 + targets.view(-1, 1, 1)), targets


class Messages(nn.Module):
    """A graph network: neighbours' mean, then BatchNorm over nodes, with a skip."""

    def __init__(self, nodes: int = 48, width: int = 16) -> None:
        super().__init__()
        near = (
            torch.rand(nodes, nodes, generator=torch.Generator().manual_seed(5)) < 0.1
        ).float() + torch.eye(nodes)
        self.register_buffer("near", near / near.sum(1, keepdim=True))
        self.first, self.second = nn.Linear(12, width, bias=False), nn.Linear(width, width, bias=False)
        self.n1, self.n2, self.head = nn.BatchNorm1d(width), nn.BatchNorm1d(width), nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.n1(self.near @ self.first(x)))
        return self.head(h + F.relu(self.n2(self.near @ self.second(h))))


class Wave(nn.Module):
    """Dilated convolutions with gates over time and InstanceNorm."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, width)
        self.convs = nn.ModuleList([nn.Conv1d(width, 2 * width, 3, padding=d, dilation=d) for d in (1, 2)])
        self.norms = nn.ModuleList([nn.InstanceNorm1d(width, affine=True) for _ in range(2)])
        self.head = nn.Linear(width, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        h = self.embed(ids).transpose(1, 2)
        for conv, norm in zip(self.convs, self.norms, strict=True):
            a, b = conv(norm(h)).chunk(2, 1)
            h = h + torch.tanh(a) * torch.sigmoid(b)
        return self.head(h.mean(2))


class RMS(nn.Module):
    """As language models write it."""

    def __init__(self, width: int, eps: float = 1e-6) -> None:
        super().__init__()
        self.weight, self.eps = nn.Parameter(torch.ones(width)), eps

    def forward(self, x: Tensor) -> Tensor:
        wide = x.float() if x.dtype in (torch.float16, torch.bfloat16) else x
        return self.weight * (wide * torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + self.eps)).to(x.dtype)


class Llama(nn.Module):
    def __init__(self, width: int = 16, depth: int = 2) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, width)
        self.blocks = nn.Sequential(*[Block(width, norm=RMS) for _ in range(depth)])
        self.norm, self.head = RMS(width), nn.Linear(width, CLASSES, bias=False)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.embed(ids))).mean(1))


class PostNorm(nn.Module):
    def __init__(self, width: int = 16, depth: int = 3) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, width)
        self.blocks = nn.Sequential(*[Block(width, first=False) for _ in range(depth)])
        self.head = nn.Linear(width, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.blocks(self.embed(ids)).mean(1))


class Siamese(nn.Module):
    """Two views through one encoder, one after the other; the loss compares them."""

    def __init__(self) -> None:
        super().__init__()
        self.encode = nn.Sequential(
            nn.Linear(12, 24, bias=False), nn.BatchNorm1d(24), nn.ReLU(),
            nn.Linear(24, 8, bias=False), nn.BatchNorm1d(8, affine=False),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        a, b = self.encode(x + 0.1 * torch.randn_like(x)), self.encode(x + 0.1 * torch.randn_like(x))
        c = a.T @ b / len(x)
        return (c - torch.eye(8)).square().mean()


class Excite(nn.Module):
    """Squeeze and excitation around a volume's convolution."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv3d(1, width, 3, padding=1, bias=False), nn.BatchNorm3d(width)
        self.squeeze, self.back = nn.Linear(width, 4), nn.Linear(4, width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = F.relu(self.norm(self.conv(x)))
        gate = torch.sigmoid(self.back(F.relu(self.squeeze(h.mean((2, 3, 4))))))
        return self.head((h * gate[:, :, None, None, None]).mean((2, 3, 4)))


def volumes(n: int = 16) -> tuple[Tensor, Tensor]:
    targets = torch.arange(n) % CLASSES
    return torch.randn(n, 1, 4, 4, 4) + targets.view(-1, 1, 1, 1, 1), targets


class Sharpened(nn.Module):
    """A deep set: sums over a set's members between BatchNorms over members."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.inner = nn.Sequential(nn.Linear(3, width, bias=False), nn.BatchNorm1d(width), nn.ELU())
        self.outer = nn.Sequential(nn.Linear(width, width, bias=False), nn.BatchNorm1d(width), nn.ELU())
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        h = self.inner(x.transpose(1, 2).flatten(0, 1)).unflatten(0, (len(x), -1))
        return self.head(self.outer(h.mean(1)))


class Film(nn.Module):
    """BatchNorm without scale, whose scale and shift come from a condition."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.conv, self.norm = (
            nn.Conv2d(3, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width, affine=False),
        )
        self.scale, self.shift = nn.Embedding(2, width), nn.Embedding(2, width)
        nn.init.ones_(self.scale.weight)
        nn.init.zeros_(self.shift.weight)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        kind = torch.arange(len(x)) % 2
        h = self.scale(kind)[..., None, None] * self.norm(self.conv(x)) + self.shift(kind)[..., None, None]
        return self.head(F.relu(h).mean((2, 3)))


class Adapted(nn.Module):
    """LoRA: a frozen map and a low-rank one whose second factor starts at 0, so that the first gets no gradient."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a, self.b = (
            nn.Linear(base.in_features, 2, bias=False),
            nn.Linear(2, base.out_features, bias=False),
        )
        nn.init.zeros_(self.b.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.b(self.a(x))


def _adapted() -> nn.Module:
    model = TokenViT().requires_grad_(False)
    for block in model.blocks:
        block.feed[0], block.feed[2] = Adapted(block.feed[0]), Adapted(block.feed[2])
    model.head.requires_grad_(True)
    return model


class Experts(nn.Module):
    """A token goes to one expert, and to the first none does: its LayerNorm is called with no numbers."""

    def __init__(self, width: int = 16, count: int = 4) -> None:
        super().__init__()
        self.embed, self.gate = nn.Embedding(30, width), nn.Linear(width, count)
        self.experts = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width)) for _ in range(count)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)
        nn.init.constant_(self.gate.bias[:1], -50.0)

    def forward(self, ids: Tensor) -> Tensor:
        h = self.embed(ids)
        flat = h.flatten(0, 1)
        top, chosen = self.gate(flat).softmax(1).max(1)
        out = torch.zeros_like(flat)
        for k, expert in enumerate(self.experts):
            at = (chosen == k).nonzero().flatten()
            out = out.index_add(0, at, top[at, None] * expert(flat[at]))
        return self.head(self.norm(h + out.view_as(h)).mean(1))


class Recurrent(nn.Module):
    """LayerNorm of what the state adds; the first state is empty."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.embed = nn.Embedding(30, width)
        self.x, self.h = nn.Linear(width, width), nn.Linear(width, width, bias=False)
        self.nx, self.nh, self.head = nn.LayerNorm(width), nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        x, h = self.embed(ids), torch.zeros(len(ids), self.h.in_features)
        for t in range(ids.shape[1]):
            h = torch.tanh(self.nx(self.x(x[:, t])) + self.nh(self.h(h)))
        return self.head(h)


class Sequenced(nn.Module):
    """BatchNorm1d of a GRU's output, (samples, time, features), as many times as features."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.cell = nn.Embedding(30, 8), nn.GRU(8, 8, batch_first=True)
        self.norm, self.head = nn.BatchNorm1d(8), nn.Linear(8, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(F.relu(self.norm(self.cell(self.embed(ids))[0])).mean(1))


class Summed(nn.Module):
    """A residual block whose ReLU comes after the sum."""

    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.conv, self.norm = nn.Conv2d(width, width, 3, padding=1, bias=False), nn.BatchNorm2d(width)
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        return self.head(F.relu(self.norm(self.conv(x)) + x).mean((2, 3)))


def plain(
    depth: int = 2, act: Callable[[], nn.Module] = nn.ReLU, width: int = 16, bias: bool = False
) -> nn.Module:
    layers: list[nn.Module] = []
    for i in range(depth):
        layers += [nn.Linear(12 if i == 0 else width, width, bias=bias), nn.BatchNorm1d(width), act()]
    return nn.Sequential(*layers, nn.Linear(width, CLASSES))


class Next2(nn.Module):
    def __init__(self, width: int = 8) -> None:
        super().__init__()
        self.stem, self.blocks = nn.Conv2d(3, width, 2, 2), nn.Sequential(Next(width), Next(width))
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.norm(self.blocks(self.stem(x)).mean((2, 3))))


def fit(
    model: nn.Module, batch: Callable[[], tuple[Any, Any]], steps: int = 25, lr: float = 0.05
) -> nn.Module:
    """A few steps, so that scales, shifts and running statistics are no longer those of the start."""
    optimizer = torch.optim.SGD(model.parameters(), lr, momentum=0.9)
    model.train()
    for _ in range(steps):
        x, t = batch()
        optimizer.zero_grad()
        F.cross_entropy(model(x), t).backward()
        optimizer.step()
    return model


Told = tuple[Any, ...]


def told(model: nn.Module, data: tuple[Any, Any], loss_fn: Any = F.cross_entropy, **options: Any) -> Told:
    return audit(model, loss_fn, *data, **options).findings


def itself(out: Tensor) -> Tensor:
    return out


HEALTHY: dict[str, Callable[[], Told]] = {
    "vision transformer with a class token": lambda: told(TokenViT(), images()),
    "vision transformer, trained": lambda: told(fit(TokenViT(), images), images()),
    "mixer": lambda: told(TokenMixer(), images()),
    "convnext with a tiny LayerScale": lambda: told(Next2(), images()),
    "GRU with LayerNorm": lambda: told(GRUNorm(), words()),
    "u-net with GroupNorm, trained": lambda: told(fit(GroupUNet(), images), images()),
    "critic": lambda: told(critic(), images()),
    "critic, trained, with its optimizer": lambda: (
        lambda m: told(m, images(), optimizer=torch.optim.Adam(m.parameters(), 1e-3))
    )(fit(critic(), images)),
    "fixup": lambda: told(FixUp(), images()),
    "densenet with bottlenecks": lambda: told(DenseB(), images()),
    "densenet, trained, in eval mode": lambda: told(fit(DenseB(), images, 60).eval(), images()),
    "inverted residuals": lambda: told(mobile(), images()),
    "pointnet with a transform": lambda: told(Points(), clouds()),
    "graph network": lambda: told(Messages(), rows()),
    "gated convolutions over time": lambda: told(Wave(), words()),
    "hand-written RMSNorm": lambda: told(Llama(), words()),
    "post-norm transformer, trained": lambda: told(fit(PostNorm(), words), words()),
    "two views through one encoder": lambda: told(Siamese(), (rows()[0], None), itself),
    "volumes with squeeze and excitation": lambda: told(Excite(), volumes()),
    "sets": lambda: told(Sharpened(), clouds()),
    "conditional BatchNorm": lambda: told(Film(), images()),
    "scales so small that gradients underflow": lambda: told(_with(GRUNorm(), lambda m: m.norm.weight.mul_(1e-12)), words()),
    "float64 critic": lambda: (lambda x, t: told(critic().double(), (x.double(), t)))(*images()),
    "fine-tuned with a frozen BatchNorm": lambda: told(_frozen(), images()),
    "low-rank adapters at their start": lambda: told(_adapted(), images()),
    "experts of which one is idle": lambda: told(Experts(), words()),
    "a recurrent LayerNorm and its empty state": lambda: told(Recurrent(), words()),
    "adapters, recorded": lambda: _recorded(lambda p: torch.optim.AdamW(p, 1e-3), lambda step: images(), 5, _adapted()),
    "experts, recorded": lambda: _recorded(lambda p: torch.optim.AdamW(p, 1e-3), lambda step: words(), 5, Experts()),
}  # fmt: skip


def _frozen() -> nn.Module:
    model = fit(mobile(), images, 60)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eval()
            module.weight.requires_grad_(False)
            module.bias.requires_grad_(False)
    return model


@dataclass(frozen=True)
class Fault:
    """What is to be named. layer: one name or several of which one is; None where it concerns none in particular."""

    kind: str
    layer: str | tuple[str, ...] | None
    told: Callable[[], Told]
    channels: tuple[int, ...] | None = None
    note: bool = False


def _with(model: nn.Module, change: Callable[[Any], None]) -> nn.Module:
    with torch.no_grad():
        change(model)
    return model


def _scale(
    path: str, channels: list[int], weight: float | None, bias: float | None
) -> Callable[[nn.Module], None]:
    def change(model: nn.Module) -> None:
        norm: Any = model.get_submodule(path)
        if weight is not None:
            norm.weight[channels] = weight
        if bias is not None:
            norm.bias[channels] = bias

    return change


class Forgets(torch.autograd.Function):
    """RMSNorm whose backward pass keeps the spread constant."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        r = torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6)
        ctx.save_for_backward(x, weight, r)
        return weight * x * r

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor]:
        (g,) = grads
        x, weight, r = ctx.saved_tensors
        return g * weight * r, (g * x * r).flatten(0, -2).sum(0)


class FusedRMS(RMS):
    def forward(self, x: Tensor) -> Tensor:
        return Forgets.apply(x, self.weight)


class Halved(nn.LayerNorm):
    """A LayerNorm whose weight gradient is halved, as where two processes divide twice."""

    def forward(self, x: Tensor) -> Tensor:
        weight = self.weight * 0.5 + (self.weight * 0.5).detach()
        return F.layer_norm(x, self.normalized_shape, weight, self.bias, self.eps)


def _hooked() -> nn.Module:
    model = DenseB()
    model.turn[0].register_full_backward_hook(lambda module, grad_in, grad_out: (grad_in[0] * -1,))
    return model


def _llama(norm: type[nn.Module]) -> nn.Module:
    model = Llama()
    model.blocks[1].norm2 = norm(16)
    return model


class Penalty(nn.Module):
    """R1: the squared gradient of the score at the images is part of the loss."""

    def __init__(self) -> None:
        super().__init__()
        self.critic = critic()

    def forward(self, x: Tensor) -> Tensor:
        x = x.detach().requires_grad_()
        score = self.critic(x)[:, 0]
        (slope,) = torch.autograd.grad(score.sum(), x, create_graph=True)
        return F.softplus(score).mean() + slope.square().sum((1, 2, 3)).mean()


def _times(data: tuple[Tensor, Tensor], change: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    x, t = data
    return change(x.clone()), t


def _first(x: Tensor) -> Tensor:
    x[0] = 1e3 * x[0]
    return x


def _halves(x: Tensor) -> Tensor:
    x[: len(x) // 2] += 8
    return x


class Transposed(nn.Module):
    """Tokens whose positions, not their channels, are normalised by LayerNorm."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.map, self.norm = nn.Embedding(30, 8), nn.Linear(8, 8), nn.LayerNorm(8)
        self.head = nn.Linear(8, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.norm(self.map(self.embed(ids)).transpose(1, 2)).mean(1))


class ChannelsLast(nn.Module):
    """BatchNorm1d on (N, T, C): it takes time for channels."""

    def __init__(self) -> None:
        super().__init__()
        self.embed, self.map, self.norm = nn.Embedding(30, 16), nn.Linear(16, 16), nn.BatchNorm1d(8)
        self.head = nn.Linear(16, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(F.relu(self.norm(self.map(self.embed(ids)))).mean(1))


def _stale() -> nn.Module:
    model = fit(DenseB(), images, 60)
    model.norm.running_var.mul_(30)
    return model.eval()


def _gap() -> Told:
    """Dropout before BatchNorm: at test time the variance is another one than in training."""
    torch.manual_seed(1)
    model = nn.Sequential(
        nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.7), nn.BatchNorm1d(32), nn.Linear(32, CLASSES)
    )
    fit(model, lambda: rows(256), 150, 0.1)
    return told(model, rows(256))


def _recorded(
    optimizer: Callable[[Any], torch.optim.Optimizer],
    batch: Callable[[int], Any],
    steps: int,
    model: nn.Module | None = None,
) -> Told:
    """A training, of one layer if no other model is given, under the recorder."""
    model = plain(1) if model is None else model
    moves = optimizer(model.parameters())
    with Auditor(model, every=1, optimizer=moves) as auditor:
        for step in range(steps):
            x, t = batch(step)
            loss = F.cross_entropy(model(x), t)
            moves.zero_grad()
            loss.backward()
            moves.step()
            auditor.step(loss)
    return auditor.findings


def _steps_too_large() -> Told:
    model = plain(2)
    return told(model, rows(), optimizer=torch.optim.SGD(model.parameters(), 500.0))


def _nan() -> nn.Module:
    model = GRUNorm()
    with torch.no_grad():
        model.norm.bias[3] = math.nan
    return model


class RootOfNothing(nn.Module):
    """A distance whose derivative at 0 is infinite: the forward pass is fine, the gradient is not."""

    def __init__(self) -> None:
        super().__init__()
        self.map, self.norm = nn.Linear(12, 8), nn.LayerNorm(8)

    def forward(self, x: Tensor) -> Tensor:
        h = self.norm(self.map(x))
        return (h - h).square().sum(1).sqrt().mean()


def _eval_part() -> nn.Module:
    model = mobile()
    for module in model[4].modules():
        module.eval()
    return model


def _padded() -> Told:
    ids, t = words()
    ids[:6, 3:] = 0
    model = TokenEmbedding()
    return told(model, (ids, t))


class TokenEmbedding(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embed, self.norm = nn.Embedding(30, 12, padding_idx=0), nn.LayerNorm(12)
        self.head = nn.Linear(12, CLASSES)

    def forward(self, ids: Tensor) -> Tensor:
        return self.head(self.norm(self.embed(ids)).mean(1))


def _far(model: Points) -> None:
    model.local[0].weight.mul_(1e-3)
    model.local[0].bias = nn.Parameter(torch.full((16,), 4e3))


def _same(model: TokenViT) -> None:
    model.blocks[0].norm2.weight.zero_()
    model.blocks[0].norm2.bias.zero_()


FAULTS: dict[str, Fault] = {
    "spread constant in a fused RMSNorm": Fault(
        "wrong-backward", "blocks.1.norm2", lambda: told(_llama(FusedRMS), words())
    ),
    "sign flipped in a transition": Fault("wrong-backward", "turn.0", lambda: told(_hooked(), images())),
    "eps of 1 before a residual of tiny numbers": Fault(
        "eps-dominates", "blocks.0.norm",
        lambda: told(_with(Next2(), lambda m: [p.mul_(1e-4) for p in m.blocks[0].dw.parameters()]), images()),
    ),
    "eps written as 1e1 in a GRU": Fault(
        "eps-dominates", "norm", lambda: told(_with(GRUNorm(), lambda m: setattr(m.norm, "eps", 1e1)), words())
    ),
    "hand-written RMSNorm with eps of 100": Fault(
        "eps-dominates", "norm", lambda: told(_with(Llama(), lambda m: setattr(m.norm, "eps", 1e2)), words())
    ),
    "scale 0 and shift -1 before ReLU6": Fault(
        "dead-scale", "1", lambda: told(_with(mobile(), _scale("1", [0, 7], 0.0, -1.0)), images()), (0, 7)
    ),
    "scale 0 in half a graph layer": Fault(
        "dead-scale", "n2", lambda: told(_with(Messages(), _scale("n2", [*range(8)], 0.0, 0.0)), rows()), tuple(range(8))
    ),
    "shift -20 before ReLU in a transition": Fault(
        "dead-channel", "turn.0", lambda: told(_with(DenseB(), _scale("turn.0", [9], None, -20.0)), images()), (9,)
    ),
    "shift -9 in a transform net": Fault(
        "dead-channel", "turn.1", lambda: told(_with(Points(), _scale("turn.1", [2, 3], None, -9.0)), clouds()), (2, 3)
    ),
    "dead filters of a depthwise convolution before ReLU6": Fault(
        "dead-channel", "3.inner.4",
        lambda: told(_with(mobile(), lambda m: _zero(m[3].inner[3], [1, 2])), images()),
        (1, 2),
    ),
    "rows of padding": Fault("constant-input", "norm", _padded),
    "batch of 3 in a graph": Fault("tiny-batch", "outer.1", lambda: told(Sharpened(), clouds(4))),
    "one channel a group on a vector": Fault(
        "tiny-batch", "1",
        lambda: told(nn.Sequential(nn.Linear(12, 16), nn.GroupNorm(8, 16), nn.ReLU(), nn.Linear(16, CLASSES)), rows()),
    ),
    "one sample into BatchNorm": Fault("tiny-batch", None, lambda: told(plain(), rows(1))),
    "one image 24 times": Fault("duplicate-batch", None, lambda: told(DenseB(), _times(images(), lambda x: x[:1].expand(24, -1, -1, -1).clone()))),
    "every cloud three times": Fault("duplicate-batch", None, lambda: told(Points(), _times(clouds(), lambda x: x[:8].repeat(3, 1, 1)))),
    "one image in other units": Fault("uneven-batch", "1", lambda: told(mobile(), _times(images(), _first))),
    "a small last batch": Fault(
        "uneven-batch", "1", lambda: _recorded(lambda p: torch.optim.SGD(p, 0.01), lambda step: rows(64 if step % 5 else 9), 15)
    ),
    "two kinds of volumes": Fault("mixed-domains", "norm", lambda: told(Excite(), _times(volumes(), _halves)), note=True),
    "fifty plain blocks": Fault("gradient-growth", None, lambda: told(plain(50), rows())),
    "ten sigmoids with small weights": Fault(
        "gradient-decay", None,
        lambda: told(nn.Sequential(*[m for i in range(10) for m in (nn.Linear(12, 12), nn.Sigmoid())], nn.LayerNorm(12), nn.Linear(12, CLASSES)), rows()),
    ),
    "running variance 30 times too large": Fault("stale-statistics", "norm", lambda: told(_stale(), images())),
    "momentum as TensorFlow writes it": Fault(
        "momentum-extreme", "look.1", lambda: told(_with(Points(), lambda m: setattr(m.look[1], "momentum", 0.99)), clouds())
    ),
    "a block left in eval mode": Fault("eval-in-training", ("4.1", "4.4", "4.7"), lambda: told(_eval_part(), images(24))),
    "dropout before BatchNorm": Fault("train-eval-gap", None, _gap, note=True),
    "a bias before BatchNorm": Fault("bias-before-norm", "1", lambda: told(plain(bias=True), rows()), note=True),
    "LayerNorm over positions": Fault("wrong-axis", "norm", lambda: told(Transposed(), words())),
    "BatchNorm1d of channels that come last": Fault("wrong-axis", "norm", lambda: told(ChannelsLast(), words())),
    "BatchNorm1d of a GRU's steps": Fault("wrong-axis", "norm", lambda: told(Sequenced(), words())),
    "shift -60 before a sum": Fault(
        "dead-channel", "norm", lambda: told(_with(Summed(), _scale("norm", [4], None, -60.0)), images()), (4,)
    ),
    "weights that decay until eps is larger": Fault(
        "effective-step-growth", "1",
        lambda: _recorded(lambda p: torch.optim.SGD(p, 0.2, weight_decay=1.0), lambda step: rows(), 40),
    ),
    "an offset of thousands": Fault("ill-conditioned", "local.1", lambda: told(_with(Points(), _far), clouds())),
    "a shift that is NaN": Fault("non-finite", "norm", lambda: told(_nan(), words())),
    "the root of 0": Fault("non-finite", None, lambda: told(RootOfNothing(), (rows()[0], None), itself)),
    "a rate of 500": Fault("step-too-large", None, _steps_too_large),
    "weight decay of 1 on weights that the loss is blind to": Fault(
        "effective-step-growth", "1",
        lambda: _recorded(lambda p: torch.optim.SGD(p, 0.1, weight_decay=1.0), lambda step: rows(), 20),
    ),
    "bfloat16 that leaves the two sides open": Fault(
        "undecided", "1", lambda: told(plain(1).bfloat16(), _times(rows(), Tensor.bfloat16)), note=True
    ),
    "R1 through BatchNorm": Fault("outside-theory", "critic.3", lambda: told(Penalty(), (images()[0], None), itself), note=True),
    "a whole branch of scale 0 without a way around": Fault(
        "dead-scale", "norm", lambda: told(_with(FixUp(), _scale("norm", [*range(8)], 0.0, 0.0)), images()), tuple(range(8))
    ),
}  # fmt: skip


def _zero(conv: Any, channels: list[int]) -> None:
    conv.weight[channels] = 0.0
