"""The nouns that every room shares: what a batch is and what an image looks like."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class ImageShape:
    """A square image: `channels` x `size` x `size` pixels."""

    channels: int
    size: int

    @property
    def dims(self) -> tuple[int, int, int]:
        return (self.channels, self.size, self.size)


@dataclass
class Batch:
    """Real images on the training device.

    `images`: float (n, c, h, w) in [-1, 1]. `labels`: int64 (n,), or None where the data has none.
    `other`: the second domain's images, same range, for data with two domains (horse2zebra), else None.
    """

    images: Tensor
    labels: Tensor | None = None
    other: Tensor | None = None
