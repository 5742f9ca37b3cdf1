"""What a model asks of the last layer of its discriminator."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar

from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.losses import Loss
from gan_experiments.networks.layers import LinearLayer


@dataclass(frozen=True)
class Terms:
    """The discriminator's losses by name, the scores (n,) of real and fake features, and what else is logged."""

    losses: dict[str, Tensor]
    real: Tensor
    fake: Tensor
    logged: dict[str, Tensor] = field(default_factory=dict)


class HeadLayer(nn.Module, ABC):
    """Features (n, features) to scores (n,), float32; `labels` int64 (n,), where the head is told the class."""

    @abstractmethod
    def forward(self, features: Tensor, labels: Tensor | None = None) -> Tensor: ...

    def terms(self, loss: Loss, real: Tensor, fake: Tensor, labels: Tensor | None = None) -> Terms:
        """The discriminator's side on features of real and of fake images, both of the classes `labels`."""
        scores = self(real, labels), self(fake, labels)
        return Terms({"adversarial": loss.discriminator(*scores)}, *scores)

    def generator_terms(self, loss: Loss, fake: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """The generator's side on features of its images, which were asked to be of the classes `labels`."""
        return {"adversarial": loss.generator(self(fake, labels))}

    def constrain(self) -> None:
        """Bring the weights back to where they may be, after each step of the discriminator."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep besides parameters and buffers (tensors and numbers)."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""


@dataclass
class Head(ABC):
    """The settings of a head; `build` makes the layer.

    `conditional`: it needs the class of each image.
    """

    conditional: ClassVar[bool] = False

    @abstractmethod
    def build(self, features: int, classes: int, linear: LinearLayer) -> HeadLayer:
        """`linear` makes linear layers as the discriminator's are."""

    def check(self, loss: Loss) -> None:  # noqa: B027  (most take any loss)
        """Raise UserError for a loss that this head cannot train with."""


def check_head(head: Any, loss: Loss, conditional: bool) -> None:
    """Raise UserError for a head that does not fit; `conditional`: the generator is told the class."""
    if not isinstance(head, Head):
        raise UserError("the discriminator needs a last layer, for example head@model.head=linear")
    if head.conditional and not conditional:
        raise UserError(
            "this head is told the class, and this model's generator is not: choose head@model.head=linear or san, "
            "or a model whose generator is told it (cgan, acgan, biggan, conditional_san)"
        )
    head.check(loss)
