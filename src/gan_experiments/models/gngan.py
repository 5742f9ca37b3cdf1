"""GN-GAN: neighbour embedding for the autoencoder, gradient matching for the generator."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments import parallel
from gan_experiments.errors import UserError
from gan_experiments.losses.neighbours import neighbour_divergence
from gan_experiments.models.base import Phase, Step
from gan_experiments.models.distgan import AutoencodedGan
from gan_experiments.penalties.gradient import gradient_at


class Matching(Enum):
    """What of the gradients is matched: their mean, or the mean of their norms (the authors' for images)."""

    vector = "vector"
    norm = "norm"


class Space(Enum):
    """Where images are compared: pixels, or the features in front of the discriminator's last layer."""

    pixel = "pixel"
    feature = "feature"


@dataclass
class GnGan(AutoencodedGan):
    """Tran, Bui & Cheung, AAAI 2019: "Improving GAN with neighbors embedding and gradient matching", algorithm 1.

    Each term has a weight, and 0 switches it off: V_R `neighbours`, V_C `reconstructions_as_real`, V_P
    `penalties.gp.weight`, gradient matching `gradient_matching` and `projection_matching`. Weights and the
    comparison of pixels are our choice: the authors' code was never published.

    neighbours: lambda_r. gradient_matching, projection_matching: lambda_m1 and lambda_m2. matching: what of the
    gradients is matched. space: where the autoencoder compares images, in V_R and in its reconstruction error.
    """

    neighbours: float = MISSING
    gradient_matching: float = MISSING
    projection_matching: float = MISSING
    matching: Matching = MISSING
    space: Space = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("neighbours", "gradient_matching", "projection_matching"):
            if getattr(self, name) < 0:
                raise UserError(f"model.{name} must be 0 or more, not {getattr(self, name)}")

    @property
    def compares_features(self) -> bool:
        return self.space is Space.feature

    def discriminator_phase(self) -> Phase:
        """Algorithm 1 draws images once per iteration, for all three updates."""
        return replace(super().discriminator_phase(), same_batch=self.discriminator_steps == 1)

    def generator_phase(self) -> Phase:
        return replace(super().generator_phase(), same_batch=True)

    def autoencoder_loss(self, step: Step) -> dict[str, Tensor]:
        """mean |x - G(E(x))|^2 per pixel + lambda_r V_R over the points (E(x), G(E(x))) and (z, G(z))."""
        codes = self.encoder(step.batch.images)
        decoded = self.generator(codes)
        errors = self.compared(decoded) - self.compared(step.batch.images)
        losses = {"reconstruction": errors.square().mean()}
        if self.neighbours > 0:
            latents = self.latents(step.noise, step.batch_size)
            points = torch.cat([decoded, self.generator(latents)])
            all_codes, images = torch.cat([codes, latents]), self.compared(points)
            divergence = neighbour_divergence(parallel.gather(all_codes), parallel.gather(images))
            losses["neighbours"] = self.neighbours * divergence
        return losses

    def compared(self, images: Tensor) -> Tensor:
        return self.discriminator.features(images) if self.space is Space.feature else images.flatten(1)

    def generator_terms(self, real: Tensor, fake: Tensor) -> dict[str, Tensor]:
        """V_G: mean scores, mean gradients and mean projections of gradients on their points, all matched."""
        losses = super().generator_terms(real, fake)
        if self.gradient_matching == 0 and self.projection_matching == 0:
            return losses
        gradients = self.gradients(real.detach().requires_grad_()).detach(), self.gradients(fake)
        if self.gradient_matching > 0:
            real_mean, fake_mean = (self.summary(gradient) for gradient in gradients)
            losses["gradient"] = self.gradient_matching * (real_mean - fake_mean).square().sum()
        if self.projection_matching > 0:
            projections = [
                (gradient * points.flatten(1)).sum(1, keepdim=True)
                for gradient, points in zip(gradients, (real, fake), strict=True)
            ]
            real_mean, fake_mean = (self.summary(projection) for projection in projections)
            losses["projection"] = self.projection_matching * (real_mean - fake_mean).square().sum()
        return losses

    def gradients(self, points: Tensor) -> Tensor:
        """grad_x d at each point (n, dims), differentiable through the points: G is trained by it."""
        return gradient_at(lambda images: self.discriminator(images).sigmoid(), points)

    def summary(self, vectors: Tensor) -> Tensor:
        """The mean of vectors (n, dims), or of their norms, over the whole batch."""
        if self.matching is Matching.norm:
            vectors = torch.linalg.vector_norm(vectors, dim=1, keepdim=True)
        return parallel.gather(vectors).mean(0)

    def differentiates_twice(self) -> bool:
        matching = self.gradient_matching > 0 or self.projection_matching > 0
        return matching or super().differentiates_twice()
