"""What a model asks of an adversarial loss."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from omegaconf import MISSING
from torch import Tensor

from gan_experiments.errors import UserError


class Loss(ABC):
    """An adversarial objective on scores: logits or critic values, float32, shape (n,); results are minimised.

    A `relative` loss judges scores against each other: the generator then minimises the discriminator's loss with
    real and fake exchanged.
    """

    relative: ClassVar[bool] = False

    @abstractmethod
    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        """The discriminator's loss, a scalar."""

    @abstractmethod
    def generator(self, fake: Tensor) -> Tensor:
        """The generator's loss, a scalar: the mean of R3(f) over the fake scores."""

    @abstractmethod
    def direction_weight(self, scores: Tensor) -> Tensor:
        """|R3'(f)| per sample, detached: how SAN weighs the means of its direction term.

        Takida et al. 2024, "SAN: Inducing Metrizability of GAN with Discriminative Normalized Linear Layer".
        Raises UserError where R3 is not monotone.
        """


@dataclass
class NoLoss(Loss):
    """In place of an adversarial loss, for a model that has an objective of its own."""

    def discriminator(self, real: Tensor, fake: Tensor) -> Tensor:
        raise NotImplementedError

    def generator(self, fake: Tensor) -> Tensor:
        raise NotImplementedError

    def direction_weight(self, scores: Tensor) -> Tensor:
        raise NotImplementedError


@dataclass
class LabelledLoss(Loss):
    """A loss with the labels 1 (real) and 0 (fake).

    `label_smoothing` in [0, 1] makes the real label 1 - label_smoothing (one-sided, Salimans et al. 2016).
    """

    label_smoothing: float = MISSING

    def __post_init__(self) -> None:
        if not 0 <= self.label_smoothing <= 1:
            raise UserError(f"loss.label_smoothing must be in [0, 1], not {self.label_smoothing}")
