"""What a model asks of a regulariser of its discriminator."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from omegaconf import MISSING
from torch import Tensor, nn

from gan_experiments.errors import UserError
from gan_experiments.noise import Noise

Critic = Callable[[Tensor], Tensor]


class Penalty:
    """A term added to the discriminator's loss, a constraint put on its weights, or both."""

    # Settings of those penalties that have a loss; they declare these two as fields.
    weight = 0.0
    every = 1
    takes_whole_batches: ClassVar[bool] = False  # whether parts of a batch do not add up to the whole
    differentiates_input: ClassVar[bool] = True  # whether the term holds the score's gradient in its input

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, noise: Noise) -> Tensor | None:
        """The term before it is multiplied by `weight`, a float32 scalar; None where there is no term.

        `critic` maps images to scores (n,); `real` and `fake` are batches of the same shape (n, ...).
        """
        return None

    def constrain(self, critic: nn.Module) -> None:
        """Bring the critic's parameters back into the allowed set, after each of its steps."""

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep (tensors and numbers)."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""


@dataclass
class WeightedTerm(Penalty):
    """`weight` times the term enters the loss; `every` n-th discriminator step only, then n times as heavy."""

    weight: float = MISSING
    every: int = MISSING

    def __post_init__(self) -> None:
        if self.weight < 0:
            raise UserError(f"a penalty's weight must be 0 or more, not {self.weight}")
        if self.every < 1:
            raise UserError(f"a penalty's every must be at least 1, not {self.every}")
