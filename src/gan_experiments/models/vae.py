"""VAE: the variational autoencoder, which other methods build on and are compared with."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.models.autoencoder import (
    GaussianEncoding,
    divergence_from_prior,
    draw,
    posterior,
    squared_error,
)
from gan_experiments.models.base import Phase, Prior, Step
from gan_experiments.networks import Network
from gan_experiments.networks.layers import full_precision
from gan_experiments.types import ImageShape


class Likelihood(Enum):
    """p(x|z): independent Bernoulli pixels of probability (x~ + 1) / 2, or N(x~, I) in pixels of [-1, 1]."""

    bernoulli = "bernoulli"
    gaussian = "gaussian"


@dataclass
class Vae(GaussianEncoding):
    """Kingma & Welling (2014), equation 10: reconstruct from a sample of q(z|x), which is kept near N(0, I).

    likelihood: of an image given its latent; both are summed over pixels. beta: weight of the divergence
      (Higgins et al. 2017); 1 is the evidence lower bound.
    """

    likelihood: Likelihood = MISSING
    beta: float = MISSING

    uses_loss = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.beta < 0:
            raise UserError(f"model.beta must be 0 or more, not {self.beta}")
        if self.prior is not Prior.normal:
            raise UserError("model.prior must be normal: the divergence of a VAE is from N(0, I)")

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.encoder: nn.Module = network.encoder(shape, 2 * self.latent_dim, network.generator_norm)
        self.generator: nn.Module = network.generator(self.latent_dim, shape)
        return {"encoder": self.encoder, "generator": self.generator}

    def phases(self) -> list[Phase]:
        return [Phase("autoencoder", ("encoder", "generator"), self.loss)]

    def loss(self, step: Step) -> dict[str, Tensor]:
        images = step.batch.images
        mean, log_variance = posterior(self.encoder(images))
        decoded = self.generator(draw(mean, log_variance, step.noise))
        return {
            "reconstruction": self.negative_log_likelihood(decoded, images),
            "divergence": self.beta * divergence_from_prior(mean, log_variance).mean(),
        }

    def negative_log_likelihood(self, decoded: Tensor, images: Tensor) -> Tensor:
        """-log p(x|z) up to a constant, in nats per image."""
        if self.likelihood is Likelihood.gaussian:
            return squared_error(decoded, images) / 2
        with full_precision(decoded):
            probability, target = (decoded + 1) / 2, (images + 1) / 2
            return F.binary_cross_entropy(probability, target, reduction="sum") / len(images)
