"""The residual networks of the spectral normalisation paper (Miyato et al. 2018, tables 4 to 6)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from torch import Tensor, nn
from torch.nn.functional import avg_pool2d, interpolate

from gan_experiments.networks.base import Generator, Network, normalized
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.layers import Module, Norm, glorot, normalization
from gan_experiments.networks.resampling import DownConv2d, UpConv2d
from gan_experiments.types import ImageShape


def he(layer: Module) -> Module:
    """`layer` initialised as the convolutions on a block's main path are."""
    return glorot(layer, gain=math.sqrt(2))


def convolution(before: int, after: int, bias: bool = True) -> nn.Conv2d:
    return he(nn.Conv2d(before, after, 3, padding=1, bias=bias))


def rectified(norm: Norm, channels: int) -> nn.Module:
    return nn.Sequential(normalization(norm, channels), nn.ReLU())


class UpBlock(nn.Module):
    """Doubles the size by repeating pixels; two convolutions and a 1x1 shortcut."""

    def __init__(self, before: int, after: int, norm: Norm) -> None:
        super().__init__()
        self.enter = rectified(norm, before)
        self.first = he(UpConv2d(before, after, bias=norm.keeps_bias))
        self.between = rectified(norm, after)
        self.second = convolution(after, after)
        self.shortcut = glorot(nn.Conv2d(before, after, 1))

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.first(self.enter(x))
        # A 1x1 convolution commutes with repeating pixels, and is cheaper before it.
        residual: Tensor = self.second(self.between(hidden)) + interpolate(self.shortcut(x), scale_factor=2.0)
        return residual


class DownBlock(nn.Module):
    """Two convolutions and, where the shape changes, a 1x1 shortcut; `down` halves the size by averaging.

    The block next to the image (`first`) neither rectifies nor normalises its input.
    """

    def __init__(self, before: int, after: int, norm: Norm, down: bool, first: bool = False) -> None:
        super().__init__()
        middle = after if first else before
        norm = Norm.none if first else norm
        self.down = down
        self.enter = nn.Identity() if first else rectified(norm, before)
        self.first = convolution(before, middle, bias=norm.keeps_bias)
        self.between = rectified(norm, middle)
        self.second = he(DownConv2d(middle, after)) if down else convolution(middle, after)
        self.shortcut = glorot(nn.Conv2d(before, after, 1)) if down or before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        hidden: Tensor = self.second(self.between(self.first(self.enter(x))))
        residual: Tensor = hidden + self.shortcut(avg_pool2d(x, 2) if self.down else x)
        return residual


class SumPool(nn.Module):
    """The sum over pixels, (n, c, h, w) to (n, c)."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sum((2, 3))


@dataclass
class ResNet(Network):
    """Up to 32 pixels the CIFAR-10 network with constant channels, above that the pyramids of STL-10 and ImageNet.

    With width 64: 32 pixels 256 channels in the generator and 128 in the discriminator; 48 pixels 512-256-128-64
    and 64-128-256-512-1024; 128 pixels 1024-1024-512-256-128-64 and 64-128-256-512-1024-1024.
    """

    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        start, _ = self.halvings(shape)
        channels = self.generator_channels(shape)
        dense = glorot(nn.Linear(latent_dim, channels[0] * start**2))
        body = nn.Sequential(
            dense,
            nn.Unflatten(1, (channels[0], start, start)),
            *[UpBlock(before, after, self.generator_norm) for before, after in pairwise(channels)],
            rectified(self.generator_norm, channels[-1]),
            glorot(nn.Conv2d(channels[-1], shape.channels, 3, padding=1)),
        )
        return Generator(normalized(body, self.generator_norm))

    def generator_channels(self, shape: ImageShape) -> list[int]:
        """Channels of the generator's maps, the smallest map first."""
        _, count = self.halvings(shape)
        if shape.size <= 32:
            return [4 * self.width] * (count + 1)
        return [min(2 * self.channels(count)[-1], 16 * self.width), *self.channels(count)[::-1]]

    def small_maps(self) -> int:
        """Channels of the discriminator's maps, all alike, of images up to 32 pixels."""
        return 2 * self.width

    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        start, count = self.halvings(shape)
        channels, downs = [self.small_maps()] * 4, 2
        if shape.size > 32:
            downs = count + (start == 6)  # as in the paper, 48 pixels end at 3 and powers of two at 4
            channels = self.channels(downs + 1)
        blocks = [
            DownBlock(before, after, norm, down=index < downs, first=index == 0)
            for index, (before, after) in enumerate(pairwise([shape.channels, *channels]))
        ]
        body = nn.Sequential(*blocks, nn.ReLU(), SumPool())
        return Trunk(normalized(body, norm, self.spectral_scale), channels[-1])
