"""The projection discriminator, and BigGAN, which is its training with BigGAN's networks."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gan_experiments.models.conditional import Conditional
from gan_experiments.networks import ConditionalDiscriminator, Discriminator, Network, Norm, ProjectionHead
from gan_experiments.types import ImageShape


@dataclass
class ProjectionGan(Conditional):
    """f(x, c) = l(h(x)) + <e_c, h(x)> (Miyato & Koyama 2018); BigGAN (Brock et al. 2019) over network=biggan."""

    def build_discriminator(self, network: Network, shape: ImageShape) -> Discriminator:
        trunk = network.trunk(shape, self.discriminator_norm)
        spectral = self.discriminator_norm is Norm.spectral
        return ConditionalDiscriminator(trunk, ProjectionHead(trunk.features, shape.classes, spectral))

    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        scores: Tensor = self.discriminator(images, labels)
        return scores
