"""Stacked MNIST: images of three digits, one in each colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import MISSING

from gan_experiments.data.base import ImageSet
from gan_experiments.data.mnist import Mnist
from gan_experiments.errors import UserError


@dataclass
class StackedMnist(Mnist):
    """`samples` images of three digits drawn from MNIST's own split, a tenth as many for testing (Metz et al. 2017).

    The label is the number that the digits make, red counting hundreds: 1,000 modes, of equal shares but for MNIST's.
    """

    samples: int = MISSING

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.channels != 3:
            raise UserError(
                f"data.channels must be 3 for {self.option}, a digit in each, not {self.channels}"
            )
        if self.samples < 10:
            raise UserError(f"data.samples must be at least 10, not {self.samples}")

    @property
    def counts(self) -> dict[str, int]:
        return {"train": self.samples, "test": self.samples // 10}

    def read(self, split: str, root: Path) -> ImageSet:
        digits = super().read(split, root)
        assert digits.labels is not None
        numbers = np.random.RandomState(list(self.counts).index(split))  # a stream that numpy keeps for ever
        rows = numbers.randint(len(digits), size=(self.counts[split], 3))
        labels = digits.labels[rows] @ np.array([100, 10, 1])
        return ImageSet(digits.images[:, 0][rows], labels)
