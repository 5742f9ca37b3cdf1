"""pix2pix: a conditional GAN beside a regression of the target from the source."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial

import torch
from omegaconf import MISSING
from torch import Tensor

from gan_experiments.models.base import Step
from gan_experiments.models.translation import OneWay
from gan_experiments.penalties.base import Critic
from gan_experiments.types import ImageShape


@dataclass
class Pix2Pix(OneWay):
    """Isola, Zhu, Zhou & Efros, CVPR 2017, equation 4: the discriminator sees source and target side by side.

    l1: weight of mean |b - G(a)|. With `adversarial` 0 this is a regression, with `l1` 0 a conditional GAN alone.
    """

    l1: float = MISSING

    needs = frozenset({"sources", "pairs"})
    weights = ("l1",)

    def judged(self, shape: ImageShape) -> ImageShape:
        assert shape.source is not None
        return replace(shape, channels=shape.source.channels + shape.channels)

    def fakes(self, step: Step) -> Tensor:
        sources = step.batch.sources
        assert sources is not None
        return step.once("fakes", lambda: self.through(self.generator, step.noise, sources)[0])

    def critic(self, step: Step) -> Critic:
        assert step.batch.sources is not None
        return partial(self.beside, step.batch.sources)

    def beside(self, sources: Tensor, images: Tensor) -> Tensor:
        """Scores of images (k n, c, h, w) as translations of `sources` (n, c', h, w), taken k times over."""
        repeated = sources.repeat(len(images) // len(sources), 1, 1, 1)
        scores: Tensor = self.adversary.discriminator(torch.cat([repeated, images], dim=1))
        return scores

    def generator_loss(self, step: Step) -> dict[str, Tensor]:
        losses = super().generator_loss(step)
        if self.l1:
            losses["l1"] = self.l1 * (self.fakes(step) - step.batch.images).abs().mean()
        return losses
