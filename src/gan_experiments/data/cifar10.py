"""CIFAR-10."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gan_experiments.data.base import Data, ImageSet
from gan_experiments.data.download import Remote
from gan_experiments.data.transforms import to_channels
from gan_experiments.errors import UserError


@dataclass
class Cifar10(Data):
    """60,000 colour images of 32x32 pixels in ten classes (Krizhevsky 2009)."""

    folders = (".", "cifar10")
    remotes = (
        Remote(
            "cifar-10-python.tar.gz",
            ("https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",),
            md5="c58f30108f718f92721af3b95e74349a",
        ),
    )
    unpacked = "cifar-10-batches-py"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.image_size != 32:
            raise UserError(f"data.image_size must be 32 for cifar10, not {self.image_size}")

    @classmethod
    def contents(cls) -> dict[str, str]:
        from torchvision.datasets import CIFAR10

        files = [*CIFAR10.train_list, *CIFAR10.test_list, (CIFAR10.meta["filename"], CIFAR10.meta["md5"])]
        return dict(files)

    def read(self, split: str, root: Path) -> ImageSet:
        from torchvision.datasets import CIFAR10

        folder = self.find(self.unpacked, root)
        assert folder is not None
        try:
            data = CIFAR10(
                str(folder.parent), train=split == "train"
            )  # refuses changed pickles before reading
        except RuntimeError as error:
            raise UserError(f"{folder} is damaged; `gan-data check cifar10` says where") from error
        images = np.ascontiguousarray(data.data.transpose(0, 3, 1, 2))
        labels = np.asarray(data.targets, np.int64)
        return ImageSet(to_channels(images, self.channels), labels, class_names=tuple(data.classes))
