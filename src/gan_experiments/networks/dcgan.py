"""Strided convolutions all the way (Radford, Metz & Chintala 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from omegaconf import MISSING
from torch import nn

from gan_experiments.networks.base import Generator, Network, normalized
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.layers import Init, Norm, normalization
from gan_experiments.types import ImageShape


def kernel(size: int) -> int:
    """The kernel by which a convolution of stride 2 and padding 1 halves `size`, rounded up; transposed, doubles to it."""
    return 3 if size % 2 else 4


def upsampling(latent_dim: int, sizes: list[int], channels: list[int], norm: Norm) -> nn.Sequential:
    """Latents to `channels[0]` maps of `sizes[0]` pixels, doubled by a transposed convolution to each next size."""

    def rectified(layer: nn.Module, maps: int) -> list[nn.Module]:
        return [layer, normalization(norm, maps), nn.ReLU()]

    dense = nn.Linear(latent_dim, channels[0] * sizes[0] ** 2, bias=norm.keeps_bias)
    layers = rectified(nn.Sequential(dense, nn.Unflatten(1, (channels[0], sizes[0], sizes[0]))), channels[0])
    for (before, after), size in zip(pairwise(channels), sizes[1:], strict=True):
        layers += rectified(
            nn.ConvTranspose2d(before, after, kernel(size), 2, 1, bias=norm.keeps_bias), after
        )
    return nn.Sequential(*layers)


@dataclass
class DCGAN(Network):
    """Convolutions of stride 2 down to maps of 3 or 4 pixels; no normalisation next to the image, on either side.

    Kernels are 4x4, and 3x3 where an odd size is halved: 28 pixels become 14, 7 and 4. Stopping at 7 costs most of the
    quality on MNIST (docs/results/mnist.md, "Depth"). `slope` is LeakyReLU's; `unnormalized_init` starts the weights of a
    generator or discriminator without normalisation, N(0, 0.02^2) those of all others.
    """

    slope: float = MISSING
    unnormalized_init: Init = Init.normal

    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        sizes = self.sizes(shape)[:0:-1]
        hidden = upsampling(latent_dim, sizes, self.channels(len(sizes))[::-1], self.generator_norm)
        output = nn.ConvTranspose2d(self.width, shape.channels, kernel(shape.size), 2, 1)
        body = nn.Sequential(hidden, output).apply(self.init(self.generator_norm))
        return Generator(normalized(body, self.generator_norm))

    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        sizes = self.sizes(shape)
        channels = self.channels(len(sizes) - 1)
        layers: list[nn.Module] = []
        for (before, after), size in zip(pairwise([shape.channels, *channels]), sizes[:-1], strict=True):
            here = norm if layers else Norm.none
            convolution = nn.Conv2d(before, after, kernel(size), 2, 1, bias=here.keeps_bias)
            layers += [convolution, normalization(here, after), nn.LeakyReLU(self.slope)]
        body = nn.Sequential(*layers, nn.Flatten()).apply(self.init(norm))
        return Trunk(normalized(body, norm, self.spectral_scale), channels[-1] * sizes[-1] ** 2)

    def init(self, norm: Norm) -> Init:
        """How the weights of a network normalised by `norm` begin."""
        return self.unnormalized_init if norm is Norm.none else Init.normal

    def sizes(self, shape: ImageShape) -> list[int]:
        """The sizes of the image and the feature maps, the largest first: halved until 3 or 4; raises as `halvings`."""
        smallest, count = self.halvings(shape)
        sizes = [smallest * 2**index for index in range(count, -1, -1)]
        return sizes if smallest == 4 else [*sizes, (smallest + 1) // 2]
