"""Generative adversarial networks: k discriminator steps, then one generator step."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, ClassVar

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.heads import Head, check_head
from gan_experiments.losses import Loss
from gan_experiments.models.base import LatentModel, Phase, Step
from gan_experiments.networks import Discriminator, Network, Norm
from gan_experiments.networks.layers import LinearLayer
from gan_experiments.penalties.base import Critic
from gan_experiments.types import ImageShape


@dataclass
class Gan(LatentModel):
    """Algorithm 1 of Goodfellow et al. (2014), for any adversarial loss and any penalties on the discriminator.

    GAN, DCGAN, WGAN, WGAN-GP, GAN-GP, SN-GAN, SAN, StyleGAN2 and others are this algorithm with their papers'
    settings (conf/model/).

    discriminator_steps: k, discriminator updates per generator update, each on fresh real and fake samples.
    generator_first: update the generator before the discriminator within an iteration (Miyato et al. 2018).
    generator_batch: the generator's batch is this many times the discriminator's (Miyato et al. 2018: 2).
    reuse_fakes: the last discriminator step sees the fakes that the generator step then improves, which saves
      one generator pass; off draws new latents for the generator, as Algorithm 1 prints it.
    joint_batches: real and fake go through the discriminator in one batch (they then share batch statistics).
    discriminator_norm: normalisation of the discriminator's layers.
    packing: m, how many images the discriminator judges together, joined along their channels (Lin et al. 2018): a
      generator that draws few kinds gives itself away. Where the discriminator takes no labels.
    instance_noise: standard deviation of N(0, s^2) added to real and fake inputs of the discriminator (Sonderby
      et al. 2017), decaying linearly to 0 at the share `instance_noise_until` of the run.
    head: the discriminator's last layer and its terms. penalties: terms added to the discriminator's loss, and
      constraints on its weights.
    """

    discriminator_steps: int = MISSING
    generator_first: bool = MISSING
    generator_batch: int = MISSING
    reuse_fakes: bool = MISSING
    joint_batches: bool = MISSING
    discriminator_norm: Norm = MISSING
    instance_noise: float = MISSING
    instance_noise_until: float = MISSING
    head: Any = MISSING
    penalties: dict[str, Any] = MISSING
    packing: int = 1

    has_head: ClassVar[bool] = True  # off where the method makes the last layer itself

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("discriminator_steps", "generator_batch", "packing"):
            if getattr(self, name) < 1:
                raise UserError(f"model.{name} must be at least 1, not {getattr(self, name)}")
        if self.instance_noise < 0 or not 0 < self.instance_noise_until <= 1:
            raise UserError("model.instance_noise must be >= 0 and model.instance_noise_until in (0, 1]")

    def check(self, loss: Loss, data: Data) -> None:
        super().check(loss, data)
        if self.has_head:
            check_head(self.head, loss, conditional="labels" in self.needs)
        elif self.head is not None:
            raise UserError("this model's discriminator ends in a part of its own: model.head=null")
        if loss.relative and self.generator_batch > 1:
            raise UserError(
                f"this loss pairs generated with real images: model.generator_batch must be 1, not {self.generator_batch}"
            )

    def takes_whole_batches(self) -> bool:
        return any(penalty.takes_whole_batches for penalty in self.penalties.values())

    def check_batch(self, size: int) -> None:
        if size % self.packing:
            raise UserError(
                f"a batch of {size} images cannot be divided into packs: model.packing={self.packing}"
            )

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        self.loss: Loss = loss
        self.generator: nn.Module = self.build_generator(network, shape)
        self.discriminator: Discriminator = self.build_discriminator(network, self.packed_shape(shape))
        return {"generator": self.generator, "discriminator": self.discriminator}

    def packed_shape(self, shape: ImageShape) -> ImageShape:
        """Of what the discriminator sees at once."""
        return replace(shape, channels=self.packing * shape.channels)

    def build_generator(self, network: Network, shape: ImageShape) -> nn.Module:
        return network.generator(self.latent_dim, shape)

    def build_discriminator(self, network: Network, shape: ImageShape) -> Discriminator:
        trunk = network.trunk(shape, self.discriminator_norm)
        linear = network.linear(self.discriminator_norm)
        return Discriminator(trunk, self.build_head(trunk.features, shape.classes, linear))

    def build_head(self, features: int, classes: int, linear: LinearLayer) -> nn.Module:
        """The last layer of the discriminator, from h(x) to a score."""
        head: Head = self.head
        return head.build(features, classes, linear)

    def phases(self) -> list[Phase]:
        phases = [self.discriminator_phase(), self.generator_phase()]
        return phases[::-1] if self.generator_first else phases

    def discriminator_phase(self) -> Phase:
        return Phase(
            "discriminator",
            ("discriminator",),
            self.discriminator_loss,
            repeat=self.discriminator_steps,
            rate="discriminator",
            after=self.constrain,
        )

    def generator_phase(self) -> Phase:
        return Phase("generator", ("generator",), self.generator_loss)

    @property
    def shares_fakes(self) -> bool:
        return self.reuse_fakes and not self.generator_first and self.generator_batch == 1

    def shared_fakes(self, step: Step) -> Tensor:
        """The fakes that the generator's step improves and the last discriminator step sees."""
        return step.once("fakes", lambda: self.generate(step, step.batch_size))

    def generate(self, step: Step, samples: int) -> Tensor:
        images: Tensor = self.generator(self.latents(step.noise, samples))
        return images

    def discriminator_loss(self, step: Step) -> dict[str, Tensor]:
        fake = self.detached_fakes(step)
        real, fake = self.presented(step.batch.images, step), self.presented(fake, step)
        losses = self.adversarial(real, fake, step)
        for name, penalty in self.penalties.items():
            if step.due(penalty.every, self.discriminator_steps):
                value = penalty.loss(self.critic(step), real, fake, step.noise)
                if value is not None:
                    step.log(f"penalty/{name}", value)
                    losses[name] = penalty.weight * penalty.every * value
        return losses

    def detached_fakes(self, step: Step) -> Tensor:
        """Generated images, without a gradient, for the discriminator's step."""
        if self.shares_fakes and step.repeat == self.discriminator_steps - 1:
            return self.shared_fakes(step).detach()
        with torch.no_grad():
            return self.generate(step, step.batch_size)

    def adversarial(self, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        """The discriminator's loss on images (n, c, h, w)."""
        features = self.paired(self.discriminator.features, real, fake)
        return self.judged(*features, step)

    def judged(
        self, real: Tensor, fake: Tensor, step: Step, labels: Tensor | None = None
    ) -> dict[str, Tensor]:
        """The head's terms on features of real and of fake images, whose scores are logged."""
        terms = self.discriminator.head.terms(self.loss, real, fake, labels)
        self.log_scores(step, terms.real, terms.fake)
        for name, value in terms.logged.items():
            step.log(name, value)
        losses: dict[str, Tensor] = terms.losses
        return losses

    def critic(self, step: Step) -> Critic:
        """The function of images whose gradient the penalties act on."""
        return self.discriminator

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        fake = self.discriminator.features(self.fakes(step))
        if not self.loss.relative:
            losses: dict[str, Tensor] = self.discriminator.head.generator_terms(self.loss, fake)
            return losses
        with torch.no_grad():
            real = self.discriminator(self.presented(step.batch.images, step))
        return {"adversarial": self.loss.discriminator(self.discriminator.head(fake), real)}

    def fakes(self, step: Step) -> Tensor:
        """The images that the generator's step improves, as the discriminator sees them."""
        if self.shares_fakes:
            return self.presented(self.shared_fakes(step), step)
        return self.presented(self.generate(step, self.generator_batch * step.batch_size), step)

    def paired(self, function: Critic, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
        """`function` of real and of fake images: in two batches, or in one."""
        if not self.joint_batches:
            return function(real), function(fake)
        both: Tensor = function(torch.cat([real, fake]))
        return both[: len(real)], both[len(real) :]

    def presented(self, images: Tensor, step: Step) -> Tensor:
        """Images (n, c, h, w) as the discriminator sees them: packed, with instance noise while it lasts."""
        images = self.packed(images)
        sigma = step.scheduled("instance_noise", self.sigma) if self.instance_noise else None
        return images if sigma is None else images + sigma * step.noise.normal(*images.shape)

    def sigma(self, progress: float) -> float:
        """The instance noise's standard deviation, which falls linearly."""
        return self.instance_noise * max(0.0, 1 - progress / self.instance_noise_until)

    def packed(self, images: Tensor) -> Tensor:
        """Each `packing` images (n, c, h, w) in a row as one, (n // packing, packing c, h, w); a rest is left out."""
        packs = len(images) // self.packing
        return (
            images
            if self.packing == 1
            else images[: packs * self.packing].reshape(packs, -1, *images.shape[2:])
        )

    def constrain(self) -> None:
        for penalty in self.penalties.values():
            penalty.constrain(self.discriminator)
        if self.has_head:
            self.discriminator.head.constrain()

    def scores(self, images: Tensor) -> Tensor | None:
        result: Tensor = self.discriminator(self.packed(images))
        return result

    @staticmethod
    def log_scores(step: Step, real: Tensor, fake: Tensor) -> None:
        """Mean scores and their gap, for a Lipschitz critic its estimate of the Wasserstein distance (times K)."""
        step.log("score/real", real.mean())
        step.log("score/fake", fake.mean())
        step.log("score/gap", real.mean() - fake.mean())

    def differentiates_twice(self) -> bool:
        return any(penalty.weight > 0 and penalty.differentiates_input for penalty in self.penalties.values())

    def state(self) -> dict[str, Any]:
        state = {"penalties": {name: penalty.state() for name, penalty in self.penalties.items()}}
        return {**state, "head": self.discriminator.head.state()} if self.has_head else state

    def load_state(self, state: dict[str, Any]) -> None:
        for name, penalty in self.penalties.items():
            penalty.load_state(state["penalties"][name])
        if self.has_head:
            self.discriminator.head.load_state(state["head"])
