"""What a set of metrics is: a component that checks itself, then scores a sampler against real images."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class SampleStream(Protocol):
    """Generated images, one after the other."""

    def __call__(self, count: int, /) -> Tensor | tuple[Tensor, Tensor]:
        """The next `count`, uint8 (count, c, h, w) or float in [-1, 1], on any device.

        A conditional generator gives the labels int64 (count,) that it was asked for as well: (images, labels).
        """

    def skip(self, count: int) -> None:
        """Leave out the next `count`, which another rank makes."""


class Images(Protocol):
    """Images at hand: `labels` int64 (n,) or None; `digest` names their content."""

    def __len__(self) -> int: ...

    def pieces(self, rows: NDArray[np.int64]) -> Iterable[NDArray[np.uint8]]:
        """The images of `rows` in their order, uint8 (k, c, h, w), each piece of one size."""

    @property
    def labels(self) -> NDArray[np.int64] | None: ...

    @property
    def digest(self) -> str: ...


@dataclass
class Evaluation:
    """The figures of one evaluation by name, and how they were made (extractor, counts, seed, precision).

    `floor`: the same figures for held-out real images in place of generated ones, where there are any.
    `classes`: figures by class, in the order of the labels, where the generator is told the class.
    """

    values: dict[str, float] = field(default_factory=dict)
    protocol: dict[str, Any] = field(default_factory=dict)
    floor: dict[str, float] = field(default_factory=dict)
    classes: dict[str, list[float]] = field(default_factory=dict)


class Evaluator(Protocol):
    """Scores a sampler; deterministic for given samples, and leaves every global random state as it was.

    All ranks of a run call it together, and share the work; the first one's evaluation counts.
    """

    def __call__(self, sample: SampleStream) -> Evaluation: ...


@dataclass
class Metrics:
    """Base of the components in `conf/metrics`."""

    needs_held_out: ClassVar[bool] = True  # whether the data's test split is worth loading

    def check(self, paths_data: Path) -> None:
        """Raise UserError, before training starts, when something needed is missing; fetch it if it can be.

        `paths_data` is the run's data folder, for an own component that keeps its files there.
        """
        raise NotImplementedError

    def evaluator(
        self,
        real: Images,
        device: torch.device,
        held_out: Images | None = None,
        paths_data: Path | None = None,
    ) -> Evaluator:
        """An evaluator against `real`; the extractor runs on `device`.

        `held_out` gives each figure its floor. What is computed from the real images is kept beside `paths_data`.
        """
        raise NotImplementedError

    @property
    def best(self) -> str | None:
        """The value, lower is better, that chooses the best checkpoint; None where there is none."""
        raise NotImplementedError

    @property
    def best_of_few(self) -> str | None:
        """The same among few images, of which a Frechet distance is mostly bias."""
        return self.best

    def at_most(self, samples: int) -> Metrics:
        """These metrics over no more than `samples` generated images, where no more can be had."""
        return self


@dataclass
class NoMetrics(Metrics):
    """Training without evaluation."""

    needs_held_out: ClassVar[bool] = False

    def check(self, paths_data: Path) -> None:
        pass

    def evaluator(
        self,
        real: Images,
        device: torch.device,
        held_out: Images | None = None,
        paths_data: Path | None = None,
    ) -> Evaluator:
        return lambda sample: Evaluation()

    @property
    def best(self) -> str | None:
        return None
