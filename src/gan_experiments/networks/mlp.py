"""Fully connected networks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

from omegaconf import MISSING
from torch import nn

from gan_experiments.errors import UserError
from gan_experiments.networks.base import Generator, Network, normalized
from gan_experiments.networks.discriminator import Trunk
from gan_experiments.networks.layers import Norm, normalization
from gan_experiments.types import ImageShape


@dataclass
class MLP(Network):
    """Three hidden layers of `width`, 2 x and 4 x `width` units; the discriminator's the other way round.

    With width 256, 100 latent numbers and MNIST it is the usual 100-256-512-1024-784. `slope` is LeakyReLU's.
    """

    slope: float = MISSING

    def generator(self, latent_dim: int, shape: ImageShape) -> nn.Module:
        sizes = [latent_dim, self.width, 2 * self.width, 4 * self.width]
        layers = [self._hidden(before, after, self.generator_norm) for before, after in pairwise(sizes)]
        output = [nn.Linear(sizes[-1], math.prod(shape.dims)), nn.Unflatten(1, shape.dims)]
        return Generator(normalized(nn.Sequential(*layers, *output), self.generator_norm), shape.bounded)

    def trunk(self, shape: ImageShape, norm: Norm) -> Trunk:
        sizes = [math.prod(shape.dims), 4 * self.width, 2 * self.width, self.width]
        layers = [
            self._hidden(before, after, norm if index else Norm.none)
            for index, (before, after) in enumerate(pairwise(sizes))
        ]
        body = nn.Sequential(nn.Flatten(), *layers)
        return Trunk(normalized(body, norm, self.spectral_scale), self.width)

    def _hidden(self, before: int, after: int, norm: Norm) -> nn.Module:
        if norm is Norm.instance:
            raise UserError(
                "network=mlp has no feature maps for instance norm; take batch, layer, spectral or none"
            )
        linear = nn.Linear(before, after, bias=norm.keeps_bias)
        return nn.Sequential(linear, normalization(norm, after), nn.LeakyReLU(self.slope))
