"""Generators that minimise the sliced Wasserstein distance: of a discriminator's features, or of the pixels."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments import parallel
from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.losses.sliced import random_directions, sliced_wasserstein2
from gan_experiments.models.base import LatentModel, Phase, Step
from gan_experiments.models.gan import Gan
from gan_experiments.networks import Network
from gan_experiments.types import ImageShape


def check_directions(directions: int) -> None:
    if directions < 1:
        raise UserError(f"model.directions must be at least 1, not {directions}")


def distance(real: Tensor, fake: Tensor, directions: int, step: Step) -> Tensor:
    """SW2^2 of two batches (n, ...) of vectors, over all ranks' samples and fresh random directions."""
    real, fake = (parallel.gather(batch.flatten(1)) for batch in (real, fake))
    return sliced_wasserstein2(real, fake, random_directions(step.noise, directions, real.shape[1]))


@dataclass
class SwGan(Gan):
    """Sliced Wasserstein generator (Deshpande, Zhang & Schwing, CVPR 2018, algorithm 2).

    The discriminator tells real from generated images as a GAN's does; the generator brings the features of its
    images, the discriminator's last layer but one, close to those of real ones.

    directions: random projections per step.
    """

    directions: int = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        check_directions(self.directions)

    def takes_whole_batches(self) -> bool:
        return True

    def check(self, loss: Loss, data: Data) -> None:
        super().check(loss, data)
        if self.generator_batch > 1:
            raise UserError(
                "the sliced distance compares equally many images: model.generator_batch must be 1"
            )

    def phases(self) -> list[Phase]:
        """One batch of real images serves both updates, as in the authors' code."""
        return [replace(phase, same_batch=phase.repeat == 1) for phase in super().phases()]

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        with torch.no_grad():
            real = self.discriminator.features(self.presented(step.batch.images, step))
        fake = self.discriminator.features(self.fakes(step))
        return {"sliced": distance(real, fake, self.directions, step)}


@dataclass
class Sliced(LatentModel):
    """The same paper's section 3.1: no discriminator, the distance of the pixels themselves.

    directions: random projections per step.
    """

    directions: int = MISSING

    uses_loss = False

    def __post_init__(self) -> None:
        super().__post_init__()
        check_directions(self.directions)

    def takes_whole_batches(self) -> bool:
        return True

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.generator = network.generator(self.latent_dim, shape)
        return {"generator": self.generator}

    def phases(self) -> list[Phase]:
        return [Phase("generator", ("generator",), self.generator_loss)]

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        fake = self.generator(self.latents(step.noise, step.batch_size))
        return {"sliced": distance(step.batch.images, fake, self.directions, step)}
