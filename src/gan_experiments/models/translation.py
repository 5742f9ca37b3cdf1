"""What methods share that translate images of one domain, the source, into images of another, the target."""

from __future__ import annotations

import copy
from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.data import Data
from gan_experiments.data.transforms import Pixels
from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.models.adversary import Adversary
from gan_experiments.models.base import Model, Phase, Step
from gan_experiments.models.feeds import Feed, ImageFeed
from gan_experiments.networks import Network, Norm, Translator
from gan_experiments.noise import Noise
from gan_experiments.penalties.base import Critic
from gan_experiments.types import ImageShape, Inputs


@dataclass
class TranslationModel(Model):
    """A method whose generators turn images into images and whose discriminators, if any, judge patches.

    adversarial: weight of the adversarial terms in the generators' loss; 0 trains without discriminators.
    discriminator_weight: of the adversarial term in a discriminator's loss.
    discriminator_norm: normalisation of the discriminators' layers.
    penalties: terms added to a discriminator's loss, and constraints on its weights.
    """

    adversarial: float = MISSING
    discriminator_weight: float = MISSING
    discriminator_norm: Norm = MISSING
    penalties: dict[str, Any] = MISSING

    needs = frozenset({"sources"})
    translations: ClassVar[tuple[str, ...]] = ("a_to_b",)
    unrecorded: ClassVar[str] = "the host keeps the earlier fakes"
    weights: ClassVar[tuple[str, ...]] = ()  # of the generators' other terms, settings by name

    def __post_init__(self) -> None:
        for name in ("adversarial", "discriminator_weight", *self.weights):
            if getattr(self, name) < 0:
                raise UserError(f"model.{name} must be 0 or more, not {getattr(self, name)}")
        terms = ("adversarial", *self.weights)
        if not any(getattr(self, name) for name in terms):
            zeros = ", ".join(f"model.{name}" for name in terms)
            raise UserError(f"the generator has nothing to learn from where all of {zeros} are 0")

    def check(self, loss: Loss, data: Data) -> None:
        if self.adversarial:  # without, any loss does
            super().check(loss, data)

    def feed(self, seed: int, device: torch.device, sources: Pixels | None = None) -> Feed:
        """Walks through `sources`, images of the domain that is translated from."""
        assert sources is not None
        return ImageFeed(self.inputs, sources, seed, device)

    def inputs(self, images: Tensor, noise: Noise) -> Inputs:
        """Images of the source domain, and the noise of networks that want it."""
        return Inputs(z=self.noise(self.translators()[0], noise, images), images=images)

    @staticmethod
    def noise(translator: Translator, noise: Noise, *batches: Tensor) -> Tensor | None:
        """What `translator` wants beside the images of all batches: U(0, 1), (n, noise_dims), or None."""
        if not translator.noise_dims:
            return None
        return torch.cat([noise.uniform(len(batch), translator.noise_dims) for batch in batches])

    def through(self, translator: Translator, noise: Noise, *batches: Tensor) -> tuple[Tensor, ...]:
        """What `translator` makes of each batch of images (n, c, h, w), all in one pass."""
        translated = translator(torch.cat(batches), self.noise(translator, noise, *batches))
        return torch.split(translated, [len(batch) for batch in batches])

    def adversary_of(self, discriminator: nn.Module, loss: Loss, suffix: str = "") -> Adversary:
        return Adversary(
            discriminator,
            loss,
            (self.adversarial, self.discriminator_weight),
            copy.deepcopy(self.penalties),
            joint=self.discriminator_norm is not Norm.batch,  # whose statistics are of one kind of images
            suffix=suffix,
        )

    @abstractmethod
    def translators(self) -> list[Translator]:
        """The generators, in the order of `translations`."""

    @abstractmethod
    def adversaries(self) -> dict[str, Adversary]:
        """The discriminators with all that is asked of them, by the name that a checkpoint uses."""

    def constrain(self) -> None:
        for adversary in self.adversaries().values():
            adversary.constrain()

    def differentiates_twice(self) -> bool:
        return self.adversarial > 0 and any(
            penalty.weight > 0 and penalty.differentiates_input for penalty in self.penalties.values()
        )

    def state(self) -> dict[str, Any]:
        return {name: adversary.state() for name, adversary in self.adversaries().items()}

    def load_state(self, state: dict[str, Any]) -> None:
        for name, adversary in self.adversaries().items():
            adversary.load_state(state[name])


@dataclass
class OneWay(TranslationModel):
    """One generator and, where `adversarial` is not 0, one discriminator, which moves first."""

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        assert shape.source is not None
        self.generator: Translator = network.translator(shape.source, shape)
        networks: dict[str, nn.Module] = {"generator": self.generator}
        if self.adversarial:
            networks["discriminator"] = network.patches(self.judged(shape), self.discriminator_norm)
            self.adversary: Adversary = self.adversary_of(networks["discriminator"], loss)
        return networks

    def judged(self, shape: ImageShape) -> ImageShape:
        """What the discriminator is shown, of targets of this shape."""
        return shape

    def translators(self) -> list[Translator]:
        return [self.generator]

    def adversaries(self) -> dict[str, Adversary]:
        return {"discriminator": self.adversary} if self.adversarial else {}

    def phases(self) -> list[Phase]:
        discriminator = Phase(
            "discriminator",
            ("discriminator",),
            self.discriminator_loss,
            rate="discriminator",
            after=self.constrain,
        )
        generator = Phase("generator", self.trained(), self.generator_loss, same_batch=self.adversarial > 0)
        return [discriminator, generator] if self.adversarial else [generator]

    def trained(self) -> tuple[str, ...]:
        """The networks that the generator's phase updates."""
        return ("generator",)

    def fakes(self, step: Step) -> Tensor:
        """The translations of this iteration's sources, the same for both phases."""
        raise NotImplementedError

    def critic(self, step: Step) -> Critic:
        """The function of translations that judges them."""
        return self.adversary.discriminator

    def discriminator_loss(self, step: Step) -> dict[str, Tensor]:
        return self.adversary.terms(self.critic(step), step.batch.images, self.fakes(step).detach(), step)

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        if not self.adversarial:
            return {}
        term = self.adversary.generator_term(self.critic(step), self.fakes(step), step.batch.images)
        return {"adversarial": term}

    def sample(self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = "") -> Tensor:
        images: Tensor = networks["generator"](inputs.images, inputs.z)
        return images

    def panels(
        self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = ""
    ) -> dict[str, Tensor]:
        assert inputs.images is not None
        return {"source": inputs.images, "output": self.sample(networks, inputs)}
