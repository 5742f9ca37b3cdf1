"""Strided convolutions all the way (Radford, Metz & Chintala 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from omegaconf import MISSING
from torch import nn

from gan_experiments.networks.base import Generator, Network, normalized
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.layers import Norm, normal_init, normalization
from gan_experiments.types import ImageShape


def upsampling(latent_dim: int, start: int, channels: list[int], norm: Norm) -> nn.Sequential:
    """Latents to `channels[0]` maps of `start` pixels, doubled by a transposed convolution to each next one."""

    def rectified(layer: nn.Module, maps: int) -> list[nn.Module]:
        return [layer, normalization(norm, maps), nn.ReLU()]

    dense = nn.Linear(latent_dim, channels[0] * start**2, bias=norm.keeps_bias)
    layers = rectified(nn.Sequential(dense, nn.Unflatten(1, (channels[0], start, start))), channels[0])
    for before, after in pairwise(channels):
        layers += rectified(nn.ConvTranspose2d(before, after, 4, 2, 1, bias=norm.keeps_bias), after)
    return nn.Sequential(*layers)


@dataclass
class DCGAN(Network):
    """4x4 kernels of stride 2; no normalisation next to the image, on either side. `slope` is LeakyReLU's."""

    slope: float = MISSING

    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        start, count = self.halvings(shape)
        hidden = upsampling(latent_dim, start, self.channels(count)[::-1], self.generator_norm)
        body = nn.Sequential(hidden, nn.ConvTranspose2d(self.width, shape.channels, 4, 2, 1))
        return Generator(normalized(body.apply(normal_init), self.generator_norm))

    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        start, count = self.halvings(shape)
        layers: list[nn.Module] = []
        for index, (before, after) in enumerate(pairwise([shape.channels, *self.channels(count)])):
            here = norm if index else Norm.none
            convolution = nn.Conv2d(before, after, 4, 2, 1, bias=here.keeps_bias)
            layers += [convolution, normalization(here, after), nn.LeakyReLU(self.slope)]
        body = nn.Sequential(*layers, nn.Flatten()).apply(normal_init)
        return Trunk(normalized(body, norm), self.channels(count)[-1] * start**2)
