"""Endless training batches from a decoded set: gathered, cropped, flipped and normalised on the device."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor

from gan_experiments import parallel
from gan_experiments.data.base import ImageSet
from gan_experiments.data.transforms import Pixels, to_float
from gan_experiments.errors import UserError
from gan_experiments.types import Batch

RESIDENT_SHARE = 0.25  # of a GPU's memory; a larger set stays in the host's and is copied batch by batch
AHEAD = 3  # batches gathered in advance from such a set
STREAMS = ("images", "sources")  # in a loader's state

State = dict[str, Any]


class Loader:
    """An infinite iterator over `Batch`es of this rank's share of a global batch of `batch_size`.

    Every epoch is a new permutation, the same on all ranks; each image is seen once in it, and a batch that reaches
    the end of one goes on in the next. `seed` decides everything: equal seeds give equal batches, on any number of
    ranks. `flip` mirrors each image with probability 1/2; a set with `crop` gives squares of that size from places
    that are uniform over its images. Pairs share rows, coins and places; domains without pairs are sampled
    independently of each other.
    """

    def __init__(
        self,
        image_set: ImageSet,
        batch_size: int,
        device: torch.device | str,
        seed: int,
        flip: bool,
        channels_last: bool = False,
    ) -> None:
        if batch_size % parallel.world_size():
            raise UserError(
                f"train.batch_size={batch_size} cannot be divided among {parallel.world_size()} devices"
            )
        device = torch.device(device)
        self.image_set = image_set
        self.labels = None if image_set.labels is None else torch.from_numpy(image_set.labels).to(device)
        arrays = [array for array in (image_set.images, image_set.sources) if array is not None]
        groups = [arrays] if image_set.paired else [[array] for array in arrays]
        self.streams = [
            _Stream(group, image_set.crop, batch_size, device, seed + number, flip, channels_last)
            for number, group in enumerate(groups)
        ]

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        (rows, *images), *others = [stream.next() for stream in self.streams]
        labels = None if self.labels is None else self.labels[rows]
        return Batch(images[0], labels, *images[1:], *(sources for _, sources in others))

    next = __next__

    def state_dict(self) -> State:
        """The position in the stream of batches; only tensors and integers."""
        streams = {name: stream.state_dict() for name, stream in zip(STREAMS, self.streams, strict=False)}
        return {**streams, "digest": self.image_set.digest}

    def load_state_dict(self, state: State) -> None:
        """Go on exactly where the loader that gave `state` stood; raises UserError, before anything is changed,
        where that had other data."""
        for name, stream in zip(STREAMS, self.streams, strict=False):
            stream.check(state[name])
        if state.get("digest", self.image_set.digest) != self.image_set.digest:
            raise UserError("the data is not that of the run to be resumed: as many images, but others")
        for name, stream in zip(STREAMS, self.streams, strict=False):
            stream.load_state_dict(state[name])


class _Order:
    """An endless sequence of permutations of `count` images, each image with its coin for the flip.

    `margin`: (height, width) that a crop leaves over; each image then has the place of its crop as well.
    """

    def __init__(self, count: int, margin: tuple[int, int], seed: int, device: torch.device) -> None:
        self.count, self.margin, self.device = count, margin, device
        self.generator = torch.Generator().manual_seed(seed)
        self._shuffle()

    def _shuffle(self) -> None:
        self.epoch = self.generator.get_state()
        self.position = 0
        permutation = torch.randperm(self.count, generator=self.generator)
        coins = torch.rand(self.count, generator=self.generator) < 0.5
        rooms = self.margin if any(self.margin) else ()
        places = [torch.randint(room + 1, (self.count,), generator=self.generator) for room in rooms]
        self.columns = [column.to(self.device) for column in (permutation, coins, *places)]

    def take(self, count: int) -> list[Tensor]:
        """The next `count` indices, coins, and tops and lefts of crops where there are any, each (count,)."""
        parts = []
        while count:
            if self.position == self.count:
                self._shuffle()
            part = slice(self.position, min(self.position + count, self.count))
            parts.append([column[part] for column in self.columns])
            count -= part.stop - part.start
            self.position = part.stop
        if len(parts) == 1:
            return parts[0]
        return [torch.cat(pieces) for pieces in zip(*parts, strict=True)]

    def state_dict(self) -> State:
        return {"generator": self.epoch, "position": self.position, "count": self.count}

    def load_state_dict(self, state: State) -> None:
        self.generator.set_state(state["generator"].cpu())
        self._shuffle()
        self.position = int(state["position"])


class _Stream:
    """Arrays of which equal rows belong together, and their one order."""

    def __init__(
        self,
        arrays: Sequence[Pixels],
        crop: int | None,
        batch_size: int,
        device: torch.device,
        seed: int,
        flip: bool,
        channels_last: bool,
    ) -> None:
        count, height, width = len(arrays[0]), *arrays[0].shape[2:]
        if not count:
            raise UserError("there is no image to train on")
        if any(array.shape[2:] != (height, width) or len(array) != count for array in arrays):
            raise UserError("pairs must have equal numbers and sizes of images in both domains")
        self.crop = crop or height
        margin = (height - self.crop, width - (crop or width))
        self.batch_size, self.device, self.flip = batch_size, device, flip
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.pixels = [torch.from_numpy(array) for array in arrays]
        resident = sum(array.nbytes for array in arrays) <= _room(device)
        if resident:  # no copy on the CPU, also not of a mapped file
            self.pixels = [pixels.to(device) for pixels in self.pixels]
        self.order = _Order(count, margin, seed, device if resident else torch.device("cpu"))
        self.position = self.order.state_dict()
        self.ahead: deque[tuple[State, Future[list[Tensor]]]] = deque()
        self.worker = None if resident else ThreadPoolExecutor(1, "gather")

    def next(self) -> list[Tensor]:
        """The indices of this rank's images, then the images of each array, normalised to [-1, 1], on the device."""
        if self.worker is None:
            indices, coins, *chosen = self._gather(*self._take())
        else:
            while len(self.ahead) < AHEAD:
                job = self.worker.submit(self._pinned, *self._take())
                self.ahead.append((self.order.state_dict(), job))
            self.position, done = self.ahead.popleft()
            indices, coins, *chosen = (part.to(self.device, non_blocking=True) for part in done.result())
        if self.flip:
            chosen = [_mirror(pixels, coins) for pixels in chosen]
        return [indices, *(to_float(pixels, self.layout) for pixels in chosen)]

    def _take(self) -> list[Tensor]:
        share = parallel.local_slice(self.batch_size)
        return [column[share] for column in self.order.take(self.batch_size)]

    def _gather(self, indices: Tensor, coins: Tensor, *places: Tensor) -> list[Tensor]:
        """The indices and coins, and what they choose of each array: whole images, or their crops."""
        if not places:
            return [indices, coins, *(pixels.index_select(0, indices) for pixels in self.pixels)]
        top, left = places
        # Every crop there is, as a view; choosing from it copies the chosen ones alone.
        crops = [pixels.unfold(2, self.crop, 1).unfold(3, self.crop, 1) for pixels in self.pixels]
        return [indices, coins, *(view[indices, :, top, left] for view in crops)]

    def _pinned(self, *columns: Tensor) -> list[Tensor]:
        """`_gather` in page-locked memory if the device copies from there unwaited."""
        parts = self._gather(*columns)
        return [part.pin_memory() for part in parts] if self.device.type == "cuda" else parts

    def state_dict(self) -> State:
        return self.position if self.worker else self.order.state_dict()

    def check(self, state: State) -> None:
        """Raise UserError where `state` is that of another number of images."""
        if state["count"] != self.order.count:
            raise UserError(
                "the data is not that of the run to be resumed: "
                f"{self.order.count} images instead of {state['count']}"
            )

    def load_state_dict(self, state: State) -> None:
        self.ahead.clear()
        self.order.load_state_dict(state)
        self.position = self.order.state_dict()


def _mirror(pixels: Tensor, coins: Tensor) -> Tensor:
    # Choosing whole rows is several times faster than torch.where on bytes.
    rows = torch.arange(len(coins), device=coins.device) + coins * len(coins)
    return torch.cat([pixels, pixels.flip(-1)]).index_select(0, rows)


def _room(device: torch.device) -> float:
    """How many bytes a set may have to be kept on `device`."""
    if device.type == "cpu":
        return math.inf
    if device.type == "cuda":
        return RESIDENT_SHARE * torch.cuda.get_device_properties(device).total_memory
    return 4 << 30  # mps has no memory of its own that could be asked for
