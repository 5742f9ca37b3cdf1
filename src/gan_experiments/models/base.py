"""What a method is: some networks and an order of updates."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any, ClassVar

import torch
from omegaconf import MISSING
from torch import Tensor, nn
from torch.nn import functional as F

from gan_experiments.data import Data
from gan_experiments.data.transforms import Pixels
from gan_experiments.errors import UserError
from gan_experiments.losses import Loss, NoLoss
from gan_experiments.models.feeds import BLOCK, Feed, LatentFeed
from gan_experiments.networks import Network
from gan_experiments.noise import Noise
from gan_experiments.types import Batch, ImageShape, Inputs


@dataclass
class Step:
    """One iteration of training, as a method's loss functions see it.

    `index` counts generator updates from 0, `progress` is the share of the run done, in [0, 1). `log` records a scalar
    without waiting for the device, of a batch in parts their mean. What is asked of it that changes from step to step is
    noted: iterations are recorded and replayed (training/graphs.py).
    """

    index: int
    done: float
    noise: Noise
    draw: Callable[[], Batch]
    batch_size: int  # this rank's share, or a part of it (`Noise.each_part`)
    repeat: int = 0  # which of a phase's repeats is running
    logged: dict[str, Tensor] = field(default_factory=dict)
    lazy: list[tuple[int, int]] = field(default_factory=list)  # that `due` was asked for
    schedules: dict[str, Callable[[float], float]] = field(default_factory=dict)  # of `scheduled`
    factors: dict[str, Tensor] = field(default_factory=dict)  # their values, where the iteration is recorded
    progress_read: bool = False
    _batch: Batch | None = None
    _shared: dict[int, dict[str, Tensor]] = field(default_factory=dict)  # by the parts of the batch

    @property
    def progress(self) -> float:
        self.progress_read = True
        return self.done

    def scheduled(self, name: str, value: Callable[[float], float]) -> float | Tensor | None:
        """The factor `value(progress)`, a tensor where the iteration is recorded; None while it is 0."""
        self.schedules[name] = value
        number = value(self.done)
        return None if number == 0 else self.factors.get(name, number)

    def due(self, every: int, repeats: int = 1) -> bool:
        """Whether a term that is computed at every `every`-th update is, by a phase with `repeats` updates a step."""
        self.lazy.append((every, repeats))
        return (self.index * repeats + self.repeat) % every == 0

    @property
    def batch(self) -> Batch:
        """The current batch of real images, drawn when first asked for, or the part of it whose turn it is."""
        if self._batch is None:
            self._batch = self.draw()
        return self._batch if self.noise.parts == 1 else self._batch[self.noise.rows(self.batch_size)]

    def next_batch(self) -> None:
        self._batch = None

    @property
    def shared(self) -> dict[str, Tensor]:
        """What one phase leaves to the others, of the part of the batch whose turn it is."""
        return self._shared.setdefault(self.noise.part, {})

    def once(self, name: str, make: Callable[[], Tensor]) -> Tensor:
        """What phases share, made (with its graph) by the first that asks for it in this iteration."""
        if name not in self.shared:
            self.shared[name] = make()
        return self.shared[name]

    def log(self, name: str, value: Tensor) -> None:
        value, part = value.detach(), self.noise.part
        self.logged[name] = (
            value if part == 0 else self.logged[name] + (value - self.logged[name]) / (part + 1)
        )


@dataclass
class Phase:
    """One line of a method's algorithm: minimise the sum of `loss`'s terms over the networks in `updates`.

    `repeat`: how many times in a row; each repeat gets a fresh batch unless `same_batch`. `rate`: which learning
    rate it takes, the "generator"'s or the "discriminator"'s. `after` runs after each optimiser step (weight
    clipping, BEGAN's k, ...).
    """

    name: str
    updates: tuple[str, ...]
    loss: Callable[[Step], dict[str, Tensor]]
    repeat: int = 1
    same_batch: bool = False
    rate: str = "generator"
    after: Callable[[], None] | None = None


class Prior(Enum):
    """Distribution of the latents: N(0, I), U(-1, 1), uniform on the sphere of radius sqrt(latent_dim), or signs.

    Signs, -1 or 1 with equal chances (as bits in Brock et al. 2019, appendix E), let a generator that is continuous
    leave the space between modes empty; their number has to be large enough, for there are 2^latent_dim of them.
    """

    normal = "normal"
    uniform = "uniform"
    spherical = "spherical"
    rademacher = "rademacher"


@dataclass
class Model(ABC):
    """Base of every method.

    A subclass builds its networks in `build`, names its phases in `phases`, says what draws its inputs in `feed`,
    and maps inputs to images in `sample`. It never touches a device, an optimiser or a logger.
    """

    needs: ClassVar[frozenset[str]] = frozenset()  # of the data: "labels", "sources", "pairs"
    translations: ClassVar[tuple[str, ...]] = ("",)  # a translator's, by the names that stand before figures
    standing: ClassVar[tuple[str, ...]] = ()  # networks that see other inputs in training than in sampling
    uses_loss: ClassVar[bool] = True  # off where the method has an objective of its own
    unrecorded: ClassVar[str] = (
        ""  # why its iterations cannot be replayed (training/graphs.py), if they cannot
    )

    def check(self, loss: Loss, data: Data) -> None:
        """Raise UserError, before anything is read or built, for companions that make no sense."""
        if self.uses_loss and isinstance(loss, NoLoss):
            raise UserError("loss=none leaves this model without an objective; try loss=non_saturating")
        if not self.uses_loss and not isinstance(loss, NoLoss):
            raise UserError(
                "this model has an objective of its own, so a loss would have no effect: loss=none"
            )

    def takes_whole_batches(self) -> bool:
        """Whether a term is no mean over samples, so that parts of a batch do not add up to the whole."""
        return False

    def check_batch(self, size: int) -> None:  # noqa: B027  (most take any)
        """Raise UserError for a batch, of one rank, that the method cannot train with."""

    @abstractmethod
    def build(self, network: Network, loss: Loss, shape: ImageShape) -> dict[str, nn.Module]:
        """Make the networks; the names returned are those that phases and checkpoints use."""

    @abstractmethod
    def phases(self) -> list[Phase]:
        """The method's algorithm, in the order of its updates."""

    @abstractmethod
    def feed(self, seed: int, device: torch.device, sources: Pixels | None = None) -> Feed:
        """An endless stream of inputs for `sample`; `sources`: the images that a translator walks through."""

    def averaged(self) -> tuple[str, ...]:
        """The networks whose moving average is kept and sampled from."""
        return ("generator",)

    @abstractmethod
    def sample(self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = "") -> Tensor:
        """Images (n, c, h, w) in [-1, 1] from `inputs`."""

    def panels(
        self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = ""
    ) -> dict[str, Tensor]:
        """What a picture shows of given images, a column each by name; empty for a method that takes no images in."""
        return {}

    def scores(self, images: Tensor) -> Tensor | None:
        """The discriminator's scores of images, one each or each pack, higher for real; None for a method without one."""
        return None

    def protocol(self) -> dict[str, str]:
        """What the record of a figure says of how this model was sampled."""
        return {}

    def state(self) -> dict[str, Any]:
        """What a checkpoint must keep besides networks and optimisers (tensors and numbers)."""
        return {}

    def load_state(self, state: dict[str, Any]) -> None:  # noqa: B027  (most have no state)
        """Take back what `state` gave."""

    def differentiates_twice(self) -> bool:
        """Whether a phase differentiates through an input gradient (such networks are not compiled)."""
        return False


@dataclass
class LatentModel(Model):
    """A method whose generator turns latents into images."""

    latent_dim: int = MISSING
    prior: Prior = MISSING

    def __post_init__(self) -> None:
        if self.latent_dim < 1:
            raise UserError(f"model.latent_dim must be at least 1, not {self.latent_dim}")

    def feed(
        self, seed: int, device: torch.device, sources: Pixels | None = None, label: int | None = None
    ) -> Feed:
        """Draws from the prior; `label`: of this class only. Raises UserError where the model is not told it."""
        if label is None:
            return LatentFeed(self.inputs, seed, device)
        labels = torch.full((BLOCK,), label, device=device)
        return LatentFeed(partial(self.inputs, labels=labels), seed, device)

    def latents(self, noise: Noise, samples: int) -> Tensor:
        """`samples` draws from the prior, shape (samples, latent_dim)."""
        if self.prior is Prior.uniform:
            return 2 * noise.uniform(samples, self.latent_dim) - 1
        if self.prior is Prior.rademacher:
            return 2 * noise.uniform(samples, self.latent_dim).round() - 1
        normal = noise.normal(samples, self.latent_dim)
        if self.prior is Prior.spherical:
            radius: float = self.latent_dim**0.5
            return radius * F.normalize(normal, dim=1)
        return normal

    def inputs(self, noise: Noise, samples: int, labels: Tensor | None = None) -> Inputs:
        """`samples` draws of all that the generator is given; `labels` int64 (samples,) asks for these classes.

        Raises UserError where the generator is not told the class.
        """
        if labels is not None:
            raise UserError("this model is not told which class to draw")
        return Inputs(self.latents(noise, samples))

    def ordered(self, inputs: Inputs) -> Inputs:
        """Inputs for a picture: as they are, or with the classes in order where the generator is told them."""
        return inputs

    def sample(self, networks: dict[str, nn.Module], inputs: Inputs, direction: str = "") -> Tensor:
        images: Tensor = networks["generator"](inputs.z)
        return images

    def between(self, start: Inputs, end: Inputs, weight: Tensor) -> Inputs:
        """Inputs on the way from `start` (weight 0) to `end` (weight 1): latents along a great circle."""
        assert start.z is not None
        assert end.z is not None
        return Inputs(slerp(start.z, end.z, weight))


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
