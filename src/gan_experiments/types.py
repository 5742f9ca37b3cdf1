"""The nouns that every room shares: what a batch is, what a generator is given, what an image looks like."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields

import torch
from torch import Tensor


@dataclass(frozen=True)
class ImageShape:
    """A square image: `channels` x `size` x `size` pixels.

    `bounded`: its values lie in [-1, 1]. A point of d real numbers is one pixel with d channels that is not.
    `classes`: the number of labels that the data has, 0 for none. `source`: the shape of the images that these
    are translated from, None where the data has one domain. `counts`: how many images of each class there are to
    train on, None where that is not known.
    """

    channels: int
    size: int
    bounded: bool = True
    classes: int = 0
    source: ImageShape | None = None
    counts: tuple[int, ...] | None = None
    class_names: tuple[str, ...] | None = None

    @property
    def dims(self) -> tuple[int, int, int]:
        return (self.channels, self.size, self.size)


@dataclass
class Batch:
    """Real images on the training device.

    `images`: float (n, c, h, w) in [-1, 1], of the domain that is generated and measured; points, (n, d, 1, 1), in
    their own units. `labels`: int64 (n,), or None where the data has none. `sources`: images of the domain that is
    translated from, same range, or None; row for row the partners of `images` where the data has pairs.
    """

    images: Tensor
    labels: Tensor | None = None
    sources: Tensor | None = None

    def __getitem__(self, rows: slice) -> Batch:
        parts = (self.images, self.labels, self.sources)
        images, labels, sources = (None if part is None else part[rows] for part in parts)
        assert images is not None
        return Batch(images, labels, sources)


@dataclass(frozen=True)
class Inputs:
    """What a generator is given, each with one row per image: networks take what they need.

    `z`: latents or other noise (n, d). `labels`: classes int64 (n,). `images`: (n, c, h, w) in [-1, 1], of the
    domain that is translated from.
    """

    z: Tensor | None = None
    labels: Tensor | None = None
    images: Tensor | None = None

    def __len__(self) -> int:
        return next(len(part) for part in self._parts().values())

    def __getitem__(self, rows: slice) -> Inputs:
        return Inputs(**{name: part[rows] for name, part in self._parts().items()})

    def split(self, size: int) -> Iterator[Inputs]:
        """In their order, `size` rows at a time."""
        for start in range(0, len(self), size):
            yield self[start : start + size]

    @classmethod
    def concatenated(cls, parts: Sequence[Inputs]) -> Inputs:
        """The rows of all `parts`, which have the same fields."""
        names = parts[0]._parts()
        return cls(**{name: torch.cat([getattr(part, name) for part in parts]) for name in names})

    def repeated(self, times: int) -> Inputs:
        """Every row `times` times, one after the other."""
        return Inputs(**{name: part.repeat_interleave(times, 0) for name, part in self._parts().items()})

    def _parts(self) -> dict[str, Tensor]:
        parts = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: part for name, part in parts.items() if part is not None}
