"""Networks that judge images patch by patch, and the base of the families that have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.networks.base import Network, normalized
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.layers import (
    Norm,
    at_least_float32,
    full_precision,
    normal_init,
    normalization,
)
from gan_experiments.types import ImageShape

SLOPE = 0.2  # of LeakyReLU


class PatchDiscriminator(nn.Module):
    """Images (n, c, s, s) to one score for each patch, (n * h * w,) in float32, image by image.

    Isola et al. 2017, appendix 6.1.2: `layers` convolutions 4x4 of stride 2, one of stride 1 and the last, w, 2w,
    4w, 8w, 8w, ... channels and 1. A score's receptive field has 1, 16, 34, 70, 142 or 286 pixels for 0 to 5 layers;
    0 has 1x1 kernels throughout. No normalisation next to the image.
    """

    def __init__(
        self, channels: int, width: int, layers: int, norm: Norm, affine: bool, spectral_scale: float = 1.0
    ) -> None:
        super().__init__()
        widths = [width * min(2**index, 8) for index in range(max(layers, 1) + 1)]
        body: list[nn.Module] = []
        before = channels
        for index, after in enumerate(widths):
            here = norm if index else Norm.none
            body += [
                self._convolution(before, after, layers, stride=2 if index < layers else 1, norm=here),
                normalization(here, after, affine),
                nn.LeakyReLU(SLOPE),
            ]
            before = after
        self.body = normalized(nn.Sequential(*body).apply(normal_init), norm, spectral_scale)
        last = self._convolution(before, 1, layers, stride=1, norm=Norm.none)
        self.last = normalized(last.apply(normal_init), norm, spectral_scale)

    @staticmethod
    def _convolution(before: int, after: int, layers: int, stride: int, norm: Norm) -> nn.Conv2d:
        if layers == 0:
            return nn.Conv2d(before, after, 1, bias=norm.keeps_bias)
        return nn.Conv2d(before, after, 4, stride, padding=1, bias=norm.keeps_bias)

    def forward(self, images: Tensor) -> Tensor:
        hidden = at_least_float32(self.body(images))
        with full_precision(hidden):
            scores: Tensor = self.last(hidden)
            return scores.flatten()


@dataclass
class TranslationNetwork(Network):
    """A family of networks that translate images of 4n x 4n pixels, and of discriminators of their patches.

    discriminator_layers: the discriminator's convolutions of stride 2, 0 to 5 (see `PatchDiscriminator`).
    """

    discriminator_layers: int = MISSING

    affine: ClassVar[bool] = True  # whether instance norm learns scales and shifts
    channels_last = False  # instance norm would turn every map over, and back

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.discriminator_layers <= 5:
            raise UserError(
                f"network.discriminator_layers must be 0 to 5 (patches of 1, 16, 34, 70, 142 or 286 pixels), "
                f"not {self.discriminator_layers}"
            )

    def patches(self, shape: ImageShape, norm: Norm) -> PatchDiscriminator:
        smallest = 3 * 2**self.discriminator_layers if self.discriminator_layers else 1
        if shape.size < smallest:
            raise UserError(
                f"network.discriminator_layers={self.discriminator_layers} needs images of at least {smallest} pixels, "
                f"and these have {shape.size}: choose fewer layers"
            )
        return PatchDiscriminator(
            shape.channels, self.width, self.discriminator_layers, norm, self.affine, self.spectral_scale
        )

    def check_sizes(self, source: ImageShape, target: ImageShape, smallest: int) -> None:
        """Raise UserError for shapes that the family's translators do not take."""
        for shape in (source, target):
            if not shape.bounded or shape.size % 4 or shape.size < smallest:
                raise UserError(
                    f"network={self.option} translates images of {smallest} pixels or more in steps of 4 "
                    f"(64, 100, 128, 256, ...), not of {shape.size}; choose another data.image_size"
                )
        if source.size != target.size:
            raise UserError(
                f"network={self.option} keeps the size of an image: the two domains must have one, "
                f"not {source.size} and {target.size} pixels"
            )

    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        raise self._translates_only()

    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        raise self._translates_only()

    def _translates_only(self) -> UserError:
        return UserError(
            f"network={self.option} translates images, for model=cyclegan, pix2pix or cut; this model needs a family "
            f"that makes images from latents: network=dcgan, resnet, mlp, ..."
        )
