"""Networks in the shapes of well-known ones, for benchmarks of the audit: 32 x 32 images, ten classes."""

from __future__ import annotations

import torch
from torch import Tensor, nn

VGG16 = (64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512, 0)


def vgg(plan: tuple[int, ...] = VGG16, classes: int = 10) -> nn.Sequential:
    """Convolution, BatchNorm2d, ReLU for every width of ``plan``; 0 halves the image."""
    layers: list[nn.Module] = []
    channels = 3
    for width in plan:
        if width == 0:
            layers.append(nn.MaxPool2d(2))
            continue
        layers += [
            nn.Conv2d(channels, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        ]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions with BatchNorm2d and a skip connection, ReLU after the sum."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.short: nn.Module = nn.Identity()
        if stride != 1 or channels != width:
            self.short = nn.Sequential(
                nn.Conv2d(channels, width, 1, stride, bias=False), nn.BatchNorm2d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        out += self.short(x)
        return torch.as_tensor(self.relu(out))


def resnet(blocks: tuple[int, ...] = (2, 2, 2, 2), width: int = 64, classes: int = 10) -> nn.Sequential:
    """The ResNet-18 plan for small images: a 3 x 3 stem, then stages of doubled width and halved size."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 3, 1, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]
    channels = width
    for stage, count in enumerate(blocks):
        out = width * 2**stage
        for block in range(count):
            layers.append(ResidualBlock(channels, out, 2 if stage and not block else 1))
            channels = out
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes))


class Bert(nn.Module):
    """Four layers of BERT with 256 features on 64 tokens."""

    def __init__(self, width: int = 256, words: int = 1000) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(width, 4, 4 * width, 0.1, "gelu", batch_first=True)
        self.embed, self.norm = nn.Embedding(words, width), nn.LayerNorm(width)
        self.body, self.head = (
            nn.TransformerEncoder(layer, 4, enable_nested_tensor=False),
            nn.Linear(width, words),
        )

    def forward(self, ids: Tensor) -> Tensor:
        return torch.as_tensor(self.head(self.body(self.norm(self.embed(ids)))).flatten(0, 1))
