"""VEEGAN: a reconstructor maps images back to latents, which shows a generator that drops modes."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn.functional import softplus

from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.models.autoencoder import Encoding, squared_error
from gan_experiments.models.base import Phase, Step
from gan_experiments.networks import Network, Norm, PairDiscriminator
from gan_experiments.types import ImageShape


@dataclass
class VeeGan(Encoding):
    """Algorithm 1 of Srivastava et al., NeurIPS 2017; the encoder is the paper's reconstructor F.

    D(z, x), a logit, tells pairs (z, G(z)), labelled 1, from pairs (F(x), x), labelled 0: the other way round
    than in ALI and BiGAN. It then estimates the log ratio of the two joint densities, which G minimises.

    reconstruction: weight of |z - F(G(z))|^2 (the paper: 1). adversarial_reconstructor: F also minimises
    -D(F(x), x), as in the authors' notebook but not in algorithm 1: without it D soon tells the pairs apart by
    the codes of real images alone, which G cannot change. pair_width: units in the two hidden layers on top
    of D's trunk. discriminator_norm: normalisation of the trunk's layers.
    """

    reconstruction: float = MISSING
    adversarial_reconstructor: bool = MISSING
    pair_width: int = MISSING
    discriminator_norm: Norm = MISSING

    uses_loss = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reconstruction < 0:
            raise UserError(f"model.reconstruction must be 0 or more, not {self.reconstruction}")
        if self.pair_width < 1:
            raise UserError(f"model.pair_width must be at least 1, not {self.pair_width}")

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.encoder: nn.Module = network.encoder(shape, self.latent_dim, network.generator_norm)
        self.generator: nn.Module = network.generator(self.latent_dim, shape)
        trunk = network.trunk(shape, self.discriminator_norm)
        self.discriminator: nn.Module = PairDiscriminator(trunk, self.latent_dim, self.pair_width)
        return {"encoder": self.encoder, "generator": self.generator, "discriminator": self.discriminator}

    def phases(self) -> list[Phase]:
        return [
            Phase("discriminator", ("discriminator",), self.discriminator_loss, rate="discriminator"),
            Phase("generator", ("generator", "encoder"), self.generator_loss, same_batch=True),
        ]

    def discriminator_loss(self, step: Step) -> dict[str, Tensor]:
        latents, images = self.latents(step.noise, step.batch_size), step.batch.images
        with torch.no_grad():
            fake, codes = self.generator(latents), self.encoder(images)
        generated, inferred = self.discriminator(fake, latents), self.discriminator(images, codes)
        step.log("score/generated", generated.mean())
        step.log("score/inferred", inferred.mean())
        return {"generated": softplus(-generated).mean(), "inferred": softplus(inferred).mean()}

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        """L_G = mean D(z, G(z)) + mean |z - F(G(z))|^2; L_F is the second term (- mean D(F(x), x))."""
        latents = self.latents(step.noise, step.batch_size)
        fake = self.generator(latents)
        losses = {
            "adversarial": self.discriminator(fake, latents).mean(),
            "reconstruction": self.reconstruction * squared_error(self.encoder(fake), latents),
        }
        if self.adversarial_reconstructor:
            images = step.batch.images
            losses["inferred"] = -self.discriminator(images, self.encoder(images)).mean()
        return losses
