"""Any images in a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Optional

import numpy as np
from omegaconf import MISSING

from gan_experiments.data import pictures
from gan_experiments.data.base import ImageSet
from gan_experiments.data.picture_folders import PictureFolders
from gan_experiments.errors import UserError


@dataclass
class Folder(PictureFolders):
    """Every image below `path`: its middle square (`crop` pixels wide; null: as large as fits), resized.

    `test_path`: the same for the test split, if there is one. With `num_classes` > 0 the folders directly in
    `path` are the classes, in order of name, or of number where all are numbers.
    """

    path: str = MISSING
    test_path: Optional[str] = MISSING  # noqa: UP045
    crop: Optional[int] = MISSING  # noqa: UP045

    def splits(self) -> tuple[str, ...]:
        return ("train", "test") if self.test_path else ("train",)

    def read(self, split: str, root: Path) -> ImageSet:
        folder = self._folder(split)
        listing = pictures.looked_through(folder)
        classes = listing.classes() if self.num_classes else []
        listing.tell(classes)
        loose = sum(file.parent == folder for file in listing.files)
        if self.num_classes and (len(classes) != self.num_classes or loose):
            raise UserError(
                f"data.num_classes={self.num_classes} needs all images of {folder} in as many folders, "
                f"one for each class; it has {len(classes)} folders with images"
                + (f" and {loose} images outside them" if loose else "")
            )
        images = pictures.decode_files(f"folder-{folder.name}", root, listing.files, self._fit())
        if not classes:
            return ImageSet(images)
        labels = [classes.index(file.relative_to(folder).parts[0]) for file in listing.files]
        return ImageSet(images, np.array(labels, np.int64), class_names=tuple(classes))

    def check_splits(self, root: Path) -> list[str]:
        unreadable = [
            problem
            for split in self.splits()
            for problem in pictures.unreadable(pictures.under(self._folder(split)), self._fit())
        ]
        return unreadable or super().check_splits(root)

    def _folder(self, split: str) -> Path:
        return Path((self.path if split == "train" else self.test_path) or "").expanduser()

    def _fit(self) -> pictures.Fit:
        return pictures.Fit(
            self.channels, self.image_size, self.crop, background=self.background, scale=self.scale
        )
