"""A small residual network for colour images: features and a ten-way classifier whose weights ship with the package."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from gan_experiments.metrics import shipped
from gan_experiments.metrics.evaluator import FeatureMetrics
from gan_experiments.metrics.features import Extractor

WEIGHTS = Path(__file__).with_name("cifar_resnet.npz")  # float16, by scripts/train_cifar_features.py
SHA256 = "6f4279ab6702ce1b7a063b4a8506551e75a616f7103ef65e9cf661d26bc6d493"
WIDTHS = (32, 96, 160)


class Stage(nn.Module):
    """A convolution that halves the side, then one with a shortcut about it."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.norm1(F.max_pool2d(self.conv1(x), 2)))
        return x + F.relu(self.norm2(self.conv2(x)))


class CifarResNet(nn.Module):
    """A residual network of seven convolutions, the first of which whitens patches of 2x2 pixels and is not trained.

    RGB images (n, 3, h, w) in [0, 1], h and w at least 16, give features (n, 160), the global maximum of the last
    maps, and logits (n, 10).
    """

    def __init__(self) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2).requires_grad_(False)
        widths = (24, *WIDTHS)
        self.stages = nn.Sequential(*(Stage(*pair) for pair in zip(widths, WIDTHS, strict=False)))
        self.output = nn.Linear(WIDTHS[-1], 10, bias=False)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        x = images.contiguous(memory_format=torch.channels_last)
        features = self.stages(F.relu(self.whiten(x))).amax((2, 3))
        return features, self.output(features)


def colour32(images: Tensor) -> Tensor:
    """uint8 images (n, c, h, w), grey or RGB, as RGB (n, 3, 32, 32) in [0, 1]; other sizes are resized."""
    x = (images.float() / 255).expand(-1, 3, -1, -1)
    if x.shape[-2:] == (32, 32):
        return x
    return F.interpolate(x, size=(32, 32), mode="bilinear", align_corners=False, antialias=True)


def load() -> CifarResNet:
    """The network with the weights that ship with the package; raises UserError where the file is not ours."""
    return shipped.load(CifarResNet(), WEIGHTS, SHA256)


class _Extractor(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.network = load().to(memory_format=torch.channels_last)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        output: tuple[Tensor, Tensor] = self.network(colour32(images))
        return output


@dataclass
class Cifar(FeatureMetrics):
    """Figures over the 160 features of a small residual network trained on CIFAR-10.

    They compare generators of small colour images with one another; none is an FID.
    """

    def check(self, paths_data: Path) -> None:
        load()

    def extractor(self) -> Extractor:
        protocol = {
            "extractor": "cifar-resnet",
            "weights": SHA256,
            "resize": "32, bilinear antialiased",
        }
        return Extractor(_Extractor(), protocol)

    def key(self, figure: str) -> str:
        return f"{figure}_cifar"
