"""What draws a model's inputs, the same however many are asked for at a time."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

import torch
from torch import Tensor

from gan_experiments.data.transforms import Pixels, to_float
from gan_experiments.noise import Noise
from gan_experiments.types import Inputs

BLOCK = 64  # inputs that are drawn together
STRIDE = 1_000_003  # between the seeds of two blocks


class Feed(ABC):
    """A stream of inputs, drawn in blocks that have a seed each: any row can be had without those before it.

    `length`: how many different inputs there are, None where they never end.
    """

    length: int | None = None

    def __init__(self, seed: int, device: torch.device) -> None:
        self.seed, self.device = seed, device
        self.position = 0

    def take(self, count: int) -> Inputs:
        """The next `count`."""
        first, last = self.position // BLOCK, (self.position + count - 1) // BLOCK
        start = self.position - first * BLOCK
        self.position += count
        rows = Inputs.concatenated([self.block(index) for index in range(first, last + 1)])
        return rows[start : start + count]

    def skip(self, count: int) -> None:
        """Leave out the next `count`, which another rank draws."""
        self.position += count

    def noise(self, block: int) -> Noise:
        return Noise((self.seed + STRIDE * block) % 2**63, self.device, split=False)

    @abstractmethod
    def block(self, index: int) -> Inputs:
        """The rows BLOCK * index and following, at most BLOCK of them."""


class LatentFeed(Feed):
    """Latents, and the classes that are asked for; `draw` gives a number of them from noise."""

    def __init__(self, draw: Callable[[Noise, int], Inputs], seed: int, device: torch.device) -> None:
        super().__init__(seed, device)
        self.draw = draw

    def block(self, index: int) -> Inputs:
        return self.draw(self.noise(index), BLOCK)


class ImageFeed(Feed):
    """Walks once through images uint8 (n, c, h, w); `draw` adds the noise that a translator wants beside them."""

    def __init__(
        self, draw: Callable[[Tensor, Noise], Inputs], images: Pixels, seed: int, device: torch.device
    ) -> None:
        super().__init__(seed, device)
        self.draw, self.images = draw, images
        self.length = len(images)

    def block(self, index: int) -> Inputs:
        pixels = torch.tensor(self.images[BLOCK * index : BLOCK * (index + 1)], device=self.device)
        return self.draw(to_float(pixels), self.noise(index))
