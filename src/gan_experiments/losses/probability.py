"""Losses on the discriminator's probability sigmoid(f) instead of its logit f."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from gan_experiments.losses.adversarial import Hinge


@dataclass
class ProbabilityHinge(Hinge):
    """The hinge of Dist-GAN and GN-GAN (Tran et al. 2018, 2019), linear in probabilities: 2 - d(x) + d(G(z))."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return super().discriminator(real.sigmoid(), fake.sigmoid())

    def generator(self, fake: Tensor) -> Tensor:
        return super().generator(fake.sigmoid())

    def direction_weight(self, scores: Tensor) -> Tensor:
        probability = scores.detach().sigmoid()
        return probability * (1 - probability)
