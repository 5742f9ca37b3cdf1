"""SAN: a discriminator whose last layer is trained to be the direction that separates real from fake best."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from gan_experiments import parallel
from gan_experiments.data import Data
from gan_experiments.losses import Loss
from gan_experiments.models.base import Step
from gan_experiments.models.gan import Gan
from gan_experiments.networks import Directions, SanHead


@dataclass
class San(Gan):
    """Slicing adversarial network (Takida et al., ICLR 2024) over any trunk and any monotone adversarial loss.

    The discriminator is f(x) = <omega, h(x)> with |omega| = 1. Its loss has two parts (their eq. 10): the base
    GAN's loss on <omega^-, h>, which trains h, and the direction part on <omega, h^->, which trains omega; the
    superscript minus stops the gradient. The generator's loss is the base GAN's.
    """

    def check(self, loss: Loss, data: Data) -> None:
        super().check(loss, data)
        loss.direction_weight(torch.zeros(1))  # refuses a loss that has none

    def head(self, features: int) -> nn.Module:
        return SanHead(features)

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        features_real, features_fake = self.paired(self.discriminator.features, real, fake)
        function_real, direction_real = self.split(features_real, step)
        function_fake, direction_fake = self.split(features_fake, step)
        self.log_scores(step, function_real, function_fake)
        return {
            "adversarial": self.loss.discriminator(function_real, function_fake),
            "direction": self.weighted_mean(direction_fake) - self.weighted_mean(direction_real),
        }

    def split(self, features: Tensor, step: Step) -> tuple[Tensor, Tensor]:
        """<omega^-, h> and <omega, h^-> of features h (n, features), each (n,)."""
        assert isinstance(self.discriminator.head, SanHead)
        return self.discriminator.head.split(features)

    def weighted_mean(self, scores: Tensor) -> Tensor:
        """Mean of <omega, h^-> under the measure weighted by |R'(f)|, R the generator's loss of one score.

        The weights are normalised over the whole batch, of all ranks; the engine averages over ranks.
        """
        weights = self.loss.direction_weight(scores.detach())
        return parallel.world_size() * (weights * scores).sum() / parallel.all_sum(weights.sum())

    def constrain(self) -> None:
        super().constrain()
        assert isinstance(self.discriminator.head, Directions)
        self.discriminator.head.normalize()
