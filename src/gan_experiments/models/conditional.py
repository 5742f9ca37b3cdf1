"""Generators that are told the class: cGAN, AC-GAN, the projection discriminator, BigGAN, the conditional SAN."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

import torch
from omegaconf import MISSING
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
from gan_experiments.types import ImageShape, Inputs


class ClassPrior(Enum):
    """How often each class is drawn: as often as the `data` has it, or each as often as the others."""

    data = "data"
    uniform = "uniform"


@dataclass
class Conditional(Gan):
    """A GAN whose generator is told the class, and whose discriminator is told it or names it.

    By `model.head`: AC-GAN (classifier), the projection discriminator and BigGAN (projection), the conditional SAN
    (class_san). In the discriminator's step the generated images have the classes of the real batch, so that both
    come from the same marginal; in the generator's step and for figures classes are drawn from `class_prior`.

    label_channels: the discriminator sees the class as one constant channel for each (cGAN, Mirza & Osindero 2014,
      equation 2).
    class_prior: of the generated images. Figures judge them against the data, whose classes need not be equally
      frequent: `data` is what a perfect model is right with. Either way no class is drawn that the data lacks.
    """

    label_channels: bool = MISSING
    class_prior: ClassPrior = ClassPrior.uniform

    needs = frozenset({"labels"})

    def check(self, loss: Loss, data: Data) -> None:
        super().check(loss, data)
        if not (self.head.conditional or self.label_channels):
            raise UserError(
                "nothing tells this model's discriminator the class: choose head@model.head=projection, classifier "
                "or class_san, or model.label_channels=true"
            )
        if self.packing > 1:
            raise UserError(
                "this model's discriminator is told the class of each image, so it sees them one by one: model.packing=1"
            )
        if loss.relative:
            raise UserError("this loss pairs images of any class; choose another, such as loss=hinge")
        if self.reuse_fakes:
            raise UserError(
                "the discriminator's step needs fakes of the real images' classes: model.reuse_fakes=false"
            )

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.classes = shape.classes
        # On the CPU also where networks are built without memory, to see whether they can be.
        counts = torch.tensor(shape.counts or [1] * shape.classes, device="cpu")
        self.present = counts.nonzero()[:, 0]
        if self.class_prior is ClassPrior.uniform:
            counts = (counts > 0).long()
        self.cumulated = counts.cumsum(0) / counts.sum()  # P(class <= c); ends in 1.0
        return super().build(network, loss, shape)

    def protocol(self) -> dict[str, str]:
        return {"class_prior": self.class_prior.value}

    def build_generator(self, network: Network, shape: ImageShape) -> nn.Module:
        return network.conditional_generator(self.latent_dim, shape.classes, shape)

    def build_discriminator(self, network: Network, shape: ImageShape) -> Discriminator:
        more = shape.classes if self.label_channels else 0
        return super().build_discriminator(network, replace(shape, channels=shape.channels + more))

    def inputs(self, noise: Noise, samples: int, labels: Tensor | None = None) -> Inputs:
        z = self.latents(noise, samples)
        return Inputs(z, self.drawn(noise.uniform(samples)) if labels is None else labels)

    def drawn(self, uniform: Tensor) -> Tensor:
        """Classes int64 (n,) from the prior, from numbers (n,) in [0, 1)."""
        self.cumulated = self.cumulated.to(uniform.device)
        return torch.searchsorted(self.cumulated, uniform, right=True)

    def ordered(self, inputs: Inputs) -> Inputs:
        """The classes that there are in order, each as often as the others."""
        assert inputs.z is not None
        order = torch.arange(len(inputs)) * len(self.present) // len(inputs)
        return replace(inputs, labels=self.present[order].to(inputs.z.device))

    def sample(self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = "") -> Tensor:
        images: Tensor = networks["generator"](inputs.z, inputs.labels)
        return images

    def between(self, start: Inputs, end: Inputs, weight: Tensor) -> Inputs:
        """z goes along a great circle, and the class stays that of the start."""
        return replace(super().between(start, end, weight), labels=start.labels)

    def detached_fakes(self, step: Step) -> Tensor:
        with torch.no_grad():
            inputs = self.inputs(step.noise, step.batch_size, real_labels(step))
            fakes: Tensor = self.generator(inputs.z, inputs.labels)
            return fakes

    def features(self, images: Tensor, labels: Tensor) -> Tensor:
        """h of images (n, c, h, w) of the classes `labels` (n,), or several times as many images in their order."""
        if self.label_channels:
            codes = one_hot(labels.repeat(len(images) // len(labels)), self.classes).to(images.dtype)
            images = torch.cat([images, codes[:, :, None, None].expand(-1, -1, *images.shape[2:])], dim=1)
        return self.discriminator.features(images)

    def score(self, images: Tensor, labels: Tensor) -> Tensor:
        """The discriminator's scores (n,) of images (n, c, h, w) as images of the classes `labels` (n,)."""
        scores: Tensor = self.discriminator.head(self.features(images, labels), labels)
        return scores

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        labels = real_labels(step)
        features = self.paired(lambda images: self.features(images, labels), real, fake)
        return self.judged(*features, step, labels)

    def critic(self, step: Step) -> Critic:
        labels = real_labels(step)
        return lambda images: self.score(images, labels)

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        inputs = self.inputs(step.noise, self.generator_batch * step.batch_size)
        assert inputs.labels is not None
        fakes = self.presented(self.generator(inputs.z, inputs.labels), step)
        features = self.features(fakes, inputs.labels)
        losses: dict[str, Tensor] = self.discriminator.head.generator_terms(
            self.loss, features, inputs.labels
        )
        return losses

    def scores(self, images: Tensor) -> Tensor | None:
        return None  # as images of which class?


def real_labels(step: Step) -> Tensor:
    labels = step.batch.labels
    assert labels is not None, "refused by check"
    return labels
