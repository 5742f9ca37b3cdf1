"""AAE: an autoencoder whose codes an adversary matches to the prior."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.models.autoencoder import Encoding, squared_error
from gan_experiments.models.base import Phase, Step
from gan_experiments.networks import CodeDiscriminator, Network
from gan_experiments.types import ImageShape


@dataclass
class Aae(Encoding):
    """Adversarial autoencoder (Makhzani et al. 2015) with a deterministic encoder.

    Instead of the divergence of each posterior from the prior, a discriminator of codes drives the aggregate
    posterior to the prior. Per batch: reconstruction phase, then regularisation phase (discriminator, encoder).

    code_width: units in the two hidden layers of the discriminator of codes.
    """

    code_width: int = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code_width < 1:
            raise UserError(f"model.code_width must be at least 1, not {self.code_width}")

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.loss: Loss = loss
        self.encoder: nn.Module = network.encoder(shape, self.latent_dim, network.generator_norm)
        self.generator: nn.Module = network.generator(self.latent_dim, shape)
        self.discriminator: nn.Module = CodeDiscriminator(self.latent_dim, self.code_width)
        return {"encoder": self.encoder, "generator": self.generator, "discriminator": self.discriminator}

    def phases(self) -> list[Phase]:
        return [
            Phase("reconstruction", ("encoder", "generator"), self.reconstruction_loss),
            Phase(
                "discriminator",
                ("discriminator",),
                self.discriminator_loss,
                same_batch=True,
                rate="discriminator",
            ),
            Phase("encoder", ("encoder",), self.encoder_loss, same_batch=True),
        ]

    def reconstruction_loss(self, step: Step) -> dict[str, Tensor]:
        images = step.batch.images
        return {"reconstruction": squared_error(self.generator(self.encoder(images)), images)}

    def discriminator_loss(self, step: Step) -> dict[str, Tensor]:
        """Real are draws from the prior, fake are codes."""
        with torch.no_grad():
            codes = self.encoder(step.batch.images)
        real, fake = self.discriminator(self.latents(step.noise, len(codes))), self.discriminator(codes)
        step.log("score/prior", real.mean())
        step.log("score/code", fake.mean())
        return {"adversarial": self.loss.discriminator(real, fake)}

    def encoder_loss(self, step: Step) -> dict[str, Tensor]:
        return {"adversarial": self.loss.generator(self.discriminator(self.encoder(step.batch.images)))}
