"""The residual translator of CycleGAN (Zhu, Park, Isola & Efros 2017, appendix 7.2; Johnson et al. 2016)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.networks.base import Generator, normalized
from gan_experiments.networks.layers import Norm, at_least_float32, normal_init, normalization
from gan_experiments.networks.patches import TranslationNetwork
from gan_experiments.networks.translator import Translator
from gan_experiments.types import ImageShape


def reflected(before: int, after: int, kernel: int, bias: bool) -> nn.Conv2d:
    """A convolution that keeps the size, of an image continued by reflection."""
    return nn.Conv2d(before, after, kernel, padding=kernel // 2, padding_mode="reflect", bias=bias)


class ImageConv2d(nn.Conv2d):
    """A convolution that keeps the size, to the few channels of an image: (n, c, h, w) to (n, c', h, w), float32.

    Computed column by column of the kernel, k times c' maps that are shifted and added: the same sums, in vectors
    that c' maps alone would leave mostly empty.
    """

    def __init__(self, before: int, after: int, kernel: int) -> None:
        super().__init__(before, after, kernel)

    def forward(self, input: Tensor) -> Tensor:
        assert self.bias is not None
        kernel, (height, width) = self.kernel_size[0], input.shape[2:]
        weight = self.weight.permute(0, 3, 1, 2).reshape(-1, self.in_channels, kernel, 1)
        columns = F.conv2d(F.pad(input, [kernel // 2] * 4, mode="reflect"), weight)
        parts = at_least_float32(columns).reshape(len(input), -1, kernel, height, width + kernel - 1)
        total = self.bias.view(-1, 1, 1)
        for index, column in enumerate(parts.unbind(2)):
            total = total + column[..., index : index + width]
        return total


class Block(nn.Module):
    """R: two 3x3 convolutions beside the identity, nothing after the sum."""

    def __init__(self, channels: int, norm: Norm) -> None:
        super().__init__()

        def convolution() -> list[nn.Module]:
            layer = reflected(channels, channels, 3, norm.keeps_bias)
            return [layer, normalization(norm, channels, affine=False)]

        self.body = nn.Sequential(*convolution(), nn.ReLU(), *convolution())

    def forward(self, x: Tensor) -> Tensor:
        residual: Tensor = x + self.body(x)
        return residual


class ResidualTranslator(Translator):
    """c7s1-w, d2w, d4w, R4w x `blocks`, u2w, uw, c7s1-c and a tanh.

    Features: the image, the convolutions of the two downsamplings, the first and the fifth block (or the last, where
    there are fewer): layers 0, 4, 8, 12 and 16 of Park et al.'s encoder.
    """

    def __init__(self, source: int, target: int, width: int, blocks: int, norm: Norm) -> None:
        super().__init__()

        def after(channels: int) -> nn.Sequential:
            return nn.Sequential(normalization(norm, channels, affine=False), nn.ReLU())

        def down(channels: int) -> nn.Conv2d:
            return nn.Conv2d(channels, 2 * channels, 3, 2, padding=1, bias=norm.keeps_bias)

        def up(channels: int) -> nn.Sequential:
            half = channels // 2
            layer = nn.ConvTranspose2d(
                channels, half, 3, 2, padding=1, output_padding=1, bias=norm.keeps_bias
            )
            return nn.Sequential(layer, after(half))

        residual = [Block(4 * width, norm) for _ in range(blocks)]
        taken = min(5, blocks)
        stem = nn.Sequential(reflected(source, width, 7, norm.keeps_bias), after(width), down(width))
        self.encoder = nn.ModuleList(
            [
                stem,
                nn.Sequential(after(2 * width), down(2 * width)),
                nn.Sequential(after(4 * width), residual[0]),
                nn.Sequential(*residual[1:taken]),
            ]
        )
        image = nn.Sequential(up(4 * width), up(2 * width), ImageConv2d(width, target, 7))
        self.decoder = Generator(nn.Sequential(*residual[taken:], *image))
        self.feature_channels = (source, 2 * width, 4 * width, 4 * width, 4 * width)
        normalized(self.apply(normal_init), norm)

    def encode(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for part in self.encoder:
            maps.append(part(maps[-1]))
        return maps

    def decode(self, maps: list[Tensor], z: Tensor | None = None) -> Tensor:
        images: Tensor = self.decoder(maps[-1])
        return images


@dataclass
class CycleGAN(TranslationNetwork):
    """CycleGAN's networks; instance norm learns no scales, as in its authors' code.

    blocks: residual blocks; null for the paper's 6 up to 128 pixels and 9 above.
    """

    blocks: Optional[int] = MISSING  # noqa: UP045

    affine = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.blocks is not None and self.blocks < 1:
            raise UserError(
                f"network.blocks must be at least 1, or null for the paper's number, not {self.blocks}"
            )

    def translator(self, source: ImageShape, target: ImageShape) -> ResidualTranslator:
        self.check_sizes(source, target, smallest=8)
        blocks = self.blocks or (6 if target.size <= 128 else 9)
        return ResidualTranslator(source.channels, target.channels, self.width, blocks, self.generator_norm)
