"""Generators that are told the class, and the conditional GAN."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn.functional import one_hot

from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.models.base import Step
from gan_experiments.models.gan import Gan
from gan_experiments.networks import Discriminator, Network
from gan_experiments.noise import Noise
from gan_experiments.penalties.base import Critic
from gan_experiments.types import ImageShape


@dataclass
class Conditional(Gan):
    """What is common: a latent is z with the class as a one-hot code behind it, (n, latent_dim + classes).

    In the discriminator's step the generated images have the classes of the real batch, so that both come from
    the same marginal; in the generator's step classes are drawn uniformly.
    """

    def check(self, loss: Loss, data: Data) -> None:
        super().check(loss, data)
        if data.num_classes < 2:
            raise UserError(
                f"this model draws images of a given class, and data={data.option} has no labels here; "
                f"choose data with labels (digits, mnist, cifar10, ...)"
            )
        if loss.relative:
            raise UserError("this loss pairs images of any class; choose another, such as loss=hinge")
        if self.reuse_fakes:
            raise UserError(
                "the discriminator's step needs fakes of the real images' classes: model.reuse_fakes=false"
            )

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.classes = shape.classes
        return super().build(network, loss, shape)

    def build_generator(self, network: Network, shape: ImageShape) -> nn.Module:
        return network.conditional_generator(self.latent_dim, shape.classes, shape)

    def latents(self, noise: Noise, samples: int) -> Tensor:
        z = super().latents(noise, samples)
        return self._with(z, (noise.uniform(samples) * self.classes).long())

    def labels(self, latents: Tensor) -> Tensor:
        return latents[:, self.latent_dim :].argmax(1)

    def told(self, latents: Tensor, labels: Tensor) -> Tensor:
        return self._with(latents[:, : self.latent_dim], labels)

    def shown(self, latents: Tensor) -> Tensor:
        """The classes in order, each as often as the others."""
        order = torch.arange(len(latents), device=latents.device) * self.classes
        return self.told(latents, order // len(latents))

    def between(self, start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
        """z goes along a great circle, and the class stays that of the start."""
        way = super().between(start[..., : self.latent_dim], end[..., : self.latent_dim], weight)
        return torch.cat([way, start[..., self.latent_dim :].expand(*way.shape[:-1], -1)], dim=-1)

    def _with(self, z: Tensor, labels: Tensor) -> Tensor:
        return torch.cat([z, one_hot(labels, self.classes).to(z.dtype)], dim=1)

    def detached_fakes(self, step: Step) -> Tensor:
        with torch.no_grad():
            latents = self.told(self.latents(step.noise, step.batch_size), real_labels(step))
            fakes: Tensor = self.generator(latents)
            return fakes

    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        """The discriminator's scores (n,) of images (n, c, h, w) as images of the classes `labels` (n,)."""
        raise NotImplementedError

    def critic(self, step: Step) -> Critic:
        labels = real_labels(step)
        return lambda images: self.score(images, labels.repeat(len(images) // len(labels)))

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        latents = self.latents(step.noise, self.generator_batch * step.batch_size)
        fakes = self.perturb(self.generator(latents), step)
        return {"adversarial": self.loss.generator(self.score(fakes, self.labels(latents)))}

    def scores(self, images: Tensor) -> Tensor | None:
        return None  # as images of which class?


@dataclass
class ConditionalGan(Conditional):
    """cGAN (Mirza & Osindero 2014, eq. 2): the discriminator sees the class as one constant channel for each."""

    def build_discriminator(self, network: Network, shape: ImageShape) -> Discriminator:
        return super().build_discriminator(network, replace(shape, channels=shape.channels + shape.classes))

    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        codes = one_hot(labels, self.classes).to(images.dtype)[:, :, None, None]
        scores: Tensor = self.discriminator(
            torch.cat([images, codes.expand(-1, -1, *images.shape[2:])], dim=1)
        )
        return scores


def real_labels(step: Step) -> Tensor:
    labels = step.batch.labels
    assert labels is not None, "refused by check"
    return labels
