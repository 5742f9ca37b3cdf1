"""SAN: a last layer that is trained to be the direction that separates real from fake best.

Takida et al., "SAN: Inducing Metrizability of GAN with Discriminative Normalized Linear Layer", ICLR 2024. The
discriminator is f(x) = <omega, h(x)> with |omega| = 1. Its loss has two parts (equation 10): the base GAN's loss on
<omega^-, h>, which trains h, and the direction part on <omega, h^->, which trains omega; the superscript minus
stops the gradient. The generator's loss is the base GAN's.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from gan_experiments import parallel
from gan_experiments.heads.base import Head, HeadLayer, Terms
from gan_experiments.losses import Loss
from gan_experiments.networks.layers import LinearLayer, full_precision


class SanHead(HeadLayer):
    """f(x) = <omega, scale h(x)>, or <omega_c, scale_c h(x)> with a direction and a scale for each of `classes`.

    Both start as the direction and the norm of an ordinary linear layer's weight, so that training starts where
    that layer's would. Keep weight decay and spectral norm away from `omega`.
    """

    def __init__(self, features: int, classes: int = 0) -> None:
        super().__init__()
        weight = nn.Linear(features, classes or 1, bias=False).weight.detach()
        weight = weight if classes else weight[0]
        self.omega = nn.Parameter(normalize(weight, dim=-1))
        self.scale = nn.Parameter(weight.norm(dim=-1))

    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor:
        with full_precision(features):
            return self._of(self.scale, labels) * self._project(features, self.direction(), labels)

    def split(self, features: Tensor, labels: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """The same scores twice, for the two terms of the discriminator's loss.

        The first, <omega^-, scale h>, trains the features and the scale; the second, <omega, (scale h)^->,
        trains the direction alone.
        """
        with full_precision(features):
            direction, scale = self.direction(), self._of(self.scale, labels)
            function = scale * self._project(features, direction.detach(), labels)
            return function, scale.detach() * self._project(features.detach(), direction, labels)

    def terms(self, loss: Loss, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> Terms:
        (function_real, direction_real), (function_fake, direction_fake) = (
            self.split(features, labels) for features in (real, fake)
        )
        losses = {
            "adversarial": loss.discriminator(function_real, function_fake),
            "direction": weighted_mean(loss, direction_fake) - weighted_mean(loss, direction_real),
        }
        return Terms(losses, function_real, function_fake)

    def direction(self) -> Tensor:
        """omega / |omega|: normalised in the graph too, so that its gradient is tangent to the sphere."""
        return normalize(self.omega, dim=-1)

    @torch.no_grad()
    def constrain(self) -> None:
        """Project omega back to the sphere."""
        self.omega.copy_(self.direction())

    def _of(self, values: Tensor, labels: Tensor | None) -> Tensor:
        return values if self.omega.ndim == 1 else values[labels]

    def _project(self, features: Tensor, direction: Tensor, labels: Tensor | None) -> Tensor:
        if self.omega.ndim == 1:
            return torch.mv(features, direction)
        return (features * direction[labels]).sum(1)


def weighted_mean(loss: Loss, scores: Tensor) -> Tensor:
    """Mean of <omega, h^-> under the measure weighted by |R'(f)|, R the generator's loss of one score.

    The weights are normalised over the whole batch, of all ranks; the engine averages over ranks.
    """
    weights = loss.direction_weight(scores.detach())
    return parallel.world_size() * (weights * scores).sum() / parallel.all_sum(weights.sum())


@dataclass
class San(Head):
    """One direction, over any trunk and any monotone adversarial loss (Takida et al. 2024)."""

    def build(self, features: int, classes: int, linear: LinearLayer) -> HeadLayer:
        return SanHead(features)

    def check(self, loss: Loss) -> None:
        loss.direction_weight(torch.zeros(1))  # refuses a loss that has none


@dataclass
class ClassSan(San):
    """A direction for every class (Takida et al. 2024, conditional SAN and BigGAN-SAN)."""

    conditional = True

    def build(self, features: int, classes: int, linear: LinearLayer) -> HeadLayer:
        return SanHead(features, classes)
