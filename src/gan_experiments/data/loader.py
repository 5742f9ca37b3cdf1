"""Endless training batches from a decoded set: one gather, one normalisation, one flip, all on the device."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
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

State = dict[str, Any]


class Loader:
    """An infinite iterator over `Batch`es of this rank's share of a global batch of `batch_size`.

    Every epoch is a new permutation, the same on all ranks; each image is seen once in it, and a batch that reaches
    the end of one goes on in the next. `seed` decides everything: equal seeds give equal batches, on any number of
    ranks. `flip` mirrors each image with probability 1/2. Domains are sampled independently of each other.
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
        self.labels = None if image_set.labels is None else torch.from_numpy(image_set.labels).to(device)
        self.images = _Domain(image_set.images, batch_size, device, seed, flip, channels_last)
        self.other = None
        if image_set.other is not None:
            self.other = _Domain(image_set.other, batch_size, device, seed + 1, flip, channels_last)

    def __iter__(self) -> Iterator[Batch]:
        return self

    def __next__(self) -> Batch:
        images, order = self.images.next()
        labels = None if self.labels is None else self.labels[order]
        other = None if self.other is None else self.other.next()[0]
        return Batch(images, labels, other)

    next = __next__

    def state_dict(self) -> State:
        """The position in the stream of batches; only tensors and integers."""
        state = {"images": self.images.state_dict()}
        if self.other is not None:
            state["other"] = self.other.state_dict()
        return state

    def load_state_dict(self, state: State) -> None:
        """Go on exactly where the loader that gave `state` stood."""
        self.images.load_state_dict(state["images"])
        if self.other is not None:
            self.other.load_state_dict(state["other"])


class _Order:
    """An endless sequence of permutations of `count` images, each image with its coin for the flip."""

    def __init__(self, count: int, seed: int, device: torch.device) -> None:
        self.count, self.device = count, device
        self.generator = torch.Generator().manual_seed(seed)
        self._shuffle()

    def _shuffle(self) -> None:
        self.epoch = self.generator.get_state()
        self.position = 0
        permutation = torch.randperm(self.count, generator=self.generator)
        coins = torch.rand(self.count, generator=self.generator) < 0.5
        self.permutation, self.coins = permutation.to(self.device), coins.to(self.device)

    def take(self, count: int) -> tuple[Tensor, Tensor]:
        """The next `count` indices and coins."""
        parts = []
        while count:
            if self.position == self.count:
                self._shuffle()
            part = slice(self.position, min(self.position + count, self.count))
            parts.append((self.permutation[part], self.coins[part]))
            count -= part.stop - part.start
            self.position = part.stop
        if len(parts) == 1:
            return parts[0]
        indices, coins = zip(*parts, strict=True)
        return torch.cat(indices), torch.cat(coins)

    def state_dict(self) -> State:
        return {"generator": self.epoch, "position": self.position, "count": self.count}

    def load_state_dict(self, state: State) -> None:
        if state["count"] != self.count:
            raise UserError(
                f"the data is not that of the run to be resumed: {self.count} images instead of {state['count']}"
            )
        self.generator.set_state(state["generator"].cpu())
        self._shuffle()
        self.position = int(state["position"])


class _Domain:
    """One array of images and its order."""

    def __init__(
        self,
        images: Pixels,
        batch_size: int,
        device: torch.device,
        seed: int,
        flip: bool,
        channels_last: bool,
    ) -> None:
        if not len(images):
            raise UserError("there is no image to train on")
        self.batch_size, self.device, self.flip = batch_size, device, flip
        self.layout = torch.channels_last if channels_last else torch.contiguous_format
        self.pixels = torch.from_numpy(images)
        resident = images.nbytes <= _room(device)
        if resident:
            self.pixels = self.pixels.to(device)  # no copy on the CPU, also not of a mapped file
        self.order = _Order(len(images), seed, device if resident else torch.device("cpu"))
        self.position = self.order.state_dict()
        self.ahead: deque[tuple[State, Future[tuple[Tensor, ...]]]] = deque()
        self.worker = None if resident else ThreadPoolExecutor(1, "gather")

    def next(self) -> tuple[Tensor, Tensor]:
        """This rank's images, normalised to [-1, 1], and their indices, on the device."""
        if self.worker is None:
            indices, coins = self._take()
            pixels = self.pixels.index_select(0, indices)
        else:
            while len(self.ahead) < AHEAD:
                indices, coins = self._take()
                job = self.worker.submit(_gather, self.device, self.pixels, indices, coins)
                self.ahead.append((self.order.state_dict(), job))
            self.position, done = self.ahead.popleft()
            pixels, indices, coins = (part.to(self.device, non_blocking=True) for part in done.result())
        if self.flip:
            pixels = _mirror(pixels, coins)
        return to_float(pixels, self.layout), indices

    def _take(self) -> tuple[Tensor, Tensor]:
        indices, coins = self.order.take(self.batch_size)
        share = parallel.local_slice(self.batch_size)
        return indices[share], coins[share]

    def state_dict(self) -> State:
        return self.position if self.worker else self.order.state_dict()

    def load_state_dict(self, state: State) -> None:
        self.ahead.clear()
        self.order.load_state_dict(state)
        self.position = self.order.state_dict()


def _mirror(pixels: Tensor, coins: Tensor) -> Tensor:
    # Choosing whole rows is several times faster than torch.where on bytes.
    rows = torch.arange(len(coins), device=coins.device) + coins * len(coins)
    return torch.cat([pixels, pixels.flip(-1)]).index_select(0, rows)


def _gather(device: torch.device, pixels: Tensor, indices: Tensor, coins: Tensor) -> tuple[Tensor, ...]:
    """The chosen pixels, their indices and coins, in page-locked memory if `device` copies from there unwaited."""
    parts = (pixels.index_select(0, indices), indices, coins)
    return tuple(part.pin_memory() for part in parts) if device.type == "cuda" else parts


def _room(device: torch.device) -> float:
    """How many bytes a set may have to be kept on `device`."""
    if device.type == "cpu":
        return math.inf
    if device.type == "cuda":
        return RESIDENT_SHARE * torch.cuda.get_device_properties(device).total_memory
    return 4 << 30  # mps has no memory of its own that could be asked for
