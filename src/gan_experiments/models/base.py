"""What a method is: some networks and an order of updates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, ClassVar

import torch
from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.data import Data
from gan_experiments.errors import UserError
from gan_experiments.losses import Loss, NoLoss
from gan_experiments.networks import Network
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape


@dataclass
class Step:
    """One iteration of training, as a method's loss functions see it.

    `index` counts generator updates from 0, `progress` is the share of the run done, in [0, 1). `shared` holds
    what a phase prepared for the others. `log` records a scalar without waiting for the device.
    """

    index: int
    progress: float
    noise: Noise
    draw: Callable[[], Batch]
    batch_size: int  # this rank's share
    repeat: int = 0  # which of a phase's repeats is running
    shared: dict[str, Tensor] = field(default_factory=dict)
    logged: dict[str, Tensor] = field(default_factory=dict)
    _batch: Batch | None = None

    @property
    def batch(self) -> Batch:
        """The current batch of real images, drawn when first asked for."""
        if self._batch is None:
            self._batch = self.draw()
        return self._batch

    def next_batch(self) -> None:
        self._batch = None

    def log(self, name: str, value: Tensor) -> None:
        self.logged[name] = value.detach()


@dataclass
class Phase:
    """One line of a method's algorithm: minimise the sum of `loss`'s terms over the networks in `updates`.

    `repeat`: how many times in a row; each repeat gets a fresh batch unless `same_batch`. `prepare` runs at the
    start of the iteration, with this phase's networks recording gradients, so that an earlier phase may use what
    this one computes. `after` runs after each optimiser step (weight clipping, BEGAN's k, ...).
    """

    name: str
    updates: tuple[str, ...]
    loss: Callable[[Step], dict[str, Tensor]]
    repeat: int = 1
    same_batch: bool = False
    prepare: Callable[[Step], None] | None = None
    after: Callable[[], None] | None = None


class Prior(Enum):
    """Distribution of the latents: N(0, I), U(-1, 1) or uniform on the sphere of radius sqrt(latent_dim)."""

    normal = "normal"
    uniform = "uniform"
    spherical = "spherical"


@dataclass
class Model:
    """Base of every method that turns latents into images.

    A subclass builds its networks in `build`, names its phases in `phases`, and maps latents to images in
    `sample`. It never touches a device, an optimiser or a logger.
    """

    latent_dim: int = MISSING
    prior: Prior = MISSING

    uses_loss: ClassVar[bool] = True  # off where the method has an objective of its own

    def __post_init__(self) -> None:
        if self.latent_dim < 1:
            raise UserError(f"model.latent_dim must be at least 1, not {self.latent_dim}")

    def check(self, loss: Loss, data: Data) -> None:
        """Raise UserError, before anything is read or built, for companions that make no sense."""
        if data.domains != 1:
            raise UserError(
                f"data={data.option} has two image domains, and this model turns latents into images of one"
            )
        if self.uses_loss and isinstance(loss, NoLoss):
            raise UserError("loss=none leaves this model without an objective; try loss=non_saturating")
        if not self.uses_loss and not isinstance(loss, NoLoss):
            raise UserError(
                "this model has an objective of its own, so a loss would have no effect: loss=none"
            )

    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        """Make the networks; the names returned are those that phases and checkpoints use."""
        raise NotImplementedError

    def phases(self) -> list[Phase]:
        """The method's algorithm, in the order of its updates."""
        raise NotImplementedError

    def averaged(self) -> tuple[str, ...]:
        """The networks whose moving average is kept and sampled from."""
        return ("generator",)

    def sample(self, networks: dict[str, nn.Module], latents: Tensor) -> Tensor:
        """Images (n, c, h, w) in [-1, 1] from latents (n, latent_dim)."""
        images: Tensor = networks["generator"](latents)
        return images

    def reconstruct(self, networks: dict[str, nn.Module], images: Tensor) -> Tensor | None:
        """What images (n, c, h, w) become when encoded and decoded; None for a method without an encoder."""
        return None

    def latents(self, noise: Noise, samples: int) -> Tensor:
        """`samples` draws from the prior, shape (samples, latent_dim)."""
        if self.prior is Prior.uniform:
            return 2 * noise.uniform(samples, self.latent_dim) - 1
        normal = noise.normal(samples, self.latent_dim)
        if self.prior is Prior.spherical:
            radius: float = self.latent_dim**0.5
            return radius * F.normalize(normal, dim=1)
        return normal

    def labels(self, latents: Tensor) -> Tensor | None:
        """The classes int64 (n,) that latents ask for; None for a generator that is not told the class."""
        return None

    def told(self, latents: Tensor, labels: Tensor) -> Tensor:
        """The same latents asking for these classes."""
        raise UserError("this model is not told which class to draw")

    def shown(self, latents: Tensor) -> Tensor:
        """Latents for a picture: as they are, or with the classes in order where the generator is told them."""
        return latents

    def between(self, start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
        """Latents on the way from `start` (weight 0) to `end` (weight 1), along a great circle."""
        return slerp(start, end, weight)

    def scores(self, images: Tensor) -> Tensor | None:
        """The discriminator's scores (n,) of images, higher for real; None for a method without one."""
        return None

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep besides networks and optimisers (tensors and numbers)."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:
        """Take back what `state` gave."""

    def differentiates_twice(self) -> bool:
        """Whether a phase differentiates through an input gradient (such networks are not compiled)."""
        return False


def slerp(start: Tensor, end: Tensor, weight: Tensor) -> Tensor:
    """Great-circle interpolation of latents (White 2016), from `start` at weight 0 to `end` at weight 1.

    `start`, `end`: (..., d); `weight` broadcasts against (..., 1). Where the two are (anti)parallel the circle is
    not defined and the straight line is taken.
    """
    cosine = (F.normalize(start, dim=-1) * F.normalize(end, dim=-1)).sum(-1, keepdim=True).clamp(-1, 1)
    angle = torch.arccos(cosine)
    sine = torch.sin(angle)
    straight = sine < 1e-6
    sine = torch.where(straight, torch.ones_like(sine), sine)
    arc = (torch.sin((1 - weight) * angle) * start + torch.sin(weight * angle) * end) / sine
    return torch.where(straight, start + weight * (end - start), arc)
