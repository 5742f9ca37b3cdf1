"""VAE-GAN: a VAE whose reconstructions are judged by the features of a discriminator."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.heads import check_head
from gan_experiments.losses import Loss
from gan_experiments.models.autoencoder import (
    GaussianEncoding,
    divergence_from_prior,
    draw,
    posterior,
    squared_error,
)
from gan_experiments.models.base import Phase, Prior, Step
from gan_experiments.networks import Discriminator, Network, Norm
from gan_experiments.types import ImageShape


@dataclass
class VaeGan(GaussianEncoding):
    """Algorithm 1 of Larsen, Sonderby, Larochelle & Winther, ICML 2016.

    The reconstruction error is taken in D_l(x), here the features h(x) in front of the discriminator's last
    layer, summed over features. Encoder, decoder (the generator) and discriminator are updated in this order,
    with the gradients that all three have before any of them moves.

    gamma: weight of the reconstruction error against the adversarial loss in the decoder's update. likelihood: its weight
    against the divergence in the encoder's: one over the variance that equation 7 sets to 1, in units of the features.
    discriminator_norm: normalisation of the discriminator's layers. head: its last layer and that layer's terms.
    """

    gamma: float = MISSING
    discriminator_norm: Norm = MISSING
    head: Any = MISSING
    likelihood: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("gamma", "likelihood"):
            if getattr(self, name) < 0:
                raise UserError(f"model.{name} must be 0 or more, not {getattr(self, name)}")
        if self.prior is not Prior.normal:
            raise UserError("model.prior must be normal: the divergence of a VAE is from N(0, I)")

    def check(self, loss: Loss, data: Data) -> None:
        super().check(loss, data)
        check_head(self.head, loss, conditional=False)

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.loss: Loss = loss
        self.encoder: nn.Module = network.encoder(shape, 2 * self.latent_dim, network.generator_norm)
        self.generator: nn.Module = network.generator(self.latent_dim, shape)
        trunk = network.trunk(shape, self.discriminator_norm)
        head = self.head.build(trunk.features, shape.classes, network.linear(self.discriminator_norm))
        self.discriminator: Discriminator = Discriminator(trunk, head)
        return {"encoder": self.encoder, "generator": self.generator, "discriminator": self.discriminator}

    def phases(self) -> list[Phase]:
        return [
            Phase("encoder", ("encoder",), self.encoder_loss),
            Phase("generator", ("generator",), self.generator_loss, same_batch=True),
            Phase(
                "discriminator",
                ("discriminator",),
                self.discriminator_loss,
                same_batch=True,
                rate="discriminator",
                after=self.discriminator.head.constrain,
            ),
        ]

    def encoder_loss(self, step: Step) -> dict[str, Tensor]:
        """L_prior + L_llike (equations 2 and 8); no adversarial term."""
        mean, log_variance = posterior(self.encoder(step.batch.images))
        codes = draw(mean, log_variance, step.noise)
        step.shared["codes"] = codes.detach()
        return {
            "divergence": divergence_from_prior(mean, log_variance).mean(),
            "reconstruction": self.likelihood * self.feature_error(self.generator(codes), step.batch.images),
        }

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        """gamma L_llike - L_GAN, where both samples and reconstructions count as fakes."""
        decoded = self.generator(step.shared["codes"])
        samples = self.generator(self.latents(step.noise, len(decoded)))
        step.shared.update(decoded=decoded.detach(), samples=samples.detach())
        return {
            "reconstruction": self.gamma * self.feature_error(decoded, step.batch.images),
            **self.generator_terms("samples", samples),
            **self.generator_terms("decoded", decoded),
        }

    def generator_terms(self, name: str, fake: Tensor) -> dict[str, Tensor]:
        terms = self.discriminator.head.generator_terms(self.loss, self.discriminator.features(fake))
        return {f"{name}/{term}": value for term, value in terms.items()}

    def discriminator_loss(self, step: Step) -> dict[str, Tensor]:
        """L_GAN: the reconstruction error must not reach the features."""
        real = self.discriminator.features(step.batch.images)
        losses: dict[str, Tensor] = {}
        for name in ("samples", "decoded"):
            fake = self.discriminator.features(step.shared[name])
            terms = self.discriminator.head.terms(self.loss, real, fake)
            losses |= {f"{name}/{term}": value / 2 for term, value in terms.losses.items()}
            step.log("score/real", terms.real.mean())
            step.log("score/fake" if name == "samples" else "score/decoded", terms.fake.mean())
        return losses

    def feature_error(self, decoded: Tensor, images: Tensor) -> Tensor:
        """L_llike of equation 7, -log N(D_l(x); D_l(x~), I) up to a constant."""
        return squared_error(self.discriminator.features(decoded), self.discriminator.features(images)) / 2

    def scores(self, images: Tensor) -> Tensor:
        result: Tensor = self.discriminator(images)
        return result
