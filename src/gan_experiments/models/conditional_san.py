"""The conditional SAN: a direction for every class."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gan_experiments.models.base import Step
from gan_experiments.models.conditional import Conditional, real_labels
from gan_experiments.models.san import San
from gan_experiments.networks import ClassSanHead, ConditionalDiscriminator, Discriminator, Network
from gan_experiments.types import ImageShape


@dataclass
class ConditionalSan(San, Conditional):
    """Conditional SAN (Takida et al. 2024): f(x, c) = <omega_c, h(x)> with a unit direction for every class."""

    def build_discriminator(self, network: Network, shape: ImageShape) -> Discriminator:
        trunk = network.trunk(shape, self.discriminator_norm)
        return ConditionalDiscriminator(trunk, ClassSanHead(trunk.features, shape.classes))

    def split(self, features: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        assert isinstance(self.discriminator.head, ClassSanHead)
        return self.discriminator.head.split(features, real_labels(step))

    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        scores: Tensor = self.discriminator(images, labels)
        return scores
