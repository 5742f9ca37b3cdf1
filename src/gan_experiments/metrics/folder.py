"""Two folders of images are all that figures need."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from gan_experiments.data import pictures
from gan_experiments.data.scan import in_order
from gan_experiments.errors import UserError

Pixels = NDArray[np.uint8]


class FolderImages:
    """Every image below a folder, each of its own size and channels (grey or RGB), in order of path.

    The feature network resizes each from its own size, as torch-fidelity does. Where every image lies in a folder
    of `folder`, and these are several, they are the classes, in order of name, or of number: `classes`.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files = pictures.under(folder)
        above = [file.relative_to(folder).parts[:-1] for file in self.files]
        names = in_order({parts[0] for parts in above if parts})
        self.classes = names if len(names) > 1 and all(above) else []
        self._pool = ThreadPoolExecutor(os.cpu_count())

    def __len__(self) -> int:
        return len(self.files)

    @property
    def labels(self) -> NDArray[np.int64] | None:
        if not self.classes:
            return None
        labels = [self.classes.index(file.relative_to(self.folder).parts[0]) for file in self.files]
        return np.array(labels, np.int64)

    @cached_property
    def digest(self) -> str:
        """sha256 of the files' contents in their order, and of the labels; names do not count."""
        each = self._pool.map(lambda file: hashlib.sha256(file.read_bytes()).digest(), self.files)
        labels = b"" if self.labels is None else self.labels.tobytes()
        return hashlib.sha256(b"".join(each) + labels).hexdigest()

    def pieces(self, rows: NDArray[np.int64]) -> Iterator[Pixels]:
        """The images of `rows` in their order; consecutive ones of one size together."""
        for _, same in groupby(self._pool.map(self._decode, rows), key=lambda image: image.shape):
            yield np.stack(list(same))

    def _decode(self, row: int) -> Pixels:
        file = self.files[row]
        try:
            return pictures.decode(file.read_bytes(), str(file))
        except OSError as error:
            raise UserError(f"{file}: {error.strerror}") from error
