"""The nouns that every room shares: what a batch is and what an image looks like."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ImageShape:
    """A square image: `channels` x `size` x `size` pixels.

    `bounded`: its values lie in [-1, 1]. A point of d real numbers is one pixel with d channels that is not.
    `classes`: the number of labels that the data has, 0 for none.
    """

    channels: int
    size: int
    bounded: bool = True
    classes: int = 0

    @property
    def dims(self) -> tuple[int, int, int]:
        return (self.channels, self.size, self.size)


@dataclass
class Batch:
    """Real images on the training device.

    `images`: float (n, c, h, w) in [-1, 1]; points, (n, d, 1, 1), in their own units. `labels`: int64 (n,), or None where the data has none.
    `other`: the second domain's images, same range, for data with two domains (horse2zebra), else None.
    """

    images: Tensor
    labels: Tensor | None = None
    other: Tensor | None = None
