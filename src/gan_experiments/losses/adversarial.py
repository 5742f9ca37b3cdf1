"""The classic adversarial losses, all on logits or critic values and all to be minimised."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import relu, softplus

from gan_experiments.errors import UserError
from gan_experiments.losses.base import LabelledLoss, Loss


@dataclass
class Minimax(LabelledLoss):
    """The two-player game V(D, G) of Goodfellow et al. 2014, equation 1: both sides play the same value."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        # Cross-entropy against the label 1 - s: (1 - s) softplus(-f) + s softplus(f) = softplus(-f) + s f.
        return (softplus(-real) + self.label_smoothing * real).mean() + softplus(fake).mean()

    def generator(self, fake: Tensor) -> Tensor:
        return -softplus(fake).mean()

    def direction_weight(self, scores: Tensor) -> Tensor:
        return scores.detach().sigmoid()


@dataclass
class NonSaturating(Minimax):
    """Goodfellow et al. 2014, section 3: the generator maximises log D(G(z)) instead."""

    def generator(self, fake: Tensor) -> Tensor:
        return softplus(-fake).mean()

    def direction_weight(self, scores: Tensor) -> Tensor:
        return (-scores.detach()).sigmoid()


@dataclass
class Wasserstein(Loss):
    """The Kantorovich dual, Arjovsky et al. 2017: minus the discriminator's loss estimates K W1."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return fake.mean() - real.mean()

    def generator(self, fake: Tensor) -> Tensor:
        return -fake.mean()

    def direction_weight(self, scores: Tensor) -> Tensor:
        return torch.ones_like(scores)


@dataclass
class Hinge(Wasserstein):
    """Lim & Ye 2017, Miyato et al. 2018: the generator plays as against a Wasserstein critic."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return relu(1 - real).mean() + relu(1 + fake).mean()


@dataclass
class LeastSquares(LabelledLoss):
    """LSGAN, Mao et al. 2017, equation 9 (labels 0 and 1, halves in front of both squares)."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        target = 1 - self.label_smoothing
        return 0.5 * (real - target).square().mean() + 0.5 * fake.square().mean()

    def generator(self, fake: Tensor) -> Tensor:
        return 0.5 * (fake - 1).square().mean()

    def direction_weight(self, scores: Tensor) -> Tensor:
        raise UserError(
            "loss=least_squares cannot train a SAN: its generator part is not monotone; "
            "use loss=softplus_least_squares with model=san"
        )


@dataclass
class SoftplusLeastSquares(Loss):
    """Least squares made monotone by a softplus, Shibuya et al. 2024 (BigVSAN)."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(1 - real).square().mean() + softplus(fake).square().mean()

    def generator(self, fake: Tensor) -> Tensor:
        return softplus(1 - fake).square().mean()

    def direction_weight(self, scores: Tensor) -> Tensor:
        gap = 1 - scores.detach()
        return 2 * softplus(gap) * gap.sigmoid()


@dataclass
class Relativistic(Loss):
    """The relativistic pairing loss (Jolicoeur-Martineau 2019; Huang et al. 2024, "The GAN is dead", equation 2).

    Each real score is compared with one fake score, so the batches must be equally large.
    """

    relative = True

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        return softplus(fake - real).mean()

    def generator(self, fake: Tensor) -> Tensor:
        raise UserError(
            "loss=relativistic compares generated with real scores, and this model has only generated ones there"
        )

    def direction_weight(self, scores: Tensor) -> Tensor:
        raise UserError(
            "loss=relativistic cannot train a SAN: its generator part is no function of one score; use model=r3gan"
        )
