"""The standard CNN of the spectral normalisation paper (Miyato et al. 2018, table 3)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from omegaconf import MISSING
from torch import nn

from gan_experiments.networks.base import Generator, Network, normalized
from gan_experiments.networks.dcgan import upsampling
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.layers import Norm, normal_init, normalization
from gan_experiments.types import ImageShape


@dataclass
class SNDCGAN(Network):
    """DCGAN with a 3x3 convolution at every size of the discriminator and at the generator's output.

    The dense layer is normalised and rectified as well, unlike in the table. `slope` is LeakyReLU's.
    """

    slope: float = MISSING

    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        start, count = self.halvings(shape)
        sizes = [start * 2**index for index in range(count + 1)]
        hidden = upsampling(latent_dim, sizes, self.channels(count + 1)[::-1], self.generator_norm)
        body = nn.Sequential(hidden, nn.Conv2d(self.width, shape.channels, 3, padding=1))
        return Generator(normalized(body.apply(normal_init), self.generator_norm))

    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        start, count = self.halvings(shape)
        channels = self.channels(count + 1)
        layers = self._layer(shape.channels, channels[0], 3, Norm.none)
        for before, after in pairwise(channels):
            layers += self._layer(before, before, 4, norm)
            layers += self._layer(before, after, 3, norm)
        body = nn.Sequential(*layers, nn.Flatten()).apply(normal_init)
        return Trunk(normalized(body, norm, self.spectral_scale), channels[-1] * start**2)

    def _layer(self, before: int, after: int, kernel: int, norm: Norm) -> list[nn.Module]:
        stride = 2 if kernel == 4 else 1
        convolution = nn.Conv2d(before, after, kernel, stride, padding=1, bias=norm.keeps_bias)
        return [convolution, normalization(norm, after), nn.LeakyReLU(self.slope)]
