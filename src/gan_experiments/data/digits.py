"""scikit-learn's handwritten digits: real images that need no download."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from gan_experiments.data.base import Data, ImageSet
from gan_experiments.data.transforms import to_channels
from gan_experiments.errors import UserError

TRAIN = 1500


def _scikit_learns() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Its values (1797, 64) in 0 to 16 and labels, from its file: importing it takes seconds."""
    package = find_spec("sklearn")
    assert package is not None
    assert package.origin is not None
    file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
    table = np.loadtxt(file, delimiter=",")
    return table[:, :-1], table[:, -1].astype(np.int64)


@dataclass
class Digits(Data):
    """1,797 digits of 8x8 pixels (UCI, Alpaydin and Kaynak 1998), enlarged bilinearly to `image_size`.

    The first 1,500 of a fixed permutation are for training, the other 297 for testing.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size < 8:
            raise UserError(f"data.image_size must be at least 8 for digits, not {self.image_size}")

    def read(self, split: str, root: Path) -> ImageSet:
        values, labels = _scikit_learns()
        order = np.random.RandomState(0).permutation(len(values))  # a stream that numpy keeps for ever
        order = order[:TRAIN] if split == "train" else order[TRAIN:]
        grey = torch.from_numpy(values[order].reshape(-1, 1, 8, 8)) * (255 / 16)
        grey = F.interpolate(grey, size=(self.image_size, self.image_size), mode="bilinear")
        images = grey.round().to(torch.uint8).numpy()
        return ImageSet(
            to_channels(images, self.channels),
            labels[order],
            class_names=tuple("0123456789"),
        )
