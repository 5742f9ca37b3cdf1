"""What a model asks of a regulariser of its discriminator."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from gan_experiments.noise import Noise

Critic = Callable[[Tensor], Tensor]


class Penalty:
    """A term added to the discriminator's loss, a constraint put on its weights, or both."""

    # Settings of those penalties that have a loss; they declare these two as fields.
    weight = 0.0
    every = 1

    def loss(self, critic: Critic, real: Tensor, fake: Tensor, noise: Noise) -> Tensor | None:
        """The term before it is multiplied by `weight`, a float32 scalar; None where there is no term.

        `critic` maps images to scores (n,); `real` and `fake` are batches of the same shape (n, ...).
        """
        return None

    def constrain(self, critic: nn.Module) -> None:
        """Bring the critic's parameters back into the allowed set, after each of its steps."""
