"""Dist-GAN: an autoencoder shows the discriminator what real looks like, and keeps distances of latents."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments import parallel
from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.models.autoencoder import Encoding
from gan_experiments.models.base import Phase, Step
from gan_experiments.models.gan import Gan
from gan_experiments.networks import Network
from gan_experiments.types import ImageShape


@dataclass
class AutoencodedGan(Encoding, Gan):
    """What Dist-GAN and GN-GAN share: an autoencoder E, G whose reconstructions count as real for a while.

    Per iteration: autoencoder, discriminator, generator. d(x) = sigmoid(D(x)).

    reconstructions_as_real: alpha, their share of the real side of the discriminator's loss.
    """

    reconstructions_as_real: float = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.reconstructions_as_real <= 1:
            raise UserError("model.reconstructions_as_real must be in [0, 1]")
        if self.reuse_fakes:
            raise UserError(
                "model.reuse_fakes must be false: the autoencoder's step moves the generator first"
            )

    def takes_whole_batches(self) -> bool:
        return True

    @property
    def compares_features(self) -> bool:
        """Whether the autoencoder compares images by the discriminator's features."""
        return True

    def check(self, loss: Loss, data: Data) -> None:
        super().check(loss, data)
        if self.packing > 1 and self.compares_features:
            raise UserError(
                "the autoencoder compares images by the discriminator's features, which packs do not have one by one: "
                "model.packing=1"
            )

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        networks = super().build(network, loss, shape)
        self.encoder: nn.Module = network.encoder(shape, self.latent_dim, network.generator_norm)
        return {"encoder": self.encoder, **networks}

    def phases(self) -> list[Phase]:
        return [self.autoencoder_phase(), *super().phases()]

    def autoencoder_phase(self) -> Phase:
        return Phase("autoencoder", ("encoder", "generator"), self.autoencoder_loss)

    def autoencoder_loss(self, step: Step) -> dict[str, Tensor]:
        raise NotImplementedError

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        """(1 - alpha) log d(x) + alpha log d(G(E(x))) + log(1 - d(G(z))), negated; or another loss so mixed."""
        share = step.scheduled("reconstructions", self.reconstruction_share)
        features_real, features_fake = self.paired(self.discriminator.features, real, fake)
        terms = self.judged(features_real, features_fake, step)
        losses = {
            f"real/{name}": term if share is None else (1 - share) * term for name, term in terms.items()
        }
        if share is not None:
            with torch.no_grad():
                decoded = self.presented(self.generator(self.encoder(step.batch.images)), step)
            features = self.discriminator.features(decoded)
            terms = self.discriminator.head.terms(self.loss, features, features_fake).losses
            losses |= {f"decoded/{name}": share * term for name, term in terms.items()}
        return losses

    def reconstruction_share(self, progress: float) -> float:
        """alpha for the first half of the run, down to 0 at three quarters, as in Dist-GAN's code."""
        return self.reconstructions_as_real * (1 - min(max(4 * progress - 2, 0.0), 1.0))

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        return self.generator_terms(self.presented(step.batch.images, step), self.fakes(step))

    def generator_terms(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """|mean d(x) - mean d(G(z))|"""
        with torch.no_grad():
            wanted = parallel.gather(self.discriminator(real).sigmoid()).mean()
        return {"score": (wanted - parallel.gather(self.discriminator(fake).sigmoid()).mean()).abs()}


@dataclass
class DistGan(AutoencodedGan):
    """Tran, Bui & Cheung, ECCV 2018. Phi(x) are the features in front of the discriminator's last layer.

    distance_weight: lambda_r, of the latent-data distance constraint in the autoencoder's loss.
    autoencoder_trains_generator: whether its loss also updates G (the authors: for MNIST).
    """

    distance_weight: float = MISSING
    autoencoder_trains_generator: bool = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.distance_weight < 0:
            raise UserError(f"model.distance_weight must be 0 or more, not {self.distance_weight}")

    def autoencoder_phase(self) -> Phase:
        phase = super().autoencoder_phase()
        return phase if self.autoencoder_trains_generator else replace(phase, updates=("encoder",))

    def autoencoder_loss(self, step: Step) -> dict[str, Tensor]:
        """mean |Phi(x) - Phi(G(E(x)))|^2 + lambda_r W, means over samples and features."""
        codes, latents = self.encoder(step.batch.images), self.latents(step.noise, step.batch_size)
        phi, phi_decoded, phi_fake = (
            self.discriminator.features(images)
            for images in (step.batch.images, self.generator(codes), self.generator(latents))
        )
        # W: the mean difference of features follows that of latents, scaled by lambda_w = sqrt(d_z / d_Phi).
        scale = math.sqrt(self.latent_dim / self.discriminator.trunk.features)
        difference = (phi_decoded - phi_fake).mean(1) - scale * (codes - latents).mean(1)
        return {
            "reconstruction": (phi - phi_decoded).square().mean(),
            "distance": self.distance_weight * parallel.gather(difference).mean().square(),
        }
