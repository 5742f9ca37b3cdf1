"""The U-Net of pix2pix (Isola, Zhu, Zhou & Efros 2017, appendix 6.1.1; Ronneberger et al. 2015)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.networks.base import normalized
from gan_experiments.networks.layers import Norm, at_least_float32, normal_init, normalization
from gan_experiments.networks.patches import SLOPE, TranslationNetwork
from gan_experiments.networks.translator import Translator
from gan_experiments.types import ImageShape

NOISY = 3  # decoder layers with dropout
FEATURES = 5  # maps that `features` gives at most


class UNetTranslator(Translator):
    """4x4 convolutions halve `size` as often as it goes; as many double it again, each beside the map of its size.

    w, 2w, 4w, 8w, 8w, ... channels; no normalisation next to the image and at the bottom. Dropout of the first three
    decoder layers is the noise, also when sampling: where z is below `dropout` a value is dropped, and the others are
    divided by 1 - dropout.
    """

    def __init__(
        self, source: int, target: int, size: int, width: int, norm: Norm, affine: bool, dropout: float
    ) -> None:
        super().__init__()
        sizes = [size]
        while sizes[-1] % 2 == 0:
            sizes.append(sizes[-1] // 2)
        widths = [width * min(2**index, 8) for index in range(len(sizes) - 1)]
        self.down = nn.ModuleList()
        for index, (before, after) in enumerate(pairwise([source, *widths])):
            here = norm if 0 < index < len(widths) - 1 else Norm.none
            enter = nn.LeakyReLU(SLOPE) if index else nn.Identity()
            halved = nn.Conv2d(before, after, 4, 2, padding=1, bias=here.keeps_bias)
            self.down.append(nn.Sequential(enter, halved, normalization(here, after, affine)))
        self.up = nn.ModuleList()
        for index, (after, before) in reversed(list(enumerate(pairwise([target, *widths])))):
            here = norm if index else Norm.none
            bottom = index == len(widths) - 1
            doubled = nn.ConvTranspose2d(before * (1 if bottom else 2), after, 4, 2, 1, bias=here.keeps_bias)
            self.up.append(nn.Sequential(nn.ReLU(), doubled, normalization(here, after, affine)))
        normalized(self.apply(normal_init), norm)
        self.dropout = dropout
        noisy = [(after, s) for after, s in zip(widths[-2::-1], sizes[-2:0:-1], strict=True)][:NOISY]
        self.masks = [(maps, side, side) for maps, side in noisy] if dropout else []
        self.noise_dims = sum(maps * side * side for maps, side, _ in self.masks)
        large = [(c, s) for c, s in zip([source, *widths], sizes, strict=True) if s > 1]
        self.feature_channels = tuple(maps for maps, _ in large[:FEATURES])

    def encode(self, images: Tensor) -> list[Tensor]:
        maps = [images]
        for part in self.down:
            maps.append(part(maps[-1]))
        return maps

    def decode(self, maps: list[Tensor], z: Tensor | None = None) -> Tensor:
        _, *beside, hidden = maps
        masks = self.kept(z)
        for index, part in enumerate(self.up):
            hidden = part(hidden)
            if index < len(masks):
                hidden = hidden * masks[index].to(hidden.dtype)
            if beside:
                hidden = torch.cat([hidden, beside.pop()], dim=1)
        return at_least_float32(hidden).tanh()

    def kept(self, z: Tensor | None) -> list[Tensor]:
        """What the maps of the noisy layers are multiplied by: 0, or 1 / (1 - dropout)."""
        if not self.masks:
            return []
        if z is None:
            raise ValueError(f"this U-Net needs noise (n, {self.noise_dims})")
        factors = (z >= self.dropout) / (1 - self.dropout)
        parts = torch.split(factors, [maps * side * side for maps, side, _ in self.masks], dim=1)
        return [part.view(-1, *dims) for part, dims in zip(parts, self.masks, strict=True)]


@dataclass
class UNet(TranslationNetwork):
    """pix2pix's networks: a U-Net whose dropout is its noise. dropout: the share dropped, 0 for a network without."""

    dropout: float = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.dropout < 1:
            raise UserError(f"network.dropout must be in [0, 1), not {self.dropout}")

    def translator(self, source: ImageShape, target: ImageShape) -> UNetTranslator:
        self.check_sizes(source, target, smallest=4)
        channels = source.channels, target.channels
        return UNetTranslator(
            *channels, target.size, self.width, self.generator_norm, self.affine, self.dropout
        )
