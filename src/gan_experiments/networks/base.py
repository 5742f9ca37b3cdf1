"""What a network family offers to every method."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from functools import partial
from typing import ClassVar

import torch
from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gan_experiments.errors import UserError
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.encoder import Encoder
from gan_experiments.networks.layers import (
    LinearLayer,
    Module,
    Norm,
    at_least_float32,
    spectral_linear,
    spectrally_normalized,
)
from gan_experiments.networks.translator import Translator
from gan_experiments.types import ImageShape


@dataclass
class Network(ABC):
    """A family of generators and discriminators for images of many sizes.

    `width` is the number of channels (or units) next to the image, `generator_norm` the generator's
    normalisation; the discriminator's belongs to the method. Where that is spectral, `spectral_scale` is what each of
    its layers' normalised weight is multiplied by (Lin et al. 2021); narrow layers let too little through at 1.
    """

    width: int = MISSING
    generator_norm: Norm = MISSING
    spectral_scale: float = field(default=1.0, kw_only=True)

    channels_last: ClassVar[bool] = True  # whether its convolutions gain from this memory format

    def __post_init__(self) -> None:
        if self.width < 1:
            raise UserError(f"network.width must be at least 1, not {self.width}")
        if self.spectral_scale <= 0:
            raise UserError(f"network.spectral_scale must be above 0, not {self.spectral_scale}")

    @property
    def option(self) -> str:
        """The family's name on the command line: that of its module."""
        return type(self).__module__.rpartition(".")[2]

    @abstractmethod
    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        """Latents (n, latent_dim) to images (n, c, s, s) in [-1, 1], float32."""

    def conditional_generator(self, latent_dim: int, classes: int, shape: ImageShape) -> nn.Module:
        """Latents (n, latent_dim) and classes int64 (n,) to images: here the class as more latents."""
        return ConditionalGenerator(self.generator(latent_dim + classes, shape), classes)

    @abstractmethod
    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        """Images (n, c, s, s) to features (n, trunk.features), every layer normalised by `norm`."""

    def linear(self, norm: Norm) -> LinearLayer:
        """What makes a linear layer behind a trunk of this family, normalised by `norm` if a single layer can be."""
        if norm is not Norm.spectral:
            return nn.Linear
        return partial(spectral_linear, scale=self.spectral_scale)

    def encoder(self, shape: ImageShape, code_dim: int, norm: Norm) -> Encoder:
        """Images (n, c, s, s) to codes (n, code_dim): the trunk and a linear layer that is not normalised."""
        trunk = self.trunk(shape, norm)
        return Encoder(nn.Sequential(trunk, self.linear(Norm.none)(trunk.features, code_dim)), code_dim)

    def decoder(self, code_dim: int, shape: ImageShape, norm: Norm) -> nn.Module:
        """Codes (n, code_dim) to images in [-1, 1]: the generator, every layer normalised by `norm`."""
        return replace(self, generator_norm=norm).generator(code_dim, shape)

    def translator(self, source: ImageShape, target: ImageShape) -> Translator:
        """Images of one domain to images of another; raises UserError where the family has no such network."""
        raise self._translates_nothing()

    def patches(self, shape: ImageShape, norm: Norm) -> nn.Module:
        """Images (n, c, s, s) to the scores (n * h * w,) of their patches, float32; raises as `translator` does."""
        raise self._translates_nothing()

    def _translates_nothing(self) -> UserError:
        return UserError(
            f"network={self.option} makes images from latents; networks that translate images: "
            f"network=cyclegan, network=unet"
        )

    def halvings(self, shape: ImageShape) -> tuple[int, int]:
        """The size of the smallest feature map, 4 to 7, and how often the image is halved to get there.

        Raises UserError where the size is not 4, 5, 6 or 7 times a power of two.
        """
        if not shape.bounded:
            raise UserError(f"network={self.option} builds images, not points: network=mlp builds both")
        size, count = shape.size, 0
        while size % 2 == 0 and size >= 8:
            size, count = size // 2, count + 1
        if count == 0 or size > 7:
            raise UserError(
                f"network={self.option} builds images of 4, 5, 6 or 7 pixels doubled as often as you "
                f"like (16, 28, 32, 48, 64, 128, ...), not of {shape.size} pixels; "
                f"choose another size or network=mlp, which builds any"
            )
        return size, count

    def channels(self, count: int) -> list[int]:
        """The channels of `count` feature maps, the largest map first: doubling, 16 x width at most."""
        return [self.width * min(2**index, 16) for index in range(count)]


class Generator(nn.Module):
    """`body`, whose output is made float32, under a tanh where images are `bounded`."""

    def __init__(self, body: nn.Module, bounded: bool = True) -> None:
        super().__init__()
        self.body = body
        self.bounded = bounded

    def forward(self, *inputs: Tensor) -> Tensor:
        values = at_least_float32(self.body(*inputs))
        return values.tanh() if self.bounded else values


class ConditionalGenerator(nn.Module):
    """A generator whose latents have the class behind them as a one-hot code (Mirza & Osindero 2014)."""

    def __init__(self, generator: nn.Module, classes: int) -> None:
        super().__init__()
        self.generator = generator
        self.classes = classes

    def forward(self, z: Tensor, labels: Tensor) -> Tensor:
        code = one_hot(labels, self.classes).to(z.dtype)
        images: Tensor = self.generator(torch.cat([z, code], dim=1))
        return images


def normalized(body: Module, norm: Norm, scale: float = 1.0) -> Module:
    """`body` with spectral norm times `scale` on all its layers if that is `norm`; other norms are layers of their own."""
    return spectrally_normalized(body, scale) if norm is Norm.spectral else body
