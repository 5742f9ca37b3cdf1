"""Mixtures of Gaussians whose modes are known: the toy data on which methods are compared mode by mode.

A point of d real numbers is stored as an image of one pixel with d channels: float32 (n, d, 1, 1), in the units
of the mixture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from omegaconf import MISSING

from gan_experiments.data.base import Data, ImageSet
from gan_experiments.errors import UserError
from gan_experiments.types import ImageShape

Centres = NDArray[np.float64]


@dataclass
class PointSet(ImageSet):
    """One split of a mixture; `labels` are the modes that the points come from.

    `centres`: float64 (modes, d). `reach`: a point no further from its nearest centre is of high quality.
    """

    centres: Centres = field(kw_only=True)
    reach: float = field(kw_only=True)


@dataclass
class Points(Data):
    """An equal mixture of isotropic Gaussians: `samples` points for training and a tenth of that for testing.

    `channels` is the number of coordinates, `sigma` the standard deviation of each, `num_classes` the number of
    modes where the points shall have labels, else 0.
    """

    samples: int = MISSING
    sigma: float = MISSING

    within = 3.0  # standard deviations that a point of high quality keeps to

    def __post_init__(self) -> None:
        if self.samples < 10:
            raise UserError(f"data.samples must be at least 10, not {self.samples}")
        if not self.sigma > 0:
            raise UserError(f"data.sigma must be above 0, not {self.sigma}")
        if (self.channels, self.image_size, self.flip) != (self.centres().shape[1], 1, False):
            raise UserError(
                f"data={self.option} has points of {self.centres().shape[1]} coordinates: "
                "leave data.channels, data.image_size and data.flip as they are"
            )

    def centres(self) -> Centres:
        """The modes, (modes, d)."""
        raise NotImplementedError

    @property
    def spread(self) -> float:
        """The standard deviation that `within` counts."""
        return self.sigma

    @property
    def shape(self) -> ImageShape:
        return ImageShape(self.channels, 1, bounded=False, classes=self.num_classes)

    def read(self, split: str, root: Path) -> PointSet:
        count, seed = (self.samples, 0) if split == "train" else (self.samples // 10, 1)
        numbers, centres = np.random.RandomState(seed), self.centres()
        modes = numbers.randint(len(centres), size=count)
        points = centres[modes] + self.noise(numbers, count)
        return PointSet(
            points.astype(np.float32)[:, :, None, None],  # type: ignore[arg-type]
            modes.astype(np.int64),
            centres=centres,
            reach=self.within * self.spread,
        )

    def noise(self, numbers: np.random.RandomState, count: int) -> Centres:
        """What is added to the centres, (count, d)."""
        return self.sigma * numbers.standard_normal((count, self.channels))


@dataclass
class Ring(Points):
    """`modes` Gaussians evenly spaced on a circle from angle 0, no two the same (PacGAN, Lin et al. 2018)."""

    option = "ring"

    modes: int = MISSING
    radius: float = MISSING

    def __post_init__(self) -> None:
        if self.modes < 1:
            raise UserError(f"data.modes must be at least 1, not {self.modes}")
        super().__post_init__()

    def centres(self) -> Centres:
        return ring(self.modes, self.radius)


@dataclass
class Grid(Points):
    """`side` x `side` Gaussians, `spacing` apart about the origin (VEEGAN, Srivastava et al. 2017)."""

    option = "grid"

    side: int = MISSING
    spacing: float = MISSING

    def __post_init__(self) -> None:
        if self.side < 1:
            raise UserError(f"data.side must be at least 1, not {self.side}")
        super().__post_init__()

    def centres(self) -> Centres:
        return grid(self.side, self.spacing)


@dataclass
class Mixture1200(Points):
    """VEEGAN's ten Gaussians of 700 dimensions inside 1200, at PacGAN's means.

    The first 700 coordinates are the mode's mean plus noise, the others 0. Points 10 standard deviations of the
    distance from a centre, sigma sqrt(700), are still of high quality; the papers do not say which deviation
    they count, and ten times sigma itself is less than the typical distance.
    """

    option = "mixture1200"

    within = 10.0
    MEANS = (-1.0, -0.5, 0.0, 0.5, -2.0, -2.5, 10.0, 0.25, -13.0, -5.5)
    NOISY = 700
    DIMS = 1200

    @property
    def spread(self) -> float:
        return self.sigma * math.sqrt(self.NOISY)

    def centres(self) -> Centres:
        centres = np.zeros((len(self.MEANS), self.DIMS))
        centres[:, : self.NOISY] = np.array(self.MEANS)[:, None]
        return centres

    def noise(self, numbers: np.random.RandomState, count: int) -> Centres:
        noise = np.zeros((count, self.DIMS))
        noise[:, : self.NOISY] = self.sigma * numbers.standard_normal((count, self.NOISY))
        return noise


@dataclass
class Gaussian1d(Points):
    """One Gaussian on the line, for figures of a discriminator's and a generator's evolution."""

    option = "gaussian1d"

    mean: float = MISSING

    def centres(self) -> Centres:
        return np.array([[self.mean]])


def ring(modes: int = 8, radius: float = 1.0) -> Centres:
    """Centres (modes, 2), evenly spaced on a circle from angle 0 (no two the same)."""
    angles = np.arange(modes) * (2 * math.pi / modes)
    return radius * np.stack([np.cos(angles), np.sin(angles)], 1)


def grid(side: int = 5, spacing: float = 2.0) -> Centres:
    """Centres (side^2, 2), `spacing` apart about the origin."""
    line = (np.arange(side) - (side - 1) / 2) * spacing
    return np.stack(np.meshgrid(line, line, indexing="ij"), -1).reshape(-1, 2)
