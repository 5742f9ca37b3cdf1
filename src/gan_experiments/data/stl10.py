"""STL-10."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from omegaconf import MISSING

from gan_experiments.data import cache
from gan_experiments.data.base import Data, ImageSet, Labels
from gan_experiments.data.download import Remote
from gan_experiments.data.transforms import Pixels, resize, to_channels
from gan_experiments.errors import UserError, did_you_mean

IMAGE = (3, 96, 96)
CLASSES = ("airplane", "bird", "car", "cat", "deer", "dog", "horse", "monkey", "ship", "truck")
PARTS = {
    "train": ("train",),
    "unlabeled": ("unlabeled",),
    "train+unlabeled": ("train", "unlabeled"),
    "test": ("test",),
}


@dataclass
class Stl10(Data):
    """113,000 colour images of 96x96 pixels (Coates et al. 2011), resized to `image_size`.

    `train_split`: "unlabeled" (100,000 images), "train" (5,000 in ten classes) or "train+unlabeled".
    """

    train_split: str = MISSING

    folders = (".", "stl10")
    remotes = (
        Remote(
            "stl10_binary.tar.gz",
            ("http://ai.stanford.edu/~acoates/stl10/stl10_binary.tar.gz",),
            md5="91f7769df0f17e558f3565bffb0c7dfb",
        ),
    )
    unpacked = "stl10_binary"

    def __post_init__(self) -> None:
        super().__post_init__()
        choices = [split for split in PARTS if split != "test"]
        if self.train_split not in choices:
            raise UserError(
                f"data.train_split must be one of {', '.join(choices)}, not {self.train_split}"
                + did_you_mean(self.train_split, choices)
            )

    @classmethod
    def contents(cls) -> dict[str, str]:
        from torchvision.datasets import STL10

        return dict([*STL10.train_list, *STL10.test_list])

    def read(self, split: str, root: Path) -> ImageSet:
        # torchvision's reader would take 5 GB of memory for the unlabelled images.
        folder = self.find(self.unpacked, root)
        assert folder is not None
        chosen = self.train_split if split == "train" else split
        sources = [folder / f"{part}_X.bin" for part in PARTS[chosen]]
        for source in sources:
            if not source.is_file() or source.stat().st_size % np.prod(IMAGE):
                raise UserError(f"{source} is missing or damaged; `gan-data check stl10` says more")

        def decode() -> tuple[tuple[int, ...], Iterator[Pixels]]:
            maps = [np.memmap(source, np.uint8, "r").reshape(-1, *IMAGE) for source in sources]
            pieces = (piece for images in maps for piece in cache.chunks(images, self._fit))
            return (sum(map(len, maps)), *self.shape.dims), pieces

        transform = {"channels": self.channels, "size": self.image_size}
        images = cache.cached(f"stl10-{chosen}", root, sources, transform, decode)
        labels = None if "unlabeled" in chosen else self._labels(folder / f"{chosen}_y.bin", len(images))
        return ImageSet(images, labels, class_names=CLASSES)

    def _fit(self, images: Pixels) -> Pixels:
        upright = images.transpose(0, 1, 3, 2)  # the file's columns come first
        return resize(to_channels(upright, self.channels), self.image_size)

    def _labels(self, file: Path, count: int) -> Labels:
        labels = np.fromfile(file, np.uint8).astype(np.int64) - 1 if file.is_file() else np.empty(0, np.int64)
        if len(labels) != count:
            raise UserError(f"{file} has {len(labels)} labels for {count} images")
        return labels
