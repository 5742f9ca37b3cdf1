"""Networks that read codes: encoders, discriminators that are autoencoders, discriminators of codes and of pairs."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from gan_experiments.networks.discriminator import Discriminator, Trunk
from gan_experiments.networks.layers import at_least_float32, full_precision


class Encoder(Trunk):
    """Images (n, c, s, s) to codes (n, `features`), float32: a trunk and a linear layer."""

    def forward(self, images: Tensor) -> Tensor:
        return at_least_float32(self.body(images))


class Autoencoder(Discriminator):
    """A discriminator that scores an image by how well it reconstructs it: minus its energy (n,), float32.

    `features` are its codes S. energy: residuals (n, dims) to energies (n,), 0 for a perfect reconstruction.
    """

    def __init__(self, encoder: Encoder, decoder: nn.Module, energy: Callable[[Tensor], Tensor]) -> None:
        super().__init__(encoder, decoder)
        self.energy = energy

    def reconstruct(self, images: Tensor) -> Tensor:
        images = self.head(self.features(images))
        return images

    def forward(self, images: Tensor, labels: Tensor | None = None) -> Tensor:
        return -self.energy((self.reconstruct(images) - images).flatten(1))


class CodeDiscriminator(nn.Module):
    """Codes (n, code_dim) to scores (n,): two hidden layers of `width` units (Makhzani et al. 2015)."""

    def __init__(self, code_dim: int, width: int) -> None:
        super().__init__()
        first = nn.Sequential(nn.Linear(code_dim, width), nn.LeakyReLU(0.2))
        second = nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.2))
        self.body = nn.Sequential(first, second, nn.Linear(width, 1), nn.Flatten(0))

    def forward(self, codes: Tensor) -> Tensor:
        with full_precision(codes):
            scores: Tensor = self.body(at_least_float32(codes))
            return scores


class PairDiscriminator(nn.Module):
    """Images and codes to scores (n,): D(h(x), z), a `CodeDiscriminator` of the trunk's features and the code."""

    def __init__(self, trunk: Trunk, code_dim: int, width: int) -> None:
        super().__init__()
        self.trunk = trunk
        self.joint = CodeDiscriminator(trunk.features + code_dim, width)

    def forward(self, images: Tensor, codes: Tensor) -> Tensor:
        features = at_least_float32(self.trunk(images))
        scores: Tensor = self.joint(torch.cat([features, codes], dim=1))
        return scores
