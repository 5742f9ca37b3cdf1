"""The discriminators of translation models, and the earlier fakes that are shown to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from gan_experiments import parallel
from gan_experiments.losses import Loss
from gan_experiments.models.base import Step
from gan_experiments.noise import Noise
from gan_experiments.penalties.base import Critic, Penalty


@dataclass
class Adversary:
    """A discriminator and what it and its generator are told.

    weights: of the loss in the generator's and in the discriminator's step. penalties: its own. joint: real and fake
    go through it in one batch. suffix: ends the names of its terms.
    """

    discriminator: nn.Module
    loss: Loss
    weights: tuple[float, float]
    penalties: dict[str, Penalty]
    joint: bool
    suffix: str = ""

    def generator_term(self, critic: Critic, fake: Tensor, real: Tensor) -> Tensor:
        """The adversarial term of the generator of `fake`; `critic`: the discriminator as a function of images."""
        scores = critic(fake)
        if not self.loss.relative:
            return self.weights[0] * self.loss.generator(scores)
        with torch.no_grad():
            against = critic(real)
        return self.weights[0] * self.loss.discriminator(scores, against)

    def terms(self, critic: Critic, real: Tensor, fake: Tensor, step: Step) -> dict[str, Tensor]:
        """The discriminator's loss on images (n, c, h, w), of which `fake` are constants."""
        scores_real, scores_fake = (
            critic(torch.cat([real, fake])).chunk(2) if self.joint else (critic(real), critic(fake))
        )
        step.log(f"score/real{self.suffix}", scores_real.mean())
        step.log(f"score/fake{self.suffix}", scores_fake.mean())
        value = self.weights[1] * self.loss.discriminator(scores_real, scores_fake)
        losses = {f"adversarial{self.suffix}": value}
        for name, penalty in self.penalties.items():
            if step.due(penalty.every):
                term = penalty.loss(critic, real, fake, step.noise)
                if term is not None:
                    step.log(f"penalty/{name}{self.suffix}", term)
                    losses[f"{name}{self.suffix}"] = penalty.weight * penalty.every * term
        return losses

    def constrain(self) -> None:
        for penalty in self.penalties.values():
            penalty.constrain(self.discriminator)

    def state(self) -> dict[str, Any]:
        return {name: penalty.state() for name, penalty in self.penalties.items()}

    def load_state(self, state: dict[str, Any]) -> None:
        for name, penalty in self.penalties.items():
            penalty.load_state(state[name])


class Pool:
    """The last `size` fakes or so (Shrivastava et al. 2017; Zhu et al. 2017, section 4), the same on every rank.

    It fills first; then half of the fakes are exchanged for one of those that are kept. Nothing waits for the device.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self.count = 0
        self.images: Tensor | None = None  # (size, c, h, w), the first `count` in use

    @torch.no_grad()
    def exchange(self, images: Tensor, noise: Noise) -> Tensor:
        """What the discriminator sees in place of this rank's new fakes (n, c, h, w)."""
        if self.size == 0:
            return images
        draws = parallel.gather(noise.uniform(len(images), 2))
        every = parallel.gather(images.detach())
        if self.images is None:
            self.images = torch.zeros(self.size, *images.shape[1:], dtype=images.dtype)
        self.images = self.images.to(images.device)
        exchanged = [self._one(self.images, every[i : i + 1], draws[i]) for i in range(len(every))]
        return torch.cat(exchanged)[parallel.local_slice(len(every))]

    def _one(self, kept: Tensor, image: Tensor, draws: Tensor) -> Tensor:
        if self.count < self.size:
            kept[self.count] = image[0]
            self.count += 1
            return image
        place = (draws[1:] * self.size).long().clamp_(max=self.size - 1)
        old, swap = kept.index_select(0, place), draws[0] < 0.5
        kept.index_copy_(0, place, torch.where(swap, image, old))
        return torch.where(swap, old, image)

    def state(self) -> dict[str, Any]:
        return {"count": self.count, "images": self.images}

    def load_state(self, state: dict[str, Any]) -> None:
        self.count, self.images = state["count"], state["images"]
