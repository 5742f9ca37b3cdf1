"""Arrays in an .npz file."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.lib.npyio import NpzFile
from numpy.typing import NDArray
from omegaconf import MISSING

from gan_experiments.data import cache
from gan_experiments.data.base import Data, ImageSet
from gan_experiments.data.transforms import Pixels, center_crop, resize, to_channels
from gan_experiments.errors import UserError


@dataclass
class Npz(Data):
    """The file `path` with uint8 arrays (n, h, w, c), (n, c, h, w) or (n, h, w) of one or three channels, and
    integer labels (n,) or (n, 1) if there are any.

    Keys: train_images, train_labels, test_images, test_labels; or images and labels, which are for training.
    """

    path: str = MISSING

    def splits(self) -> tuple[str, ...]:
        with self._open() as arrays:
            return ("train", "test") if "test_images" in arrays else ("train",)

    def read(self, split: str, root: Path) -> ImageSet:
        with self._open() as arrays:
            return self._read(arrays, split, root)

    @contextmanager
    def _open(self) -> Iterator[NpzFile]:
        file = Path(self.path).expanduser()
        if not file.is_file():
            raise UserError(f"data.path={self.path}: there is no such file")
        try:
            arrays = np.load(file, allow_pickle=False)
            if not isinstance(arrays, NpzFile):
                raise UserError(f"{file} holds one array without a name; numpy.savez gives names")
            with arrays:
                yield arrays
        except (OSError, EOFError, ValueError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{file} is not a readable .npz file: {error}") from error
        except MemoryError as error:  # or a size that is a lie
            raise UserError(f"{file} says that it holds more than fits into memory: {error}") from error

    def _read(self, arrays: NpzFile, split: str, root: Path) -> ImageSet:
        file = Path(self.path).expanduser()
        prefix = "" if split == "train" and "images" in arrays else f"{split}_"
        images_key, labels_key = f"{prefix}images", f"{prefix}labels"
        if images_key not in arrays:
            raise UserError(f"{file} has no array {images_key}, only {', '.join(arrays.files)}")

        axis = 3

        def fit(images: Pixels) -> Pixels:
            planes = images[:, None] if images.ndim == 3 else np.moveaxis(images, axis, 1)
            return resize(center_crop(to_channels(planes, self.channels)), self.image_size)

        def decode() -> tuple[tuple[int, ...], Iterator[Pixels]]:
            nonlocal axis
            images = arrays[images_key]
            axis = _channel_axis(images, f"{file}: {images_key}")
            return (len(images), *self.shape.dims), cache.chunks(images, fit)

        transform = {"key": images_key, "channels": self.channels, "size": self.image_size}
        images = cache.cached("npz", root, [file], transform, decode)
        if labels_key not in arrays or not self.num_classes:
            return ImageSet(images)
        labels = arrays[labels_key]
        if labels.ndim == 2 and labels.shape[1] == 1:  # as MedMNIST has them
            labels = labels[:, 0]
        if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu":
            raise UserError(
                f"{file}: {labels_key} must be {len(images)} integers, not {labels.dtype} of shape {labels.shape}"
            )
        return ImageSet(images, labels.astype(np.int64))


def _channel_axis(images: NDArray[Any], what: str) -> int:
    """Where the channels are; raises UserError where `images` are none, or where two places would do."""
    shape = images.shape
    if images.dtype == np.uint8:
        if images.ndim == 3:
            return 3
        axes = [axis for axis in (1, 3) if images.ndim == 4 and shape[axis] in (1, 3)]
        if len(axes) == 1:
            return axes[0]
        if axes:
            raise UserError(f"{what} has shape {shape}, which may be (n, h, w, c) or (n, c, h, w)")
    raise UserError(
        f"{what} must be uint8 of shape (n, h, w, c), (n, c, h, w) or (n, h, w) with 1 or 3 channels, "
        f"not {images.dtype} of shape {shape}"
    )
